"""The recurrent cells of M by name, with all that is known of them without JAX.

A new cell is a file in this package and a row of `CELLS`. Settings, plans of memory and
time, and the inputs of C are read from the row; JAX is imported when a network is made.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any, NamedTuple

from worldmodels.runtime.errors import UserError

SMALL = 4096  # numbers of a DNC's state of which every step may be kept
Features = tuple[tuple[str, int], ...]  # (name, length) of each vector that C may read


class CellSize(NamedTuple):
    """Counts of a cell, for one row of a batch and one time step."""

    output: int  # numbers that M's heads read: N
    features: Features
    state: int  # numbers that the cell carries to the next step
    gates: int  # numbers that a step makes at once
    kept: int  # numbers that the gradients need of a step
    parameters: int
    multiplies: int  # multiply-adds of products


class Kind(NamedTuple):
    """One sort of cell.

    Attributes:
        module, name: where its class is; see `cell.Cell`.
        inputs: what `controller.inputs` can be with it: z and features, joined by _.
        size: `(inputs, units, **options) -> CellSize`, where options are the cell's own
            group of settings.
    """

    module: str
    name: str
    inputs: tuple[str, ...]
    size: Callable[..., CellSize]


def _lstm(inputs: int, units: int) -> CellSize:
    multiplies = (inputs + units) * 4 * units
    return CellSize(
        output=units,
        features=(("h", units), ("c", units)),
        state=2 * units,
        gates=4 * units,
        kept=9 * units + 8 * (inputs + 1),
        parameters=multiplies + 4 * units,
        multiplies=multiplies,
    )


def _gru(inputs: int, units: int) -> CellSize:
    multiplies = (inputs + units) * 3 * units
    return CellSize(
        output=units,
        features=(("h", units),),
        state=units,
        gates=6 * units,
        kept=9 * units + 8 * (inputs + 1),
        parameters=multiplies + 4 * units,
        multiplies=multiplies,
    )


def _dnc(
    inputs: int,
    units: int,
    slots: int = 16,
    word_size: int = 16,
    read_heads: int = 4,
    masked_content: bool = False,
    erase_freed: bool = False,  # changes no count
    sharpen_links: bool = False,
) -> CellSize:
    reads, keys = read_heads * word_size, 1 + read_heads
    interface = reads + 3 * word_size + 5 * read_heads + 3
    interface += masked_content * keys * word_size + sharpen_links * 2 * read_heads
    lstm = (inputs + reads + units) * 4 * units
    state = 2 * units + reads + slots * (word_size + read_heads + slots + 3)
    # Of a large state those at the starts of segments, of ten steps and more.
    states = state if state <= SMALL else state // 10
    kept = 4 * units + interface + (2 * read_heads + 1) * slots + states
    # Keys with slots, links with read weightings both ways, and these with slots.
    looked_up = slots * word_size * keys * (1 + masked_content)
    linked = 2 * read_heads * slots * slots
    addressing = looked_up + linked + slots * reads
    return CellSize(
        output=units + reads,
        features=(("h", units), ("c", units), ("r", reads)),
        state=state,
        gates=4 * units + interface + slots * slots,
        kept=kept + 8 * (inputs + 1),
        parameters=lstm + 4 * units + (units + 1) * interface,
        multiplies=lstm + units * interface + addressing,
    )


_HERE = __package__
CELLS = {
    "lstm": Kind(f"{_HERE}.lstm", "LSTM", ("z", "z_h", "z_c_h"), _lstm),
    "gru": Kind(f"{_HERE}.gru", "GRU", ("z", "z_h"), _gru),
    "dnc": Kind(f"{_HERE}.dnc", "DNC", ("z", "z_h", "z_c_h", "z_c_h_r"), _dnc),
}
LSTM = "lstm"  # the paper's, and that of stores which name no cell
INPUTS = tuple(dict.fromkeys(name for kind in CELLS.values() for name in kind.inputs))


def options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cell's own settings of M's: the group that has the cell's name."""
    return dict(config.get(config.get("cell", LSTM)) or {})


def check_inputs(cell: str, inputs: str) -> None:
    """Refuse a C that reads what M's recurrent cell does not have.

    Raises:
        UserError: naming what it can read.
    """
    allowed = CELLS[cell].inputs
    if inputs not in allowed:
        raise UserError(
            f"controller.inputs is {inputs}; with memory.cell {cell} it must be one of "
            + ", ".join(allowed)
        )


def size(cell: str, inputs: int, units: int, **options: Any) -> CellSize:
    """Return the counts of a cell that reads x [inputs] with `units` units."""
    return CELLS[cell].size(inputs, units, **options)


def create(
    cell: str,
    inputs: int,
    units: int,
    *,
    precision: str = "float32",
    **options: Any,
) -> Any:
    """Return the cell of that name, a `cell.Cell`; imports JAX.

    A cell without a field `precision` multiplies in its arrays' type.
    """
    kind = CELLS[cell]
    make = getattr(import_module(kind.module), kind.name)
    if any(field.name == "precision" for field in fields(make)):
        options["precision"] = precision
    return make(inputs, units, **options)
