"""The classifier that judges drawn pictures: labels of a picture, and its features.

Convolutions of stride 2 as V's, while they fit, then 64 features and a number for each
label. A label is there where its number is above 0.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from worldmodels.models.convolutions import for_platform
from worldmodels.models.precision import FLOAT32
from worldmodels.models.vision import Dense, Layer

Params = dict[str, Any]
FEATURES = 64
_CHANNELS = (16, 32, 64, 64, 64)
_KERNEL = 4
_AT_ONCE = 256  # pictures that are judged together


class Classifier(nn.Module):
    """The network; its fields are all that its shapes depend on."""

    labels: int  # L
    size: tuple[int, int]  # height and width of the pictures
    dtype: Any = jnp.float32

    @property
    def convolutions(self) -> dict[str, int]:
        """The channels of each convolution by its name, as many as fit."""
        found, least = {}, min(self.size)
        for number, channels in enumerate(_CHANNELS):
            if least < _KERNEL:
                break
            found[f"conv_{number}"] = channels
            least = (least - _KERNEL) // 2 + 1
        return found

    @property
    def order(self) -> list[str]:
        """The names of its layers, from the picture to the labels."""
        return [*self.convolutions, "features", "labels"]

    @nn.compact
    def __call__(self, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return a number for each label [B, L] and features [B, 64].

        Args:
            images: uint8 [B, H, W, 3].
        """
        form = for_platform(jax.default_backend())
        how = self.dtype, form, FLOAT32
        x = form.arrange(images).astype(self.dtype) / 127.5 - 1
        for name, channels in self.convolutions.items():
            layer = Layer("convolution", channels, _KERNEL, *how, name=name)
            x = nn.relu(layer(x))
        x = form.restore(x)
        dense = Dense(FEATURES, self.dtype, FLOAT32, name="features")
        features = nn.relu(dense(x.reshape(len(x), -1)))
        return Dense(self.labels, self.dtype, FLOAT32, name="labels")(
            features
        ), features


def initial(key: jax.Array, model: Classifier) -> Params:
    """Draw first parameters: He-normal kernels, zero biases."""
    images = jax.ShapeDtypeStruct((1, *model.size, 3), jnp.uint8)
    shapes = jax.eval_shape(model.init, key, images)["params"]
    rng = np.random.default_rng(jax.random.key_data(key).tolist())

    def drawn(shape: jax.ShapeDtypeStruct) -> np.ndarray:
        if len(shape.shape) == 1:
            return np.zeros(shape.shape, shape.dtype)
        deviation = np.sqrt(2 / np.prod(shape.shape[:-1]))
        return (deviation * rng.standard_normal(shape.shape)).astype(shape.dtype)

    return jax.tree.map(drawn, shapes)


def loss(
    params: Params, batch: dict[str, jax.Array], key: jax.Array, *, model: Classifier
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Return the cross-entropy, summed over labels, mean over a batch, and metrics."""
    del key
    found, _ = model.apply({"params": params}, batch["images"])
    labels = batch["labels"].astype(found.dtype)
    each = optax.sigmoid_binary_cross_entropy(found, labels)
    value = each.sum(axis=-1).mean()
    right = ((found > 0) == (labels > 0)).all(axis=-1)
    return value, {"loss": value, "all_right": right.mean()}


def judged(
    params: Params, model: Classifier, images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels bool [N, L] and features [N, 64] of pictures uint8 [N, ...]."""
    found, features = [], []
    for at in range(0, len(images), _AT_ONCE):
        part = images[at : at + _AT_ONCE]
        # Filled up: another count would be another program.
        padded = np.concatenate([part, np.repeat(part[:1], _AT_ONCE - len(part), 0)])
        numbers, seen = _answered(params, model, padded)
        found.append(np.asarray(numbers)[: len(part)] > 0)
        features.append(np.asarray(seen)[: len(part)])
    return np.concatenate(found), np.concatenate(features)


@partial(jax.jit, static_argnames="model")
def _answered(params: Params, model: Classifier, images: jax.Array):
    return model.apply({"params": params}, images)
