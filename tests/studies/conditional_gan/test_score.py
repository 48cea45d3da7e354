"""Step score on a generator that has learnt next to nothing."""

import pytest
from support.resumed import assert_same_arrays, killed

from worldmodels.runtime.errors import UserError
from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.conditional_gan import (
    judge,
    pack,
    painting,
    score,
    scored,
    train,
)
from worldmodels.studies.conditional_gan.source import Pictures, Stream
from worldmodels.studies.conditional_gan.steps import STUDY

from .conftest import SMALL

SIZES = SMALL | {
    "judge": {"updates": 12, "batch_size": 10, "drawn": 64, "neighbours": 2},
    "network": {"latent_size": 4, "generator": [4, 4, 4], "discriminator": [4, 4]},
}


@pytest.fixture
def made(packed, tmp_path, monkeypatch):
    """Make the stores that score reads; return what runs it."""
    monkeypatch.setattr(train, "_MEASURED", (2, 8))
    monkeypatch.setattr(judge, "_GROUP", 4)
    settings = STUDY.load(SIZES)
    how = {"settings": settings, "pictures": packed, "log": None}
    how["checkpoint_seconds"] = 0

    def run(name: str, **changed):
        given = how | {
            "judge": tmp_path / "judge.zarr", "training": tmp_path / "train.zarr",
            "checkpoint": tmp_path / f"{name}.ckpt", "out": tmp_path / f"{name}.zarr",
        }  # fmt: skip
        score.run(**given | changed)
        return open_artifact(tmp_path / f"{name}.zarr", "conditional_gan_score")

    out = {"checkpoint": tmp_path / "j.ckpt", "out": tmp_path / "judge.zarr"}
    judge.run(**how, **out)
    _write_generator(tmp_path / "train.zarr", settings, Pictures(packed))
    return run


def _write_generator(path, settings, pictures) -> None:
    """Write what score reads of a training, of the first weights."""
    config = train.recorded(settings, "main", 0, pictures)
    shapes = painting.shapes_of(config)
    state = train._initial(shapes, settings, 0)
    with publication.create(
        path, STUDY.kind("train"), config=config, stage_version=1,
        inputs={"pictures": pictures.store},
    ) as store:  # fmt: skip
        scene = train._scene(pictures, shapes, 0)
        train._write_average(store, state.carry, shapes, scene)


@pytest.mark.slow
def test_a_killed_score_goes_on_and_measures_all(made, monkeypatch):
    killed(monkeypatch, Stream, made)
    again, whole = made("killed"), made("whole")
    assert_same_arrays(again.path, whole.path)
    found = scored.read(whole)
    assert found.gan_test.each.shape == found.gan_train.each.shape == (5,)
    # What has learnt nothing draws grey: far away, and all alike.
    assert found.frechet.drawn > 1.5 * found.frechet.real
    assert found.pixels.ratio < 0.5
    assert found.copies.drawn.shape == (2, 16, 16, 3)


@pytest.mark.slow
def test_stores_of_other_pictures_are_refused(made, drawn, tmp_path):
    other = tmp_path / "other.zarr"
    settings = STUDY.load({"data": SMALL["data"] | {"held_out": 0.5}})
    pack.run(settings=settings, folder=drawn, out=other, log=None)
    with pytest.raises(UserError, match=r"judge.zarr .*other.zarr"):
        made("refused", pictures=other)
    assert not (tmp_path / "refused.zarr").exists()
