"""Scores in words, as the page and the terminal give them."""

from worldmodels.scores.statistics import Summary


def score(summary: Summary) -> str:
    """Return a mean with its interval and the spread of the returns."""
    return (
        f"{summary.mean:.1f} (95 % interval {summary.low:.1f} to {summary.high:.1f}, "
        f"standard deviation {summary.std:.1f})"
    )


def difference(summary: Summary) -> str:
    """Return the mean of differences with its interval, both with their signs."""
    return (
        f"{summary.mean:+z.1f} (95 % interval {summary.low:+z.1f} to "
        f"{summary.high:+z.1f})"
    )
