"""What the scores of all trainings say: shares that are right, by component."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import MeanOfSeeds, over_seeds
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.lineage import check_alike, check_distinct
from worldmodels.studies.pommerman.components import COMPONENTS
from worldmodels.studies.pommerman.score import PREDICTORS
from worldmodels.studies.pommerman.settings import MODELS

NAMES = {
    "lstm": "LSTM, same H",
    "lstm_larger": "LSTM, as many weights",
    "dnc": "DNC",
}
# Of what changed, one step ahead: at least, and wished for.
FLOORS = {"position": (0.5, 0.95), "ammo": (0.5, 0.95), "bomb_life": (0.5, 0.9)}
_OF_ALL = ("ahead", "games", "mixtures", "start", "updates", "batch_size")


@dataclass(frozen=True)
class Found:
    """What the trainings of one model got right.

    Attributes:
        all: shares of all entries, [S, P, H, C] by seed, predictor, steps ahead and
            component; NaN where there is nothing.
        changed: the same of those entries alone that changed.
        seconds: that a training took, the mean over seeds.
    """

    model: str
    seeds: tuple[int, ...]
    ahead: tuple[int, ...]
    all: np.ndarray
    changed: np.ndarray
    weights: int
    multiply_adds: int
    seconds: float
    config: dict[str, Any]

    @property
    def name(self) -> str:
        """The model in words."""
        return NAMES[self.model]

    def share(
        self, component: str, ahead: int, changed: bool, predictor: str = "likeliest"
    ) -> MeanOfSeeds:
        """Return the share that is right, over the seeds."""
        return over_seeds(self.of_seeds(component, ahead, changed, predictor))

    def of_seeds(
        self, component: str, ahead: int, changed: bool, predictor: str
    ) -> np.ndarray:
        """Return the share of each training, [S]."""
        shares = self.changed if changed else self.all
        place = PREDICTORS.index(predictor), self.ahead.index(ahead)
        return shares[:, *place, COMPONENTS.index(component)]

    def above(
        self, other: "Found", component: str, ahead: int, changed: bool
    ) -> MeanOfSeeds:
        """Return by how much more it is right than another model, paired by seed."""
        mine, theirs = (
            one.of_seeds(component, ahead, changed, "likeliest")
            for one in (self, other)
        )
        return over_seeds(mine - theirs)


def read(stores: Sequence[Artifact]) -> list[Found]:
    """Return what was found of each model, in the order of `MODELS`.

    Raises:
        UserError: for scores of one training twice, of other games, of trainings that
            learnt otherwise, or of other seeds for one model than for another.
    """
    check(stores)
    found = []
    for model in MODELS:
        own = [store for store in stores if store.config["model"] == model]
        if own:
            found.append(_read(sorted(own, key=lambda store: store.config["seed"])))
    for one in found[1:]:
        if one.seeds != found[0].seeds:
            raise UserError(
                f"there are scores of {found[0].model} with the seeds "
                f"{list(found[0].seeds)} and of {one.model} with {list(one.seeds)}; "
                "give scores of the same seeds of each"
            )
    return found


def check(stores: Sequence[Artifact]) -> None:
    """Check that scores may stand beside each other.

    Raises:
        UserError: for scores of one training twice, of other games, or of trainings
            that learnt otherwise.
    """
    check_distinct(stores)
    check_alike(stores, _OF_ALL)
    for store in stores[1:]:
        one, other = (s.attributes["inputs"].get("games") for s in (stores[0], store))
        if one != other:
            raise UserError(
                f"{stores[0].path} and {store.path} were made with different games; "
                "score all trainings on the same"
            )


def _read(stores: Sequence[Artifact]) -> Found:
    check_alike(stores, ("hidden_size", "options"))
    first, config = stores[0], dict(stores[0].config)
    return Found(
        model=config["model"],
        seeds=tuple(store.config["seed"] for store in stores),
        ahead=tuple(config["ahead"]),
        all=np.stack([_share(store, "right", "entries") for store in stores]),
        changed=np.stack(
            [_share(store, "right_changed", "changed") for store in stores]
        ),
        weights=config["weights"],
        multiply_adds=config["multiply_adds"],
        seconds=float(np.mean([s.read("training_seconds") for s in stores])),
        config={name: first.config[name] for name in (*_OF_ALL, "hidden_size")},
    )


def _share(store: Artifact, right: str, of: str) -> np.ndarray:
    """Return shares [P, H, C]; NaN of nothing."""
    total = store.read(of).astype(float)
    return store.read(right) / np.where(total, total, np.nan)


def below_copying(found: Found, ahead: int = 1) -> list[str]:
    """Return the components of which a copy of the state is more often right."""
    return [
        name
        for name in COMPONENTS
        if found.share(name, ahead, False).mean
        < found.share(name, ahead, False, "copying").mean
    ]


def verdict(found: Sequence[Found]) -> str:
    """Return in a sentence or two whether the DNC is more often right than LSTMs."""
    named = {one.model: one for one in found}
    others = [one for one in found if one.model != "dnc"]
    if "dnc" not in named or not others:
        return "There is no DNC, or no LSTM, to compare."
    return " ".join(_against(named["dnc"], other) for other in others)


def _against(dnc: Found, other: Found) -> str:
    asked = [(name, ahead) for ahead in dnc.ahead for name in COMPONENTS]
    better = worse = 0
    for name, ahead in asked:
        more = dnc.above(other, name, ahead, False)
        low, high = more.interval or (more.mean, more.mean)
        better, worse = better + (low > 0), worse + (high < 0)
    beyond = (
        ", each time beyond Student's 95 % interval of the difference by seed"
        if len(dnc.seeds) > 1
        else ""
    )
    return (
        f"Of {len(asked)} accuracies ({len(COMPONENTS)} components, "
        f"{len(dnc.ahead)} distances) the DNC's is higher than that of "
        f"{other.name} in {better} and lower in {worse}{beyond}."
    )
