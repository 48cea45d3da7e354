"""Finished runs of earlier versions: Snakemake kept these texts of the smoke preset."""

import pytest
from support.presets import preset

from worldmodels.experiment import stages
from worldmodels.experiment.compared import compared
from worldmodels.experiment.stages import CONFIGURED

KEPT = {
    ("rollouts", 0): (
        "--seed=0 --environment=carracing --backend=simulator --episodes-per-shard=2 "
        "--steps=30 --policy=network"
    ),
    ("rollouts", 1): (
        "--seed=0 --dtype=float32 --environment=carracing --backend=simulator "
        "--episodes-per-shard=2 --steps=30 --action-noise=0.0"
    ),
    ("vision", 1): (
        "--seed=0 --dtype=float32 --debug=false --latent-size=8 --channels=8,8,16,16 "
        "--decoder-channels=16,8,8 --batch-size=20 --epochs=2 --learning-rate=0.001 "
        "--kl-tolerance=0.5 --buffer-episodes=2"
    ),
    ("latents", 1): "--dtype=float32",
    ("memory", 1): (
        "--seed=0 --dtype=float32 --debug=false --hidden-size=16 --mixtures=2 "
        "--death-head=false --reward-head=false --batch-size=2 --window=0 --epochs=2 "
        "--learning-rate=0.001 --final-learning-rate=1e-05 --decay=1.0 "
        "--gradient-clip=1.0 --buffer-episodes=4 --held-out=0.0"
    ),
    ("controller", 1): (
        "--seed=0 --dtype=float32 --environment=carracing --backend=simulator "
        "--max-steps=40 --inputs=z_h --sample-z=false --hidden-size=0 --bias=true "
        "--population=4 --rollouts=1 --common-tracks=true --train-in=environment "
        "--generations-per-block=1 --sigma=0.1 --initial-mean=0.0 --initial-steps=20 "
        "--step-increment=10 --select-every=1 --selection-episodes=2"
    ),
    ("random", 1): (
        "--environment=carracing --max-steps=40 --episodes=2 --random-policy=network"
    ),
    ("evaluation", 1): (
        "--seed=0 --dtype=float32 --environment=carracing --max-steps=40 --slots=4 "
        "--episodes=2 --random-policy=network"
    ),
}


@pytest.mark.parametrize(("stage", "round"), KEPT)
def test_settings_are_written_as_finished_runs_have_them(stage, round):
    """A new setting is left out by its `before`; others keep their names and order."""
    config = preset("smoke")
    settings = config.rounds[round].changed(controller={"centred": False, "sigma": 0.1})
    found = compared(stage, config.run, settings, round)
    assert found == KEPT[stage, round]


def test_the_settings_of_a_cell_are_compared_where_m_has_it():
    config = preset("smoke")
    given = [
        compared("memory", config.run, config.rounds[0].changed(memory=memory), 0)
        for memory in (
            {"cell": "dnc"},
            {"cell": "dnc", "dnc": {"slots": 17}},
            {"dnc": {"slots": 17}},
            {},
        )
    ]
    assert "--cell=dnc" in given[0]
    assert given[0] != given[1]
    assert given[2] == given[3]


def test_every_stage_with_settings_is_compared():
    assert {stage for stage, _ in KEPT} == set(CONFIGURED)


def test_a_setting_is_left_out_while_it_says_what_was_done_before_it(monkeypatch):
    config = preset("smoke")
    for value, kept in ((2, False), (3, True)):
        monkeypatch.setattr(
            "worldmodels.experiment.compared.before", lambda _, v=value: {"mixtures": v}
        )
        text = compared("memory", config.run, config.rounds[0], 0)
        assert ("--mixtures=2" in text) == kept
    assert stages.before("vision") == {"precision": "float32"}
