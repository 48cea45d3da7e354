"""Work beside the page: it is done, and it ends with the page's first error."""

import contextlib
import threading
from concurrent.futures import CancelledError

import pytest
from support.films import drive_film

from worldmodels.pictures import video
from worldmodels.report import films
from worldmodels.report.background import Background
from worldmodels.runtime import devices
from worldmodels.runtime.errors import UserError


def test_all_work_is_done_at_the_end():
    with Background() as background:
        begun = [background.begin(pow, n, 2) for n in range(9)]
    assert [future.result() for future in begun] == [n**2 for n in range(9)]


def test_an_error_ends_what_is_on_its_way_and_begins_nothing_more(monkeypatch):
    monkeypatch.setattr(devices, "cores", lambda: 1)
    asked = threading.Event()

    def endless():
        while True:
            asked.set()
            yield 0

    with contextlib.suppress(ZeroDivisionError), Background() as background:
        long = background.begin(lambda: list(background.until_left(endless())))
        waiting = background.begin(pow, 2, 2)
        asked.wait(timeout=60)
        raise ZeroDivisionError
    with pytest.raises(CancelledError):
        long.result()
    assert waiting.cancelled()


def test_films_do_not_depend_on_how_many_are_made_at_a_time(monkeypatch):
    made = []
    for cores in (1, 3):
        monkeypatch.setattr(devices, "cores", lambda cores=cores: cores)
        with Background() as background:
            given = [([drive_film(n)], f"film {n}", "", 100_000) for n in (4, 9, 6)]
            begun = [films.begin(background, *film) for film in given]
        made.append([film.html() for film in begun])
    assert made[0] == made[1]
    assert len(set(made[0])) == 3


def test_a_film_that_cannot_be_encoded_fails_the_page(monkeypatch):
    monkeypatch.setattr(video.imageio_ffmpeg, "get_ffmpeg_exe", lambda: "false")
    with (
        pytest.raises(UserError, match=r"film\.mp4 could not be encoded"),
        Background() as background,
    ):
        films.begin(background, [drive_film(4)], "", "", 100_000).html()
