"""Painting with labels: what is asked for, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from worldmodels import cli
from worldmodels.runtime.errors import UserError
from worldmodels.stores import publication
from worldmodels.studies.conditional_gan import networks
from worldmodels.studies.conditional_gan.settings import Network
from worldmodels.tools import paint

NAMES = ["Male", "Smiling", "Mustache"]


@pytest.fixture
def training(tmp_path):
    """A training's store with weights that nobody trained."""
    network = Network(latent_size=3, generator=[2, 3], discriminator=[3])
    shapes = networks.Shapes(network, 6, 4, len(NAMES))
    rng = np.random.default_rng(0)
    path = tmp_path / "main-0.zarr"
    config = {
        "network": network.model_dump(mode="json"), "height": 6, "width": 4,
        "names": NAMES,
    }  # fmt: skip
    with publication.create(
        path, "conditional_gan_train", config=config, inputs={}, stage_version=1
    ) as store:
        weights = networks.initial(shapes, rng)["generator"]
        for name, layer in weights.items():
            drawn = {
                leaf: rng.normal(size=x.shape).astype(x.dtype)
                for leaf, x in layer.items()
            }
            store.tree(f"average/{name}", drawn)
            if name.endswith("norm"):
                size = layer["gain"].shape
                store.write(f"statistics/{name}/mean", np.zeros(size, np.float32))
                store.write(f"statistics/{name}/variance", np.ones(size, np.float32))
    return path


def test_pictures_are_painted_and_the_rest_of_the_labels_is_told(
    training, tmp_path, capsys
):
    out = tmp_path / "faces.png"
    words = [f"--training={training}", f"--out={out}", "--count=9"]
    assert cli.main(["paint", "--labels=Male=0,Smiling=1", *words]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "drawn with Male=0 Smiling=1 Mustache=0"
    assert said[1] == "not named, and so 0: Mustache"
    first = np.asarray(Image.open(out))
    # Two rows, of eight and of one picture; the rest of the second is white.
    assert first.shape == (16 * (6 + 2 + 6), 16 * (8 * 4 + 7 * 2), 3)
    assert (first[16 * 8 :, 16 * 6 :] == 255).all()
    assert cli.main(["paint", "--labels=Male = 0, Smiling=1", *words]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open(out)), first)
    assert cli.main(["paint", "--labels=Male=0.5,Smiling=1", *words]) == 0
    assert (np.asarray(Image.open(out)) != first).any()


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ("Hat=1", "--labels has 'Hat', which this generator does not know; its labels "
         "are Male, Smiling, Mustache"),
        ("Male=2", "--labels has Male=2; give 0 or 1, or a number between them"),
        ("Male", "--labels has Male; give 0 or 1"),
        ("Male=nan", "--labels has Male=nan; give 0 or 1"),
        ("Male=1,Male=0", "--labels has Male twice; give it once"),
        ("", "--labels has ''"),
    ],
)  # fmt: skip
def test_labels_that_mean_nothing_are_refused_in_a_sentence(labels, sentence):
    with pytest.raises(UserError) as refused:
        paint.given(labels, NAMES)
    assert str(refused.value).startswith(sentence)


def test_a_file_that_is_no_png_is_refused_before_anything_is_drawn(training, capsys):
    words = ["paint", "--labels=Male=1", f"--training={training}", "--out=faces.jpg"]
    assert cli.main(words) == 1
    assert capsys.readouterr().err == "error: faces.jpg must end in .png\n"


def test_a_training_that_is_not_there_is_refused_in_a_sentence(tmp_path, capsys):
    out = tmp_path / "faces.png"
    words = ["paint", "--labels=Male=1", f"--out={out}", f"--training={tmp_path}/no"]
    assert cli.main(words) == 1
    assert f"{tmp_path}/no does not exist" in capsys.readouterr().err
    assert not out.exists()
