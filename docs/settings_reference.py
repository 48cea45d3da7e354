"""The configuration reference, made from the settings: one table a section."""

from collections.abc import Iterator
from typing import NamedTuple

from worldmodels.experiment.config import Everything
from worldmodels.experiment.config_file import written
from worldmodels.experiment.section import Section, allowed, facts, groups_of


class Row(NamedTuple):
    """What the reference says of one setting."""

    name: str  # with its section
    default: str
    allowed: str
    help: str
    paper: str


def rows(kind: type[Section], prefix: str = "") -> Iterator[Row]:
    """Yield the settings of a section, those of groups in it left out."""
    for name, field in kind.model_fields.items():
        if name not in groups_of(kind):
            about = facts(field)
            words = [about.get("unit"), field.description]
            paper = [written(about["paper"])] if "paper" in about else []
            if "paper_takecover" in about:
                paper.append(f"TakeCover {written(about['paper_takecover'])}")
            if "remark" in about:
                paper.append(about["remark"])
            yield Row(
                prefix + name,
                written(field.get_default()),
                allowed(field),
                " ".join(word for word in words if word),
                "; ".join(paper),
            )


def text() -> str:
    """Return all tables as Markdown."""
    return "\n".join(_tables(Everything, ""))


def _tables(kind: type[Section], prefix: str) -> Iterator[str]:
    yield f"## `{prefix[:-1]}`" if prefix else "## Outside of all sections"
    yield ""
    yield "| setting | default | allowed | what it is | the paper's |"
    yield "| --- | --- | --- | --- | --- |"
    for row in rows(kind, prefix):
        help, paper = row.help.replace("|", "\\|"), row.paper.replace("|", "\\|")
        yield f"| `{row.name}` | `{row.default}` | {row.allowed} | {help} | {paper} |"
    yield ""
    for name, part in groups_of(kind).items():
        yield from _tables(part, f"{prefix}{name}.")
