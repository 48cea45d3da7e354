"""Every stage through its real command, one after the other, at tiny sizes."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from support import commands

from worldmodels.runtime.randomness import Purpose, episode_seeds, purpose_of
from worldmodels.stores.artifact import open_artifact
from worldmodels.training import excerpts

BACKENDS = ("simulator", "gymnasium")


@pytest.fixture(scope="module")
def made(learnt, tmp_path_factory) -> SimpleNamespace:
    """One tiny pipeline: two shards, V, M, two blocks of C, an evaluation."""
    folder = tmp_path_factory.mktemp("pipeline")
    first = commands.block(folder / "block-0.zarr", learnt)
    after = ["--block=1", "--previous", first]  # what it compiles, other tests use too
    second = commands.block(folder / "block-1.zarr", learnt, *after, run=commands.call)
    blocks = [first, second]
    random = commands.random(folder / "random.zarr")
    given = ["--random", random]
    scores = folder / "evaluation.zarr"
    commands.evaluation(scores, learnt, blocks, commands.run, *given)
    files = vars(learnt) | {"folder": folder, "random": random}
    return SimpleNamespace(**files, blocks=blocks, evaluation=scores)


@pytest.fixture(scope="module")
def on_gymnasium(learnt, tmp_path_factory) -> SimpleNamespace:
    """The same driven on gymnasium, where candidates have tracks of their own."""
    folder = tmp_path_factory.mktemp("gymnasium")
    files = vars(learnt) | {"folder": folder}
    files["shards"] = [commands.rollouts(folder, 1, "gymnasium", commands.call)]
    options = [
        "--set=environment.backend=gymnasium",
        "--set=controller.common_tracks=false",
    ]
    block = commands.block(folder / "block.zarr", learnt, *options, run=commands.call)
    files["blocks"] = [block]
    out = folder / "evaluation.zarr"
    scores = commands.evaluation(out, learnt, files["blocks"], commands.call)
    return SimpleNamespace(**files, evaluation=scores)


@pytest.fixture(params=BACKENDS)
def backend(request) -> str:
    return request.param


@pytest.fixture
def pipeline(backend, request) -> SimpleNamespace:
    """The pipeline whose cars were driven in `backend`."""
    names = {"simulator": "made", "gymnasium": "on_gymnasium"}
    return request.getfixturevalue(names[backend])


def test_stores_say_where_they_were_driven(pipeline, backend):
    for store in (*pipeline.shards, *pipeline.blocks):
        assert open_artifact(store).config["backend"] == backend
    # The score is gymnasium's wherever the agent comes from.
    assert "backend" not in open_artifact(pipeline.evaluation).config


def test_rollouts_hold_whole_episodes_with_their_seeds(pipeline):
    store = open_artifact(pipeline.shards[-1], "rollouts")
    expected = episode_seeds(Purpose.ROLLOUT, 0, 0, 4, 4)
    np.testing.assert_array_equal(store.read("seed"), expected)
    assert (store.read("length") == 20).all()
    assert not store.read("terminated").any()
    frames = store.read("frames")
    assert frames.std(axis=(1, 2, 3, 4)).min() > 0
    assert len(np.unique(frames[:, 0], axis=0)) == 4  # of four tracks
    actions = store.read("actions")
    assert (actions >= [-1, 0, 0]).all()
    assert (actions <= 1).all()
    assert actions.std(axis=1).min() > 0


def test_both_backends_drive_to_the_same_layout(made, on_gymnasium):
    stores = [open_artifact(p.shards[-1]) for p in (made, on_gymnasium)]
    simulated, real = (
        {
            name: (a.shape, a.dtype, a.chunks, a.metadata.dimension_names)
            for name in store.names()
            for a in [store.array(name)]
        }
        for store in stores
    )
    assert simulated == real
    assert real["frames"][:3] == ((4, 20, 64, 64, 3), np.uint8, (1, 20, 64, 64, 3))
    np.testing.assert_array_equal(*(store.read("seed") for store in stores))


def test_v_keeps_a_few_frames_of_what_it_learnt_from(learnt):
    found, (driven,) = excerpts.read(open_artifact(learnt.vision))
    shards = [open_artifact(path) for path in learnt.shards]
    assert (driven.round, driven.shards, driven.episodes) == (0, 2, 8)
    expected = excerpts.excerpts(excerpts.draw(shards, 0))
    assert [e.seed for e in found] == [e.seed for e in expected]
    for excerpt, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(excerpt.frames, other.frames)
        np.testing.assert_array_equal(excerpt.overview, other.overview)


def test_episodes_of_a_store_share_a_file_an_array(learnt):
    for path, names in ((learnt.shards[0], ["frames"]), (learnt.latents[0], ["mu"])):
        store = open_artifact(path)
        assert [store.attributes["files"][name][0] for name in names] == [2]
        assert all(store.array(name).chunks[0] == 1 for name in names)


def test_a_step_holds_what_was_seen_then_done_then_paid(pipeline, backend):
    """Frame t is before action t, and reward t after it."""
    store = open_artifact(pipeline.shards[-1])
    seed, actions = int(store.read("seed", 2)), store.read("actions", 2)
    again = {"simulator": simulate, "gymnasium": replay}[backend]
    frames, rewards = again(seed, actions)
    # Another program rounds otherwise: a pixel may differ, but no step be taken for
    # the next.
    seen = store.read("frames", 2).astype(int)
    apart = np.abs(seen - frames).mean(axis=(1, 2, 3))
    moved = np.abs(np.diff(seen, axis=0)).mean(axis=(1, 2, 3))
    assert apart.max() < 0.1 * moved.min()
    np.testing.assert_allclose(store.read("rewards", 2), rewards, atol=1e-4)
    assert rewards.max() > 1  # some tile was paid


def replay(seed: int, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drive actions [T, A] in gymnasium; frames [T, 64, 64, 3] and rewards [T]."""
    from worldmodels.environments import EnvironmentSpec
    from worldmodels.rollout import replay

    spec, recorded = EnvironmentSpec("carracing", max_steps=24), iter(actions)
    again = replay.drive(spec, seed, lambda frame: next(recorded), len(actions))
    return again.frames, again.rewards


def simulate(seed: int, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drive actions [T, A] in the simulator; frames [T, 64, 64, 3] and rewards [T]."""
    import jax
    import jax.numpy as jnp

    from worldmodels.environments.carracing import rendering, simulator
    from worldmodels.rollout import in_simulator

    # Four tracks as the shard's, whose program is there; only the first is driven on.
    world = in_simulator.fresh(np.arange(seed, seed + 4))

    @jax.jit
    def drive(world, actions):
        def step(car, action):
            frame = rendering.unpack(simulator.observe(world, car))[0]
            car, reward, _ = simulator.step(world, car, action[None])
            return car, (frame, reward[0])

        return jax.lax.scan(step, simulator.reset(world, jnp.array([0])), actions)[1]

    return tuple(map(np.asarray, drive(world, actions)))


@pytest.mark.slow
def test_a_shard_does_not_depend_on_the_others(pipeline, backend, tmp_path):
    """Half of its episodes in a store of their own are the same episodes."""
    out = tmp_path / "half.zarr"
    sizes = [
        "--set=rollouts.episodes_per_shard=2",
        "--set=rollouts.steps=20",
        *commands.POOL,
    ]
    commands.call(
        "rollouts",
        "--shard=3",
        f"--set=environment.backend={backend}",
        *sizes,
        "--out",
        out,
    )
    half, whole = open_artifact(out), open_artifact(pipeline.shards[-1])
    for name in whole.names():
        np.testing.assert_array_equal(half.read(name), whole.read(name)[2:], name)


def test_latents_are_what_v_sees(made):
    from worldmodels.models import vision
    from worldmodels.stores import networks

    store = open_artifact(made.latents[0], "latents")
    rollouts = open_artifact(made.shards[0], "rollouts")
    model, params = networks.load_vision(open_artifact(made.vision, "vision"))
    mu, logvar = vision.encode(params, model, rollouts.read("frames", 2))
    np.testing.assert_allclose(store.read("mu", 2), mu, atol=2e-3)
    np.testing.assert_allclose(store.read("logvar", 2), logvar, atol=2e-3)
    for name in ("actions", "rewards", "terminated", "length", "seed"):
        np.testing.assert_array_equal(store.read(name), rollouts.read(name))


def test_a_generation_drives_the_same_tracks_and_the_next_one_new_ones(made):
    blocks = [open_artifact(block, "controller") for block in made.blocks]
    seeds = np.concatenate([b.read("track_seed") for b in blocks])
    assert seeds.shape == (6, 2)  # one row a generation: shared by all candidates
    assert len(np.unique(seeds)) == seeds.size
    assert {purpose_of(seed) for seed in seeds.ravel()} == {Purpose.TRAINING}
    selection = blocks[0].read("selection/seed")
    assert {purpose_of(seed) for seed in selection} == {Purpose.SELECTION}


def test_candidates_may_each_drive_tracks_of_their_own(on_gymnasium):
    seeds = open_artifact(on_gymnasium.blocks[0]).read("track_seed")
    assert seeds.shape == (3, 4, 2)  # generation, candidate, track
    assert len(np.unique(seeds)) == seeds.size
    assert {purpose_of(seed) for seed in seeds.ravel()} == {Purpose.TRAINING}


def test_a_block_goes_on_with_the_whole_state_of_the_one_before(made):
    first, second = (open_artifact(block, "controller") for block in made.blocks)
    assert int(first.read("state/cma/generation")) == 3
    assert int(second.read("state/cma/generation")) == 6
    np.testing.assert_array_equal(first.read("selection/generation"), [1, 2, 3])
    np.testing.assert_array_equal(second.read("selection/generation"), [4, 5, 6])
    # One block of six generations is the same search, bit for bit.
    whole = made.folder / "whole.zarr"
    commands.block(
        whole, made, "--set=controller.generations_per_block=6", run=commands.call
    )
    together = open_artifact(whole, "controller")
    for name in ("population", "fitness", "mean", "sigma", "steps"):
        parts = np.concatenate([first.read(name), second.read(name)])
        np.testing.assert_array_equal(together.read(name), parts)


def test_fitness_is_what_the_stored_candidate_drives(pipeline, backend):
    """A score belongs to its parameters and track, and to no luck."""
    block = open_artifact(pipeline.blocks[-1], "controller")
    returns = drive_again(pipeline, block, 1, slice(None), backend)
    fitness = block.read("fitness", 1)
    assert len(np.unique(fitness)) > fitness.shape[1]
    np.testing.assert_allclose(returns, fitness, atol=1e-3)
    # nor to the place that the candidate had among the others
    backwards = drive_again(pipeline, block, 1, slice(None, None, -1), backend)
    np.testing.assert_allclose(backwards, fitness[::-1], atol=1e-3)


def drive_again(made, block, generation: int, order: slice, backend: str) -> np.ndarray:
    """Return what a generation's stored candidates score on its stored tracks."""
    from worldmodels.environments import EnvironmentSpec
    from worldmodels.environments.processes.pool import EnvironmentPool
    from worldmodels.rollout import arenas
    from worldmodels.stores import networks

    agent, weights = networks.load_agent(
        open_artifact(made.vision),
        open_artifact(made.memory),
        block.config,
        block.game,
    )
    steps = int(block.read("steps")[generation])
    population = block.read("population", generation)[order]
    seeds = block.read("track_seed", generation)
    if seeds.ndim == 2:
        seeds = seeds[order]  # each candidate's own
    if backend == "simulator":
        return arenas.simulator(agent, weights)(population, seeds, steps)
    spec = EnvironmentSpec("carracing", max_steps=24)
    with EnvironmentPool(spec, slots=4, workers=1) as pool:
        return arenas.gymnasium(pool, agent, weights)(population, seeds, steps)


def test_the_curriculum_grows_when_the_mean_fitness_improves(made):
    blocks = [open_artifact(block, "controller") for block in made.blocks]
    steps = np.concatenate([b.read("steps") for b in blocks])
    means = np.concatenate([b.read("fitness") for b in blocks]).mean(axis=(1, 2))
    expected, best = [12], -np.inf
    for mean in means[:-1]:
        improved, best = mean > best, max(mean, best)
        expected.append(min(expected[-1] + 6 * improved, 24))
    np.testing.assert_array_equal(steps, expected)


def test_evaluation_drives_the_selected_mean_on_unseen_tracks(pipeline):
    blocks = [open_artifact(block, "controller") for block in pipeline.blocks]
    store = open_artifact(pipeline.evaluation, "evaluation")
    tested = np.concatenate([b.read("selection/returns") for b in blocks]).mean(1)
    means = np.concatenate([b.read("selection/mean") for b in blocks])
    np.testing.assert_array_equal(store.read("controller"), means[tested.argmax()])
    seeds = episode_seeds(Purpose.TEST, 0, 0, 0, 4)
    for driver in ("agent", "random", "simulator"):
        np.testing.assert_array_equal(store.read(f"{driver}/seed"), seeds)
    for driver in ("agent", "random"):
        totals = store.read(f"{driver}/rewards").sum(axis=1)
        np.testing.assert_allclose(store.read(f"{driver}/returns"), totals, rtol=1e-5)


def test_the_random_policy_scored_apart_scores_as_in_an_evaluation(made, on_gymnasium):
    """Bit for bit, though it drives in other slots."""
    given, own = (open_artifact(p.evaluation) for p in (made, on_gymnasium))
    apart = open_artifact(made.random, "random")
    assert given.attributes["inputs"]["random"] == [apart.provenance]
    assert "random" not in own.attributes["inputs"]
    assert apart.names() == given.names("random") == own.names("random")
    for name in apart.names():
        np.testing.assert_array_equal(given.read(name), own.read(name), name)


def test_scores_of_another_random_policy_are_refused(made, tmp_path):
    files = ["--vision", made.vision, "--memory", made.memory, "--random", made.random]
    files += ["--controller", *made.blocks, "--out", tmp_path / "evaluation.zarr"]
    settings = [*commands.ENVIRONMENT, "--set=evaluation.episodes=4"]
    settings += ["--set=evaluation.random_policy=white"]
    sentence = commands.call_refused("evaluation", *settings, *files)
    assert f"{made.random} was made with random_policy network and this" in sentence


def test_damaged_scores_of_the_random_policy_are_refused_before_the_drives(
    made, tmp_path
):
    damaged, log = tmp_path / "random.zarr", tmp_path / "log"
    shutil.copytree(made.random, damaged)
    chunk = damaged / "random" / "returns" / "c.0"
    content = bytearray(chunk.read_bytes())
    content[5] ^= 1
    chunk.write_bytes(content)
    files = ["--vision", made.vision, "--memory", made.memory, "--random", damaged]
    files += ["--controller", *made.blocks, "--out", tmp_path / "evaluation.zarr"]
    settings = [*commands.ENVIRONMENT, "--set=evaluation.episodes=4"]
    sentence = commands.call_refused("evaluation", *settings, *files, "--log", log)
    assert f"{damaged}: array 'random/returns' is damaged" in sentence
    assert "episode_return" not in log.read_text()  # nobody has driven


def test_an_agent_scores_the_same_in_the_simulator_on_the_same_tracks(made):
    """In a short drive the simulator still follows gymnasium to the last tile."""
    store = open_artifact(made.evaluation)
    real, simulated = store.read("agent/returns"), store.read("simulator/returns")
    assert np.ptp(real) > 1  # the tracks pay their tiles differently
    np.testing.assert_allclose(simulated, real, atol=0.01)


def test_a_later_round_is_driven_by_the_controller_of_the_round_before(
    pipeline, backend, tmp_path
):
    out = tmp_path / "round-1.zarr"
    files = ["--vision", pipeline.vision, "--memory", pipeline.memory]
    files += ["--controller", *pipeline.blocks, "--out", out]
    sizes = [
        "--set=rollouts.episodes_per_shard=2",
        "--set=rollouts.steps=20",
        *commands.POOL,
    ]
    options = [
        "--round=1",
        f"--set=environment.backend={backend}",
        "--set=rollouts.action_noise=0.2",
    ]
    commands.call("rollouts", *options, *sizes, *files)
    store = open_artifact(out, "rollouts")
    assert store.config["action_noise"] == 0.2
    actions = store.read("actions")
    assert (actions >= [-1, 0, 0]).all()
    assert (actions <= 1).all()
    # The noise is what shakes the wheel: an agent of such weights keeps it still.
    assert 0.1 < np.diff(actions[..., 0]).std() / np.sqrt(2) < 0.3
