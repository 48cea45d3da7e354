"""What the report says that V and M learnt from, where rollouts accumulate."""

from types import SimpleNamespace

import numpy as np
import pytest
from support import synthetic

from worldmodels.report import diagram, rollouts
from worldmodels.report.rounds import group, rollout_clips
from worldmodels.stores.artifact import Artifact

OWN, ALL = synthetic.EPISODES, 3 * synthetic.EPISODES
FROM_ALL = f"had the rollouts of rounds 0 and 1 to learn from, {ALL} episodes."


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two shards of round 0 and one of round 1, whose V and M learnt from all three."""
    folder, rng = tmp_path_factory.mktemp("experiment"), np.random.default_rng(0)
    first = [synthetic.make_rollouts(folder / "0", 0, shard, rng) for shard in (0, 1)]
    second = synthetic.make_rollouts(folder / "1", 1, 0, rng)
    v_store = synthetic.make_vision(folder / "1", 1, [second, *first], rng)
    own = synthetic.make_latents(folder / "1", 1, second, v_store, rng)
    # Elsewhere: the workflow names them after their rounds, the helper does not.
    earlier = [
        synthetic.make_latents(folder / "of-0", 1, shard, v_store, rng)
        for shard in first
    ]
    m_store = synthetic.make_memory(folder / "1", 1, [own, *earlier], rng)
    return SimpleNamespace(
        first=first,
        second=second,
        v_store=v_store,
        own=own,
        earlier=earlier,
        m_store=m_store,
    )


def told(*stores) -> tuple[str, list[str]]:
    """Return what is told of the last round's rollouts, and the picture's lines."""
    round = group(stores)[-1]
    text = rollouts.chapter(round, rollout_clips(round))
    return text, diagram.facts(round)["rollouts"]


def test_what_earlier_rounds_gave_is_counted(made):
    given = [
        *made.earlier,
        made.own,
        made.m_store,
        made.v_store,
        made.second,
        *made.first,
    ]
    text, lines = told(*given)
    assert f"<p>{OWN} episodes, " in text
    assert f"V and M {FROM_ALL}</p>" in text
    assert lines == [f"{OWN} episodes", f"and {ALL - OWN} earlier ones"]
    before, after = group(given)
    assert len(after.stores["latents"]) == 3
    facts = diagram.facts(after)["latents"]
    assert facts == [f"{synthetic.LATENT} numbers each"]
    assert rollouts.accumulated(before) == []


def test_a_network_left_as_it_was_learnt_from_nothing(made):
    config = {**made.v_store.config, "epochs": 0}
    recorded = {**made.v_store.attributes, "config": config}
    kept = Artifact(made.v_store.path, recorded, made.v_store.declared)
    text, lines = told(
        made.second, *made.first, kept, made.own, *made.earlier, made.m_store
    )
    assert f" M {FROM_ALL}" in text
    assert "V and M" not in text
    assert lines[1] == f"and {ALL - OWN} earlier ones"


def test_what_the_given_stores_do_not_tell_is_not_told(made):
    networks = made.v_store, made.own, made.m_store
    text, lines = told(made.second, *networks)  # not all that M learnt from
    assert f" V {FROM_ALL}" in text
    assert "M had" not in text
    before = without_sample(made.v_store)
    text, lines = told(made.second, before, made.own, made.m_store)
    assert "had the rollouts" not in text
    assert lines[1].endswith(" frames")
    text, _ = told(made.second, *made.first, before, made.own, made.m_store)
    assert f" V {FROM_ALL}" in text


def without_sample(v_store: Artifact) -> Artifact:
    """Return V as earlier versions made it."""
    files = {k: v for k, v in v_store.attributes["files"].items() if "sample" not in k}
    return Artifact(
        v_store.path, {**v_store.attributes, "files": files}, v_store.declared
    )


def test_rollouts_that_are_gone_are_told_of_all_the_same(made):
    """By V's store and by the latents."""
    networks = [made.v_store, made.m_store, made.own, *made.earlier]
    assert told(*networks) == told(*networks, made.second, *made.first)


def test_an_earlier_version_s_v_has_no_frames_to_show(made):
    text, _ = told(without_sample(made.v_store), made.own, made.m_store)
    assert f"<p>{OWN} episodes, " in text
    assert "V&#x27;s store is of a version that kept no frames of them" in text
    assert "driven in" not in text
    assert "<img" not in text


def test_settings_and_cost_of_rollouts_that_are_gone_are_told(made):
    """Each round shows its own rollouts; V of a later round learns from them too."""
    gone, given = (
        group([made.v_store, made.own, *some])[0] for some in ([], [made.second])
    )
    assert gone.cost("rollouts") == given.cost("rollouts")
    expected = {k: v for k, v in made.second.config.items() if k != "shard"}
    assert gone.settings("rollouts") == expected
    assert gone.place("rollouts") == "the simulator"
    nothing = group([made.own])[0]
    assert nothing.cost("rollouts") is None
    assert nothing.settings("rollouts") == {}


def test_a_round_of_its_own_rollouts_needs_no_word(stores):
    given = [*stores.rollouts, stores.vision, *stores.latents, stores.memory]
    text, lines = told(*given)
    assert "had the rollouts" not in text
    assert lines[1].endswith(" frames")


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([1], "round 1"),
        ([0, 1], "rounds 0 and 1"),
        ([0, 1, 2], "rounds 0 to 2"),
        ([0, 2, 3], "rounds 0, 2 and 3"),
    ],
)
def test_rounds_are_named(numbers, words):
    assert rollouts.numbered(numbers) == words
