"""The study's page: the answer, the figures and the floors."""

from collections.abc import Mapping, Sequence

from worldmodels.report import page
from worldmodels.report.page import Picture, escape
from worldmodels.studies.mixture_density import table
from worldmodels.studies.mixture_density.findings import Found

TITLE = "Mixture density: why a mean is not enough"
_LEAD = (
    "Several y are right for one x. A network that minimises squared error learns "
    "their mean, where there may be no data at all. A mixture density network (MDN) "
    "learns p(y | x). Two toys, whose p(y | x) is known exactly, show what each learns "
    "and how much is left."
)


def html(found: Sequence[Found], figures: Mapping[str, bytes], version: str) -> str:
    """Return the page.

    Args:
        figures: as `figures.draw` returns them.
        version: of the package that made the stores.
    """
    sections = [
        ("answer", "The answer", _answer(found, figures)),
        ("data", "The data", _figure(figures, "data", *_data())),
        ("mean", "What squared error learns", _figure(figures, "mean", *_mean(found))),
        ("mixture", "What a mixture learns", _mixture(found, figures)),
        ("learning", "Learning", _figure(figures, "learning", *_learning(found))),
        ("table", "All figures", _tables(found)),
    ]
    footer = f"Made by worldmodels {version}."
    return page.document(TITLE, escape(_LEAD), sections, footer, page.OF_CHARTS)


def _answer(found: Sequence[Found], figures: Mapping[str, bytes]) -> str:
    cards = []
    for one in found:
        mixture, squared = one.mixture, one.squared
        cards += [
            (
                f"toy {one.toy}: NLL of the mixture",
                f"{mixture.nll.mean():.3f}",
                f"nats; the exact density has {one.truth.nll:.3f}",
            ),
            (
                f"toy {one.toy}: answers near the data",
                f"{100 * mixture.near.mean():.0f} %",
                f"of the mixture's draws; of squared error's answers "
                f"{100 * squared.near.mean():.0f} %",
            ),
        ]
    # The experiment's report shows the first figure of the page.
    density = _figure(
        figures, "density",
        "p(y | x), exact on the left and learnt on the right. They have the same "
        "branches; the learnt edges of toy a are softer.",
        "<b>p(y | x)</b>, exact by quadrature and as the mixture has it. Each column "
        "is a density. A few Gaussians cannot follow toy a's sharp edges.",
    )  # fmt: skip
    floors = page.wide_table(table.FLOORS, table.floor_rows(found), (2, 3, 4))
    return page.facts(cards) + density + floors + _paragraph(table.legend(found))


def _figure(figures: Mapping[str, bytes], name: str, alt: str, caption: str) -> str:
    return Picture(figures[name], "image/svg+xml", alt, caption).html()


def _data() -> tuple[str, str]:
    return (
        "Points of both toys. Toy a is a band that turns back twice, toy b a curve "
        "that winds to and fro: for most x there are several y.",
        "<b>Points to learn from.</b> Toy a: x = sin 2πy + 0.2 u (cos 2πy + 2), with y "
        "and u uniform in (0, 1). Toy b: x = 7 sin 0.75y + 0.5y and normal noise, with "
        "y uniform in (-10.5, 10.5).",
    )


def _mean(found: Sequence[Found]) -> tuple[str, str]:
    told = "; ".join(
        f"toy {one.toy}: squared error {table.number(one.squared.squared.mean())}, at "
        f"least {table.number(one.truth.irreducible)}"
        for one in found
    )
    return (
        f"The learnt mean lies on the exact one, between the points. {told}.",
        "<b>The mean of y for each x</b>, learnt and exact. It is what squared error "
        "asks for, and it lies where there are no points. The mean of the mixture is "
        "the same line.",
    )


def _mixture(found: Sequence[Found], figures: Mapping[str, bytes]) -> str:
    near = "; ".join(
        f"toy {one.toy}: {100 * one.mixture.near.mean():.1f} % near the data"
        for one in found
    )
    losses = "; ".join(
        f"toy {one.toy}: "
        + ", ".join(f"K {n.mixtures}: {n.nll.mean():.3f}" for n in one.networks[1:])
        + f", exact {one.truth.nll:.3f}"
        for one in found
    )
    return "".join(
        (
            _figure(
                figures, "draws", f"Draws of the mixtures. {near}.",
                "<b>One draw of y for each of many new x.</b> The draws have the shape "
                "of the data.",
            ),
            _figure(
                figures, "mixtures", f"p(y | x) by the number of Gaussians. {losses}.",
                "<b>p(y | x) by K</b>, with the NLL in nats of the first seed. One "
                "Gaussian is the mean with a width; more Gaussians find the branches.",
            ),
            _figure(
                figures, "components",
                "The components along x. Each follows a branch, and takes over from "
                "another where a branch ends.",
                "<b>The components along x.</b> A line is the mean of one Gaussian; "
                "its shade is the Gaussian. Stronger is a larger weight.",
            ),
        )
    )  # fmt: skip


def _learning(found: Sequence[Found]) -> tuple[str, str]:
    told = "; ".join(
        f"toy {one.toy} ends at {one.mixture.nll.mean():.3f} on unseen points, exact "
        f"{one.truth.nll:.3f}"
        for one in found
    )
    return (
        f"NLL by update. {told}.",
        "<b>NLL by update</b>, the mean over the seeds and nearby updates; the first "
        "updates are cut off. On unseen points no network can be below the dashed "
        "line.",
    )


def _tables(found: Sequence[Found]) -> str:
    numbers = range(1, len(table.HEAD))
    return "".join(
        f"<h3>Toy {one.toy}</h3>\n"
        + page.wide_table(table.HEAD, table.rows(one), numbers)
        for one in found
    ) + _paragraph(_cost(found))


def _cost(found: Sequence[Found]) -> str:
    seconds = sum(network.seconds for one in found for network in one.networks)
    count = sum(len(one.networks) for one in found)
    return (
        f"The {count} trainings took {seconds:.0f} seconds of wall time together, each "
        "with all seeds side by side."
    )


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>\n"
