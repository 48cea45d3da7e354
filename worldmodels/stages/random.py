"""Stage random: the random policy on unseen tracks, beside which agents are scored.

No agent decides these scores: they depend on the game, on the test tracks and on the
policy. So an experiment makes them once, for all its rounds, ablations and
temperatures.
"""

from pathlib import Path

from worldmodels.experiment.settings import Environment, Evaluation, Run
from worldmodels.experiment.stages import STAGES, recorded
from worldmodels.experiment.together import check_scored
from worldmodels.rollout import arenas, scoring
from worldmodels.rollout.in_gymnasium import RandomSlots
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import Purpose, episode_seeds
from worldmodels.stores import publication
from worldmodels.stores.neighbours import check_settings

STAGE = "random"


def run(
    *,
    shared: Run,
    environment: Environment,
    settings: Evaluation,
    round: int,
    workers: int | None,
    out: Path,
    log: Path | None,
) -> None:
    """Drive the test tracks with the random policy and publish a store at `out`.

    Args:
        workers: environment processes.

    Raises:
        UserError: for a game that cannot be played, a full disk or an environment that
            keeps failing.
    """
    check_scored(settings.episodes)
    config = recorded(STAGE, round, shared, environment, settings) | {"round": round}
    game = check_settings(environment)
    seeds = episode_seeds(Purpose.TEST, shared.seed, round, 0, settings.episodes)
    policy = RandomSlots(settings.random_policy, environment.slots, game)
    with (
        publication.create(
            out,
            STAGE,
            config=config,
            inputs={},
            stage_version=STAGES[STAGE].version,
            game=game,
        ) as store,
        arenas.pool_of(environment, workers) as pool,
        Progress(STAGE, len(seeds), log) as progress,
    ):
        drives = scoring.drive(pool, policy, seeds, environment.max_steps, progress)
        scoring.write(store, "random", drives)
