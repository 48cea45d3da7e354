"""Work beside the page: films are encoded and drives driven again while it is written.

It waits for other processes, ffmpeg and the environments' workers, so threads are
enough, and JAX stays in the main one.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, Self, TypeVar

from worldmodels.runtime import devices

_T = TypeVar("_T")


class Background:
    """A context manager: it ends when all work is done, or after an error at once.

    As many pieces are worked on at a time as this process may use cores, in the order
    in which they were begun. No result depends on their number or on timing.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(devices.cores(), "background")
        self._left = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._left.set()
        self._threads.shutdown(cancel_futures=kind is not None)

    def begin(self, work: Callable[..., _T], *arguments: Any) -> "Future[_T]":
        """Let `work` be done; its result, or its error, is the future's."""
        return self._threads.submit(work, *arguments)

    @property
    def left(self) -> bool:
        """Whether an error has ended all this."""
        return self._left.is_set()

    def until_left(self, values: Iterable[_T]) -> Iterator[_T]:
        """Yield values, but no more of them once an error has ended all this.

        Raises:
            CancelledError: in the thread that wanted another one.
        """
        for value in values:
            if self.left:
                raise CancelledError
            yield value
