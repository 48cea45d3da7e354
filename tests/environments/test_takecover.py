"""TakeCover: the game, its seeds, and engines that die when and only when they should.

The independent reference is ViZDoom itself with the settings file that it comes with.
"""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.mounts import mounted
from support.processes import alive, children, wait_until

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.frames import preprocess
from worldmodels.environments.games import TAKECOVER, V0, game_of
from worldmodels.environments.processes.episodes import Episode, run
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import Purpose, engine_seed, episode_seeds

vizdoom = pytest.importorskip(
    "vizdoom", reason="the game is not installed: pip install --editable '.[doom]'"
)

from worldmodels.environments import takecover  # noqa: E402

ROOT = Path(__file__).parents[2]
SPEC = EnvironmentSpec("takecover", max_steps=60)
SEEDS = [int(episode_seeds(purpose, 3, 1, 5, 1)[0]) for purpose in Purpose]


def moves(seed, count):
    """Return raw actions [count, 1] that use the whole range, its thirds included."""
    rng = np.random.default_rng(seed)
    edges = [-1, -0.34, -0.33, 0, 0.33, 0.34, 1]
    return rng.choice(edges, (count // 6, 1)).repeat(6, axis=0).astype(np.float32)


@pytest.fixture
def environment():
    environment = takecover.make()
    yield environment
    environment.close()


def play(environment, seed, steps=60):
    """Return the frames and rewards of an episode's first steps."""
    frames, rewards = [environment.reset(seed=seed)[0]], []
    for action in moves(seed, steps):
        frame, reward, died, *_ = environment.step(action)
        frames.append(frame)
        rewards.append(reward)
        if died:
            break
    return np.array(frames), rewards


def test_a_seed_gives_the_same_episode_first_last_and_after_any_other(environment):
    expected = {seed: play(environment, seed) for seed in SEEDS}
    assert len({frames.tobytes() for frames, _ in expected.values()}) == len(SEEDS)
    other = takecover.make()
    play(other, 7, steps=12)  # and break it off
    for seed in reversed(SEEDS):
        frames, rewards = play(other, seed)
        np.testing.assert_array_equal(frames, expected[seed][0])
        assert rewards == expected[seed][1]
    other.close()


def original(seed, actions):
    """Play with ViZDoom's settings at the original's size: frames, worth and deaths.

    A frame is the first 400 of 480 rows, at 64x64.
    """
    game = vizdoom.DoomGame()
    game.load_config(os.path.join(vizdoom.scenarios_path, "take_cover.cfg"))
    game.set_screen_resolution(vizdoom.ScreenResolution.RES_640X480)
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_render_hud(True)
    game.set_render_weapon(False)
    game.set_window_visible(False)
    game.init()
    game.set_seed(seed)
    game.new_episode()
    for move in actions[:, 0]:
        frame = Image.fromarray(game.get_state().screen_buffer[:400])
        small = frame.resize((64, 64), Image.Resampling.BILINEAR)
        worth = game.make_action([bool(move < -1 / 3), bool(move > 1 / 3)])
        yield np.asarray(small, float), worth, game.is_player_dead()
        if game.is_episode_finished():
            break
    game.close()


def test_the_game_is_vizdooms_to_the_death(environment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # ViZDoom by itself leaves files where it is
    seed, actions = SEEDS[0], moves(1, 2100)
    played = list(original(engine_seed(seed), actions))
    frame, _ = environment.reset(seed=seed)
    total, differences = 0.0, []
    for (expected, worth, dead), action in zip(played, actions, strict=False):
        seen = preprocess(frame, TAKECOVER.view)
        differences.append(np.abs(seen - expected).mean())
        before = frame
        frame, reward, died, truncated, _ = environment.step(action)
        assert (reward, died, truncated) == (worth, dead, False)
        total += reward
    assert died
    assert total == len(played)  # one a tic, that of the death too
    np.testing.assert_array_equal(frame, before)  # there is none after it
    # In grey levels 3.1; a row less or more makes it 3.9, blue for red 7.5.
    assert np.median(differences) < 3.5


def test_in_v0s_view_the_picture_is_the_originals(tmp_path, monkeypatch):
    """And then stretched and lowered, as the published frames are in the mean."""
    monkeypatch.chdir(tmp_path)
    environment, actions = takecover.make(view=V0), moves(1, 18)
    view = game_of("takecover", V0).view
    plain = view._replace(stretched=False, lowered=False)
    frame, _ = environment.reset(seed=SEEDS[0])
    assert frame.shape == environment.observation_space.shape == (480, 640, 3)
    differences, seen = [], []
    played = original(engine_seed(SEEDS[0]), actions)
    for (expected, *_), action in zip(played, actions, strict=True):
        differences.append(np.abs(preprocess(frame, plain) - expected).mean())
        seen.append(preprocess(frame, view).mean((0, 1)))
        frame, *_ = environment.step(action)
    environment.close()
    assert np.median(differences) < 0.1  # v3's is 3.1
    np.testing.assert_allclose(np.mean(seen, axis=0), [95.0, 89.8, 85.3], atol=5)


def test_running_out_of_steps_is_no_death():
    environment = takecover.make(max_steps=5)
    environment.reset(seed=1)
    ends = [environment.step(np.zeros(1, np.float32))[2:4] for _ in range(5)]
    environment.close()
    assert ends == [(False, False)] * 4 + [(False, True)]


def test_chance_survives_as_long_as_published(environment):
    """With an action drawn each tic: 210 +- 108 tics, so 30 episodes give +- 20."""
    total = 0
    for seed in range(30):
        rng, died = np.random.default_rng(seed), False
        environment.reset(seed=seed)
        while not died:
            *_, died, _, _ = environment.step(rng.uniform(-1, 1, 1))
            total += 1
    assert 150 < total / 30 < 270


def test_a_folder_that_may_hold_no_programs_is_named(tmp_path, monkeypatch):
    with mounted(tmp_path / "temporary", "noexec,size=1m") as place:
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        with pytest.raises(
            UserError, match=rf"^{place} may not hold programs .*TMPDIR"
        ):
            takecover.make()
        assert not list(place.iterdir())


class Mover:
    """Each episode's own moves, whatever it sees."""

    def __init__(self, slots):
        self._moves = [None] * slots
        self._step = np.zeros(slots, int)

    def start(self, slot, episode):
        self._moves[slot], self._step[slot] = moves(episode.seed, 60), 0

    def act(self, frames, active):
        actions = np.zeros((len(active), 1), np.float32)
        for slot in np.flatnonzero(active):
            actions[slot] = self._moves[slot][self._step[slot]]
        self._step += active
        return actions


EPISODES = list(map(Episode, SEEDS, (40, 60, 25, 50)))


def drive(workers, fault=None, **kwargs):
    """Run the episodes; `fault(pool)` happens in the fifth step."""
    policy = Mover(slots=3)
    with EnvironmentPool(SPEC, slots=3, workers=workers, **kwargs) as pool:
        act, calls = policy.act, iter(range(1000))

        def faulty(frames, active):
            if next(calls) == 5 and fault:
                fault(pool)
            return act(frames, active)

        policy.act = faulty
        results = list(run(pool, policy, EPISODES, record=True))
    return sorted(results, key=lambda result: result.index)


@pytest.fixture(scope="module")
def expected():
    return drive(workers=1)


def engines(pids):
    """Return the engines of these workers."""
    return [engine for pid in pids for engine in children(pid)]


def assert_equal(results, expected):
    for result, other in zip(results, expected, strict=True):
        assert result.terminated == other.terminated
        np.testing.assert_array_equal(result.rewards, other.rewards)
        np.testing.assert_array_equal(result.frames, other.frames)


def test_episodes_are_the_same_with_any_number_of_workers(expected):
    assert [result.length for result in expected] == [40, 60, 25, 50]
    assert_equal(drive(workers=3), expected)


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_an_engine_that_dies_or_hangs_is_replaced_and_its_episode_played_again(
    fault, expected
):
    broken = []

    def break_one(pool):
        broken.extend(engines(pool.pids)[:1])
        os.kill(broken[0], fault)

    assert_equal(drive(workers=2, fault=break_one, deadline=4), expected)
    assert wait_until(lambda: not alive(broken[0]))


def test_an_environment_alone_starts_another_engine(environment):
    frames, rewards = play(environment, 5)
    (engine,) = children(os.getpid())
    os.kill(engine, signal.SIGKILL)
    with pytest.raises(vizdoom.ViZDoomErrorException):
        environment.step(np.zeros(1, np.float32))
    again, same = play(environment, 5)
    np.testing.assert_array_equal(again, frames)
    assert same == rewards


PARENT = """
import numpy as np
from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.processes.pool import EnvironmentPool

with EnvironmentPool(EnvironmentSpec("takecover"), slots=2, workers=2) as pool:
    pool.reset([0, 1], [0, 1])
    print(*pool.pids, flush=True)
    input()
    print(pool.step(np.zeros((2, 1)), np.ones(2, bool)).lost.tolist(), flush=True)
    input()
"""
# Python imports a module of this name when it starts: in the workers too.
WITHOUT_DEATH_SIGNALS = """
import worldmodels.environments.takecover.engine as engine
import worldmodels.environments.worker as worker

engine._LAST_SIGNAL = 0
worker._PR_SET_PDEATHSIG = 0  # no operation of prctl
"""


@pytest.fixture(params=["with", "without"])
def parent(request, tmp_path):
    """A process that plays, with Linux's signals at a parent's death or without."""
    (tmp_path / "temporary").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    if request.param == "without":
        (tmp_path / "sitecustomize.py").write_text(WITHOUT_DEATH_SIGNALS)
        environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{ROOT}"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path / "temporary",
    )
    yield process
    process.kill()
    process.communicate()


def workers_of(parent):
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == len(engines(workers)) == 2
    return workers


def instance_of(engine):
    """Return the name that an engine was given for its shared memory."""
    words = Path(f"/proc/{engine}/cmdline").read_text().split("\0")
    instance = words[words.index("+viz_instance_id") + 1]
    assert len(instance) > 8  # so that no other game's is like it
    return instance


def test_engines_die_with_a_parent_that_is_killed(parent, tmp_path):
    workers = workers_of(parent)
    everyone = workers + engines(workers)
    instances = [instance_of(engine) for engine in engines(workers)]
    parent.kill()
    assert wait_until(lambda: not any(map(alive, everyone)))
    # Nothing is left: no file of settings, no folder, no shared memory.
    assert not list((tmp_path / "temporary").iterdir())
    for instance in instances:
        assert not list(Path("/dev/shm").glob(f"*{instance}*"))


def test_an_engine_dies_with_a_worker_that_is_killed(parent):
    workers = workers_of(parent)
    engine, other = engines(workers)
    os.kill(workers[0], signal.SIGKILL)
    parent.stdin.write("\n")
    parent.stdin.flush()
    assert parent.stdout.readline() == "[True, False]\n"
    assert wait_until(lambda: not alive(engine))
    assert alive(other)


def test_an_engine_dies_with_a_stopped_worker_when_the_pool_is_closed():
    with EnvironmentPool(SPEC, slots=2, workers=2) as pool:
        pool.reset([0, 1], [0, 1])
        everyone = pool.pids + engines(pool.pids)
        os.kill(pool.pids[0], signal.SIGSTOP)
        os.kill(pool.pids[1], signal.SIGKILL)
    assert len(everyone) == 4
    assert wait_until(lambda: not any(map(alive, everyone)))
