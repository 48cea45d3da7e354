"""What a section of settings is: a frozen model, its fields, and how it is read.

A field carries its default, its bounds, its unit and the paper's value; whatever asks
about a setting asks its field. A value that is refused is one sentence. No JAX is
imported here: the Snakefile reads it.
"""

from collections.abc import Mapping
from datetime import date
from types import NoneType, UnionType
from typing import Any, Literal, Self, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from worldmodels.runtime.errors import UserError

# What a user may write of the types that a field can have.
_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
}
_MAPPING = "a mapping of keys to values"
_NO_KEY = "extra_forbidden"


class Section(BaseModel):
    """Settings that belong together; a field may be a group, a section of its own."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, defer_build=True
    )

    def changed(self, **values: Any) -> Self:
        """Return a copy with other values, checked; a mapping changes a group.

        Raises:
            UserError: when a value is of the wrong type or impossible.
        """
        return read(type(self), _laid_over(self, values))

    @model_validator(mode="before")
    @classmethod
    def _keyed_by_words(cls, values: Any) -> Any:
        """Drop groups with nothing, or only comments, below their keys."""
        if not isinstance(values, Mapping):
            return values
        # YAML has numbers and truth values as keys: words, none of which is known.
        words = {str(key): value for key, value in values.items()}
        groups = groups_of(cls)
        return {k: v for k, v in words.items() if v is not None or k not in groups}


def _laid_over(section: Section, values: Mapping[str, Any]) -> dict[str, Any]:
    present = dict(section)
    for name, value in values.items():
        if isinstance(present.get(name), Section) and isinstance(value, Mapping):
            value = _laid_over(present[name], value)
        present[name] = value
    return present


Kind = TypeVar("Kind", bound=Section)


def setting(
    default: Any,
    help: str,
    *,
    unit: str | None = None,
    paper: Any = None,
    takecover: Any = None,
    remark: str | None = None,
    before: Any = None,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
) -> Any:
    """Return a field whose value lies in [low, high] and > above.

    Args:
        default: that of the laptop's run.
        help: what it is, in words that follow the unit.
        unit: what is counted or measured.
        paper: the paper's value, for CarRacing; None: it has no such thing.
        takecover: the paper's value for TakeCover, where that is another.
        remark: what else to know of the paper's value.
        before: what stages did before there was this setting; their stores lack it.
    """
    facts = {
        "unit": unit,
        "paper": paper,
        "paper_takecover": takecover,
        "remark": remark,
        "before": before,
    }
    return Field(
        default,
        description=help,
        ge=low,
        le=high,
        gt=above,
        json_schema_extra={k: v for k, v in facts.items() if v is not None},
    )


def group(kind: type[Kind], before: Mapping[str, Any] | None = None) -> Any:
    """Return a field that is a section of its own, with the defaults of its fields.

    Args:
        before: its values in stages before there was this group; their stores lack it.
    """
    extra = None if before is None else {"before": before}
    return Field(default_factory=kind, json_schema_extra=extra)


def groups_of(kind: type[Section]) -> dict[str, type[Section]]:
    """Return the groups of a section by their names."""
    return {
        name: field.annotation
        for name, field in kind.model_fields.items()
        if is_group(field)
    }


def is_group(field: FieldInfo) -> bool:
    """Return whether a field is a section of its own."""
    kind = field.annotation
    return isinstance(kind, type) and issubclass(kind, Section)


def facts(field: FieldInfo) -> Mapping[str, Any]:
    """Return the facts of a field beside its default and its bounds: see `setting`."""
    return field.json_schema_extra or {}


def allowed(field: FieldInfo) -> str:
    """Return in words what a setting may be, such as "a number, at least 0".

    Nothing is said where only a function of its own checks it.
    """
    if field.annotation is Any:
        return ""
    return _allowed(field.annotation, field.metadata)


def of_the_paper(kind: type[Kind]) -> Kind:
    """Return a section with the paper's values for CarRacing, where it has some."""
    groups = {name: of_the_paper(group) for name, group in groups_of(kind).items()}
    values = {
        name: facts(field)["paper"]
        for name, field in kind.model_fields.items()
        if "paper" in facts(field)
    }
    return kind(**groups, **values)


def read(kind: type[Kind], values: Any, where: str = "") -> Kind:
    """Return the section of these values, each checked; the others are the defaults.

    Args:
        where: what stands before a key in the sentence of an error, as "memory.".

    Raises:
        UserError: for an unknown key, a wrong type or an impossible value.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as refusal:
        found = refusal.errors(include_url=False, include_context=True)
    # What is not known first: it may be the other, misspelt.
    first = min(found, key=lambda error: error["type"] != _NO_KEY)
    raise UserError(_sentence(kind, first, where))


def _sentence(kind: type[Section], error: Mapping[str, Any], where: str) -> str:
    place, value = error["loc"], error["input"]
    if error["type"] == _NO_KEY:
        return _unknown(kind, place, value, where)
    name = where + _name(place) if place else where.rstrip(".") or "the configuration"
    shown = str(value) if isinstance(value, date) else repr(value)
    if error["type"] == "value_error":
        return f"{name} is {shown}; {error['ctx']['error']}"
    return f"{name} is {shown}; it must be {_allowed_at(kind, place)}"


def _unknown(kind: type[Section], place: tuple, value: Any, where: str) -> str:
    for part in place[:-1]:
        kind = groups_of(kind)[part]
    name = ".".join(map(str, place))
    known = ", ".join(sorted(kind.model_fields))
    return f"{where}{name} (here {value!r}) is not a known key; allowed are {known}"


def _name(place: tuple[str | int, ...]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return "".join(parts).removeprefix(".")


def _allowed_at(kind: type[Section], place: tuple[str | int, ...]) -> str:
    """Return what may stand at a place in a section: a group, a value or an entry."""
    for number, part in enumerate(place):
        if part not in groups_of(kind):
            field = kind.model_fields[part]
            if len(place) > number + 1:  # an entry of a list
                return _allowed(get_args(field.annotation)[0], [])
            return _allowed(field.annotation, field.metadata)
        kind = groups_of(kind)[part]
    return _MAPPING


def _allowed(kind: Any, limits: list[Any]) -> str:
    kind, limits = _bare(kind, list(limits))
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (known,) = (part for part in get_args(kind) if part is not NoneType)
        return f"{_allowed(known, limits)}, or null"
    if origin is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    if origin is dict:
        return _MAPPING
    if origin is tuple:
        counts = [str(limit.min_length) for limit in limits if type(limit) is MinLen]
        return " ".join(["a list of", *counts, "numbers"])
    parts = [_WORDS[kind]]
    for bound, words in ((Ge, "at least"), (Gt, "above"), (Le, "at most")):
        name = bound.__name__.lower()
        parts += [f"{words} {getattr(b, name)}" for b in limits if type(b) is bound]
    return ", ".join(parts)


def _bare(kind: Any, limits: list[Any]) -> tuple[Any, list[Any]]:
    """Return a type without what it is annotated with, and all its limits."""
    while hasattr(kind, "__metadata__"):
        for found in kind.__metadata__:
            limits += found.metadata if isinstance(found, FieldInfo) else [found]
        kind = kind.__origin__
    return kind, limits
