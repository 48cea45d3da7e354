"""Picture files become arrays of one size, and what is broken says so."""

import numpy as np
import pytest
from PIL import Image

from worldmodels.studies.conditional_gan import decoding
from worldmodels.studies.conditional_gan.decoding import Undecodable, decoded


@pytest.fixture
def save(tmp_path):
    """Save an array as a picture file; return its path."""

    def make(values, name="a.png", mode=None, **options):
        image = Image.fromarray(values)
        (image.convert(mode) if mode else image).save(tmp_path / name, **options)
        return tmp_path / name

    return make


def ramp(height: int, width: int) -> np.ndarray:
    """Return a picture whose red grows to the right and whose green grows downwards."""
    values = np.zeros((height, width, 3), np.uint8)
    values[..., 0] = np.arange(width)
    values[..., 1] = np.arange(height)[:, None]
    return values


def test_the_centre_is_cut_out_in_the_shape_that_is_asked_for(save):
    file = save(ramp(218, 178))
    cut = decoded(file, (32, 32), "crop")
    assert cut.shape == (32, 32, 3)
    # 178 rows of 218, from the 20th on; a pixel is the mean of 178 / 32.
    step = 178 / 32
    np.testing.assert_allclose(cut[5, :, 0], step * (np.arange(32) + 0.5) - 0.5, atol=2)
    middle = 20 + step * (np.arange(32) + 0.5) - 0.5
    np.testing.assert_allclose(cut[:, 5, 1], middle, atol=2)


def test_all_of_a_picture_is_squeezed_into_the_size(save):
    cut = decoded(save(ramp(218, 178)), (64, 52), "whole")
    step = 218 / 64
    np.testing.assert_allclose(cut[:, 9, 1], step * (np.arange(64) + 0.5) - 0.5, atol=2)
    step = 178 / 52
    np.testing.assert_allclose(cut[9, :, 0], step * (np.arange(52) + 0.5) - 0.5, atol=2)


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size_and_looks_the_same(save):
    values = np.kron(ramp(120, 200), np.ones((5, 5, 1), np.uint8))
    for fit in ("crop", "whole"):
        of_jpeg = decoded(save(values, "a.jpg", quality=95), (24, 30), fit)
        exact = decoded(save(values), (24, 30), fit)
        assert np.abs(of_jpeg.astype(int) - exact).max() <= 8


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_pictures_of_other_modes_become_colours(save, mode):
    name = "a.jpg" if mode == "CMYK" else "a.png"
    found = decoded(save(ramp(40, 40), name, mode), (8, 8), "crop")
    assert found.shape == (8, 8, 3)
    assert found.dtype == np.uint8


def test_what_is_broken_or_giant_says_why(save, tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    cut = save(noise, "cut.jpg")
    cut.write_bytes(cut.read_bytes()[:900])
    with pytest.raises(Undecodable, match="truncated"):
        decoded(cut, (8, 8), "crop")
    text = tmp_path / "text.jpg"
    text.write_text("<html>not found</html>")
    with pytest.raises(Undecodable, match="cannot identify"):
        decoded(text, (8, 8), "crop")
    monkeypatch.setattr(decoding, "MOST_PIXELS", 4095)
    with pytest.raises(Undecodable, match="64 x 64 pixels"):
        decoded(save(noise), (8, 8), "crop")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    with pytest.raises(Undecodable, match="too many pixels"):
        decoded(save(noise), (8, 8), "crop")
