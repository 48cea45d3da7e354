"""config.yaml and its JSON schema, as they are printed from the settings.

The repository holds both; `worldmodels settings` prints them anew. No JAX is imported
here.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from worldmodels.experiment.config import Everything
from worldmodels.experiment.section import Section, facts, groups_of
from worldmodels.experiment.settings import Round
from worldmodels.runtime.randomness import MAX_ROUNDS

SCHEMA = "config.schema.json"

_HEAD = f"""\
# yaml-language-server: $schema={SCHEMA}
# The laptop default: from nothing to a driving agent on two CPU cores.
# Every key, its unit and the paper's value. Presets in presets/ are short overlays:
#   snakemake --configfile presets/paper.yaml
# An overlay changes the keys that it names; a target goes before it.
# After a change Snakemake rebuilds exactly what depends on it; a larger number of
# episodes, generations or rounds only adds to what is there.
# Made from worldmodels/experiment/settings.py: `worldmodels settings > config.yaml`.
"""


def text() -> str:
    """Return config.yaml: every key, its default, what it is and the paper's value."""
    return _HEAD + "\n" + "\n".join(lines(Everything, "")) + "\n"


def schema() -> str:
    """Return the JSON schema of config.yaml, with units and the paper's values."""
    found = Everything.model_json_schema()
    sections = {name: found["properties"][name] for name in Round.model_fields}
    overrides = {
        "type": "object",
        "additionalProperties": False,
        "properties": sections,
    }
    found["properties"]["rounds"] |= {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": MAX_ROUNDS},
            {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_ROUNDS,
                "items": overrides,
            },
        ]
    }
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(head | found, indent=1) + "\n"


def explained(field: FieldInfo) -> str:
    """Return what a setting is, as `described`, and the paper's value."""
    words = described(field)
    # What only this project has, such as the experiment's name, carries no facts.
    return (
        words
        if field.json_schema_extra is None
        else f"{words} ({_paper(facts(field))})"
    )


def described(field: FieldInfo) -> str:
    """Return what a setting is: its choices, its unit and help."""
    about = facts(field)
    words = " ".join(part for part in (about.get("unit"), field.description) if part)
    return f"{_choices(field.annotation)}{words}"


def written(value: Any) -> str:
    """Return a value as it stands in YAML."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float):
        # YAML 1.1 reads 1e-05 as text.
        return format(Decimal(repr(value)), "f")
    if isinstance(value, dict):
        pairs = ", ".join(f"{key}: {written(entry)}" for key, entry in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z][\w./-]*", value):
        return json.dumps(value)
    return str(value)


def lines(kind: type[Section], indent: str) -> Iterator[str]:
    """Yield the lines of a section's settings, and of the groups in it."""
    groups, apart = groups_of(kind), False
    for name, field in kind.model_fields.items():
        if not indent and (name in groups or apart):
            yield ""
        if name in groups:
            yield f"{indent}{name}: # {_title(groups[name])}"
            yield from lines(groups[name], indent + "  ")
            apart = True
        else:
            value, about = field.get_default(), explained(field)
            if value and isinstance(value, list):
                yield f"{indent}{name}: # {about}"
                yield from _entries(value, indent + "  ")
            else:
                yield f"{indent}{name}: {written(value)} # {about}"


def _entries(rounds: list[dict[str, Any]], indent: str) -> Iterator[str]:
    """Yield the lines of a list of mappings, a section of each a line."""
    for sections in rounds:
        rows = [f"{name}: {written(keys)}" for name, keys in sections.items()]
        first, *others = rows or ["{}"]
        yield f"{indent}- {first}"
        yield from (f"{indent}  {row}" for row in others)


def _title(kind: type[Section]) -> str:
    words = kind.__doc__.partition("\n")[0].rstrip(".")
    return words[0].lower() + words[1:] if words[1].islower() else words


def _choices(kind: Any) -> str:
    if kind is bool:
        return "true | false: "
    if get_origin(kind) is Literal:
        return " | ".join(map(str, get_args(kind))) + ": "
    return ""


def _paper(about: Any) -> str:
    parts = []
    if "paper" in about:
        parts.append(f"paper {_plain(about['paper'])}")
    if "paper_takecover" in about:
        where = "takecover" if parts else "paper: takecover"
        parts.append(f"{where} {_plain(about['paper_takecover'])}")
    found = ", ".join(parts)
    if remark := about.get("remark"):
        return f"{found}; {remark}" if found else f"paper: {remark}"
    return found or "paper: none"


def _plain(value: Any) -> str:
    return written(value).strip("[]")
