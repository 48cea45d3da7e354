"""The page to play in, in a headless Chromium: dreamt steps and pictures a second.

    python benchmarks/play_browser.py [PAGE.html ...] [--seconds 10] [--loops]

Without a page it makes those of the shipped agents, without recordings, and one of the
paper's sizes with random weights. It needs
`pip install --editable '.[browser]'` and `chromium` on the path. The game's own clock
bounds the steps a second; the script's and the browser's milliseconds a step, of one
core, tell how much would be left (there is no GPU: the browser paints on the processor
as well). `--loops` takes WebAssembly away. The last line is JSON.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

from play import SIZES, random_player
from playwright.sync_api import sync_playwright

from worldmodels.play import packing, page
from worldmodels.stages import play

AGENTS = sorted((Path(__file__).parents[1] / "pretrained").glob("*.zarr"))
COUNT_PICTURES = """
window.pictures = 0;
const count = () => { window.pictures += 1; requestAnimationFrame(count); };
requestAnimationFrame(count);
"""
LOOPS = "delete window.WebAssembly;"
SEEN = "() => [Number(document.getElementById('step').textContent), window.pictures]"


def made(folder: Path) -> list[Path]:
    """Make the pages that are measured without being given."""
    pages = [folder / f"{agent.stem}.html" for agent in AGENTS]
    for agent, out in zip(AGENTS, pages, strict=True):
        play.run(pretrained=agent, record=None, out=out)
    paper = folder / "paper.html"
    player = random_player("paper", *SIZES["paper"])
    paper.write_text(page.html(packing.pack(player)))
    return [*pages, paper]


def measure(browser, path: Path, seconds: float, loops: bool) -> dict[str, float]:
    """Watch the agent dream for some seconds, from its tenth step on."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    tab.add_init_script(COUNT_PICTURES + LOOPS * loops)
    costs = context.new_cdp_session(tab)
    costs.send("Performance.enable", {"timeDomain": "threadTicks"})

    def now() -> tuple[float, int, int, float, float]:
        found = costs.send("Performance.getMetrics")["metrics"]
        spent = {metric["name"]: metric["value"] for metric in found}
        steps, pictures = tab.evaluate(SEEN)
        work = spent["ScriptDuration"], spent["TaskDuration"]
        return time.perf_counter(), steps, pictures, *work

    opened = time.perf_counter()
    tab.goto(path.resolve().as_uri())
    while tab.evaluate(SEEN)[0] < 10:
        time.sleep(0.01)
    ready = time.perf_counter() - opened
    before = now()
    time.sleep(seconds)
    wall, steps, pictures, script, task = (
        y - x for x, y in zip(before, now(), strict=True)
    )
    context.close()
    return {
        "ready_s": round(ready, 2),
        "steps_per_s": round(steps / wall, 1),
        "pictures_per_s": round(pictures / wall, 1),
        "script_ms_per_step": round(1000 * script / steps, 2),
        "browser_ms_per_step": round(1000 * task / steps, 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--loops", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        chromium = shutil.which("chromium")
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        found = {}
        for path in asked.pages or made(Path(folder)):
            found[path.stem] = measure(browser, path, asked.seconds, asked.loops)
            print(path.stem, found[path.stem], flush=True)
        browser.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
