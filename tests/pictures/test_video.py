"""Films as files: what is encoded is what was drawn."""

import os
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from support.films import drive_film

from worldmodels.pictures import drawing, video
from worldmodels.runtime.errors import UserError


def decode_film(path, shape: tuple[int, ...]) -> np.ndarray:
    # imageio_ffmpeg's own reader forks, which JAX's threads may not survive.
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path)]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, *shape)


def test_mp4_is_h264_in_yuv420p_with_every_frame(tmp_path):
    drawn = list(drawing.draw(drive_film(12)))
    path = tmp_path / "deep" / "drive.mp4"
    video.write(path, iter(drawn), 25)
    film = decode_film(path, drawn[0].shape)
    assert film.shape == (12, *drawn[0].shape)
    assert np.abs(film.astype(int) - np.stack(drawn)).mean() < 4
    probe = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path)]
    told = subprocess.run(probe, capture_output=True, text=True).stderr
    assert "h264" in told
    assert "yuv420p" in told
    assert "25 fps" in told


def test_a_film_may_have_a_colon_in_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a relative name would be of the protocol 12
    drawn = list(drawing.draw(drive_film(3)))
    video.write("12:30.mp4", iter(drawn), 25)
    assert len(decode_film("file:12:30.mp4", drawn[0].shape)) == 3
    assert os.listdir() == ["12:30.mp4"]


def test_a_film_that_fails_is_told_by_its_own_name(tmp_path, monkeypatch):
    monkeypatch.setattr(video.imageio_ffmpeg, "get_ffmpeg_exe", lambda: "false")
    drawn = drawing.draw(drive_film(3))
    with pytest.raises(UserError, match=r"/drive\.mp4 could not be encoded"):
        video.write(tmp_path / "drive.mp4", drawn, 25)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("named", ["", "a folder", "missing"])
def test_no_ffmpeg_is_told_in_a_sentence(tmp_path, monkeypatch, named):
    def nothing():
        raise RuntimeError("No ffmpeg exe could be found.")

    exe = {"": nothing, "a folder": lambda: tmp_path, "missing": lambda: "no/such"}
    monkeypatch.setattr(video.imageio_ffmpeg, "get_ffmpeg_exe", exe[named])
    out = tmp_path / "drive.mp4"
    with pytest.raises(UserError, match=r"no ffmpeg can be started \(.*; set IMAGE"):
        video.write(out, drawing.draw(drive_film(3)), 25)
    assert not list(tmp_path.iterdir())


def test_mp4_keeps_to_its_rate(tmp_path):
    noise = (
        np.random.default_rng(0).integers(0, 256, (50, 160, 160, 3)).astype(np.uint8)
    )
    video.write(tmp_path / "free.mp4", iter(noise), 25)
    video.write(tmp_path / "bound.mp4", iter(noise), 25, max_bytes_per_second=20_000)
    free, bound = ((tmp_path / f"{n}.mp4").stat().st_size for n in ("free", "bound"))
    assert free > 300_000
    assert bound < 100_000  # two seconds and the decoder's buffer of two more


def test_a_bound_film_is_the_same_every_time(tmp_path):
    drawn = np.random.default_rng(0).integers(0, 256, (40, 160, 160, 3))
    for name in ("first.mp4", "second.mp4"):
        frames = iter(drawn.astype(np.uint8))
        video.write(tmp_path / name, frames, 25, max_bytes_per_second=20_000)
    first, second = ((tmp_path / n).read_bytes() for n in ("first.mp4", "second.mp4"))
    assert first == second


def test_gif_loops_over_every_frame(tmp_path):
    drawn = list(drawing.draw(drive_film(5)))
    path = tmp_path / "drive.gif"
    video.write(path, iter(drawn), 50)
    with Image.open(path) as film:
        assert film.n_frames == 5
        assert film.info["loop"] == 0
        assert film.info["duration"] == 20
        last = film.seek(4) or np.asarray(film.convert("RGB"))
    assert np.abs(last.astype(int) - drawn[4]).mean() < 4


def test_a_film_of_another_kind_is_refused_before_anything_is_drawn(tmp_path):
    with pytest.raises(UserError, match=r"drive\.avi must end in \.mp4 or \.gif"):
        video.write(tmp_path / "drive.avi", iter([]), 25)
