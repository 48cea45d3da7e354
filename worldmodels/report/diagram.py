"""The picture of the pipeline and of the agent, as inline SVG."""

from collections.abc import Mapping, Sequence

from worldmodels.experiment.stages import OF_A_ROUND, STAGES
from worldmodels.report import training
from worldmodels.report.page import escape
from worldmodels.report.rounds import RoundStores
from worldmodels.runtime.wording import count

_COLOURS = {
    "vision": ("#e8f0fb", "#2e5eaa"),
    "memory": ("#eaf6ef", "#2f855a"),
    "controller": ("#fdf3e3", "#b7791f"),
}
_PLAIN = ("#f6f7f9", "#aab1bc")
_LEFT, _BOX, _GAP = 4, 142, 28
_WIDTH = 2 * _LEFT + len(OF_A_ROUND) * (_BOX + _GAP) - _GAP + 6
_TOP, _HEIGHT = 46, 92


def facts(round: RoundStores) -> dict[str, list[str]]:
    """Return up to two short lines a stage, of what is known of the round."""
    lines: dict[str, list[str]] = {}
    if round.episodes is not None:
        length, _ = round.episodes
        learnt = round.learnt_from("vision") | round.learnt_from("memory")
        earlier = sum(learnt.values()) - learnt.get(round.number, 0)
        more = f"and {earlier:,} earlier ones" if earlier else ""
        frames = count(int(length.sum()), "frame")
        lines["rollouts"] = [count(len(length), "episode"), more or frames]
    for kind in ("vision", "memory"):
        if store := round.one(kind):
            parameters = count(training.parameters(store), "parameter")
            lines[kind] = [parameters, training.updates(store)]
    if stores := round.stores.get("latents"):
        lines["latents"] = [f"{count(stores[0].config['latent_size'], 'number')} each"]
    if stores := round.stores.get("controller"):
        generations = sum(s.array("mean").shape[0] for s in stores)
        size = stores[0].array("mean").shape[1]
        lines["controller"] = [
            count(size, "parameter"),
            count(generations, "generation"),
        ]
    if round.scores is not None:
        agent = round.scores.agent
        lines["evaluation"] = [f"{agent.count} drives", f"mean {agent.mean:.1f}"]
    return lines


def pipeline(facts: Mapping[str, Sequence[str]], place: str) -> str:
    """Return the pipeline as an <svg>; `facts` has up to two lines a stage.

    `place` is what agents are scored on, in the singular.
    """
    parts, left = [], _LEFT
    for stage in OF_A_ROUND:
        words = STAGES[stage].caption.format(place=place)
        lines = words, *facts.get(stage, ())
        parts.append(_stage(left, stage, STAGES[stage].title, lines))
        if stage != OF_A_ROUND[-1]:
            parts.append(_arrow((left + _BOX, 92), (left + _BOX + _GAP, 92)))
        left += _BOX + _GAP
    first = _LEFT + _BOX / 2
    controller = first + OF_A_ROUND.index("controller") * (_BOX + _GAP)
    parts.append(
        f'<path d="M{controller} {_TOP} V22 H{first} V{_TOP - 7}" class="flow" '
        'stroke-dasharray="5 4"/>'
        + _head(first, _TOP, "down")
        + _text((first + controller) / 2, 16, "the next round drives with C", "note")
    )
    parts.append(_agent(192))
    return (
        f'<svg viewBox="0 0 {_WIDTH} 340" role="img" '
        'aria-labelledby="pipeline-title pipeline-text">'
        '<title id="pipeline-title">The pipeline and the agent</title>'
        '<desc id="pipeline-text">Rollouts train the vision model V; V turns every '
        "frame into latents; latents train the memory M; the controller C is evolved "
        f"with V and M and evaluated on unseen {place}s; the next round's rollouts are "
        "driven by C. In the agent, V turns a frame into z, C turns z and M's hidden "
        "state h into an action, and M consumes z and the action.</desc>"
        f"<style>{_STYLE}</style>{''.join(parts)}</svg>"
    )


_STYLE = """
svg .flow { fill: none; stroke: #5b6472; stroke-width: 1.5; }
svg .head { fill: #5b6472; }
svg text { font-family: inherit; fill: #20242c; text-anchor: middle; }
svg .title { font-size: 15px; font-weight: 600; }
svg .note { font-size: 12px; fill: #5b6472; }
svg .symbol { font-size: 13px; font-style: italic; }
"""


def _stage(left: float, stage: str, title: str, lines: Sequence[str]) -> str:
    middle = left + _BOX / 2
    rows = "".join(
        _text(middle, _TOP + 42 + 17 * n, line, "note") for n, line in enumerate(lines)
    )
    box = _box(left, _TOP, _BOX, _HEIGHT, stage)
    return box + _text(middle, _TOP + 22, title, "title") + rows


def _agent(top: float) -> str:
    """Draw one step of the agent below the pipeline."""
    row, low = top + 34, top + 104
    boxes = (
        ("frame", 190, row, 110, None),
        ("V", 340, row, 90, "vision"),
        ("C", 560, row, 90, "controller"),
        ("environment", 770, row, 130, None),
        ("M", 560, low, 90, "memory"),
    )
    drawn = "".join(
        _box(x - w / 2, y - 20, w, 40, kind) + _text(x, y + 5, name, "title")
        for name, x, y, w, kind in boxes
    )
    return (
        _text(66, row + 4, "one step of", "note")
        + _text(66, row + 20, "the agent", "note")
        + drawn
        + _arrow((245, row), (295, row))
        + _arrow((385, row), (515, row))
        + _text(448, row - 8, "z", "symbol")
        + _arrow((605, row), (705, row))
        + _text(654, row - 8, "action a", "symbol")
        + _path(f"M448 {row} V{low} H508", (515, low), "right")
        + _path(f"M654 {row} V{low} H612", (605, low), "left")
        + _path(f"M560 {low - 20} V{row + 27}", (560, row + 20), "up")
        + _text(572, (row + low) / 2 + 5, "h", "symbol")
        + _path(
            f"M835 {row} H930 V{top - 10} H190 V{row - 27}", (190, row - 20), "down"
        )
        + _text(560, low + 40, "z and a go into M, which predicts the next z", "note")
    )


def _box(x: float, y: float, width: float, height: float, kind: str | None) -> str:
    fill, line = _COLOURS.get(kind or "", _PLAIN)
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" '
        f'fill="{fill}" stroke="{line}" stroke-width="1.5"/>'
    )


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>'


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    return _path(f"M{start[0]} {start[1]} H{end[0] - 7}", end, "right")


def _path(path: str, end: tuple[float, float], direction: str) -> str:
    return f'<path d="{path}" class="flow"/>' + _head(*end, direction)


def _head(x: float, y: float, direction: str) -> str:
    angle = {"right": 0, "down": 90, "left": 180, "up": 270}[direction]
    return (
        f'<path d="M0 0 L-9 -4.5 V4.5 Z" class="head" '
        f'transform="translate({x} {y}) rotate({angle})"/>'
    )
