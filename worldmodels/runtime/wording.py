"""Times, sizes and counts as people say them."""


def duration(seconds: float) -> str:
    """Return a time: 12.3 s, 4.5 min, 6.7 h."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def size(count: int) -> str:
    """Return bytes: 999 bytes, 1.2 kB, 3.4 MB, 5.6 GB."""
    if count < 1000:
        return f"{count} bytes"
    value = float(count)
    for unit in ("kB", "MB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} GB"


def count(number: int, thing: str) -> str:
    """Return a number of things, such as "1 track" or "1,024 tracks"."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def every(number: int, thing: str) -> str:
    """Return how often something is: "every step", "every 5 steps"."""
    return f"every {thing}" if number == 1 else f"every {count(number, thing)}"


def one(thing: str) -> str:
    """Return a thing with its article: "a track", "an episode"."""
    return f"an {thing}" if thing[:1] in tuple("aeiou") else f"a {thing}"
