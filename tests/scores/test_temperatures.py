"""The sweep of temperatures: who learns where, and the table against a calculation."""

import json

import numpy as np
import pytest
from support import dream_stores

from worldmodels import cli
from worldmodels.experiment.config import load
from worldmodels.experiment.runs import by_folder, main_run
from worldmodels.experiment.temperatures import folder
from worldmodels.experiment.temperatures import runs as temperature_runs
from worldmodels.report import overview
from worldmodels.report.background import Background
from worldmodels.report.rounds import group
from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import summarise
from worldmodels.scores.temperatures import read
from worldmodels.stages import temperatures as stage
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact, open_artifact

CONFIG = {
    "experiment": "small",
    "memory": {"death_head": True},
    "controller": {"population": 8, "warm_start": True},
    "rounds": [{"memory": {"epochs": 3}}, {}],
    "temperatures": [0, 0.5, 1.15],
    "seed": 3,
    "seeds": [3],
}
OWN = {"train_in": "dream", "temperature": 0.5}


def test_each_temperature_learns_afresh_in_the_last_rounds_dream():
    config = load(CONFIG)
    runs = by_folder(temperature_runs(config))
    places = [f"small/temperatures/{t}" for t in ("0.0", "0.5", "1.15")]
    found = [folder(config, t, 3) for t in config.temperatures]
    assert found == places == list(runs)
    for temperature, run in zip(config.temperatures, runs.values(), strict=True):
        assert run.config.run == config.run
        first, last = run.config.rounds
        assert first == config.rounds[0]
        dreaming = {
            "train_in": "dream", "temperature": temperature, "warm_start": False,
        }  # fmt: skip
        before = config.rounds[1]
        expected = before.changed(controller=dreaming)
        assert last == expected
        for name in ("rollouts", "vision", "latents", "memory"):
            assert run.home(name, 1) == "small"
        for name in ("controller", "evaluation"):
            assert run.home(name, 0) == "small"
            assert run.home(name, 1) == run.config.experiment


def test_each_seed_learns_in_the_dream_of_its_own_training():
    """The experiment's own seed too, which is not among the seeds: its report asks."""
    config = load(CONFIG | {"temperatures": [0.5], "seeds": [7, 1]})
    runs = by_folder(temperature_runs(config))
    place = "small/seeds/seed-{}/temperatures/0.5"
    assert list(runs) == ["small/temperatures/0.5", place.format(7), place.format(1)]
    for seed, run in zip((3, 7, 1), runs.values(), strict=True):
        assert run.config.run.seed == seed
        trained = "small" if seed == 3 else f"small/seeds/seed-{seed}"
        assert run.home("memory", 1) == trained
        assert run.home("controller", 1) == run.folder


@pytest.mark.parametrize(
    ("change", "shared"),
    [
        ({"warm_start": False}, True),
        ({"warm_start": False, "temperature": 0.6}, False),
        ({"warm_start": False, "train_in": "environment"}, False),
        ({"warm_start": True}, False),
    ],
)
def test_the_experiments_own_controller_is_taken_where_it_is_the_same(change, shared):
    config = load({**CONFIG, "controller": OWN | change})
    assert (folder(config, 0.5, 3) == "small") == shared
    assert (folder(config, 0.5, 8) == "small/seeds/seed-8") == shared
    assert len(list(temperature_runs(config))) == 3 - shared


def test_without_temperatures_there_is_the_experiment_alone():
    config = load({})
    assert config.temperatures == ()
    assert list(by_folder([main_run(config), *temperature_runs(config)])) == ["default"]


RETURNS = {
    1.0: ([90, 40, 20], [35, 30, 61]),
    0.1: ([100, 100, 100], [10, 20, 18]),
}
RANDOM = [21, 9, 12]


def scores(
    path,
    temperature: float,
    memory: Artifact,
    first: int = 0,
    seed: int = 0,
    more: float = 0.0,
) -> Artifact:
    """Write an evaluation of a controller that learnt at a temperature.

    Args:
        more: is added to the returns.
    """
    dreamt, played = (np.array(returns) + more for returns in RETURNS[temperature])
    config = {"environment": "takecover", "temperature": temperature, "round": 0}
    config["seed"] = seed
    seeds = np.arange(first, first + 3)
    with publication.create(
        path, "evaluation", config=config, inputs={"memory": memory}, stage_version=1
    ) as store:
        for name, returns in (("dream", dreamt), ("agent", played), ("random", RANDOM)):
            store.write(f"{name}/returns", np.array(returns, np.float32), ["episode"])
            store.write(f"{name}/seed", seeds, ["episode"])
    return open_artifact(path)


@pytest.fixture
def swept(tmp_path, stores):
    return [scores(tmp_path / f"{t}.zarr", t, stores.memory) for t in RETURNS]


def told(temperature: float, of: str) -> str:
    """Return an interval as the table tells it."""
    dreamt, played = map(np.array, RETURNS[temperature])
    values = {"dream": dreamt, "game": played, "gap": dreamt - played}[of]
    found, sign = summarise(values), "+" if of == "gap" else ""
    return f"{found.low:{sign}.1f} to {found.high:{sign}.1f}"


def test_the_table_is_the_returns_by_temperature(swept, tmp_path, capsys):
    out = tmp_path / "new" / "table.txt"
    stage.run(stores=[store.path for store in swept], out=out)
    lines = [" ".join(line.split()) for line in out.read_text().splitlines()]
    assert lines[0] == (
        "temperature dream 95 % interval game 95 % interval std "
        "dream - game 95 % interval"
    )
    # 10, 20, 18: mean 16, variance 28; 35, 30, 61: mean 42, variance 277.
    cool, warm, random = lines[1:4]
    assert cool.startswith(f"0.1 100.0 100.0 to 100.0 16.0 {told(0.1, 'game')} 5.3 ")
    assert cool.endswith(f" +84.0 {told(0.1, 'gap')}")
    assert warm.startswith(
        f"1 50.0 {told(1.0, 'dream')} 42.0 {told(1.0, 'game')} 16.6 "
    )
    assert warm.endswith(f" +8.0 {told(1.0, 'gap')}")
    chance = summarise(np.array(RANDOM))
    assert random == f"random policy 14.0 {chance.low:.1f} to {chance.high:.1f} 6.2"
    assert "over 3 unseen seeds" in lines[5]
    assert (
        "survival in tics in the dream that each learnt in and in ViZDoom" in lines[5]
    )
    assert capsys.readouterr().out == out.read_text()


def test_the_json_holds_every_return_and_what_is_said_of_them(swept, tmp_path):
    files = [str(store.path) for store in swept]
    out = tmp_path / "table.txt"
    assert cli.main(["temperatures", *files, "--out", str(out)]) == 0
    data = json.loads(out.with_suffix(".json").read_text())
    found = data["temperatures"]
    assert [row["temperature"] for row in found] == sorted(RETURNS)
    for row in found:
        dreamt, played = map(np.array, RETURNS[row["temperature"]])
        for name, returns in (("dream", dreamt), ("game", played)):
            assert row[name]["returns"] == [returns.tolist()]
            assert row[name]["mean"] == pytest.approx(returns.mean())
            assert row[name]["std"] == pytest.approx(returns.std(ddof=1))
        expected = summarise(dreamt - played)
        gap = row["difference"]
        assert (gap["low"], gap["high"]) == (expected.low, expected.high)
        assert gap["mean"] == pytest.approx((dreamt - played).mean())
    assert data["random"]["mean"] == pytest.approx(14)


def test_several_seeds_count_as_one_each(swept, stores, tmp_path):
    """Of seed 5 everything is 30 more, and M is another."""
    given = [
        scores(tmp_path / f"5-{t}.zarr", t, stores.vision, seed=5, more=30)
        for t in RETURNS
    ]
    out = tmp_path / "table.txt"
    stage.run(stores=[store.path for store in (*given, *swept)], out=out)
    lines = [" ".join(line.split()) for line in out.read_text().splitlines()]
    half = 12.7062 * 15  # Student's, of two means that are 30 apart
    cool, warm, random = lines[1:4]
    # 10, 20, 18 have the mean 16 and the variance 28.
    assert cool == (
        f"0.1 115.0 {115 - half:.1f} to {115 + half:.1f} "
        f"31.0 {31 - half:.1f} to {31 + half:.1f} 5.3 +84.0 +84.0 to +84.0"
    )
    assert warm.startswith("1 65.0 ")
    assert random.startswith("random policy 14.0 ")
    assert "2 trainings, of the seeds 0, 5" in out.read_text()
    data = json.loads(out.with_suffix(".json").read_text())
    assert data["seeds"] == [0, 5]
    assert data["temperatures"][0]["game"]["mean_of_seed"] == [16, 46]


def test_what_cannot_be_compared_is_refused(swept, stores, tmp_path):
    m_store = stores.memory
    other = scores(tmp_path / "tracks.zarr", 0.1, m_store, first=5)
    with pytest.raises(UserError, match="scored on other tracks than"):
        read([swept[0], other])
    again = scores(tmp_path / "again.zarr", 0.1, m_store)
    with pytest.raises(UserError, match="are of the same temperature and seed"):
        read([*swept, again])
    seeded = scores(tmp_path / "seeded.zarr", 0.1, m_store, seed=1)
    with pytest.raises(UserError, match=r"the seeds \[0\] and .* with \[0, 1\]"):
        read([*swept, seeded])
    stranger = scores(tmp_path / "stranger.zarr", 0.1, stores.vision)
    with pytest.raises(UserError, match="was dreamt by another M than"):
        read([swept[0], stranger])
    with pytest.raises(UserError, match="learnt in the game"):
        read([*swept, stores.evaluation])
    with pytest.raises(UserError, match="needs at least one"):
        read([])


def test_the_report_has_the_table_and_its_picture(swept, stores):
    with Background() as background:
        given = group([*stores.controller]), background, lambda: None
        page = overview.html(*given, read(swept))
    section = page[page.index('<section id="temperatures"') :].split("</section>")[0]
    cells = ("0.1", "100.0", "100.0 to 100.0", "16.0", "5.3", "+84.0", "random policy")
    for cell in cells:
        assert f">{cell}</td>" in section
    assert "at 0.1 100.0 in the dream and 16.0 in the game" in section
    assert "data:image/svg+xml;base64," in section
    assert 'href="#temperatures"' in page
    with Background() as background:
        without = overview.html(group([*stores.controller]), background, lambda: None)
    assert 'id="temperatures"' not in without


@pytest.mark.slow
def test_controllers_of_two_temperatures_by_the_real_stages(tmp_path):
    """Learnt in the dream of one M and scored; the lower row is the cooler dream's."""
    made = dream_stores.make(tmp_path)
    found = []
    for temperature in (1.3, 0.2):
        settings = dream_stores.SETTINGS.changed(temperature=temperature)
        place = tmp_path / str(temperature)
        block = dream_stores.evolve(made, place, settings=settings)
        found.append(dream_stores.evaluate(made, [block], place / "evaluation.zarr"))
    cool, warm = read(found).scores
    assert (cool.temperature, warm.temperature) == (0.2, 1.3)
    np.testing.assert_array_equal(cool.dreamt, [found[1].read("dream/returns")])
    np.testing.assert_array_equal(warm.played, [found[0].read("agent/returns")])
