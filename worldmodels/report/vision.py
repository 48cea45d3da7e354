"""What the report says of V, of M and of what they learnt from: a chapter a stage."""

from collections.abc import Sequence

import jax
import numpy as np

from worldmodels.pictures import grids, imagery
from worldmodels.pictures.imagery import Eyes, Mind
from worldmodels.report import figures, page
from worldmodels.report.page import Picture, escape
from worldmodels.report.rounds import Clip, Round
from worldmodels.runtime.wording import count
from worldmodels.stores.artifact import Artifact
from worldmodels.training.excerpts import COLUMNS

_SURVEYED = 200  # frames that tell which latent dimensions are informative
_TRAVERSED = 8  # latent dimensions shown
_DREAM_STRIDE = 5  # steps between two frames of a dream strip
_WATCHED = 100  # steps that M watches before it dreams
_NO_FRAMES = (
    "V's store is of a version that kept no frames of them: give their own stores to "
    "worldmodels report to see some here."
)


def rollouts(round: Round, clips: list[Clip]) -> str:
    """Show what V and M learned from."""
    length, returns = round.episodes
    text = (
        f"{len(length):,} episodes, {length.sum():,} frames{_driven(round)}. Mean "
        f"{round.game.score} {returns.mean():.1f}, from {returns.min():.1f} to "
        f"{returns.max():.1f}."
    )
    text = " ".join([text, *_accumulated(round)])
    title = "What was driven to learn from"
    if not clips:
        return page.chapter(title, text, _NO_FRAMES)
    sheet = grids.contact_sheet([c.overview for c in clips], COLUMNS)
    picture = Picture(
        _png(sheet), "image/png",
        f"Contact sheet: {len(clips)} recorded episodes, one a row, each as {COLUMNS} "
        "of the frames that V sees.",
        f"{len(clips)} of the episodes, each as {COLUMNS} frames spread over its time.",
        [c.name for c in clips],
    )  # fmt: skip
    return page.chapter(title, text) + picture.html()


def _driven(round: Round) -> str:
    """Return by whom and where, if it is known."""
    config = round.settings("rollouts")
    if not config:
        return ""
    who = (
        f"the random policy “{config['policy']}”"
        if "policy" in config
        else f"the controller of round {round.number - 1} with noise of standard "
        f"deviation {config['action_noise']:g} on its actions"
    )
    return f", driven in {round.place('rollouts')} by {who}"


def _accumulated(round: Round) -> list[str]:
    """Return a sentence on what V and M had of other rounds too, if any is known."""
    told: dict[str, list[str]] = {}
    for name, kind in (("V", "vision"), ("M", "memory")):
        learnt = round.learnt_from(kind)
        if learnt.keys() - {round.number}:
            episodes = count(sum(learnt.values()), "episode")
            numbers = _rounds(sorted(learnt))
            had = f"had the rollouts of {numbers} to learn from, {episodes}."
            told.setdefault(had, []).append(name)
    return [f"{' and '.join(names)} {had}" for had, names in told.items()]


def _rounds(numbers: Sequence[int]) -> str:
    """Return rounds as words: "round 1", "rounds 0 and 2", "rounds 0 to 2"."""
    *before, last = map(str, numbers)
    if not before:
        return f"round {last}"
    if len(numbers) > 2 and numbers[-1] - numbers[0] < len(numbers):
        return f"rounds {before[0]} to {last}"
    return f"rounds {', '.join(before)} and {last}"


def vision(round: Round, clips: list[Clip]) -> str:
    """Show V's losses, reconstructions, prior samples and a latent traversal."""
    store = round.one("vision")
    history = store.tree("history")
    shown = {
        "reconstruction, squared error": history["recon"],
        "KL, nats": history["kl"],
        "gradient norm": history["grad_norm"],
    }
    text = (
        f"V, the variational autoencoder: {_parameters(store):,} parameters, "
        f"{store.config['latent_size']} latent dimensions, {_learning(store)}. "
        f"Its loss ended at {_last(history['loss']):.1f}: "
        f"{_last(history['recon']):.1f} of reconstruction and "
        f"{_last(history['kl']):.1f} nats of KL."
    )
    curves = _curves("V", shown, ["reconstruction, squared error"])
    parts = [page.chapter("Vision", text), curves.html()]
    parts += [_reconstructions(round.eyes, clip).html() for clip in clips]
    parts.append(_prior(round.eyes, round.number).html())
    if clips:
        parts.append(_traversal(round.eyes, clips).html())
    return "".join(parts)


def _curves(name: str, history: dict[str, np.ndarray], log: list[str]) -> Picture:
    ends = "; ".join(
        f"{title} from {values[0]:.4g} to {_last(values):.4g}"
        for title, values in history.items()
    )
    return Picture(
        figures.loss_curves(history, log), "image/svg+xml",
        f"Training curves of {name}: {ends}.",
        f"<b>Training of {name}.</b> Pale: one update; strong: the mean of the 2 % of "
        "updates around.",
    )  # fmt: skip


def _last(values: np.ndarray) -> float:
    """Return the mean of the last 2 % of a history."""
    return float(np.mean(values[-max(1, len(values) // 50) :]))


def _parameters(store: Artifact) -> int:
    return sum(store.array(name).size for name in store.names("params"))


def _learning(store: Artifact) -> str:
    if store.config["epochs"]:
        return f"{store.array('history/loss').size:,} updates"
    # The history of a network that is left as it was holds one test of it.
    warm = store.attributes["inputs"].get("start")
    return "kept from the round before" if warm else "untrained"


def _reconstructions(eyes: Eyes, clip: Clip) -> Picture:
    frames = clip.overview
    seen = imagery.reconstruct(eyes, frames)
    error = np.square(frames / 255.0 - seen / 255.0).sum(axis=(1, 2, 3)).mean()
    return Picture(
        _strips(np.stack([frames, seen])), "image/png",
        f"{len(frames)} frames of {clip.name} above V's reconstructions of them.",
        f"<b>Reconstructions</b>, {escape(clip.name)}: real frames above what V makes "
        f"of them; squared error {error:.1f} a frame.",
        ["real", "V"],
    )  # fmt: skip


def _prior(eyes: Eyes, number: int) -> Picture:
    samples = imagery.prior_samples(eyes, jax.random.key(number), 2 * COLUMNS)
    return Picture(
        _strips(samples.reshape(2, COLUMNS, *samples.shape[1:])),
        "image/png",
        f"{len(samples)} images that V decodes from random draws of z.",
        "<b>Samples from the prior</b>: z drawn from N(0, 1) and decoded.",
        ["z ~ N(0, 1)"],
    )


def _traversal(eyes: Eyes, clips: list[Clip]) -> Picture:
    frames = np.concatenate([f for c in clips for f in (c.frames, c.overview)])
    frames = frames[grids.spread(len(frames), _SURVEYED)]
    dimensions = imagery.informative(*imagery.encode(eyes, frames))[:_TRAVERSED]
    middle = clips[0].overview[len(clips[0].overview) // 2]
    mu, _ = imagery.encode(eyes, middle[None])
    images = imagery.traversal(eyes, mu[0], dimensions, COLUMNS)
    return Picture(
        _strips(images), "image/png",
        f"Latent traversal: {len(dimensions)} rows of {COLUMNS} images, each row with "
        "one latent dimension moved from -3 to 3.",
        "<b>Latent traversal</b>: one frame, one dimension of z a row moved from -3 to "
        "3, the most informative (mean KL) at the top.",
        [f"z[{d}]" for d in dimensions],
    )  # fmt: skip


def memory(round: Round, clips: list[Clip]) -> str:
    """Show M's loss and its dreams under real frames."""
    store = round.one("memory")
    history = store.tree("history")
    shown = {"NLL, nats per dimension": history["nll"]}
    shown |= {"gradient norm": history["grad_norm"]}
    text = (
        f"M, the mixture-density LSTM: {_parameters(store):,} parameters, "
        f"{store.config['hidden_size']} units, {store.config['mixtures']} Gaussians a "
        f"latent dimension, {_learning(store)}. It ended at "
        f"{_last(history['nll']):.3f} nats per dimension, which no M brings below the "
        "noise that V's posterior has of its own."
    )
    parts = [page.chapter("Memory", text), _curves("M", shown, []).html()]
    if round.eyes is not None:
        key = jax.random.key(round.number)
        strips = [_dream_strip(round.eyes, round.mind, key, clip) for clip in clips]
        parts += [strip.html() for strip in strips if strip is not None]
    return "".join(parts)


def _dream_strip(eyes: Eyes, mind: Mind, key: jax.Array, clip: Clip) -> Picture | None:
    start = min(_WATCHED, len(clip.frames) // 3)
    end = min(start + 1 + COLUMNS * _DREAM_STRIDE, len(clip.frames))
    if end - start < 2:
        return None
    frames, actions = clip.frames[:end], clip.actions[:end]
    dreamt = imagery.dream(eyes, mind, key, frames, actions, start)
    real = frames[start + 1 :]
    stride = max(1, len(real) // COLUMNS)
    shown = np.arange(stride - 1, len(real), stride)[:COLUMNS]
    seen = imagery.reconstruct(eyes, real[shown])
    return Picture(
        _strips(np.stack([real[shown], seen, dreamt[shown]])), "image/png",
        f"{len(shown)} frames of {clip.name}, V's reconstructions of them, and M's "
        f"dream of the same steps, up to {shown[-1] + 1} steps ahead.",
        f"<b>A dream under real frames</b>, {escape(clip.name)}: M watches {start} "
        "steps, then dreams on from a real z under the real actions, on its own "
        f"samples alone, decoded by V. One frame every {stride} steps, up to "
        f"{shown[-1] + 1} steps ahead.",
        ["real", "V", "dream"],
    )  # fmt: skip


def _strips(rows: np.ndarray) -> bytes:
    """Return rows of frames [R, C, H, W, 3] as a PNG, always as wide as a full one."""
    empty = [(0, 0), (0, COLUMNS - rows.shape[1]), (0, 0), (0, 0), (0, 0)]
    return _png(grids.grid(np.pad(rows, empty, constant_values=255)))


def _png(picture: np.ndarray) -> bytes:
    # Twice as large as needed: crisp on dense screens, and flat areas cost nothing.
    return grids.png(grids.enlarge(picture, 2))


def diagram_facts(round: Round) -> dict[str, list[str]]:
    """Return up to two short lines a stage for the pipeline's picture."""
    lines: dict[str, list[str]] = {}
    if round.episodes is not None:
        length, _ = round.episodes
        learnt = round.learnt_from("vision") | round.learnt_from("memory")
        earlier = sum(learnt.values()) - learnt.get(round.number, 0)
        more = f"and {earlier:,} earlier ones" if earlier else ""
        frames = f"{length.sum():,} frames"
        lines["rollouts"] = [f"{len(length):,} episodes", more or frames]
    for kind in ("vision", "memory"):
        if store := round.one(kind):
            parameters = f"{_parameters(store):,} parameters"
            lines[kind] = [parameters, _learning(store)]
    if stores := round.stores.get("latents"):
        lines["latents"] = [f"{stores[0].config['latent_size']} numbers each"]
    if stores := round.stores.get("controller"):
        generations = sum(s.array("mean").shape[0] for s in stores)
        size = stores[0].array("mean").shape[1]
        lines["controller"] = [f"{size:,} parameters", f"{generations:,} generations"]
    if round.scores is not None:
        agent = round.scores.agent
        lines["evaluation"] = [f"{agent.count} drives", f"mean {agent.mean:.1f}"]
    return lines
