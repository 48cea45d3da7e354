"""The chapter on V: its losses, reconstructions, prior and latent space."""

from collections.abc import Sequence

import jax
import numpy as np

from worldmodels.pictures import grids, imagery
from worldmodels.pictures.imagery import FittedVision
from worldmodels.report import page, strips, training
from worldmodels.report.page import Picture, escape
from worldmodels.report.rounds import Clip, RoundStores
from worldmodels.runtime.wording import count
from worldmodels.training.excerpts import COLUMNS

_SURVEYED = 200  # frames by which the latent dimensions are ranked
_TRAVERSED = 8  # latent dimensions shown


def chapter(round: RoundStores, clips: Sequence[Clip]) -> str:
    """Show V's losses, reconstructions, prior samples and a latent traversal."""
    store = round.one("vision")
    history = store.tree("history")
    shown = {
        "reconstruction, squared error": history["recon"],
        "KL, nats": history["kl"],
        "gradient norm": history["grad_norm"],
    }
    text = (
        f"V, the variational autoencoder: {training.parameters(store):,} parameters, "
        f"{count(store.config['latent_size'], 'latent dimension')}, "
        f"{training.updates(store)}. Its loss ended at "
        f"{training.last(history['loss']):.1f}: "
        f"{training.last(history['recon']):.1f} of reconstruction and "
        f"{training.last(history['kl']):.1f} nats of KL."
    )
    curves = training.curves("V", shown, ["reconstruction, squared error"])
    parts = [page.chapter("Vision", text), curves.html()]
    parts += [picture.html() for picture in training.gradients("V", history)]
    parts += [_reconstructions(round.vision, clip).html() for clip in clips]
    parts.append(_prior(round.vision, round.number).html())
    if clips:
        parts.append(_traversal(round.vision, clips).html())
    return "".join(parts)


def _reconstructions(fitted: FittedVision, clip: Clip) -> Picture:
    frames = clip.overview
    seen = imagery.reconstruct(fitted, frames)
    error = np.square(frames / 255.0 - seen / 255.0).sum(axis=(1, 2, 3)).mean()
    return Picture(
        strips.picture(np.stack([frames, seen])), "image/png",
        f"{count(len(frames), 'frame')} of {clip.name} above V's reconstructions of "
        "them.",
        f"<b>Reconstructions</b>, {escape(clip.name)}: real frames above what V makes "
        f"of them; squared error {error:.1f} a frame.",
        ["real", "V"],
    )  # fmt: skip


def _prior(fitted: FittedVision, number: int) -> Picture:
    samples = imagery.prior_samples(fitted, jax.random.key(number), 2 * COLUMNS)
    return Picture(
        strips.picture(samples.reshape(2, COLUMNS, *samples.shape[1:])),
        "image/png",
        f"{len(samples)} images that V decodes from random draws of z.",
        "<b>Samples from the prior</b>: z drawn from N(0, 1) and decoded.",
        ["z ~ N(0, 1)"],
    )


def _traversal(fitted: FittedVision, clips: Sequence[Clip]) -> Picture:
    frames = np.concatenate([f for c in clips for f in (c.frames, c.overview)])
    frames = frames[grids.spread(len(frames), _SURVEYED)]
    dimensions = imagery.informative(*imagery.encode(fitted, frames))[:_TRAVERSED]
    middle = clips[0].overview[len(clips[0].overview) // 2]
    mu, _ = imagery.encode(fitted, middle[None])
    images = imagery.traversal(fitted, mu[0], dimensions, COLUMNS)
    return Picture(
        strips.picture(images), "image/png",
        f"Latent traversal: {len(dimensions)} rows of {COLUMNS} images, each row with "
        "one latent dimension moved from -3 to 3.",
        "<b>Latent traversal</b>: one frame, one dimension of z a row moved from -3 to "
        "3, the most informative (mean KL) at the top.",
        [f"z[{d}]" for d in dimensions],
    )  # fmt: skip
