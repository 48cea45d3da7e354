"""How a stage is given settings: as JSON by a rule, as `--set KEY=VALUE` by a person.

A rule passes exactly the settings that the stage uses, so a change of the configuration
rebuilds exactly what depends on it. The others keep their defaults.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from worldmodels.experiment import together
from worldmodels.experiment.config_file import explained, written
from worldmodels.experiment.overlays import laid_over
from worldmodels.experiment.section import Section, is_group, read
from worldmodels.experiment.settings import Memory, Round, Run
from worldmodels.experiment.stages import (
    STAGES,
    section_name,
    sections_of,
    settings_of,
    used,
)
from worldmodels.experiment.yaml_files import parse
from worldmodels.runtime.errors import UserError


def as_json(stage: str, run: Run, settings: Round, round: int) -> str:
    """Return the settings that `stage` uses in a round, as a rule passes them."""
    sections: dict[str, Any] = {}
    for name, value in used(stage, round, *sections_of(stage, run, settings)).items():
        section, _, key = name.rpartition(".")
        (sections.setdefault(section, {}) if section else sections)[key] = value
    return json.dumps(sections)


def from_words(
    stage: str, round: int, given: str | None, entries: Iterable[str]
) -> list[Section]:
    """Return the sections that `stage` uses.

    Args:
        given: settings as JSON, nested by section.
        entries: KEY=VALUE, laid over those one after another; VALUE is YAML.

    Raises:
        UserError: when one is not used by the stage, of the wrong type or impossible,
            alone or together with another.
    """
    values = {} if given is None else parsed(given)
    for entry in entries:
        values = laid_over(values, nested(entry))
    _refuse_unused(stage, values)
    sections = [_section(kind, values) for kind in STAGES[stage].sections]
    together.check(used(stage, round, *sections))
    for section in sections:
        if isinstance(section, Memory):
            together.check_cell(section)
    return sections


def listed(stage: str) -> str:
    """Return the settings of a stage with their defaults, one a line, for its help."""
    found = (leaf for one in settings_of(stage).items() for leaf in leaves(*one))
    return "\n".join(
        f"  {name}={written(field.get_default())}  {explained(field)}"
        for name, field in found
    )


def leaves(name: str, field: FieldInfo) -> Iterator[tuple[str, FieldInfo]]:
    """Yield a setting, or those of the group that it is."""
    if not is_group(field):
        yield name, field
        return
    for key, inner in field.annotation.model_fields.items():
        yield from leaves(f"{name}.{key}", inner)


def parsed(given: str) -> dict[str, Any]:
    """Return the mapping that `--settings` gives as JSON.

    Raises:
        UserError: when it is no JSON object.
    """
    try:
        values = json.loads(given)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UserError(
            f"--settings is {given[:40]!r}; it must be a JSON object, such as "
            "'{\"seed\": 3}'; to type a setting, use --set KEY=VALUE"
        )
    return values


def nested(entry: str) -> dict[str, Any]:
    """Return the mapping that a KEY=VALUE of `--set` stands for, nested by section.

    Raises:
        UserError: for words of another form.
    """
    key, equals, text = entry.partition("=")
    parts = key.split(".")
    if not equals or not all(parts):
        raise UserError(
            f"--set takes KEY=VALUE, such as memory.hidden_size=64, not {entry!r}"
        )
    value = parse(text, f"--set {key}")
    for part in reversed(parts):
        value = {part: value}
    return value


def _refuse_unused(stage: str, values: Mapping[str, Any]) -> None:
    known = settings_of(stage)
    sections = {name.partition(".")[0] for name in known if "." in name}
    for key, value in values.items():
        inside = isinstance(value, Mapping) and value
        for name, found in (
            ((f"{key}.{k}", v) for k, v in value.items()) if inside else [(key, value)]
        ):
            if name not in known and name not in sections:
                raise UserError(
                    f"{name} (here {found!r}) is not a setting that {stage} uses; "
                    f"those are {', '.join(sorted(known))}"
                )


def _section(kind: type[Section], values: Mapping[str, Any]) -> Section:
    if name := section_name(kind):
        given = values.get(name)
        return read(kind, {} if given is None else given, f"{name}.")
    return read(kind, {k: v for k, v in values.items() if k in kind.model_fields})
