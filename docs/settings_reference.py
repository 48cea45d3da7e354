"""The configuration reference, made from the settings: one table a section."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from worldmodels.experiment.settings import Round, Run, Site

CONFIG = Path(__file__).parents[1] / "config.yaml"
SECTIONS = {"": Run} | {f.name: f.type for f in dataclasses.fields(Round)}
SECTIONS |= {"site": Site}
_YAML_NAMES = {("environment", "environment"): "name"}


class Row(NamedTuple):
    """What the reference says of one setting."""

    name: str
    default: Any
    allowed: str
    help: str


def rows(section: str) -> list[Row]:
    """Return the settings of a section; "" has those outside of all sections."""
    defaults = yaml.safe_load(CONFIG.read_text())
    if section:
        defaults = defaults[section]
    found = []
    for field in dataclasses.fields(SECTIONS[section]):
        name = _YAML_NAMES.get((section, field.name), field.name)
        found.append(
            Row(name, defaults[name], _allowed(field.metadata), field.metadata["help"])
        )
    return found


def _allowed(bounds: Any) -> str:
    if bounds["choices"] is not None:
        return ", ".join(f"`{choice}`" for choice in bounds["choices"])
    parts = []
    if bounds["above"] is not None:
        parts.append(f"more than {bounds['above']:,}")
    if bounds["low"] is not None:
        parts.append(f"at least {bounds['low']:,}")
    if bounds["high"] is not None:
        parts.append(f"at most {bounds['high']:,}")
    return ", ".join(parts)


def text() -> str:
    """Return all tables as Markdown."""
    return "\n".join(line for section in SECTIONS for line in _table(section))


def _table(section: str) -> list[str]:
    title = f"`{section}`" if section else "Outside of all sections"
    lines = [
        f"## {title}", "", "| setting | default | allowed | what it is |",
        "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for row in rows(section):
        name = f"{section}.{row.name}" if section else row.name
        default = yaml.safe_dump(row.default, default_flow_style=True)
        default = default.removesuffix("...\n").strip()
        lines.append(f"| `{name}` | `{default}` | {row.allowed} | {row.help} |")
    return [*lines, ""]
