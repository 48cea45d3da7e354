"""What is typed on the command line, checked before anything else is looked at."""

import argparse
import math
from collections.abc import Callable
from typing import NoReturn

from worldmodels.runtime.errors import UserError

_SHOWN = 40  # characters of a word that is refused


class Parser(argparse.ArgumentParser):
    """A parser that refuses in one sentence, as all else that a user gets wrong."""

    def error(self, message: str) -> NoReturn:
        """Refuse what was typed.

        Raises:
            UserError: always.
        """
        raise UserError(f"{message}; see {self.prog} --help")


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return the argument type of whole numbers from `least` to `most`."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:  # no number, or one of thousands of digits
            number = None
        if number is None or not least <= number <= most:
            raise argparse.ArgumentTypeError(
                f"{text[:_SHOWN]} is not a whole number from {least} to {most}"
            )
        return number

    return parse


def at_least_0(text: str) -> float:
    """Return a finite number of at least 0: an argument type."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(
            f"{text[:_SHOWN]} is not a number of at least 0"
        )
    return number
