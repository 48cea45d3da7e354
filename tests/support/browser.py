"""A page in Chromium, for tests: opened from its file, and watched."""

import base64
import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

# Where pictures of the pages are kept, if anywhere: a folder.
PICTURES = os.environ.get("WORLDMODELS_PICTURES", "")
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
STILL = DESKTOP | {"reduced_motion": "reduce"}  # it starts paused
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}
_COUNT_VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(event.violatedDirective);
});
"""


@contextmanager
def chromium() -> Iterator[Any]:
    """Give a browser; skip the test where there is none, or nothing to steer it."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="the package playwright is not installed"
    )
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium on the path")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """An open page, with all that it asked for and complained of."""

    def __init__(self, browser, path: Path, seed: int | str = 1, **settings):
        self.context = browser.new_context(**(settings or DESKTOP))
        self.page = self.context.new_page()
        self.page.add_init_script(_COUNT_VIOLATIONS)
        self.asked, self.complaints = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.address = f"{path.resolve().as_uri()}#seed={seed}"
        self.page.goto(self.address)
        self.until(lambda: self("() => 'ready' in document.body.dataset"))

    def __call__(self, function: str, argument: Any = None) -> Any:
        """Return what a function of JavaScript returns."""
        return self.page.evaluate(function, argument)

    def until(self, true: Callable[[], bool], seconds: float = 30) -> None:
        """Wait for something; fail after some seconds."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.02)

    def text(self, id: str) -> str:
        """Return the text of an element."""
        return self("(id) => document.getElementById(id).textContent", id)

    def step(self) -> int:
        """Return how many steps the dream has had."""
        return int(self.text("step"))

    def settle(self) -> None:
        """Wait until all that is due is drawn."""
        self(
            """() => new Promise((done) =>
                requestAnimationFrame(() => requestAnimationFrame(done)))"""
        )

    def picture(self, id: str) -> str:
        """Return the pixels of a canvas, once all that is due is drawn."""
        self.settle()
        return self("(id) => document.getElementById(id).toDataURL()", id)

    def pixels(self, id: str) -> np.ndarray:
        """Return the colours of a canvas, uint8 [H, W, 3], when all is drawn."""
        png = base64.b64decode(self.picture(id).partition(",")[2])
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))

    def click(self, id: str) -> None:
        """Click on an element."""
        self.page.click(f"#{id}")

    def set(self, id: str, value: float) -> None:
        """Move a slider as a person does."""
        self(
            """([id, value]) => {
                const slider = document.getElementById(id);
                slider.value = value;
                slider.dispatchEvent(new Event("input", { bubbles: true }));
                slider.dispatchEvent(new Event("change", { bubbles: true }));
            }""",
            [id, value],
        )

    def steps(self, count: int) -> None:
        """Let a dream that is paused go on by some steps, and look at it."""
        self(
            """(count) => {
                const button = document.getElementById("single");
                for (let n = 0; n < count; n++) button.click();
            }""",
            count,
        )
        self.settle()

    def look(self, id: str) -> None:
        """Bring a part of the page into sight."""
        self("(id) => document.getElementById(id).scrollIntoView()", id)

    def keep(self, name: str) -> None:
        """Keep a picture of the page, where pictures are kept."""
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png")

    def close(self) -> None:
        """Close it; it has asked for nothing, and complained of nothing."""
        violations = self("() => window.violations")
        self.context.close()
        elsewhere = [url for url in self.asked if not url.startswith("data:")]
        assert elsewhere == [self.address.partition("#")[0]]
        assert violations == []
        assert self.complaints == []
