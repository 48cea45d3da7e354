"""Stores that do not belong together are refused by every stage, before its work.

Each sentence names two of them.
"""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support import commands, damage, dream_stores, small_store, synthetic

from worldmodels.experiment.settings import Run
from worldmodels.experiment.stage_settings import as_json
from worldmodels.report.rounds import group
from worldmodels.runtime.errors import UserError
from worldmodels.stores import neighbours
from worldmodels.stores.artifact import ArtifactError, open_artifact
from worldmodels.stores.lineage import check_all_inputs, check_goes_on

RUN = [
    "--workers=2",
    "--set=controller.select_every=2",
    "--set=controller.initial_steps=0",
]


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """The stores of another round: everything in it is of other parents."""
    return synthetic.make_round(tmp_path_factory.mktemp("others"), 1)


@pytest.fixture
def refused(tmp_path):
    """Run a stage on stores; it must name both strangers, and leave nothing."""

    def run(stage, one, other, *arguments):
        files = ["--out", tmp_path / "out"]
        if stage in ("vision", "memory", "controller"):
            files += ["--checkpoint", tmp_path / "c"]
        sentence = commands.call_refused(stage, *arguments, *files)
        assert str(one.path) in sentence
        assert str(other.path) in sentence
        assert not (tmp_path / "out").exists()
        return sentence

    return run


def agent(vision, memory, controller):
    """Return the options that give an agent's stores."""
    blocks = [block.path for block in controller]
    files = ["--vision", vision.path, "--memory", memory.path]
    return [*files, "--controller", *blocks]


@pytest.mark.parametrize("stage", ["evaluation", "rollouts", "export"])
def test_an_agent_of_two_trainings_is_refused(stores, others, refused, stage):
    round = [] if stage == "export" else ["--round=1"]
    own = {"vision": stores.vision, "memory": stores.memory}
    blocks = stores.controller
    for kind in own:
        given = own | {kind: getattr(others, kind)}
        stranger = given[kind]
        refused(stage, blocks[0], stranger, *round, *agent(**given, controller=blocks))
    mixed = [blocks[0], others.controller[1]]
    sentence = refused(stage, *mixed, *round, *agent(**own, controller=mixed))
    assert "does not go on from" in sentence


@pytest.mark.parametrize("stage", ["evaluation", "rollouts"])
def test_blocks_are_one_search_from_its_beginning(stores, refused, stage):
    first, second = stores.controller
    given = [
        "--round=1",
        "--vision",
        stores.vision.path,
        "--memory",
        stores.memory.path,
    ]
    sentence = refused(stage, second, second, *given, "--controller", second.path)
    assert "is block 1; give the blocks of one search in their order" in sentence
    refused(stage, first, first, *given, "--controller", first.path, first.path)
    thrice = [first.path, second.path, second.path]
    refused(stage, second, second, *given, "--controller", *thrice)


def going_on(stores, *options):
    """Return the options of the block after block 0."""
    settings = as_json("controller", Run(), synthetic.SETTINGS, 0)
    previous = ["--previous", stores.controller[0].path]
    return ["--block=1", *previous, "--workers=2", "--settings", settings, *options]


def test_a_search_goes_on_as_it_began(stores, others, refused):
    first = stores.controller[0]
    own = {"vision": stores.vision, "memory": stores.memory}
    for kind in own:
        given = own | {kind: getattr(others, kind)}
        files = [word for k, s in given.items() for word in (f"--{k}", s.path)]
        refused("controller", first, given[kind], *going_on(stores), *files)
    files = [word for k, s in own.items() for word in (f"--{k}", s.path)]
    for option, before, now in [
        ("--set=controller.population=6", "population 5", "has 6"),
        ("--set=controller.sigma=0.2", "sigma 0.1", "has 0.2"),
        ("--set=seed=3", "seed 0", "has 3"),
        ("--set=environment.max_steps=11", "max_steps 12", "has 11"),
    ]:
        sentence = refused(
            "controller", first, first, *going_on(stores, option), *files
        )
        assert f"was evolved with {before} and this block {now}" in sentence


def test_a_search_of_an_earlier_version_drew_death(tmp_path):
    made = [
        small_store.make(tmp_path / f"{kind}.zarr", kind)
        for kind in ("vision", "memory")
    ]
    inputs = dict(zip(("vision", "memory"), made, strict=True))
    before = small_store.make(
        tmp_path / "block.zarr", "controller", config={"sigma": 0.1}, inputs=inputs
    )
    check_goes_on(before, *made, {"sigma": 0.1, "death": "drawn"})
    with pytest.raises(ArtifactError, match="with death drawn and this block has"):
        check_goes_on(before, *made, {"sigma": 0.1, "death": "threshold"})


def test_a_search_starts_from_one_search_of_its_size(stores, others, refused):
    files = ["--vision", stores.vision.path, "--memory", stores.memory.path, *RUN]
    files += [
        "--set=controller.generations_per_block=2",
        "--set=controller.centred=false",
        "--set=environment.max_steps=12",
    ]
    mixed = [stores.controller[0], others.controller[1]]
    starts = ["--start", *(block.path for block in mixed)]
    refused("controller", *mixed, *files, *starts)
    own = ["--start", *(block.path for block in stores.controller)]
    sentence = refused(
        "controller",
        mixed[0],
        mixed[0],
        *files,
        *own,
        "--set=controller.inputs=z",
        "--set=environment.slots=2",
    )
    assert "has controllers of 75 parameters and this search those of 27" in sentence


def test_m_s_latents_are_v_s_wherever_that_can_be_seen(stores, others, refused):
    """No input of the stage says so: they are found beside M."""
    files = ["--vision", others.vision.path, "--memory", stores.memory.path, *RUN]
    options = [
        "--set=controller.generations_per_block=2",
        "--set=controller.centred=false",
        "--set=environment.max_steps=12",
    ]
    refused("controller", stores.memory, others.vision, *files, *options)
    neighbours.check_vision_of_memory(stores.vision, stores.memory)


def test_m_without_its_latents_is_taken_on_trust(others, tmp_path):
    """After they were freed, or M was copied alone, work still goes on."""
    alone = tmp_path / "memory.zarr"
    shutil.copytree(others.memory.path, alone)
    v_store = small_store.make(tmp_path / "vision.zarr", "vision")
    neighbours.check_vision_of_memory(v_store, open_artifact(alone))


def keeping(tmp_path):
    """A run in which V is learnt in round 1 and kept in rounds 2 and 3."""

    def make(kind, place, config, **inputs):
        path = tmp_path / place
        return small_store.make(
            path, kind, config={"at": place} | config, inputs=inputs
        )

    v_store = [make("vision", "round-0/vision.zarr", {"epochs": 1})]
    v_store += [make("vision", "round-1/vision.zarr", {"epochs": 1}, start=v_store[0])]
    for number in (2, 3):
        place = f"round-{number}/vision.zarr"
        v_store.append(make("vision", place, {"epochs": 0}, start=v_store[-1]))
    latents = [
        make("latents", f"round-{n}/latents/shard-000.zarr", {}, vision=v_store[n])
        for n in range(4)
    ]
    memory = make("memory", "round-3/memory.zarr", {}, latents=latents[:0:-1])
    return SimpleNamespace(v_store=v_store, latents=latents, memory=memory)


def test_a_v_that_is_kept_is_one_v(tmp_path):
    made = keeping(tmp_path)
    neighbours.check_one_vision(made.latents[1:])
    with pytest.raises(UserError, match="were made with different vision stores"):
        neighbours.check_one_vision(made.latents)
    neighbours.check_vision_of_memory(made.v_store[3], made.memory)
    for before in (1, 2):
        neighbours.check_vision_of_memory(made.v_store[before], made.memory)
    with pytest.raises(UserError, match=r"which was not made with .*round-0/vision"):
        neighbours.check_vision_of_memory(made.v_store[0], made.memory)
    # Those of round 3 are gone, and round 3's V names none that is left.
    shutil.rmtree(made.latents[3].path)
    shutil.rmtree(made.latents[2].path)
    neighbours.check_vision_of_memory(made.v_store[3], made.memory)
    with pytest.raises(UserError, match=r"which was not made with .*round-0/vision"):
        neighbours.check_vision_of_memory(made.v_store[0], made.memory)


def test_latents_of_one_memory_are_of_one_v_and_given_once(stores, others, refused):
    mixed = [stores.latents[0], others.latents[0]]
    sentence = refused("memory", *mixed, "--latents", *(s.path for s in mixed))
    assert "were made with different vision stores" in sentence
    twice = [stores.latents[0]] * 2
    sentence = refused("memory", *twice, "--latents", *(s.path for s in twice))
    assert "are the same latents store; give each once" in sentence


def test_rollouts_of_one_vision_are_of_one_game_and_given_once(
    stores, refused, tmp_path
):
    first = stores.rollouts[0]
    twice = ["--rollouts", first.path, first.path]
    assert "give each once" in refused("vision", first, first, *twice)
    doom = open_artifact(take_cover(first, tmp_path / "doom.zarr"))
    both = ["--rollouts", first.path, doom.path]
    sentence = refused("vision", first, doom, *both)
    assert "is of carracing and" in sentence
    assert "of takecover; give stores of one game" in sentence
    seen = ["--vision", stores.vision.path, "--rollouts", doom.path]
    sentence = refused("latents", stores.vision, doom, *seen)
    assert "is of carracing and" in sentence
    assert "of takecover; give stores of one game" in sentence


def take_cover(rollouts, path):
    actions = {"actions": rollouts.read("actions")[..., :1]}
    config = {"environment": "takecover", "backend": "gymnasium"}
    return damage.remade(rollouts, path, actions, config)


def test_a_dream_begins_at_all_of_m_s_latents(stores, others, tmp_path):
    one, two = stores.latents
    check_all_inputs(stores.memory, "latents", [one, two])
    for given in ([one], [two, one], [one, two, two]):
        with pytest.raises(UserError, match="give all of them in the order"):
            check_all_inputs(stores.memory, "latents", given)
    with pytest.raises(UserError, match=rf"was not made with {others.latents[0].path}"):
        check_all_inputs(stores.memory, "latents", [one, others.latents[0]])
    made = replace(stores, latents=stores.latents[:1])
    with pytest.raises(UserError, match="learnt from 2 latents stores and 1 are given"):
        dream_stores.evolve(made, tmp_path)


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("vision", "latents"),
        ("latents", "vision"),
        ("memory", "controller"),
        ("controller", "vision"),
    ],
)
def test_a_report_is_of_one_experiment(stores, others, kind, named):
    """One store of a round is another experiment's."""
    strange = damage_round(others, kind)
    given = [
        s for s in (open_artifact(path) for path in stores.paths) if s.kind != kind
    ]
    for store in strange:
        vars(store)["config"] = {**store.config, "round": 0}
    with pytest.raises(UserError, match=r"was not made with|does not go on") as raised:
        group([*given, *strange])
    assert str(strange[0].path) in str(raised.value)
    assert any(str(s.path) in str(raised.value) for s in given if s.kind == named)


def damage_round(others, kind):
    found = getattr(others, kind)
    paths = [found.path] if kind in ("vision", "memory") else [s.path for s in found]
    return [open_artifact(path) for path in paths]


@pytest.mark.parametrize("kind", ["latents", "rollouts", "vision"])
def test_a_part_of_an_experiment_is_of_one(stores, others, kind):
    """Without the stores that tell of both, such as V of two runs' latents."""
    own = {"vision": stores.memory}.get(kind) or getattr(stores, kind)[0]
    given, strange = open_artifact(own.path), damage_round(others, kind)[0]
    config = {"round": 0} | ({"seed": 7} if kind == "rollouts" else {})
    vars(strange)["config"] = {**strange.config, **config}
    with pytest.raises(UserError) as raised:
        group([given, strange])
    assert str(given.path) in str(raised.value)
    assert str(strange.path) in str(raised.value)


def test_a_report_is_of_stores_that_it_has_a_chapter_for(stores, pretrained, tmp_path):
    out = tmp_path / "index.html"
    given = [*stores.paths, pretrained]
    sentence = commands.call_refused("report", *given, "--out", out)
    assert f"{pretrained} is of kind agent, which no report is about" in sentence
    twice = [stores.rollouts[0].path] * 2
    assert "give each once" in commands.call_refused("report", *twice, "--out", out)
    assert not out.exists()


def test_a_report_s_later_rollouts_are_of_the_round_before(stores, others, tmp_path):
    """Those of this test name a driver, as all of later rounds do."""
    one, other = stores.controller[0], others.controller[0]
    later = small_store.make(
        tmp_path / "later.zarr",
        "rollouts",
        config={
            "round": 1, "shard": 0, "environment": "carracing", "backend": "simulator",
        },
        inputs={"controller": [other]},
    )  # fmt: skip
    with pytest.raises(UserError, match=rf"{later.path} was not made with {one.path}"):
        group([one, later])
