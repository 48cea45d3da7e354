#!/bin/sh
# Runs in the working folder, where pyproject.toml is; editable, so that the rules run
# the code that is checked out.
set -e
python -m pip install --constraint envs/constraints.txt --editable '.[cuda,doom]'
