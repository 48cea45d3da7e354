"""The page as a file: one that asks for nothing, the same each time, and small."""

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from support import engine

from worldmodels.models.vision import VAE
from worldmodels.play import page, recording
from worldmodels.play.packing import pack
from worldmodels.rollout.replay import Recording
from worldmodels.runtime.errors import UserError

HOSTILE = '</script><script>alert(1)</script><!-- "&\u2028 {{numbers}}'
DEFAULT = VAE(channels=(8, 16, 32, 64), decoder_channels=(64, 32, 16))


class Parts(HTMLParser):
    """The elements of a page, as a browser sees them: (tag, attributes, text)."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.parts: list[list] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.parts.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        self.parts.append(["", {}, ""])

    def handle_data(self, data):
        if self.parts:
            self.parts[-1][2] += data

    def named(self, tag: str, **attributes: str) -> list[list]:
        return [
            p for p in self.parts if p[0] == tag and attributes.items() <= p[1].items()
        ]


def recorded(player, steps: int = 5):
    """Return a drive of blocks of noise, as it was and as a page holds it."""
    rng = np.random.default_rng(0)
    size, actions = player.agent.vision.frame_size, player.agent.memory.action_size
    blocks = rng.integers(0, 256, (steps, 4, 4, 3), np.uint8)
    frames = blocks.repeat(size // 4, axis=1).repeat(size // 4, axis=2)
    numbers = rng.normal(size=(steps, actions)), rng.normal(size=steps)
    posterior = rng.normal(size=(2, steps, player.agent.vision.latent_size))
    drive = Recording(frames, *(x.astype(np.float32) for x in numbers))
    return drive, recording.recorded("agent", 3, drive, tuple(posterior), 100)


def test_the_policy_allows_the_one_script_and_nothing_else():
    text = page.html(pack(engine.player()))
    parts = Parts(text)
    (script,) = (p[2] for p in parts.named("script") if "type" not in p[1])
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = parts.named("meta", **{"http-equiv": "Content-Security-Policy"})
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1]["content"].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}' 'wasm-unsafe-eval'"
    assert rules["img-src"] == "data:"
    assert not {"connect-src", "frame-src", "font-src"} & rules.keys()
    # It stands above all that it is for.
    assert text.index("Content-Security-Policy") < text.index("<style")


def test_the_page_names_no_other_place():
    for tag, attributes, _ in Parts(page.html(pack(engine.player()))).parts:
        assert not {"src", "srcset", "action", "style", "onclick"} & attributes.keys()
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")


def test_a_hostile_name_is_text():
    player = engine.player()._replace(name=HOSTILE)
    parts = Parts(page.html(pack(player)))
    (agent,) = parts.named("script", id="agent")
    assert json.loads(agent[2])["name"] == HOSTILE
    (title,) = parts.named("title")
    assert HOSTILE in title[2]
    assert len(parts.named("script")) == 3


def test_the_same_agent_has_the_same_page():
    def made() -> str:
        player = engine.player()
        return page.html(pack(player._replace(recordings=[recorded(player)[1]])))

    assert made() == made()


@pytest.mark.parametrize(
    ("v", "units", "limit"),
    [
        (DEFAULT, 64, 1e6),
        pytest.param(VAE(), 256, 5e6, marks=pytest.mark.slow),
    ],
)
def test_a_page_is_small(v, units, limit):
    """With 230 kB for the drives: those of the shipped driver take 166."""
    player = engine.player(v=v, units=units, mixtures=5)
    text = page.html(pack(player))
    assert len(text.encode()) + 230_000 < limit


def test_a_drive_comes_out_as_it_went_in():
    player = engine.player()
    drive, packed = recorded(player)
    (url,) = {packed.facts["sheet"]}
    kind, data = url.split(",")
    assert kind == "data:image/webp;base64"
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
    size, columns = player.agent.vision.frame_size, packed.facts["columns"]
    for t, frame in enumerate(drive.frames):
        y, x = divmod(t, columns)
        tile = picture[y * size : (y + 1) * size, x * size : (x + 1) * size]
        np.testing.assert_array_equal(tile, frame)
    assert packed.facts["score"] == pytest.approx(drive.rewards.sum())


@engine.needs_node
@pytest.mark.parametrize("steps", [5, 60])
def test_the_page_reads_its_drive(steps):
    """How its latents are spread, of a long drive from its second second on."""
    player = engine.player()
    packed = recorded(player, steps)[1]
    body = """
    const [{ actions, mu, by, seed, steps }] = world.recordings;
    const { latents } = world;
    return copied({ actions, mu, by, seed, steps, latents,
      second: world.z(world.recordings[0], 1) });
    """
    found = engine.run(body, None, pack(player._replace(recordings=[packed]), "single"))
    assert (found["by"], found["seed"], found["steps"]) == ("agent", 3, steps)
    for name in ("actions", "mu"):
        wanted = np.float32(getattr(packed, name))
        np.testing.assert_array_equal(np.float32(found[name]), wanted.ravel())
    np.testing.assert_array_equal(np.float32(found["second"]), np.float32(packed.mu[1]))
    std = packed.mu[50 if steps > 50 else 0 :].std(0)
    order = [latent["index"] for latent in found["latents"]]
    assert order == np.argsort(-std).tolist()
    spread = [latent["std"] for latent in found["latents"]]
    np.testing.assert_allclose(spread, std[order], rtol=1e-5)


def test_a_cell_that_the_page_has_not_is_refused(monkeypatch):
    player = engine.player()
    monkeypatch.setattr("worldmodels.play.packing.CELLS", ("gru",))
    with pytest.raises(UserError, match=r"memory\.cell of this M is lstm, which"):
        pack(player)


def test_weights_beyond_half_precision_are_refused():
    player = engine.player()
    with pytest.raises(UserError, match=r"controller of this agent has .* of up to 1e"):
        pack(player._replace(controller=player.controller + np.float32(1e6)))


WAT2WASM = shutil.which("wat2wasm")


@pytest.mark.skipif(WAT2WASM is None, reason="wat2wasm of wabt assembles the kernel")
def test_the_kernel_is_what_its_text_says(tmp_path):
    (tmp_path / "kernel.wat").write_text(page.source("kernel.wat"))
    subprocess.run([WAT2WASM, "kernel.wat", "-o", "k.wasm"], cwd=tmp_path, check=True)
    text = "".join(re.findall(r'"([\w+/=]+)"', page.source("kernel.js")))
    assert base64.b64decode(text) == (tmp_path / "k.wasm").read_bytes()


def test_no_script_of_the_page_ends_its_element():
    assert not re.search(r"</script|<!--", page.script(), re.IGNORECASE)
