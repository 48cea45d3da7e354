"""The generator G and the discriminator D: shapes, first weights, what they compute.

G makes a small picture of z by a dense layer, and each further layer doubles its sides;
D halves them. A side that is odd is halved upwards, and doubled to what it was. Labels
enter in one of two ways. `concat`, the seed's: y is appended to z, to the maps that D
halves first and to its last features. `projection` (Miyato and Koyama 2018): D's score
is w f + y E f, f its features summed over pixels, and the gain and bias of each batch
norm of G are g + y W.

G's kernels that enlarge have 4 x 4 numbers of their own, as the seed's, or they are
`smooth`: 3 x 3 numbers, which are applied after each pixel was doubled. That is one
4 x 4 kernel, too, whose neighbours share their numbers: four neighbours of a plain area
are alike, where free kernels draw checkers. D's are always free, so that it sees any
checkers there are: an average of four pixels would hide them.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.models.convolutions import Operations, for_platform
from worldmodels.models.precision import FLOAT32
from worldmodels.studies.conditional_gan.settings import Network

Params = dict[str, Any]
Statistics = dict[str, tuple[jax.Array, jax.Array]]  # mean and variance, by norm
COLOURS = 3
_EPSILON = 2e-5  # of a batch norm's variance
_LEAK = 0.1
_FLAT = 1e-8  # a variance, below which the root's gradient would grow without end
_STD = 0.02  # of first weights, cut at two of them


class Shapes(NamedTuple):
    """All that the shapes and the kind of both networks depend on."""

    network: Network
    height: int
    width: int
    labels: int  # L
    dtype: str = "float32"
    operations: Operations | None = None  # None: the backend's fastest

    @property
    def form(self) -> Operations:
        """The form of the convolutions in use."""
        return self.operations or for_platform(jax.default_backend())

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Height and width at full size, at half of it and so on."""
        sizes = [(self.height, self.width)]
        for _ in self.network.generator[1:]:
            sizes.append(tuple((n + 1) // 2 for n in sizes[-1]))
        return sizes

    @property
    def projected(self) -> bool:
        """Whether labels enter by projection."""
        return self.network.labels == "projection"


def generator_shapes(shapes: Shapes) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shapes of G's parameters."""
    network, (height, width) = shapes.network, shapes.sizes[-1]
    *finer, coarsest = network.generator
    given = network.latent_size + (0 if shapes.projected else shapes.labels)
    units = height * width * coarsest
    normed = units if network.norm_per_unit else coarsest
    found = {
        "dense": {"kernel": (given, units), "bias": (units,)},
        "dense_norm": _norm_shapes(shapes, normed),
    }
    inputs, size = coarsest, 3 if network.upsampling == "smooth" else 4
    for level, channels in reversed(list(enumerate(finer))):
        found[f"up_{level}"] = _layer_shapes(size, inputs, channels)
        found[f"up_{level}_norm"] = _norm_shapes(shapes, channels)
        inputs = channels
    return found | {"colours": _layer_shapes(3, inputs, COLOURS)}


def discriminator_shapes(shapes: Shapes) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shapes of D's parameters."""
    network, found, inputs = shapes.network, {}, COLOURS
    appended = 0 if shapes.projected else shapes.labels
    if network.full_size:
        found["colours"] = _layer_shapes(3, inputs, network.full_size)
        inputs = network.full_size
    inputs += appended
    for level, channels in enumerate(network.discriminator, 1):
        if network.batch_spread and level == len(network.discriminator):
            inputs += 1
        found[f"down_{level}"] = _layer_shapes(4, inputs, channels)
        if network.layers_3x3:
            found[f"same_{level}"] = _layer_shapes(3, channels, channels)
        inputs = channels
    if shapes.projected:
        score = {"kernel": (inputs, 1), "bias": (1,)}
        return found | {"labels": {"kernel": (shapes.labels, inputs)}, "score": score}
    height, width = shapes.sizes[-1]
    features = height * width * inputs + appended
    return found | {"score": {"kernel": (features, 1), "bias": (1,)}}


def _layer_shapes(size: int, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {"kernel": (size, size, inputs, outputs), "bias": (outputs,)}


def _norm_shapes(shapes: Shapes, channels: int) -> dict[str, tuple[int, ...]]:
    plain = {"gain": (channels,), "bias": (channels,)}
    if not shapes.projected:
        return plain
    each = (shapes.labels, channels)
    return plain | {"label_gain": each, "label_bias": each}


def initial(shapes: Shapes, rng: np.random.Generator) -> dict[str, Params]:
    """Draw the first weights of both: N(0, 0.02) cut at two deviations; gains are 1.

    With numpy: JAX would compile a program for each tensor.
    """
    found = {
        "generator": generator_shapes(shapes),
        "discriminator": discriminator_shapes(shapes),
    }
    return {
        name: {
            layer: {leaf: _first(leaf, size, shapes, rng) for leaf, size in own.items()}
            for layer, own in layers.items()
        }
        for name, layers in found.items()
    }


def _first(
    leaf: str, shape: tuple[int, ...], shapes: Shapes, rng: np.random.Generator
) -> np.ndarray:
    if leaf != "kernel":
        return np.full(shape, float(leaf == "gain"), shapes.dtype)
    drawn = rng.standard_normal(shape)
    while (far := np.abs(drawn) > 2).any():
        drawn[far] = rng.standard_normal(far.sum())
    return (_STD * drawn).astype(shapes.dtype)


def generate(
    params: Params,
    shapes: Shapes,
    z: jax.Array,
    labels: jax.Array,
    statistics: Statistics | None = None,
) -> tuple[jax.Array, Statistics]:
    """Draw pictures of z [B, Z] and labels [B, L].

    Args:
        statistics: that batch norms divide by; None: those of this batch.

    Returns:
        Pictures in [-1, 1], in the layout of the form; the batch's statistics.
    """
    network, form, found = shapes.network, shapes.form, {}
    known = (statistics or {}).get

    def normed(x, name):
        x, found[name] = _norm(params[name], form, x, labels, known(name))
        return jax.nn.relu(x)

    given = z if shapes.projected else jnp.concatenate([z, labels], axis=1)
    x = given @ params["dense"]["kernel"] + params["dense"]["bias"]
    size = (len(x), *shapes.sizes[-1], network.generator[-1])
    if network.norm_per_unit:  # each unit is the one pixel of a channel
        x = normed(form.arrange(x[:, None, None]), "dense_norm")
        x = form.arrange(form.restore(x).reshape(size))
    else:
        x = normed(form.arrange(x.reshape(size)), "dense_norm")
    for level in range(len(network.generator) - 2, -1, -1):
        x = _doubled(params[f"up_{level}"], shapes, x, level)
        x = normed(x, f"up_{level}_norm")
    return jnp.tanh(_same(params["colours"], form, x)), found


def _norm(
    params: Params,
    form: Operations,
    x: jax.Array,
    labels: jax.Array,
    known: tuple[jax.Array, jax.Array] | None,
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    """Return normalised pictures, and the mean and variance [C] that did it."""
    channels = x.shape[form.axes[-1]]

    def over_pictures(values):  # [B or 1, C]
        return form.arrange(values[:, None, None])

    def mean_of(x):
        return form.channel_sums(x) * (channels / x.size)

    mean = mean_of(x) if known is None else known[0]
    x = x - over_pictures(mean[None])
    variance = mean_of(x**2) if known is None else known[1]
    gain, bias = params["gain"][None], params["bias"][None]
    if "label_gain" in params:
        gain = gain + labels @ params["label_gain"]
        bias = bias + labels @ params["label_bias"]
    gain = gain * jax.lax.rsqrt(variance + _EPSILON)
    return x * over_pictures(gain) + over_pictures(bias), (mean, variance)


def discriminate(
    params: Params,
    shapes: Shapes,
    x: jax.Array,
    labels: jax.Array,
    key: jax.Array | None = None,
    batches: int = 1,
) -> jax.Array:
    """Return the scores [B] of pictures in the layout of the form.

    Args:
        params: with kernels that are divided by their norms already.
        batches: equal parts of the pictures, in order, that are batches of their own.
        key: of the noise and the dropout; None: there is neither.
    """
    network, form = shapes.network, shapes.form
    noise, drop = (None, None) if key is None else jax.random.split(key)
    if network.input_noise and noise is not None:
        x = x + network.input_noise * jax.random.normal(noise, x.shape, x.dtype)
    if network.full_size:
        x = _same(params["colours"], form, x)
    if not shapes.projected:
        x = _appended(form, x, labels)
    for level in range(1, len(network.discriminator) + 1):
        if level > 1 or network.full_size:
            x = _leaky(x)
        if network.batch_spread and level == len(network.discriminator):
            x = _appended(form, x, _spread(form, x, batches))
        x = _halved(params[f"down_{level}"], shapes, x, level)
        if network.layers_3x3:
            x = _same(params[f"same_{level}"], form, _leaky(x))
    if not network.layers_3x3:  # the seed's last layer of 3 x 3 has no activation
        x = _leaky(x)
    if shapes.projected:
        x = form.restore(x).sum(axis=(1, 2))
    else:
        x = jnp.concatenate([form.restore(x).reshape(len(labels), -1), labels], axis=1)
    # The features, and not the score, are what is dropped.
    if network.dropout and drop is not None:
        kept = jax.random.bernoulli(drop, 1 - network.dropout, x.shape)
        x = jnp.where(kept, x / (1 - network.dropout), 0)
    score = (x @ params["score"]["kernel"])[:, 0] + params["score"]["bias"]
    if shapes.projected:
        score = score + jnp.sum((labels @ params["labels"]["kernel"]) * x, axis=1)
    return score


def _spread(form: Operations, x: jax.Array, batches: int) -> jax.Array:
    """Return the mean standard deviation [B, 1] of the numbers of x over its batch.

    A generator that draws less various pictures than real ones is told by it (Karras et
    al. 2018, section 3).
    """
    axis = form.axes[0]
    parts = x.reshape(*x.shape[:axis], batches, -1, *x.shape[axis + 1 :])
    spread = jnp.moveaxis(jnp.sqrt(parts.var(axis=axis + 1) + _FLAT), axis, 0)
    means = spread.reshape(batches, -1).mean(axis=1)
    return jnp.repeat(means, parts.shape[axis + 1])[:, None]


def _leaky(x: jax.Array) -> jax.Array:
    return jnp.maximum(x, _LEAK * x)


def _appended(form: Operations, x: jax.Array, values: jax.Array) -> jax.Array:
    """Append values [B, N] to pictures, each as a constant map."""
    maps = form.arrange(values[:, None, None])
    sides = [x.shape[axis] for axis in form.axes[1:3]]
    shape = list(maps.shape)
    for axis, side in zip(form.axes[1:3], sides, strict=True):
        shape[axis] = side
    maps = jnp.broadcast_to(maps, shape).astype(x.dtype)
    return jnp.concatenate([x, maps], axis=form.axes[-1])


def _same(params: Params, form: Operations, x: jax.Array) -> jax.Array:
    """Convolve with 3 x 3; the sides stay as they are."""
    x = form.unstrided(_padded(form, x, 1, 1), params["kernel"], FLOAT32)
    return form.add_bias(x, params["bias"])


def _halved(params: Params, shapes: Shapes, x: jax.Array, level: int) -> jax.Array:
    """Convolve with 4 x 4 and stride 2, from a level's finer size to its own."""
    form = shapes.form
    odd = (n % 2 for n in shapes.sizes[level - 1])
    x = _padded(form, x, *(1 + n for n in odd))
    x = form.convolution(x, params["kernel"], FLOAT32)
    return form.add_bias(x, params["bias"])


def _doubled(params: Params, shapes: Shapes, x: jax.Array, level: int) -> jax.Array:
    """Convolve with 4 x 4 and stride 2, transposed, to a level's size."""
    form, kernel = shapes.form, params["kernel"]
    if shapes.network.upsampling == "smooth":
        kernel = doubled_kernel(kernel)
    x = form.transposed_convolution(x, kernel, FLOAT32)
    for axis, side in zip(form.axes[1:3], shapes.sizes[level], strict=True):
        x = jax.lax.slice_in_dim(x, 1, 1 + side, axis=axis)
    return form.add_bias(x, params["bias"])


def doubled_kernel(kernel: jax.Array) -> jax.Array:
    """Return the 4 x 4 kernel that enlarges as one of 3 x 3 does on doubled pixels."""
    rest = [(0, 0)] * 2
    return sum(
        jnp.pad(kernel, [(top, 1 - top), (left, 1 - left), *rest])
        for top in (0, 1)
        for left in (0, 1)
    )


def _padded(form: Operations, x: jax.Array, bottom: int, right: int) -> jax.Array:
    """Put zeros around pictures: one row and column above and left of them."""
    widths = [(0, 0)] * 4
    widths[form.axes[1]], widths[form.axes[2]] = (1, bottom), (1, right)
    return jnp.pad(x, widths)


def paint(
    params: tuple[Params, Statistics],
    shapes: Shapes,
    z: jax.Array,
    labels: jax.Array,
) -> jax.Array:
    """Draw pictures [B, H, W, 3] in [-1, 1] of z [B, Z] and labels [B, L].

    Args:
        params: of a trained generator, and the statistics of its batch norms.
    """
    weights, statistics = params
    images, _ = generate(weights, shapes, z, labels, statistics)
    return shapes.form.restore(images)
