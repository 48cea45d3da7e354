"""Which artifacts each job reads, worked out without Snakemake."""

import re

import pytest

from worldmodels.experiment import ablations, paths, seeds, temperatures
from worldmodels.experiment.config import load
from worldmodels.experiment.runs import PipelineRun, by_folder, main_run

# Two shards and two blocks a round.
SMALL = {
    "experiment": "small",
    "rounds": 3,
    "rollouts": {"episodes": 4, "episodes_per_shard": 2},
    "memory": {"batch_size": 2, "death_head": True},
    "controller": {"generations": 4, "generations_per_block": 2, "select_every": 2},
}
ACCUMULATES = {"rollouts": SMALL["rollouts"] | {"accumulate": True}}
DREAMS = {"controller": SMALL["controller"] | {"train_in": "dream"}}


def run_of(**changes) -> PipelineRun:
    return main_run(load(SMALL | changes))


def short(found: list[str], run: str = "small") -> list[str]:
    """Return the ends of paths of a run, without what they have in common."""
    place = f"results/{run}/round-"
    assert all(path.startswith(place) and path.endswith(".zarr") for path in found)
    return [path.removeprefix(place).removesuffix(".zarr") for path in found]


def test_a_round_learns_from_its_own_rollouts_alone():
    run = run_of()
    assert short(paths.rollouts(run, 1)) == [
        "1/rollouts/shard-000",
        "1/rollouts/shard-001",
    ]
    assert paths.vision_data(run, 1) == paths.rollouts(run, 1)
    assert short(paths.memory_data(run, 1)) == [
        "1/latents/shard-000",
        "1/latents/shard-001",
    ]


def test_a_round_that_accumulates_learns_from_all_rollouts_by_its_own_v():
    run = run_of(**ACCUMULATES)
    assert short(paths.vision_data(run, 2)) == [
        f"{source}/rollouts/shard-00{k}" for source in (2, 0, 1) for k in (0, 1)
    ]
    assert short(paths.memory_data(run, 2)) == [
        f"2/latents/{source}shard-00{k}"
        for source in ("", "round-0-", "round-1-")
        for k in (0, 1)
    ]
    assert paths.memory_data(run, 0) == paths.memory_data(run_of(), 0)


@pytest.mark.parametrize(
    ("vision", "since"),
    [
        ({"warm_start": True, "epochs": 0}, 0),
        ({"warm_start": True, "epochs": 1}, 2),  # it learns, and is another V
        ({"warm_start": False, "epochs": 0}, 2),  # it is drawn anew
    ],
)
def test_a_v_that_stays_is_the_v_of_the_first_round_that_had_it(vision, since):
    assert paths.vision_since(run_of(vision=vision), 2) == since


def test_latents_of_a_v_that_stays_are_not_made_again():
    """V is another from round 1 on, and round 2 keeps the V of round 1."""
    stays = {"vision": {"warm_start": True, "epochs": 0}}
    run = run_of(**ACCUMULATES, rounds=[{}, {}, stays])
    assert short(paths.memory_data(run, 2)) == [
        f"{name}shard-00{k}"
        for name in ("2/latents/", "1/latents/round-0-", "1/latents/")
        for k in (0, 1)
    ]


def test_later_rounds_are_driven_by_the_whole_agent_of_the_round_before():
    run = run_of()
    assert paths.driver(run, 0) == {}
    driver = paths.driver(run, 2)
    assert short([driver["vision"], driver["memory"]]) == ["1/vision", "1/memory"]
    blocks = ["1/controller/block-0000", "1/controller/block-0001"]
    assert short(driver["controller"]) == blocks


@pytest.mark.parametrize("part", ["vision", "memory", "controller"])
def test_a_warm_start_takes_the_part_of_the_round_before(part):
    starts = {
        "vision": paths.vision_start,
        "memory": paths.memory_start,
        "controller": lambda run, round: paths.controller_start(run, round, 0),
    }
    run = run_of(**{part: {**SMALL.get(part, {}), "warm_start": True}})
    for name, start in starts.items():
        assert start(run, 0) == []
        assert bool(start(run, 1)) == (name == part)
    (taken,) = {re.sub(r"/block-\d+", "", path) for path in starts[part](run, 2)}
    assert taken.removesuffix(".zarr") == f"results/small/round-1/{part}"


def test_blocks_follow_each_other_and_only_the_first_starts_from_another_round():
    run = run_of(controller=SMALL["controller"] | {"warm_start": True})
    assert paths.controller_start(run, 1, 0) == paths.blocks(run, 0)
    assert paths.controller_start(run, 1, 1) == []
    assert paths.previous_block(run, 1, 0) == []
    assert paths.previous_block(run, 1, 1) == paths.blocks(run, 1)[:1]


def test_dreams_begin_at_the_latents_that_m_learnt_from():
    assert paths.dream_starts(run_of(**ACCUMULATES), 1) == []
    run = run_of(**ACCUMULATES, **DREAMS)
    assert paths.dream_starts(run, 1) == paths.memory_data(run, 1)


def test_the_run_of_an_ablation_reads_what_its_seeds_training_made():
    """Until its first change; the rounds after that are its own."""
    config = load(SMALL | DREAMS | {"seed": 4, "seeds": [4, 5]})
    runs = by_folder(ablations.runs(config))
    for seed, base in ((4, "small"), (5, "small/seeds/seed-5")):
        trained = seeds.run_of(config, seed)
        names = ("untrained_memory", "sampled_z")
        untrained, sampled = (f"small/ablations/{n}/seed-{seed}" for n in names)
        run = runs[untrained]
        assert paths.vision(run, 0) == paths.VISION.format(run=base, round=0)
        assert paths.memory(run, 0) == paths.MEMORY.format(run=untrained, round=0)
        assert paths.memory_data(run, 0) == paths.memory_data(trained, 0)
        assert paths.dream_starts(run, 0) == paths.dream_starts(trained, 0) != []
        assert paths.vision(run, 1) == paths.VISION.format(run=untrained, round=1)
        assert short(paths.rollouts(run, 1), untrained) == [
            "1/rollouts/shard-000",
            "1/rollouts/shard-001",
        ]
        run = runs[sampled]
        assert paths.memory(run, 0) == paths.memory(trained, 0)
        assert short(paths.blocks(run, 0), sampled) == [
            "0/controller/block-0000",
            "0/controller/block-0001",
        ]
        assert paths.memory(run, 2) == paths.MEMORY.format(run=sampled, round=2)
    assert ablations.evaluations(config, "sampled_z") == [
        f"results/small/ablations/sampled_z/seed-{seed}/round-2/evaluation.zarr"
        for seed in (4, 5)
    ]
    assert ablations.evaluations(config, "baseline") == [
        f"results/small/{place}round-2/evaluation.zarr"
        for place in ("", "seeds/seed-5/")
    ]


def test_an_ablation_that_accumulates_learns_from_the_lent_rounds_too():
    """V of round 1 is its own and sees the lent rollouts; round 2 keeps that V."""
    stays = {"vision": {"warm_start": True, "epochs": 0}}
    config = load(SMALL | ACCUMULATES | {"rounds": [{}, {}, stays], "seeds": [0]})
    run = by_folder(ablations.runs(config))["small/ablations/z/seed-0"]
    own, lent = "results/small/ablations/z/seed-0", "results/small"
    assert paths.vision_data(run, 1) == [
        f"{place}/rollouts/shard-00{k}.zarr"
        for place in (f"{own}/round-1", f"{lent}/round-0")
        for k in (0, 1)
    ]
    assert short(paths.memory_data(run, 2), "small/ablations/z/seed-0") == [
        f"{name}shard-00{k}"
        for name in ("2/latents/", "1/latents/round-0-", "1/latents/")
        for k in (0, 1)
    ]
    assert paths.vision_start(run, 2) == [f"{own}/round-1/vision.zarr"]


def test_an_ablation_of_a_v_that_stays_uses_the_lent_latents():
    """Its V of round 1 starts from the lent one, and is that V."""
    stays = {"vision": {"warm_start": True, "epochs": 0}}
    config = load(SMALL | ACCUMULATES | {"rounds": [{}, stays], "seeds": [0]})
    run = by_folder(ablations.runs(config))["small/ablations/z/seed-0"]
    own, lent = "results/small/ablations/z/seed-0", "results/small"
    assert paths.memory_data(run, 1) == [
        f"{place}/latents/shard-00{k}.zarr"
        for place in (f"{own}/round-1", f"{lent}/round-0")
        for k in (0, 1)
    ]
    assert paths.vision_start(run, 1) == [f"{lent}/round-0/vision.zarr"]


def test_an_ablation_begins_where_it_changes_something():
    """Not in a round whose settings are those of the ablation already."""
    rounds = [{"controller": {"inputs": "z"}}, {}]
    config = load(SMALL | {"rounds": rounds, "seeds": [0]})
    run = by_folder(ablations.runs(config))["small/ablations/z/seed-0"]
    assert run.first == (1, "controller")
    assert paths.driver(run, 1) == paths.driver(main_run(config), 1)


def test_the_run_of_a_seed_makes_all_but_what_no_seed_decides():
    config = load(SMALL | {"seed": 3, "seeds": [3, 1]})
    (run,) = seeds.runs(config)
    assert run.config.run.seed == 1
    assert run.config.rounds == config.rounds
    for round in run.rounds:
        made = [*paths.rollouts(run, round), *paths.report_stores(run)]
        assert all(path.startswith("results/small/seeds/seed-1/") for path in made)
        assert paths.random(run, round) == paths.random(main_run(config), round)
    assert seeds.run_of(config, 3) == main_run(config)
    assert seeds.evaluations(config) == [
        f"results/small/{place}round-2/evaluation.zarr"
        for place in ("", "seeds/seed-1/")
    ]
    compared = seeds.stores(config)
    assert list(compared) == [3, 1]
    for seed, stores in compared.items():
        trained = seeds.run_of(config, seed)
        earlier = {paths.evaluation(trained, round) for round in (0, 1)}
        assert {*paths.report_stores(trained)} - {*stores} == earlier


def test_the_run_of_a_temperature_reads_the_last_round_of_the_experiment():
    more = {"temperatures": [0.5], "seeds": [0, 6]}
    config = load(SMALL | ACCUMULATES | more)
    (run, seeded), main = temperatures.runs(config), main_run(config)
    assert paths.vision(run, 2) == paths.vision(main, 2)
    assert paths.memory(run, 2) == paths.memory(main, 2)
    assert paths.dream_starts(run, 2) == paths.memory_data(main, 2)
    assert short(paths.blocks(run, 2), "small/temperatures/0.5") == [
        "2/controller/block-0000",
        "2/controller/block-0001",
    ]
    assert temperatures.of_the_report(config) == [paths.evaluation(run, 2)]
    trained = seeds.run_of(config, 6)
    assert paths.memory(seeded, 2) == paths.memory(trained, 2)
    assert seeded.folder == "small/seeds/seed-6/temperatures/0.5"
    expected = [paths.evaluation(some, 2) for some in (run, seeded)]
    assert temperatures.evaluations(config) == expected


def test_the_random_policy_is_scored_once_for_all_that_ask_for_the_same():
    """Every run and every round of the same game, tracks and policy."""
    more = {"seeds": [4, 5], "temperatures": [0.5]}
    other = {"evaluation": {"episodes": 7}}
    rounds = [{}, {"environment": {"slots": 3}}, other]
    config = load(SMALL | more | {"rounds": rounds})
    main = main_run(config)
    first, last = (paths.RANDOM.format(run="small", round=n) for n in (0, 2))
    assert [paths.random(main, n) for n in main.rounds] == [first, first, last]
    others = [*seeds.runs(config), *ablations.runs(config)]
    assert {paths.random(run, 0) for run in others} == {first}
    assert {paths.random(run, 2) for run in others} == {last}
    dreaming = temperatures.runs(config)
    assert {paths.random(run, 2) for run in dreaming} == {last}


def test_shards_and_blocks_past_the_usual_digits_stay_apart():
    rollouts = {"episodes": 2400, "episodes_per_shard": 2}
    controller = {"generations": 11_000, "generations_per_block": 1, "select_every": 1}
    run = run_of(rollouts=rollouts, controller=controller)
    shards, blocks = paths.rollouts(run, 0), paths.blocks(run, 0)
    assert len(set(shards)) == 1200
    assert short(shards)[-1] == "0/rollouts/shard-1199"
    assert len(set(blocks)) == 11_000
    assert short(blocks)[-1] == "0/controller/block-10999"


def test_the_report_reads_every_store_once_and_no_rollouts():
    stays = {"vision": {"warm_start": True, "epochs": 0}}
    run = run_of(**ACCUMULATES, rounds=[{}, stays])
    found = short(paths.report_stores(run))
    assert sorted(found) == sorted(
        f"{round}/{store}"
        for round in (0, 1)
        for store in (
            "vision", "latents/shard-000", "latents/shard-001", "memory",
            "controller/block-0000", "controller/block-0001", "evaluation",
        )
    )  # fmt: skip
