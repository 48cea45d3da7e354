"""Draw the tutorial's pictures from a finished run.

    python docs/scripts/tutorial.py [RUN]

RUN is the folder of a default run, results/default. Everything comes from its stores.
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import worldmodels
from worldmodels.pictures import grids

PICTURES = Path(__file__).parents[1] / "pictures"
COLUMNS = 10
INK = "#2e5eaa"
WATCHED = 285  # steps of the drive before the dream


def save(name: str, picture: np.ndarray, colours: int = 128) -> None:
    """Write a picture uint8 [H, W, 3] as a small PNG file."""
    image = Image.fromarray(picture).quantize(colours, dither=Image.Dither.NONE)
    image.save(PICTURES / name, optimize=True)
    print(f"{name}: {(PICTURES / name).stat().st_size / 1000:.0f} kB")


def spread(frames: np.ndarray) -> np.ndarray:
    """Return some frames spread over time [C, 64, 64, 3]."""
    return frames[np.linspace(0, len(frames) - 1, COLUMNS).round().astype(int)]


def curves(name: str, panels: dict[str, tuple]) -> None:
    """Draw one panel a curve: (x, y) or (x, y, points x, points y) by its title."""
    with matplotlib.rc_context({"font.size": 9, "axes.spines.right": False}):
        figure = Figure(figsize=(8, 2.3), layout="constrained", dpi=90)
        for axes, (title, (x, y, *points)) in zip(
            np.atleast_1d(figure.subplots(1, len(panels))), panels.items(), strict=True
        ):
            axes.plot(x, y, color=INK, linewidth=1)
            if points:
                axes.plot(*points, "o", color="#2f855a", markersize=4)
            axes.set_title(title, loc="left", fontsize=9)
            axes.spines["top"].set_visible(False)
        figure.savefig(PICTURES / name)
    print(f"{name}: {(PICTURES / name).stat().st_size / 1000:.0f} kB")


def smooth(values: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return updates and the means of `width` values around them."""
    kernel = np.ones(width) / width
    return np.arange(width, len(values) + 1), np.convolve(values, kernel, "valid")


def draw_rollouts(run) -> None:
    """Four random drives, a row each."""
    shard = run.rollouts[0]
    rows = [spread(shard.read("frames", episode)) for episode in (7, 12, 20, 33)]
    save("tutorial-rollouts.png", grids.grid(np.stack(rows)))


def draw_vision(run) -> None:
    """What V keeps of frames, and what it learnt by."""
    vision = worldmodels.load_vision(run.vision)
    frames = spread(run.rollouts[0].read("frames", 12))
    images = worldmodels.decode(vision, worldmodels.encode(vision, frames)[0])
    z = np.random.default_rng(0).normal(size=(COLUMNS, vision.model.latent_size))
    drawn = worldmodels.decode(vision, z.astype(np.float32))
    save("tutorial-vision.png", grids.grid(np.stack([frames, images, drawn])))
    history = {name: run.vision.read(f"history/{name}") for name in ("recon", "kl")}
    titles = "squared error of a frame", "KL in nats"
    values = zip(titles, history.values(), strict=True)
    curves("tutorial-vision-curves.png", {t: smooth(v, 10) for t, v in values})


def draw_memory(run, agent) -> None:
    """A drive, what M expected one step before, and M alone."""
    nll = run.memory.read("history/nll")
    curves("tutorial-memory-curves.png", {"nats a dimension": smooth(nll, 5)})
    drive = worldmodels.drive(agent, seed=11, steps=WATCHED + 50)
    dream = worldmodels.dream(
        agent,
        drive.frames[: WATCHED + 1],
        watched=drive.actions[:WATCHED],
        actions=drive.actions[WATCHED:],
        temperature=0.5,
    )
    shown = np.stack([spread(drive.frames[WATCHED:]), spread(dream.frames)])
    save("tutorial-dream.png", grids.grid(shown))


def draw_controller(run) -> None:
    """The fitness of each generation, and the tested means."""
    fitness = np.concatenate([b.read("fitness").mean((1, 2)) for b in run.controller])
    tested = [b.read("selection/generation") for b in run.controller]
    returns = [b.read("selection/returns").mean(1) for b in run.controller]
    points = np.concatenate(tested), np.concatenate(returns)
    line = np.arange(1, len(fitness) + 1), fitness, *points
    title = "mean return: all candidates (line), the tested mean (dots)"
    curves("tutorial-controller.png", {title: line})


def draw_evaluation(run) -> None:
    """Every test track's return, of the agent and of the random policy."""
    with matplotlib.rc_context({"font.size": 9, "axes.spines.right": False}):
        figure = Figure(figsize=(8, 2.3), layout="constrained", dpi=90)
        axes = figure.subplots()
        edges = np.arange(-100, 1000, 25)
        for who, colour in (("random", "#9aa1ab"), ("agent", INK)):
            returns = run.evaluation.read(f"{who}/returns")
            axes.hist(
                returns, edges, color=colour, label=f"{who}: {returns.mean():.0f}"
            )
        axes.legend(frameon=False)
        axes.set_title("returns on the test tracks", loc="left", fontsize=9)
        axes.spines["top"].set_visible(False)
        figure.savefig(PICTURES / "tutorial-evaluation.png")


def main(folder: str = "results/default") -> None:
    run = worldmodels.open_run(folder)
    draw_rollouts(worldmodels.open_run(folder, 0))
    draw_vision(run)
    draw_controller(run)
    if run.evaluation:
        draw_evaluation(run)
    draw_memory(run, worldmodels.load_agent(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
