"""Tool inspect: what a store holds and where it came from, at once: without JAX."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from worldmodels.environments.games import Game
from worldmodels.pictures import grids
from worldmodels.runtime.printable import printable
from worldmodels.runtime.wording import count, duration, size
from worldmodels.scores import gradient_norms, tables
from worldmodels.stores import places
from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact
from worldmodels.stores.publication import publish_bytes
from worldmodels.studies import registry

_SHEET_EPISODES = 8
_SHOWN_VALUES = 4  # of an array, at most


def run(*, store: Path, contact_sheet: Path | None = None) -> None:
    """Print a description of `store`; draw frames of its episodes to a PNG if asked.

    Raises:
        UserError: for a bad store, or a contact sheet of a store without frames.
    """
    artifact = open_artifact(store)
    if contact_sheet is not None:
        _check_sheet(artifact, contact_sheet)
    print(describe(artifact))
    if contact_sheet is not None:
        write_contact_sheet(artifact, contact_sheet)
        print(f"\ncontact sheet: {contact_sheet}")
    elif artifact.kind == "rollouts":
        print("\nto see frames: worldmodels inspect STORE --contact-sheet frames.png")


def describe(artifact: Artifact) -> str:
    """Return kind, arrays, settings, provenance and versions as aligned text."""
    facts = artifact.attributes
    commit = f" ({facts['commit'][:10]})" if facts["commit"] else ""
    libraries = "  ".join(f"{k} {v}" for k, v in facts["libraries"].items())
    head = {
        "kind": f"{artifact.kind}, schema {facts['schema']}",
        **({} if registry.has(artifact.kind) else {"game": _game(artifact.game)}),
        "complete": "yes",
        "size": f"{size(artifact.size())} on disk in {len(artifact.names())} arrays",
        "made": f"{facts['created']}, in {duration(facts['wall_seconds'])}",
        "made by": f"worldmodels {facts['version']}{commit}, stage version "
        f"{facts['stage_version']}, on {facts['compute']}",
        "machine": facts.get("machine", "not recorded: of an earlier version"),
        "libraries": libraries,
        "provenance": facts["provenance"],
    }
    return "\n".join(
        [
            printable(artifact.path),
            *_pairs(head),
            *_scores(artifact),
            *_gradients(artifact),
            "\nsettings",
            *_pairs(_flat(artifact.config)),
            "\ninputs, by provenance",
            *(list(_inputs(facts["inputs"])) or ["  none"]),
            "\narrays",
            *_columns(list(_arrays(artifact))),
        ]
    )


def _game(game: Game | None) -> str:
    if game is None:
        return "not recorded: the store is of an earlier version"
    size = len(game.actions)
    what = f"one of {size} choices" if game.discrete else count(size, "number")
    return f"{game.title}, an action is {what}"


def _inputs(inputs: Mapping[str, Sequence[str]]) -> Iterator[str]:
    rows = [(printable(r), printable(p)) for r, given in inputs.items() for p in given]
    width = max((len(role) for role, _ in rows), default=0)
    for role, provenance in rows:
        yield f"  {role:{width}}  {provenance}"


def _scores(artifact: Artifact) -> list[str]:
    """Return what an evaluation's drivers score; nothing of another store."""
    if artifact.kind != "evaluation":
        return []
    rows = []
    for name in artifact.names():
        if name.endswith("/returns"):
            returns = artifact.read(name).astype(np.float64)
            mean, std = f"{returns.mean():.1f}", f"{returns.std(ddof=1):.1f}"
            who = name.removesuffix("/returns")
            rows.append((who, mean, f"+- {std}", count(len(returns), "episode")))
    return ["\nscores, mean and standard deviation", *_columns(rows)]


def _gradients(artifact: Artifact) -> list[str]:
    """Return how large the gradients of a training were; nothing of another store."""
    rows = gradient_norms.rows(artifact)
    if not rows:
        return []
    lines = tables.aligned([gradient_norms.HEAD, *rows])
    return ["\ngradient norms", *("  " + printable(line) for line in lines)]


def _arrays(artifact: Artifact) -> Iterator[tuple[str, ...]]:
    for name in artifact.names():
        array = artifact.array(name)
        dimensions = array.metadata.dimension_names or ()
        files, bytes_on_disk = artifact.attributes["files"][name]
        yield (
            name,
            str(array.dtype),
            " x ".join(f"{length:,}" for length in array.shape) or "one number",
            ", ".join(d or "?" for d in dimensions),
            # One of the files is the array's metadata.
            f"{size(bytes_on_disk)} in {count(files - 1, 'file')}",
            _values(artifact.read(name)) if array.size <= _SHOWN_VALUES else "",
        )


def _values(values: np.ndarray) -> str:
    """Return a few numbers as text; a score says more than its shape."""
    return " ".join(f"{value:.6g}" for value in values.ravel())


def _flat(config: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return all settings side by side, those of sections as `section.name`."""
    flat: dict[str, object] = {}
    for name, value in config.items():
        nested = isinstance(value, Mapping)
        flat |= _flat(value, f"{prefix}{name}.") if nested else {prefix + name: value}
    return flat


def _pairs(values: Mapping[str, object]) -> list[str]:
    told = {printable(name): printable(value) for name, value in values.items()}
    width = max(map(len, told), default=0)
    return [f"  {name:{width}}  {value}" for name, value in told.items()]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(f"{c:{w}}" for c, w in zip(r, widths, strict=True)).rstrip()
        for r in rows
    ]


def write_contact_sheet(artifact: Artifact, path: Path) -> None:
    """Draw up to eight episodes of a rollout store, a row each, as PNG."""
    _check_sheet(artifact, path)
    length = artifact.read("length")
    shown = grids.spread(len(length), _SHEET_EPISODES)
    episodes = [artifact.read("frames", int(n))[: length[n]] for n in shown]
    sheet = grids.enlarge(grids.contact_sheet(episodes), 2)
    publish_bytes(path, grids.png(sheet))


def _check_sheet(artifact: Artifact, path: Path) -> None:
    """Refuse, before anything is printed, a contact sheet that cannot be made."""
    if artifact.kind != "rollouts":
        raise ArtifactError(
            f"{artifact.path} holds no frames, being of kind {artifact.kind}; a "
            "contact sheet needs a rollouts store"
        )
    if path.suffix.lower() != ".png":
        raise ArtifactError(f"{path} must end in .png")
    places.check_file(path)
