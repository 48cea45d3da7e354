"""The chapter on M: its loss, and its dreams below real frames."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from worldmodels.experiment.section import facts, groups_of
from worldmodels.experiment.settings import Memory
from worldmodels.models.cells import registry
from worldmodels.pictures import imagery
from worldmodels.report import page, strips, training
from worldmodels.report.page import Picture, escape
from worldmodels.report.rounds import Clip, RoundStores
from worldmodels.runtime.wording import count, every
from worldmodels.training.excerpts import COLUMNS

_DREAM_STRIDE = 5  # steps between two frames of a dream strip
_OBSERVED = 100  # steps that M observes before it dreams


def chapter(round: RoundStores, clips: Sequence[Clip]) -> str:
    """Show M's loss and its dreams below real frames."""
    store = round.one("memory")
    history = store.tree("history")
    shown = {"NLL, nats per dimension": history["nll"]}
    shown |= {"gradient norm": history["grad_norm"]}
    text = (
        f"M, the mixture-density {store.config.get('cell', 'lstm').upper()}: "
        f"{training.parameters(store):,} parameters, "
        f"{count(store.config['hidden_size'], 'unit')}, "
        f"{_of_cell(store.config)}"
        f"{count(store.config['mixtures'], 'Gaussian')} a latent dimension, "
        f"{training.updates(store)}. It ended at "
        f"{training.last(history['nll']):.3f} nats per dimension, which no M brings "
        "below the noise that V's posterior has of its own."
    )
    parts = [page.chapter("Memory", text), training.curves("M", shown).html()]
    parts += [picture.html() for picture in training.gradients("M", history)]
    if round.vision is not None:
        key = jax.random.key(round.number)
        found = [_dream_strip(round, key, clip) for clip in clips]
        parts += [strip.html() for strip in found if strip is not None]
    return "".join(parts)


def _of_cell(config: Mapping[str, Any]) -> str:
    """Return in words the settings that M's recurrent cell alone has."""
    words = []
    for name, value in registry.options(config).items():
        field = groups_of(Memory)[config["cell"]].model_fields[name]
        if value is True:
            words.append(field.description)
        elif value is not False:
            thing = facts(field)["unit"].removesuffix("s")
            words.append(f"{count(value, thing)} {field.description}")
    return "".join(f"{part}, " for part in words)


def _dream_strip(round: RoundStores, key: jax.Array, clip: Clip) -> Picture | None:
    """Return M's dream of a clip below its frames; None where it is too short."""
    start = min(_OBSERVED, len(clip.frames) // 3)
    end = min(start + 1 + COLUMNS * _DREAM_STRIDE, len(clip.frames))
    if end - start < 2:
        return None
    frames, actions = clip.frames[:end], clip.actions[:end]
    dreamt = imagery.open_loop(round.vision, round.memory, key, frames, actions, start)
    real = frames[start + 1 :]
    stride = max(1, len(real) // COLUMNS)
    shown = np.arange(stride - 1, len(real), stride)[:COLUMNS]
    seen = imagery.reconstruct(round.vision, real[shown])
    ahead = count(int(shown[-1]) + 1, "step")
    return Picture(
        strips.picture(np.stack([real[shown], seen, dreamt[shown]])), "image/png",
        f"{count(len(shown), 'frame')} of {clip.name}, V's reconstructions of them, "
        f"and M's dream of the same steps, up to {ahead} ahead.",
        f"<b>A dream under real frames</b>, {escape(clip.name)}: M watches {start} "
        "steps, then dreams on from a real z under the real actions, on its own "
        f"samples alone, decoded by V. One frame {every(stride, 'step')}, up to "
        f"{ahead} ahead.",
        ["real", "V", "dream"],
    )  # fmt: skip
