"""The page in Chromium: what a person does, and what then happens."""

from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image
from support import engine
from support.browser import DESKTOP, PHONE, STILL, Opened, chromium
from support.commands import REPOSITORY

from worldmodels.environments.games import View, imported
from worldmodels.models.precision import FLOAT32
from worldmodels.pictures import imagery
from worldmodels.pictures.imagery import FittedVision
from worldmodels.play.packing import pack
from worldmodels.play.page import html
from worldmodels.stages import play
from worldmodels.stores import agents

pytestmark = pytest.mark.slow

SHIPPED = REPOSITORY / "pretrained"
NAMES = """() => [...document.querySelectorAll("button, input, select, [tabindex]")]
    .filter((element) => element.checkVisibility())
    .filter((element) => !(element.textContent.trim() || element.ariaLabel
        || (element.labels && element.labels.length)))
    .map((element) => element.id)"""
DROP = """(bytes) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(bytes)], "dropped.png"));
    document.body.dispatchEvent(
        new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
}"""
WIDTH = "() => document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def driver(browser, tmp_path_factory):
    """The page of the shipped driver, with recordings."""
    path = tmp_path_factory.mktemp("play") / "driver.html"
    play.run(pretrained=SHIPPED / "carracing.zarr", record=0, out=path)
    return path


@pytest.fixture(scope="module")
def player(browser, tmp_path_factory):
    """The page of the shipped player, without recordings."""
    path = tmp_path_factory.mktemp("play") / "player.html"
    play.run(pretrained=SHIPPED / "takecover.zarr", record=None, out=path)
    return path


@contextmanager
def opened(browser, path, seed=1, **settings):
    page = Opened(browser, path, seed, **settings)
    yield page
    page.close()


def test_it_opens_from_a_file_and_dreams(browser, driver):
    with opened(browser, driver) as page:
        page.until(lambda: page.step() > 0)
        before, shown = page.step(), page.picture("screen")
        page.until(lambda: page.step() > before)
        assert page.picture("screen") != shown
        page.keep("driver")


def test_a_key_takes_the_wheel_and_m_gives_it_back(browser, driver):
    with opened(browser, driver, **STILL) as page:
        page.steps(20)
        steered, shown = page.text("value-steer"), page.picture("screen")
        assert page.text("mode") == "Paused. The agent plays."
        page.click("reset")
        page.page.keyboard.down("ArrowLeft")
        page.steps(20)
        assert page.text("value-steer") == "\N{MINUS SIGN}1.00" != steered
        assert page.picture("screen") != shown
        assert "You play" in page.text("mode")
        page.keep("driver-by-hand")
        page.page.keyboard.press("m")
        assert page.text("mode") == "Paused. The agent plays."
        page.steps(1)
        assert page.text("value-steer") != "\N{MINUS SIGN}1.00"


def test_pedals_ramp_and_are_let_go(browser, driver):
    with opened(browser, driver, **STILL) as page:
        page.page.keyboard.down("w")
        page.steps(4)
        assert page.text("value-gas") == "0.40"
        page.page.keyboard.up("w")
        page.steps(1)
        assert page.text("value-gas") == "0.36"


def test_the_agent_plays_again_when_the_person_does_nothing(browser, driver):
    with opened(browser, driver) as page:
        page.page.keyboard.press("d")
        page.until(lambda: "You play" in page.text("mode"))
        page.until(lambda: page.text("mode") == "The agent plays.")
        page.page.keyboard.press("m")  # and not when the wheel was asked for
        page.page.wait_for_timeout(1300)
        assert "Press M to give the wheel back" in page.text("mode")


def test_the_pointer_is_a_wheel(browser, driver):
    with opened(browser, driver) as page:
        box = page.page.locator("#screen").bounding_box()
        middle = box["y"] + box["height"] / 2
        page.page.mouse.move(box["x"] + 0.95 * box["width"], middle)
        page.page.mouse.down()
        page.until(lambda: page.text("value-steer") == "1.00")
        page.page.mouse.up()
        page.until(lambda: page.text("mode") == "The agent plays.")


def test_pause_stops_it(browser, driver):
    with opened(browser, driver) as page:
        page.until(lambda: page.step() > 0)
        page.page.keyboard.press("Space")
        page.settle()
        before = page.step()
        page.page.wait_for_timeout(300)
        assert page.step() == before
        page.click("single")
        page.settle()
        assert page.step() == before + 1


def test_a_number_is_a_dream(browser, driver):
    def hundredth(seed):
        with opened(browser, driver, seed, **STILL) as page:
            page.steps(100)
            shown = page.picture("screen")
            assert page.step() == 100
            assert page("() => location.hash") == f"#seed={seed}"
        return shown

    first = hundredth(7)
    assert hundredth(7) == first
    assert hundredth(8) != first


def test_uncertainty_changes_the_dream_and_goes_into_the_address(browser, driver):
    def tenth(page, tau):
        page.set("tau", tau)
        page.click("reset")
        page.steps(10)
        return page.picture("screen")

    with opened(browser, driver, **STILL) as page:
        shown = [tenth(page, tau) for tau in (0, 1, 2, 1)]
        assert len(set(shown)) == 3
        assert shown[1] == shown[3]
        assert page("() => document.getElementById('tau').max") == "2"
        page.set("tau", 0)
        assert page("() => location.hash") == "#seed=1&uncertainty=0"
        page.steps(1)  # at 0 the likeliest is drawn
        assert page.picture("drawn") == page.picture("likely")
        page("() => { location.hash = '#seed=3&uncertainty=0.5'; }")
        page.until(lambda: page.text("tau-value") == "0.50")
        assert page("() => document.getElementById('seed').value") == "3"


def test_what_is_no_number_of_a_dream_changes_nothing(browser, driver):
    with opened(browser, driver, "x&uncertainty=1.5", **STILL) as page:
        assert page("() => location.hash") == "#seed=1&uncertainty=1.5"
        page.steps(5)
        shown = page.picture("screen")
        page("() => { location.hash = '#screen'; }")  # as the link to the dream does
        page.until(lambda: page("() => location.hash") == "#seed=1&uncertainty=1.5")
        assert page.picture("screen") == shown
        for text in ("", "-1", "many", "99999999999"):
            page.page.fill("#seed", text)
            page.page.press("#seed", "Tab")
            assert page("() => document.getElementById('seed').value") == "1"


def test_the_expected_bells_are_those_of_the_chosen_number(browser, driver):
    with opened(browser, driver, **STILL) as page:
        page.steps(30)
        shown = page.picture("mixture")
        page.page.select_option("#latent", index=3)
        assert page.picture("mixture") != shown


def test_a_slider_changes_the_picture_of_its_numbers(browser, driver):
    with opened(browser, driver, **STILL) as page:
        page.look("latents")
        slider = page("() => document.querySelector('#sliders input').id")
        dreamt, shown = page.picture("screen"), page.picture("portrait")
        page.set(slider, 2.5)
        moved = page.picture("portrait")
        assert moved != shown
        assert page.picture("screen") == dreamt
        page.click("random")
        assert page.picture("portrait") not in (shown, moved)
        page.click("middle")
        assert page.picture("portrait") == shown
        strip = "() => document.querySelector('#sliders canvas').toDataURL()"
        blank = """() => {
            const canvas = document.querySelector("#sliders canvas").cloneNode();
            return canvas.toDataURL();
        }"""
        page.until(lambda: page(strip) != page(blank))
        page.keep("driver-numbers")
        page.set(slider, 2.5)
        page.click("onward")
        page.until(lambda: page.step() > 0)


def test_v_looks_at_a_picture_of_the_visitor_s_own(browser, driver, tmp_path):
    """Chosen or dropped; it sees in it what V does in JAX, both in float32."""
    own, none = tmp_path / "own.png", tmp_path / "none.png"
    blocks = np.random.default_rng(4).integers(0, 256, (8, 8, 3), np.uint8)
    picture = blocks.repeat(8, axis=0).repeat(8, axis=1)
    Image.fromarray(picture).save(own)
    none.write_text("no picture")
    with opened(browser, driver, **STILL) as page:
        page.page.set_input_files("#file", own)
        page.until(lambda: page.text("given-text") == "own.png")
        np.testing.assert_array_equal(page.pixels("given"), picture)
        v = agents.from_pretrained(SHIPPED / "carracing.zarr")
        v = FittedVision(v.agent.vision.clone(precision=FLOAT32), v.weights.vision)
        wanted = imagery.decode(v, imagery.encode(v, picture[None])[0])[0]
        seen = page.pixels("portrait").astype(int)
        assert np.abs(seen - wanted).max() <= 1
        page.page.set_input_files("#file", none)
        page.until(lambda: "none.png is no picture" in page.text("own-text"))
        page.click("middle")
        middle = page.picture("portrait")
        page(DROP, list(own.read_bytes()))
        page.until(lambda: page.text("given-text") == "dropped.png")
        assert page.picture("portrait") != middle
        np.testing.assert_array_equal(page.pixels("portrait"), seen)


def test_a_recording_runs_beside_what_was_expected(browser, driver):
    with opened(browser, driver, **STILL) as page:
        page.look("drive")
        page.set("frame", 60)
        page.until(lambda: page.text("surprise") not in ("", "\N{EN DASH}"))
        real, guess = page.picture("real"), page.picture("guess")
        assert "frame 60" in page.text("real-text")
        page.set("frame", 90)
        assert page.picture("real") != real
        assert page.picture("guess") != guess
        page.set("frame", 60)
        assert page.picture("guess") == guess  # found again, from the frames before
        page.click("watch")
        page.until(lambda: "frame 6" not in page.text("real-text"))
        page.click("watch")
        page.click("take")
        assert page.text("given-text").endswith("of the recording")
        assert page.picture("given") == page.picture("real")


def test_it_falls_asleep_in_a_recording(browser, driver):
    with opened(browser, driver) as page:
        page.look("drive")
        page.set("frame", 120)
        page.click("sleep")
        page.until(lambda: page.step() > 20 or "frame 15" in page.text("real-text"))
        assert "does what was done" in page.text("drive-state")
        assert page.text("surprise").endswith("%")
        page.keep("driver-asleep")
        page.page.keyboard.press("ArrowRight")
        page.until(lambda: "on its own way" in page.text("drive-state"))
        assert "You play" in page.text("mode")
        page.click("watch")  # wakes it
        page.until(lambda: "Awake" in page.text("drive-state"))


def test_a_game_of_one_number_with_death(browser, player):
    with opened(browser, player, 3, color_scheme="dark", **STILL) as page:
        assert page("() => document.getElementById('tau').max") == "3"
        assert page.page.locator("#drive").is_hidden()  # nothing was recorded
        page.page.keyboard.down("ArrowRight")
        page.steps(2100)
        assert page.text("death-value").endswith("%")
        assert page.page.locator("#reward").is_hidden()  # its M has no such head
        assert "died after" in page.text("mode")
        assert 0 < page.step() < 2100
        page.keep("player-died-dark")
        page.click("again")
        page.settle()
        assert page.step() == 0
        assert page("() => location.hash") == "#seed=4"


def test_a_game_of_choices_with_a_reward_and_a_hostile_name(browser, tmp_path):
    game = imported(np.zeros(4), np.ones(4), True, View(), 50)
    name = "<img src=x onerror=alert(1)>"
    heads = {"death_head": True, "reward_head": True}
    agent = engine.player(game, cell="gru", **heads)._replace(name=name)
    # Nobody dies.
    agent = agent._replace(death_threshold=1e3)
    path = tmp_path / "choices.html"
    path.write_text(html(pack(agent)))
    with opened(browser, path, **STILL) as page:
        assert name in page.text("kicker")
        assert (
            page.text("pad-text")
            == "left: a1 \N{MIDDLE DOT} up: a2 \N{MIDDLE DOT} right: a3"
        )
        page.page.keyboard.down("ArrowUp")
        page.steps(1)
        chosen = [page.text(f"value-a{n}") for n in range(4)]
        assert chosen == ["0.00", "0.00", "1.00", "0.00"]
        assert page.text("death-value").endswith("%")
        assert "NaN" not in page.text("sliders")  # though no picture is known
        first = page.text("reward-value")
        assert first.endswith("in all")
        page.steps(1)
        assert page.text("reward-value") != first
        page.steps(100)
        assert page.text("mode") == "50 steps: as long as a game can be."


def test_reduced_motion_starts_paused(browser, driver):
    with opened(browser, driver, reduced_motion="reduce") as page:
        page.page.wait_for_timeout(300)
        assert page.step() == 0
        assert page.text("pause") == "Play"


def test_a_finger_plays_on_a_phone(browser, driver):
    with opened(browser, driver, **PHONE) as page:
        assert page(WIDTH) == 390
        page.keep("driver-phone")
        touch = page.context.new_cdp_session(page.page)
        page.page.locator("#pad").scroll_into_view_if_needed()
        box = page.page.locator("#pad").bounding_box()
        point = {"x": box["x"] + 10, "y": box["y"] + box["height"] / 2}
        start = {"type": "touchStart", "touchPoints": [point]}
        touch.send("Input.dispatchTouchEvent", start)
        page.until(lambda: page.text("value-steer") == "\N{MINUS SIGN}1.00")
        end = {"type": "touchEnd", "touchPoints": []}
        touch.send("Input.dispatchTouchEvent", end)
        page.until(lambda: page.text("mode") == "The agent plays.")


def test_everything_has_a_name_and_fits(browser, driver):
    for settings in (DESKTOP, PHONE, {"viewport": {"width": 1000, "height": 700}}):
        with opened(browser, driver, color_scheme="dark", **settings) as page:
            assert page(NAMES) == []
            assert page(WIDTH) == settings["viewport"]["width"]


def test_arrows_belong_to_a_slider_that_has_the_focus(browser, driver):
    with opened(browser, driver) as page:
        page.page.focus("#tau")
        page.page.keyboard.press("ArrowLeft")
        assert page.text("tau-value") == "0.95"
        assert page.text("mode") == "The agent plays."
