"""Drives that are begun again before anything else of the page."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from worldmodels.report import replays
from worldmodels.report.background import Background
from worldmodels.stores.artifact import ArtifactError


def test_scores_of_no_round_are_refused_in_a_sentence():
    config = {"environment": "carracing", "max_steps": 5}
    store = SimpleNamespace(kind="evaluation", path=Path("e.zarr"), config=config)
    with (
        Background() as background,
        pytest.raises(ArtifactError, match=r"e\.zarr .* records no setting 'round'"),
    ):
        replays.begin_latest([store], background)


def test_without_scores_nothing_is_begun():
    store = SimpleNamespace(kind="vision")
    with Background() as background:
        assert replays.begin_latest([store], background) == {}
