"""What is probed: the vectors of models, and the two controls, over whole rollouts."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import generator_for, key_for
from worldmodels.stores.artifact import Artifact, ArtifactError
from worldmodels.studies.dsprites import models, rollouts
from worldmodels.studies.dsprites.archive import Pictures
from worldmodels.studies.dsprites.models import Model, Steps
from worldmodels.studies.dsprites.settings import SIZES, UNTRAINED, Settings
from worldmodels.studies.dsprites.sprites import PIXELS

WIDEST = 4096  # numbers of a vector that is probed: of A's memory there are 16,384
_NOISE = 256  # numbers of the random control

Vectors = dict[str, np.ndarray]
# places int [R, T + 1] of rollouts -> vectors [R, T, F] at each step
Observer = Callable[[np.ndarray], Vectors]


def fresh(name: str, settings: Settings) -> tuple[Model, Any]:
    """Return the model of a name and its first weights, which are its seed's."""
    model = models.create(name, settings.hidden_size, settings.dtype)
    return model, model.initial(key_for(settings.seed, 0, f"dsprites {name}"))


def fitted(store: Artifact) -> tuple[Model, Any]:
    """Return the model of a store of the step train, and its weights."""
    sizes = store.config["model"], store.config["hidden_size"]
    model = models.create(*sizes, store.config.get("dtype", "float32"))
    return model, store.tree("params")


def of(name: str, settings: Settings, store: Artifact | None) -> tuple[Model, Any]:
    """Return the model that is looked at: a store's, or an untrained one.

    Raises:
        UserError: when the store is not the one that the name asks for.
    """
    base = name.removesuffix(UNTRAINED)
    if base not in SIZES:
        raise UserError(f"{name!r} is no model; those are {', '.join(SIZES)}")
    if name.endswith(UNTRAINED):
        return fresh(base, settings)
    if store is None:
        raise UserError(f"{name} has learnt; give its store with --train")
    if store.config["model"] != name:
        raise ArtifactError(
            f"{store.path} is of model {store.config['model']}, not of {name}"
        )
    model, params = fitted(store)
    if model.dtype != settings.dtype:
        raise ArtifactError(
            f"{store.path} has learnt in {model.dtype} and is to be read in "
            f"{settings.dtype}; give --set dtype={model.dtype}"
        )
    return model, params


def observer(
    name: str, settings: Settings, store: Artifact | None, pictures: Pictures
) -> tuple[dict[str, int], Observer]:
    """Return the lengths of the vectors of what is probed, and what makes them."""
    if name == "input":
        return {"pixels": PIXELS}, lambda places: _pixels(pictures, places)
    if name == "random":
        return {"noise": _NOISE}, partial(_noise, settings.seed)
    model, params = of(name, settings, store)
    state = jax.eval_shape(lambda: models.vectors(model, model.initial_state(1)))
    sizes = {name: vector.shape[-1] for name, vector in state.items()}
    sizes = {name: size for name, size in sizes.items() if size <= WIDEST}
    return sizes, partial(_observed, model, params, pictures, tuple(sizes))


def _pixels(pictures: Pictures, places: np.ndarray) -> Vectors:
    return {"pixels": pictures(places[:, :-1]).astype(np.float32)}


def _noise(seed: int, places: np.ndarray) -> Vectors:
    """Return numbers that know nothing of the sprites, the same for the same places."""
    rng = generator_for(seed, 0, "dsprites noise", *places[:, 0].tolist())
    shape = (len(places), places.shape[1] - 1, _NOISE)
    return {"noise": rng.standard_normal(shape, np.float32)}


def _observed(
    model: Model, params: Any, pictures: Pictures, names: tuple[str, ...], places
) -> Vectors:
    found = vectors_of(model, names, params, steps_of(pictures, places))
    return {name: np.swapaxes(found[name], 0, 1) for name in names}


def steps_of(pictures: Pictures, places: np.ndarray) -> Steps:
    """Return what a model is shown of rollouts by their places [R, T + 1]."""
    now, later = places[:, :-1].T, places[:, 1:].T
    first = np.zeros(now.shape, bool)
    first[0] = True
    return Steps(pictures(now), rollouts.actions(now, later), first)


@partial(jax.jit, static_argnums=(0, 1))
def vectors_of(
    model: Model, names: tuple[str, ...], params: Any, steps: Steps
) -> dict[str, jax.Array]:
    """Return the vectors [T, B, F] of a model that begins with nothing."""
    state = model.initial_state(steps.first.shape[1])
    return models.observe(model, params, steps, state, names)[1]


def predicted(model: Model, params: Any, steps: Steps) -> np.ndarray:
    """Return the probabilities [T, B, 4096] that a model gives to the next pixels."""

    @jax.jit
    def predict(params: Any, steps: Steps) -> jax.Array:
        state = model.initial_state(steps.first.shape[1])
        h, _ = model.unfold(params, steps, state)
        return jax.nn.sigmoid(model.logits(params, h))

    return np.asarray(predict(params, jax.tree.map(jnp.asarray, steps)))
