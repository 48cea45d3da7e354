"""The options of jobs: the inputs that there are, quoted for a shell."""

import shlex

from worldmodels.studies.dsprites import jobs


def test_a_job_is_given_the_inputs_that_it_has():
    given = jobs.options("train", "pictures")
    there = {"train": ["a b.zarr", "c.zarr"], "pictures": []}
    assert shlex.split(given(None, there)) == ["--train", "a b.zarr", "c.zarr"]
    assert given(None, {}) == ""
    assert given(None, {"train": "one.zarr"}) == "--train one.zarr"


def test_a_further_try_asks_for_more():
    assert [jobs.more(100)(None, attempt) for attempt in (1, 2)] == [100, 200]
