"""The chapter on controllers that learnt at different temperatures."""

from worldmodels.report import figures, page
from worldmodels.report.figures import ACCENT, AGENT, RANDOM
from worldmodels.report.page import Picture, escape
from worldmodels.scores import temperatures
from worldmodels.scores.temperatures import Sweep


def section(found: Sweep) -> str:
    """Return the table and its picture."""
    text = (
        "A controller for each temperature, evolved alike in the dream of the last "
        "round's M. The higher the temperature, the more uncertain the dream: at a low "
        "one C exploits what M gets wrong, at a high one nothing can be "
        "learnt from what is dreamt. " + " ".join(temperatures.legend(found))
    )
    numbers = range(1, len(temperatures.HEAD))
    table = page.table(temperatures.HEAD, temperatures.rows(found), numbers)
    return f"<p>{escape(text)}</p>\n" + table + _picture(found).html()


def _picture(found: Sweep) -> Picture:
    dream, game = ([getattr(at, w) for at in found.scores] for w in ("dream", "game"))
    scores = "; ".join(
        f"at {at.temperature:g} {at.dream.mean:.1f} in the dream and "
        f"{at.game.mean:.1f} in the game"
        for at in found.scores
    )
    lines = (
        ("random policy, in the game", RANDOM, [found.random] * len(game)),
        ("in the dream", ACCENT, dream),
        ("in the game", AGENT, game),
    )
    taus = [at.temperature for at in found.scores]
    return Picture(
        figures.scores("temperature", taus, lines, found.game),
        "image/svg+xml",
        f"Mean {found.game.score} by temperature: {scores}; the random policy "
        f"{found.random.mean:.1f} in the game.",
        "<b>Scores by temperature</b>, of the controllers where they learnt and in "
        f"{found.game.home}, with 95 % intervals.",
    )
