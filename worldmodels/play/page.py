"""The one HTML file of a page: its parts from `web/`, and an agent, put together.

The page asks for nothing: its content policy allows the one script that is in it, by
its hash, and pictures that are written in it. Numbers and names go in as data, with
`<` escaped, so that no name of a store can end the part that it stands in.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib import resources
from typing import Any

from worldmodels.play.packing import Packed

ENGINE = (
    "numbers.js",
    "kernel.js",
    "layers.js",
    "cells.js",
    "dnc.js",
    "vision.js",
    "controller.js",
    "world.js",
)
SEEN = (
    "draw.js",
    "wheel.js",
    "dream.js",
    "expected.js",
    "recording.js",
    "own.js",
    "latents.js",
)
SCRIPTS = (*ENGINE, *SEEN, "words.js", "app.js")


def html(packed: Packed) -> str:
    """Return the page of an agent; the same for the same agent."""
    code = script()
    parts = {
        "policy": policy(code),
        "title": escape(f"{packed.header['name']}: play in its dream"),
        "style": source("page.css"),
        "agent": as_json(packed.header),
        "numbers": base64.b64encode(packed.numbers).decode(),
        "script": code,
    }
    # In one pass: what is put in is not looked at again.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], source("page.html"))


def script() -> str:
    """Return the page's one script."""
    # Its comments are for those who read it here.
    joined = re.sub(r"^ *//.*\n", "", "".join(map(source, SCRIPTS)), flags=re.M)
    return f'(() => {{\n"use strict";\n{joined}}})();\n'


def policy(code: str) -> str:
    """Return the content policy of a page with that script."""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}' 'wasm-unsafe-eval'; "
        "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def as_json(values: Mapping[str, Any]) -> str:
    """Return JSON that can stand in a script element."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


@cache
def source(name: str) -> str:
    """Return the text of one of the page's files."""
    return (resources.files("worldmodels.play") / "web" / name).read_text("utf-8")
