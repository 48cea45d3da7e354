"""Statistics, pictures, charts and films: what is drawn is what was given."""

import os
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from worldmodels.environments.games import CARRACING
from worldmodels.pictures import grids, video
from worldmodels.report import figures
from worldmodels.runtime import wording
from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import summarise

SVG = "{http://www.w3.org/2000/svg}"


def test_interval_is_that_of_a_normal_mean():
    """For many normal draws the bootstrap must agree with mean +- 1.96 std/sqrt(n)."""
    returns = np.random.default_rng(0).normal(500, 100, 400)
    found = summarise(returns)
    error = 1.96 * returns.std(ddof=1) / np.sqrt(400)
    assert found.count == 400
    assert found.mean == pytest.approx(returns.mean())
    assert found.std == pytest.approx(returns.std(ddof=1))
    assert found.low == pytest.approx(returns.mean() - error, abs=1.5)
    assert found.high == pytest.approx(returns.mean() + error, abs=1.5)


def test_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(40):
        found = summarise(rng.exponential(10, 30))
        covered += found.low <= 10 <= found.high
    assert 33 <= covered <= 40  # 38 expected; 3.4 standard deviations below is 33


def test_interval_is_reproducible_and_defined_for_equal_returns():
    returns = np.array([1.0, 5.0, 2.0, 8.0])
    assert summarise(returns) == summarise(returns)
    same = summarise(np.full(5, 3.5, np.float32))
    assert (same.mean, same.std, same.low, same.high) == (3.5, 0.0, 3.5, 3.5)


@pytest.mark.parametrize("bad", [[1.0], [], [1.0, np.nan], [[1.0, 2.0]]])
def test_interval_refuses_what_has_none(bad):
    with pytest.raises(UserError, match="at least two finite returns"):
        summarise(np.array(bad))


def test_grid_puts_each_frame_in_its_place():
    frames = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1) + np.zeros(
        (2, 3, 4, 5, 3), np.uint8
    )
    picture = grids.grid(frames, scale=2)
    assert picture.shape == (2 * (4 + 2 + 4), 2 * (5 + 2 + 5 + 2 + 5), 3)
    for row in range(2):
        for column in range(3):
            top, left = 2 * 6 * row, 2 * 7 * column
            part = picture[top : top + 8, left : left + 10]
            assert (part == 3 * row + column).all()
    assert (picture[8:12] == 255).all()
    assert (picture[:, 10:14] == 255).all()


def test_contact_sheet_spreads_frames_and_leaves_the_rest_white():
    long = np.arange(9, dtype=np.uint8)[:, None, None, None] + np.zeros(
        (9, 4, 4, 3), np.uint8
    )
    sheet = grids.contact_sheet([long, long[:2]], columns=3)
    assert sheet[0, [0, 6, 12], 0].tolist() == [0, 4, 8]
    assert sheet[6, [0, 6, 12], 0].tolist() == [0, 1, 255]


def test_png_keeps_every_pixel(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (7, 9, 3)).astype(np.uint8)
    path = tmp_path / "p.png"
    path.write_bytes(grids.png(picture))
    assert np.array_equal(np.asarray(Image.open(path)), picture)


def test_smoothing_is_a_windowed_mean():
    values = np.random.default_rng(0).normal(size=1003)
    steps, raw, smooth = figures._smoothed(values)
    for step, value, mean in zip(steps, raw, smooth, strict=True):
        low, high = max(step - 1 - 10, 0), step - 1 + 11  # a width of 1003 // 50 = 20
        assert value == values[step - 1]
        assert mean == pytest.approx(values[low:high].mean())


def svg_paths(svg: bytes) -> int:
    return len(ET.fromstring(svg).findall(f".//{SVG}path"))


def test_charts_are_svg_and_the_same_data_give_the_same_bytes():
    rng = np.random.default_rng(0)
    history = {"a": rng.uniform(1, 2, 50), "b": rng.normal(size=50)}
    returns, others = rng.normal(50, 9, 16), rng.normal(-30, 5, 16)
    scores = summarise(returns), summarise(others)

    def draw():
        return [
            figures.loss_curves(history, log=["a", "b"]),
            figures.fitness(
                rng_fitness, np.array([2, 4]), rng_fitness[[1, 3]], CARRACING
            ),
            figures.returns_histogram(returns, others, *scores, CARRACING),
            figures.scores_by_round([0, 1], scores, scores[::-1], CARRACING),
        ]

    rng_fitness = rng.normal(size=(4, 6))
    first, second = draw(), draw()
    assert first == second
    assert all(svg_paths(svg) > 10 for svg in first)


def synthetic_drive(steps: int) -> video.Drive:
    frames = np.zeros((steps, 16, 16, 3), np.uint8)
    frames[:, :, :, 1] = np.linspace(40, 220, steps, dtype=np.uint8)[:, None, None]
    blue = np.full_like(frames, (0, 0, 250))
    actions = np.zeros((steps, 3), np.float32)
    return video.Drive(frames, blue, 255 - frames, actions, np.ones(steps), CARRACING)


def count_colour(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((picture == colour).all(axis=-1).sum())


def test_bars_grow_with_the_action():
    """Steering left and right mirror each other; the pedals' bars are proportional."""
    areas = {}
    for name, column in (("steer", 0), ("gas", 1), ("brake", 2)):
        for value in (-1.0, -0.5, 0.5, 1.0):
            drive = synthetic_drive(1)
            drive.actions[0, column] = value
            (picture,) = video.draw(drive, scale=8)
            areas[name, value] = count_colour(picture, video._COLOURS[column])
    for name in ("steer", "gas", "brake"):
        ratio = areas[name, 1.0] / areas[name, 0.5]
        assert ratio == pytest.approx(2, rel=0.1)
    assert areas["steer", -1.0] == pytest.approx(areas["steer", 1.0], rel=0.05)
    assert areas["gas", 1.0] == pytest.approx(2 * areas["steer", 1.0], rel=0.1)


def test_views_are_drawn_pixel_for_pixel_beside_each_other():
    drive = synthetic_drive(3)
    picture = list(video.draw(drive, scale=4))[2]
    side, gap, top = 64, 8, 22
    for column, view in enumerate((drive.frames, drive.reconstruction, drive.dream)):
        left = gap + column * (side + gap)
        shown = picture[top : top + side, left : left + side]
        assert np.array_equal(shown, grids.enlarge(view[2], 4))
    assert picture.shape[0] % 2 == picture.shape[1] % 2 == 0


def test_films_beside_each_other_are_in_step_and_the_ended_one_fades():
    long = synthetic_drive(6)
    views = ("frames", "reconstruction", "dream")
    larger = {name: grids.enlarge(getattr(long, name), 2) for name in views}
    long = replace(long, **larger)
    short = replace(long, dream=None, actions=np.full((4, 3), 0.5))
    left, right = list(video.draw(long, every=2)), list(video.draw(short, every=2))
    drawn = list(video.beside([long, short], every=2))
    assert (len(left), len(right), len(drawn)) == (3, 2, 3)
    width = left[0].shape[1]
    assert right[0].shape[1] < width  # two views, not three
    for n in range(2):
        assert np.array_equal(drawn[n][:, :width], left[n])
        assert np.array_equal(drawn[n][:, width:], right[n])
    assert np.array_equal(drawn[2][:, :width], left[2])
    faded = right[1] + (255 - right[1].astype(int)) / 2
    assert np.abs(drawn[2][:, width:] - faded).max() <= 1


def decode_film(path, shape: tuple[int, ...]) -> np.ndarray:
    # imageio_ffmpeg's own reader forks, which JAX's threads may not survive.
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path)]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, *shape)


def test_mp4_is_h264_in_yuv420p_with_every_frame(tmp_path):
    drawn = list(video.draw(synthetic_drive(12)))
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
    drawn = list(video.draw(synthetic_drive(3)))
    video.write("12:30.mp4", iter(drawn), 25)
    assert len(decode_film("file:12:30.mp4", drawn[0].shape)) == 3
    assert os.listdir() == ["12:30.mp4"]


def test_a_film_that_fails_is_told_by_its_own_name(tmp_path, monkeypatch):
    monkeypatch.setattr(video.imageio_ffmpeg, "get_ffmpeg_exe", lambda: "false")
    drawn = video.draw(synthetic_drive(3))
    with pytest.raises(UserError, match=r"/drive\.mp4 could not be encoded"):
        video.write(tmp_path / "drive.mp4", drawn, 25)
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
    drawn = list(video.draw(synthetic_drive(5)))
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


def test_quantities_read_well():
    sizes = [wording.size(n) for n in (0, 999, 1000, 999_940, 1_000_000, 5 * 10**9)]
    assert sizes == ["0 bytes", "999 bytes", "1.0 kB", "999.9 kB", "1.0 MB", "5.0 GB"]
    times = [wording.duration(s) for s in (1.26, 90, 7200)]
    assert times == ["1.3 s", "1.5 min", "2.0 h"]
