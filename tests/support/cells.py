"""A round of stores whose M has another recurrent cell than the default's."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from support import commands


def make_round(
    learnt: SimpleNamespace,
    folder: Path,
    memory: Sequence[str],
    controller: Sequence[str] = (),
) -> SimpleNamespace:
    """Make an M, a C that learns in the game and one that dreams, and a score.

    Args:
        learnt: a V with its rollouts and latents.
        memory, controller: options of their commands.
    """
    m_store = folder / "memory.zarr"
    files = ["--latents", *learnt.latents, "--checkpoint", folder / "m.ckpt"]
    heads = ["--set=memory.reward_head=true", "--set=memory.held_out=0.3"]
    options = [*commands.MEMORY, *memory, *heads]
    commands.run("memory", *options, *files, "--out", m_store)
    networks = SimpleNamespace(**vars(learnt) | {"folder": folder, "memory": m_store})
    (folder / "controller").mkdir()
    block = folder / "controller/block-0000.zarr"
    commands.block(block, networks, *controller, run=commands.call)
    dreams = ["--set=controller.train_in=dream", "--latents", *learnt.latents]
    dreamt = folder / "dreamt.zarr"
    commands.block(dreamt, networks, *controller, *dreams, run=commands.call)
    out = folder / "evaluation.zarr"
    scores = commands.evaluation(out, networks, [block], commands.call)
    files = vars(networks) | {"block": block, "dreamt": dreamt, "evaluation": scores}
    return SimpleNamespace(**files)
