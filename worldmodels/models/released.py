"""V, M and C from the arrays of the authors' release (hardmaru/WorldModelsExperiments).

Their files hold lists of arrays without names. Sizes are read off the shapes. What
differs from this project's modules:

- Transposed kernels are [k, k, out, in] and scatter: turned by half a turn here.
- TensorFlow orders the LSTM's gates input, candidate, forget, output and adds 1 to the
  forget gate when it runs; here the order is input, forget, candidate, output.
- The head has the outputs of one latent after another, each its logits, means and
  log-stds; here it has all logits first, of one mixture after another.
- C's weights are rows by inputs; CarRacing's biases come first.
- TakeCover's M also reads 1 in the first step of an episode and 0 after it: the restart
  flag. Here one more unit of the LSTM makes it (`_with_restart_unit`). And its death is
  trained with weight 10, for which M's own log-odds are corrected (`memory`).

Everything here is a pure function of numpy arrays. A Malformed says what does not fit.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from worldmodels.models.vision import DECODER_KERNELS, DECODER_UNITS, ENCODER_KERNELS
from worldmodels.runtime.json_files import Malformed

SCALE = 10_000  # V's and M's numbers are whole: that many times as large, rounded
DEATH_WEIGHT = 10.0  # of TakeCover's deaths in the loss of M
_FORGET = 1.0  # that TensorFlow adds to the forget gate
_OPEN = 30.0  # of a gate's bias: its sigmoid is 1 to 1e-13, that of -30 is 0


class Layout(NamedTuple):
    """How the files of one game differ from those of the other."""

    arrays: tuple[str, str, str, str]  # of M, in their order
    actions: int  # numbers that M reads of an action: A
    restarts: bool  # whether M reads the restart flag, and predicts it: death
    inputs: str  # that C reads: z, and features of M
    bias: bool  # whether C has biases


_LSTM, _HEAD = ("lstm_kernel", "lstm_bias"), ("head_kernel", "head_bias")
CARRACING = Layout((*_HEAD, *_LSTM), 3, False, "z_h", True)
TAKECOVER = Layout((*_LSTM, *_HEAD), 1, True, "z_c_h", False)


class Sizes(NamedTuple):
    """The sizes of the networks, as settings name them."""

    latent_size: int
    channels: tuple[int, ...]
    decoder_channels: tuple[int, ...]
    hidden_size: int  # of M, with the restart unit
    mixtures: int


class Networks(NamedTuple):
    """V, M and C in this project's layout, float32."""

    vision: Mapping[str, Any]  # nested
    memory: Mapping[str, np.ndarray]
    controller: np.ndarray  # [D]
    sizes: Sizes


def convert(
    vision: Sequence[np.ndarray],
    memory: Sequence[np.ndarray],
    controller: np.ndarray,
    layout: Layout,
) -> Networks:
    """Return the networks of released arrays.

    Args:
        vision, memory: whole numbers, 22 and 4 arrays.
        controller: [D] real numbers.

    Raises:
        Malformed: naming the file and what does not fit.
    """
    v_params, channels, decoder_channels = vision_of(vision)
    latent_size = len(v_params["encoder"]["mu"]["bias"])
    m_params, mixtures = memory_of(memory, latent_size, layout)
    units = len(m_params["lstm_bias"]) // 4
    sizes = Sizes(latent_size, channels, decoder_channels, units, mixtures)
    c_params = controller_of(controller, latent_size, units, layout)
    return Networks(v_params, m_params, c_params, sizes)


def vision_of(
    arrays: Sequence[np.ndarray],
) -> tuple[Mapping[str, Any], tuple[int, ...], tuple[int, ...]]:
    """Return V's parameters, and the channels of its encoder and its decoder.

    Raises:
        Malformed: for arrays that are not V's.
    """
    forms = _vision_forms()
    lengths: dict[str, int] = {}
    found = _named("vae.json", arrays, forms, lengths)
    params: dict[str, Any] = {}
    for name, array in found.items():
        part, layer, leaf = name.split("/")
        if "deconv" in layer and leaf == "kernel":
            array = array[::-1, ::-1].swapaxes(2, 3)
        params.setdefault(part, {}).setdefault(layer, {})[leaf] = _single(array)
    encoder = tuple(lengths[f"e{n}"] for n in range(len(ENCODER_KERNELS)))
    decoder = tuple(lengths[f"d{n}"] for n in range(len(DECODER_KERNELS) - 1))
    return params, encoder, decoder


def _vision_forms() -> dict[str, tuple[int | str, ...]]:
    """Return the axes of V's arrays by their names here, in the order of the file."""
    forms, before = {}, 3
    for layer, size in enumerate(ENCODER_KERNELS):
        forms[f"encoder/conv_{layer}/kernel"] = size, size, before, (own := f"e{layer}")
        forms[f"encoder/conv_{layer}/bias"] = (own,)
        before = own
    for head in ("mu", "logvar"):
        forms[f"encoder/{head}/kernel"] = f"4 {before}", "Z"  # 2x2 pixels are left
        forms[f"encoder/{head}/bias"] = ("Z",)
    forms["decoder/dense/kernel"] = "Z", DECODER_UNITS
    forms["decoder/dense/bias"] = (DECODER_UNITS,)
    before, last = DECODER_UNITS, len(DECODER_KERNELS) - 1
    for layer, size in enumerate(DECODER_KERNELS):
        own = 3 if layer == last else f"d{layer}"
        forms[f"decoder/deconv_{layer}/kernel"] = size, size, own, before
        forms[f"decoder/deconv_{layer}/bias"] = (own,)
        before = own
    return forms


def memory_of(
    arrays: Sequence[np.ndarray], latent_size: int, layout: Layout
) -> tuple[Mapping[str, np.ndarray], int]:
    """Return M's parameters and how many mixtures it has.

    Raises:
        Malformed: for arrays that are not M's, or of another V.
    """
    forms = {
        "lstm_kernel": ("I", "4 N"),
        "lstm_bias": ("4 N",),
        "head_kernel": ("N", "O"),
        "head_bias": ("O",),
    }
    lengths: dict[str, int] = {}
    ordered = {name: forms[name] for name in layout.arrays}
    found = _named("rnn.json", arrays, ordered, lengths)
    units, inputs = lengths["N"], latent_size + layout.actions + layout.restarts
    if lengths["I"] != inputs + units:
        seen = lengths["I"] - units - layout.actions - layout.restarts
        raise Malformed(f"rnn.json reads z of {seen} numbers and V's has {latent_size}")
    mixtures, rest = divmod(lengths["O"] - layout.restarts, 3 * latent_size)
    if rest or not mixtures:
        raise Malformed(
            f"rnn.json has {lengths['O']} outputs, which are no mixtures of "
            f"{latent_size} latents"
        )
    kernel, bias = _gates(found["lstm_kernel"]), _gates(found["lstm_bias"])
    bias[1] += _FORGET
    head = found["head_kernel"], found["head_bias"]
    params: dict[str, np.ndarray] = {}
    if layout.restarts:
        kernel, bias = _with_restart_unit(kernel, bias, inputs - 1)
        head = np.pad(head[0], ((0, 1), (0, 0))), head[1]
        params["death_kernel"] = head[0][:, :1]
        params["death_bias"] = head[1][:1] - math.log(DEATH_WEIGHT)
        head = tuple(each[..., 1:] for each in head)
    params |= {
        "lstm_kernel": np.concatenate(kernel, axis=-1),
        "lstm_bias": np.concatenate(bias, axis=-1),
        "head_kernel": _mixtures_first(head[0], latent_size),
        "head_bias": _mixtures_first(head[1], latent_size),
    }
    return {name: _single(array) for name, array in params.items()}, mixtures


def _gates(array: np.ndarray) -> np.ndarray:
    """Return the gates [4, ..., N] of [..., 4N] in this project's order."""
    i, j, f, o = np.split(array, 4, axis=-1)
    return np.stack([i, f, j, o])


def _mixtures_first(array: np.ndarray, latent_size: int) -> np.ndarray:
    """Reorder outputs [..., Z 3 K], the latents first, to [..., 3 K Z]."""
    apart = array.reshape(*array.shape[:-1], latent_size, 3, -1)
    return np.moveaxis(apart, -3, -1).reshape(array.shape)


def _with_restart_unit(
    kernel: np.ndarray, bias: np.ndarray, flag: int
) -> tuple[np.ndarray, np.ndarray]:
    """Let one more unit of the LSTM stand for the restart flag.

    Its gates are shut or open whatever it reads, so that its h is 0 before the first
    step of an episode and tanh(1) ever after. All biases get the flag's weights, as if
    it were 1; the unit's h takes them back from the second step on.

    Args:
        kernel: [4, I + N, N] by gates i, f, j, o.
        bias: [4, N].
        flag: the row of the kernel that the flag is read by.
    """
    weights = kernel[:, flag]
    kernel = np.delete(kernel, flag, axis=1)
    kernel = np.pad(kernel, ((0, 0), (0, 1), (0, 1)))
    kernel[:, -1, :-1] = -weights / math.tanh(1)
    unit = np.array([[_OPEN], [-_OPEN], [_OPEN], [_OPEN]])
    return kernel, np.concatenate([bias + weights, unit], axis=1)


def controller_of(
    values: np.ndarray, latent_size: int, units: int, layout: Layout
) -> np.ndarray:
    """Return C's parameters [D] in this project's order.

    Args:
        units: of M here, with the restart unit, for which C gets zeros.

    Raises:
        Malformed: for another number of them.
    """
    _, *features = layout.inputs.split("_")
    released = units - layout.restarts
    sizes = [latent_size, *(released for _ in features)]
    biases = layout.actions * layout.bias
    wanted = sum(sizes) * layout.actions + biases
    if values.shape != (wanted,):
        raise Malformed(
            f"C has parameters of shape {list(values.shape)}; those of V and M here "
            f"are {wanted}"
        )
    bias, weights = values[:biases], values[biases:].reshape(-1, layout.actions).T
    parts = np.split(weights, np.cumsum(sizes)[:-1], axis=1)
    if layout.restarts:
        parts[1:] = [np.pad(part, ((0, 0), (0, 1))) for part in parts[1:]]
    return _single(np.concatenate([np.concatenate(parts, axis=1).ravel(), bias]))


def starts_of(
    arrays: Sequence[np.ndarray], latent_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the means and log-variances [S, Z] of the first frames of episodes.

    Raises:
        Malformed: for arrays that are not those of V.
    """
    forms = {"mu": ("S", "Z"), "logvar": ("S", "Z")}
    found = _named("initial_z.json", arrays, forms, {"Z": latent_size})
    mu, logvar = (_single(found[name]) for name in forms)
    return mu, logvar


def _named(
    file: str,
    arrays: Sequence[np.ndarray],
    forms: Mapping[str, tuple[int | str, ...]],
    lengths: dict[str, int],
) -> dict[str, np.ndarray]:
    """Return the arrays by their names, divided by SCALE, each of its form.

    Args:
        forms: the axes of each: a length, a letter that has one length in all of them,
            or "4 letter", four times that.
        lengths: those of letters that are known; the others are added.
    """
    if len(arrays) != len(forms):
        raise Malformed(f"{file} holds {len(arrays)} arrays, and should {len(forms)}")
    for number, (array, axes) in enumerate(zip(arrays, forms.values(), strict=True)):
        wanted = list(axes)
        if array.ndim == len(axes):
            wanted = [
                _length(axis, n, lengths)
                for axis, n in zip(axes, array.shape, strict=True)
            ]
        if list(array.shape) != wanted:
            raise Malformed(
                f"array {number} of {file} is {list(array.shape)}, and should be "
                f"{wanted}"
            )
    return {
        name: array.astype(np.float64) / SCALE
        for name, array in zip(forms, arrays, strict=True)
    }


def _length(axis: int | str, found: int, lengths: dict[str, int]) -> int:
    """Return the length that an axis should have; the first with its letter decides."""
    if isinstance(axis, int):
        return axis
    times, _, letter = axis.rpartition(" ")
    times = int(times or 1)
    return times * lengths.setdefault(letter, max(found // times, 1))


def _single(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float32)
