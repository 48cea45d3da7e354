"""The study's page: errors by length, and what the memory does."""

from collections.abc import Sequence

import numpy as np

from worldmodels.report import page
from worldmodels.report.page import Picture, escape
from worldmodels.stores.artifact import Artifact
from worldmodels.studies.dnc_tasks import figures, table
from worldmodels.studies.dnc_tasks.findings import Found

_LEAD = (
    "A differentiable neural computer (DNC) is an LSTM with a memory beside it. Three "
    "tasks ask what the memory is worth: to repeat rows of bits, to add digits, to "
    "sort rows by priority. The same tasks are learnt by an LSTM of as many units and "
    "by an LSTM of as many weights, and all are tested on sequences up to ten times as "
    "long as those that they learnt."
)
_ASKED = {
    "repeat": "Rows of 5 bits, a row that ends them, then the same rows again.",
    "addition": "Digits from 0 to 4, a row that ends them, and there their sum.",
    "sort": (
        "Rows of a priority and 4 bits, a row that ends them, an empty row, then the "
        "bits of all rows by ascending priority."
    ),
}
_MEASURE = {"repeat": "wrong", "addition": "squared", "sort": "wrong"}
_ARRAYS = (
    "input", "target", "answer", "output", "write", "read", "usage", "gate", "allocate",
    "free",
)  # fmt: skip


def html(found: Sequence[Found], traces: Sequence[Artifact], version: str) -> str:
    """Return the page of all trainings, and of the traces of some.

    Args:
        version: of the package that made the stores.
    """
    tasks = table.by_task(found)
    followed = {store.config["task"]: store for store in traces}
    sections = [("lengths", "Errors by length", _lengths(tasks))]
    for task, given in tasks.items():
        sections.append((task, task.capitalize(), _task(task, given, followed)))
    sections.append(("cost", "Cost", _cost(found)))
    title = "Does a memory help? Copy, addition and sort"
    footer = f"Made by worldmodels {version}."
    return page.document(title, escape(_LEAD), sections, footer, page.OF_CHARTS)


def _lengths(tasks: dict[str, list[Found]]) -> str:
    measures = {task: _MEASURE[task] for task in tasks}
    told = "; ".join(
        f"{task}, {one.name}: "
        + table.words(_MEASURE[task], one.over_trained(_MEASURE[task]))
        for task, given in tasks.items()
        for one in given
    )
    picture = Picture(
        figures.errors(tasks, measures), "image/svg+xml",
        f"Errors by length. At trained lengths: {told}.",
        "<b>Errors by length.</b> Lines: the mean of the seeds; bands: from the lowest "
        "to the highest seed; shaded: trained lengths; dotted: the best that can be "
        "guessed from the length. A broken line is a DNC that is tested with another N "
        "than it was trained with. Both axes are logarithmic, and errors below their "
        "lower end are drawn there.",
    )  # fmt: skip
    first = next(iter(tasks.values()))
    return f"{picture.html()}<p>{escape(table.legend(first))}</p>\n"


def _task(task: str, found: Sequence[Found], traces: dict[str, Artifact]) -> str:
    one = found[0]
    text = (
        f"{_ASKED[task]} Lengths {one.shortest} to {one.longest} were learnt, in "
        f"{one.updates:,} updates."
    )
    parts = [f"<p>{escape(text)}</p>\n"]
    if task in traces:
        parts.append(_memory(traces[task]))
    head = table.head(found)
    for measure, title in table.TITLES.items():
        shown = page.wide_table(head, table.rows(found, measure), range(1, len(head)))
        parts.append(f"<h3>{escape(title)}</h3>\n{shown}")
    return "".join(parts)


def _memory(store: Artifact) -> str:
    trace = {name: store.read(name) for name in _ARRAYS}
    slots = len(figures.touched(trace))
    written = np.argmax(trace["write"], axis=1)
    picture = Picture(
        figures.memory(trace), "image/svg+xml",
        f"The memory of a DNC over {len(written)} steps. The slot with the largest "
        f"write weight at each step: {', '.join(map(str, written))}.",
        f"<b>The memory, step by step</b>, of seed {store.config['seed']} on a "
        f"sequence of {store.config['length']} rows. Down: the {slots} of "
        f"{trace['write'].shape[1]} slots that it touches; darker is more, up to 1. "
        "Write and read: the weightings. Usage: how much a slot is taken. Allocate: "
        "the share of a write that goes to unused slots; free: whether what a head "
        "read is given up. The question ends at the dotted line.",
    )  # fmt: skip
    return picture.html()


def _cost(found: Sequence[Found]) -> str:
    rows = {}
    for one in found:
        rows[one.task, one.model] = (
            one.task,
            one.name.partition(", N ")[0],
            str(one.hidden_size),
            f"{one.parameters:,}",
            f"{one.updates:,}",
            f"{one.minutes:.1f}",
        )
    head = ("task", "model", "H", "weights", "updates", "minutes a training")
    text = "Minutes of wall time with the tests, the mean over the seeds."
    shown = page.wide_table(head, list(rows.values()), range(2, len(head)))
    return f"<p>{escape(text)}</p>\n{shown}"
