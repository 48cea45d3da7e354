"""Folders become stores: what is kept, what is left out, and what is refused."""

import shutil
import tracemalloc

import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.conditional_gan import celeba, decoding, draw, faces, pack
from worldmodels.studies.conditional_gan.data_settings import Data
from worldmodels.studies.conditional_gan.source import Pictures
from worldmodels.studies.conditional_gan.steps import STUDY

from .conftest import SMALL


def run(folder, out, log=None, **data):
    settings = STUDY.load({"data": SMALL["data"] | data})
    pack.run(settings=settings, folder=folder, out=out, log=log)
    return Pictures(out)


def test_faces_are_drawn_as_celeba_and_packed_with_their_labels(drawn, pictures):
    assert len(pictures) == 40
    assert pictures.names == faces.NAMES
    np.testing.assert_array_equal(pictures.labels(np.arange(40)), faces.labels(0, 40))
    file = drawn / celeba.PICTURES / "000012.jpg"
    exact = decoding.decoded(file, (16, 16), "crop")
    np.testing.assert_array_equal(pictures.images(np.array([11]))[0], exact)
    # 8 pictures a file, and some held out.
    assert pictures.store.attributes["files"]["images"][0] == 6
    assert len(pictures.held_out) == 10
    both = np.concatenate([pictures.training, pictures.held_out])
    assert sorted(both) == list(range(40))


def test_a_folder_with_files_is_not_drawn_over(drawn):
    with pytest.raises(UserError, match="holds other files"):
        draw.run(settings=STUDY.load(SMALL), out=drawn, log=None)


def test_what_a_killed_run_drew_is_no_obstacle(tmp_path):
    (tmp_path / ".drawn.drawing" / celeba.PICTURES).mkdir(parents=True)
    (tmp_path / ".drawn.drawing" / celeba.PICTURES / "000009.jpg").touch()
    settings = STUDY.load({"data": {"faces": 2}})
    draw.run(settings=settings, out=tmp_path / "drawn", log=None)
    found = (tmp_path / "drawn" / celeba.PICTURES).iterdir()
    assert sorted(path.name for path in found) == ["000001.jpg", "000002.jpg"]
    assert [path.name for path in tmp_path.iterdir()] == ["drawn"]


@pytest.fixture
def broken(drawn, tmp_path):
    """A folder whose pictures 3 and 40 cannot be decoded."""
    folder = tmp_path / "broken"
    shutil.copytree(drawn, folder)
    for number in (3, 40):
        (folder / celeba.PICTURES / f"{number:06}.jpg").write_bytes(b"no picture")
    return folder


def test_broken_pictures_are_named_and_left_out(broken, pictures, tmp_path, capsys):
    log = tmp_path / "pack.log"
    found = run(broken, tmp_path / "some.zarr", log)
    assert len(found) == 38
    kept = np.delete(np.arange(40), [2, 39])
    for method in ("images", "labels"):
        mine = getattr(found, method)(np.arange(38))
        np.testing.assert_array_equal(mine, getattr(pictures, method)(kept))
    for text in (log.read_text(), capsys.readouterr().err):
        for name in ("000003.jpg", "000040.jpg"):
            assert f"{name} is left out: cannot identify" in text
    assert found.store.provenance != pictures.store.provenance


def test_pictures_are_streamed_and_not_gathered(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "_AT_ONCE", 2)
    data = SMALL["data"] | {"size": [256, 256], "shard": 2}
    settings = STUDY.load({"data": data})
    out = tmp_path / "large.zarr"
    tracemalloc.start()
    try:
        pack.run(settings=settings, folder=drawn, out=out, log=None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 256 * 256 * 3 * 40 / 3  # 8 MB; a file has a twentieth of it


def test_nothing_is_published_of_pictures_that_are_all_broken(broken, tmp_path):
    for path in (broken / celeba.PICTURES).iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"of the 40 pictures .* 0 can be decoded"):
        run(broken, tmp_path / "none.zarr")
    assert not (tmp_path / "none.zarr").exists()


def test_a_label_that_all_pictures_have_or_none_is_refused(drawn, tmp_path):
    """The drawn faces know five of CelebA's attributes."""
    with pytest.raises(UserError, match=r"of the 40 pictures in .* none has the label"):
        run(drawn, tmp_path / "out.zarr", labels="Male Eyeglasses")
    assert not (tmp_path / "out.zarr").exists()


def test_a_folder_of_no_known_layout_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"neither list_attr_celeba.txt.* nor train_"):
        run(tmp_path, tmp_path / "out.zarr")
    with pytest.raises(UserError, match="nowhere is no folder; give that of the"):
        run(tmp_path / "nowhere", tmp_path / "out.zarr")
    assert list(tmp_path.iterdir()) == []


def test_the_users_painters_are_packed(tmp_path, drawn):
    (tmp_path / "train").mkdir()
    lines = ["filename,artist,title,style,genre,date"]
    for number, genre in enumerate(["portrait", "portrait", "sea", "sea", "rare"]):
        path = drawn / celeba.PICTURES / f"{number + 1:06}.jpg"
        shutil.copy(path, tmp_path / "train" / f"{number}.jpg")
        lines.append(f'{number}.jpg,x,"a, b",,{genre},')
    (tmp_path / "train_info.csv").write_text("\n".join(lines))
    found = run(tmp_path, tmp_path / "out.zarr", values=2, size=[8, 12])
    assert found.names == ("portrait", "sea")
    assert found.labels(np.arange(4)).tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    assert found.images(np.arange(4)).shape == (4, 8, 12, 3)


@pytest.mark.parametrize(("share", "kept"), [(0.25, 5), (0.01, 2), (0.9, 18)])
def test_a_share_is_held_out_and_two_at_least_are_on_each_side(share, kept):
    rng = np.random.default_rng(0)
    assert pack.held_out(20, share, rng).sum() == kept
    assert pack.held_out(4, share, rng).sum() == 2


@pytest.mark.parametrize("labels", ["", "Male Male"])
def test_labels_are_named_once_each(labels):
    with pytest.raises(UserError, match="it must name at least one attribute"):
        STUDY.load({"data": {"labels": labels}})


def test_the_store_says_how_it_was_made(pictures):
    config = open_artifact(pictures.store.path).config
    assert config["labels"] == Data().labels.split()
    assert (config["size"], config["fit"], config["seed"]) == ([16, 16], "crop", 0)
