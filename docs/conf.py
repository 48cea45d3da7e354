"""The documentation's site: `sphinx-build -W --keep-going docs results/site`.

It is built without a network. The tables of settings are made here, from the settings,
and the pages to play in from the shipped agents.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

# What these need is on the path only now.
import live_pages  # noqa: E402
import settings_reference  # noqa: E402

project = "worldmodels"
author = "The worldmodels authors"
copyright = "the worldmodels authors, MIT licence"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["scripts"]
default_role = "code"  # docstrings write names in single backticks

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"jax.Array": "jax.Array"}
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "worldmodels"
html_theme_options = {"sidebar_hide_name": False}
html_show_sphinx = False


def _fill(app, name: str, source: list[str]) -> None:
    source[0] = source[0].replace("<!-- settings -->", settings_reference.text())


def _add_live_pages(app, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        live_pages.make(Path(app.outdir) / "play")


def setup(app) -> None:
    app.connect("source-read", _fill)
    app.connect("build-finished", _add_live_pages)
