"""The differentiable neural computer: an LSTM with a memory beside it.

Graves et al. 2016, "Hybrid computing using a neural network with dynamic external
memory" (Nature 538), Methods. The LSTM reads x and what was read of the memory the step
before; its h says what is written, where, and what is read. The heads of M read [h, r].
The seeds' author put it in the place of M's LSTM; the paper has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from worldmodels.models.cells import addressing, dnc_segments, links, lstm
from worldmodels.models.cells.cell import Parameter, Params
from worldmodels.models.cells.lstm import LSTMState
from worldmodels.models.precision import FLOAT32, Precision, product


class DNCState(NamedTuple):
    """What the DNC carries from one time step to the next; zeros at the start."""

    h: jax.Array  # [B, H] output of the LSTM, in (-1, 1)
    c: jax.Array  # [B, H] its cell
    r: jax.Array  # [B, R, W] read vectors
    memory: jax.Array  # [B, N, W]
    usage: jax.Array  # [B, N] of each slot, in [0, 1]
    write: jax.Array  # [B, N] write weighting
    read: jax.Array  # [B, R, N] read weightings
    link: jax.Array  # [B, N, N] how much slot i was written right after slot j
    precedence: jax.Array  # [B, N] how much each slot was written last


class Interface(NamedTuple):
    """What the LSTM says to the memory at one step."""

    read_keys: jax.Array  # [B, R, W]
    read_strengths: jax.Array  # [B, R], at least 1
    write_key: jax.Array  # [B, W]
    write_strength: jax.Array  # [B], at least 1
    erase: jax.Array  # [B, W], in (0, 1)
    value: jax.Array  # [B, W] to be written
    free: jax.Array  # [B, R] gates in (0, 1)
    allocate: jax.Array  # [B] gate in (0, 1)
    gate: jax.Array  # [B] of writing, in (0, 1)
    modes: jax.Array  # [B, R, 3] of reading: backward, by content, forward; sums are 1
    read_masks: jax.Array | None  # [B, R, W] in (0, 1), of the keys
    write_mask: jax.Array | None  # [B, W] in (0, 1), of the key
    powers: jax.Array | None  # [B, 2, R] of links read backward and forward, at least 1


@dataclass(frozen=True)
class DNC:
    """A DNC whose LSTM has H units and whose memory has N slots of W numbers.

    Three options of Csordas & Schmidhuber 2019, "Improving differentiable neural
    computers through memory masking, de-allocation, and link distribution sharpness
    control", are off as in the paper:

    - masked_content: a key k looks for the numbers that its mask m in (0, 1) leaves,
      softmax(beta cos(m M_i, m k)), with masks sigmoid(xi) of R + 1 keys;
    - erase_freed: what free gates give up is erased, too,
      M = (M' psi 1^T) (1 - w e^T) + w v^T;
    - sharpen_links: b = S(L^T w_r, s_b) and f = S(L w_r, s_f), where S(w, s)_i is
      (w_i / max w)^s, normalised, with powers 1 + softplus(xi) of each head.
    """

    inputs: int  # I
    units: int  # H
    slots: int = 16  # N
    word_size: int = 16  # W
    read_heads: int = 4  # R
    masked_content: bool = False
    erase_freed: bool = False
    sharpen_links: bool = False
    precision: Precision = FLOAT32  # of the products with the weights

    @property
    def _interface_sizes(self) -> tuple[int, ...]:
        """How many numbers say what, in the order of `_interface`."""
        reads, word = self.read_heads, self.word_size
        always = (reads * word, reads, word, 1, word, word, reads, 1, 1, 3 * reads)
        masks = (reads * word, word) if self.masked_content else (0, 0)
        return *always, *masks, 2 * reads if self.sharpen_links else 0

    def parameters(self) -> Mapping[str, Parameter]:
        """Return the LSTM's kernel and bias, and those of the interface."""
        glorot, zeros = nn.initializers.glorot_uniform(), nn.initializers.zeros
        read = self.inputs + self.read_heads * self.word_size + self.units
        gates = 4 * self.units
        return {
            "dnc_kernel": Parameter(glorot, (read, gates)),
            "dnc_bias": Parameter(lstm.forget_one, (gates,)),
            "dnc_interface_kernel": Parameter(
                glorot, (self.units, sum(self._interface_sizes))
            ),
            "dnc_interface_bias": Parameter(zeros, (sum(self._interface_sizes),)),
        }

    def initial(self, batch: int, dtype: Any) -> DNCState:
        """Return the state [B, ...] before the first step: zeros."""
        units, slots, word, reads = (
            self.units,
            self.slots,
            self.word_size,
            self.read_heads,
        )
        shapes = DNCState(
            h=(units,),
            c=(units,),
            r=(reads, word),
            memory=(slots, word),
            usage=(slots,),
            write=(slots,),
            read=(reads, slots),
            link=(slots, slots),
            precedence=(slots,),
        )
        return DNCState(*(jnp.zeros((batch, *shape), dtype) for shape in shapes))

    def step(
        self, params: Params, state: DNCState, x: jax.Array
    ) -> tuple[jax.Array, DNCState]:
        """Return [h, r] [..., H + R W] and the state after x [..., I]."""
        kept = jnp.ones(x.shape[:-1], x.dtype)
        return self.advance(params, state, x, kept)

    def advance(
        self,
        params: Params,
        state: DNCState,
        x: jax.Array,
        kept: jax.Array,
        offsets: Sequence[jax.Array | None] = (None, None),
    ) -> tuple[jax.Array, DNCState]:
        """Do what `step` does.

        Args:
            kept: [...] 1, or 0 where the links of the state are to be forgotten.
            offsets: to the LSTM's gates [..., 4H] and to the interface's numbers.
        """
        seen = jnp.concatenate([x, _flat(state.r), state.h], axis=-1)
        gates = product(seen, params["dnc_kernel"], self.precision)
        gates += _moved(params["dnc_bias"], offsets[0])
        gates = checkpoint_name(gates, "dnc")
        h, c = lstm.activate(LSTMState(state.h, state.c), gates)[0]
        xi = product(h, params["dnc_interface_kernel"], self.precision)
        xi += _moved(params["dnc_interface_bias"], offsets[1])
        xi = checkpoint_name(xi, "dnc")
        state = self._access(state._replace(h=h, c=c), self._interface(xi), kept)
        return jnp.concatenate([h, _flat(state.r)], axis=-1), state

    def unfold(
        self, params: Params, x: jax.Array, first: jax.Array, state: DNCState
    ) -> tuple[jax.Array, DNCState]:
        """Return [h, r] [T, B, H + R W] after each of x [T, B, I], and the state."""
        own = {name: params[name] for name in self.parameters()}
        return dnc_segments.unfold(self, own, x, first, state)

    def features(self, state: DNCState) -> dict[str, jax.Array]:
        """Return h, c and r [..., R W], which C may read."""
        return {"h": state.h, "c": state.c, "r": _flat(state.r)}

    def interface(self, params: Params, h: jax.Array) -> Interface:
        """Return what h [..., H] asks of the memory."""
        xi = product(h, params["dnc_interface_kernel"], self.precision)
        return self._interface(xi + params["dnc_interface_bias"])

    def _interface(self, xi: jax.Array) -> Interface:
        """Return what the numbers xi [..., X] say."""
        reads, word, leading = self.read_heads, self.word_size, xi.shape[:-1]
        ends = tuple(accumulate(self._interface_sizes))[:-1]
        keys, strengths, key, strength, erase, value, free, allocate, gate, *others = (
            jnp.split(xi, ends, axis=-1)
        )
        modes, read_masks, write_mask, powers = others
        masks = self.masked_content
        return Interface(
            read_keys=keys.reshape(*leading, reads, word),
            read_strengths=1 + jax.nn.softplus(strengths),
            write_key=key,
            write_strength=1 + jax.nn.softplus(strength[..., 0]),
            erase=jax.nn.sigmoid(erase),
            value=value,
            free=jax.nn.sigmoid(free),
            allocate=jax.nn.sigmoid(allocate[..., 0]),
            gate=jax.nn.sigmoid(gate[..., 0]),
            modes=jax.nn.softmax(modes.reshape(*leading, reads, 3), axis=-1),
            read_masks=jax.nn.sigmoid(read_masks.reshape(*leading, reads, word))
            if masks
            else None,
            write_mask=jax.nn.sigmoid(write_mask) if masks else None,
            powers=1 + jax.nn.softplus(powers.reshape(*leading, 2, reads))
            if self.sharpen_links
            else None,
        )

    def _access(
        self, state: DNCState, interface: Interface, kept: jax.Array
    ) -> DNCState:
        """Return the state after one write and one read of the memory.

        Args:
            state: with h and c of now.
            kept: [...] 1, or 0 where the links of the state are to be forgotten.
        """
        before = state.read
        retained = addressing.retention(interface.free, before)
        usage = addressing.used(state.usage, state.write, retained)
        write = write_weighting(state.memory, usage, interface)
        freed = retained if self.erase_freed else None
        memory = written(state.memory, write, interface, freed)
        link, *both = links.follow(state.link, kept, state.precedence, write, before)
        both = [checkpoint_name(way, "dnc") for way in both]
        precedence = addressing.preceding(state.precedence, write)
        read = read_weightings(memory, both, interface)
        return DNCState(
            h=state.h,
            c=state.c,
            r=jnp.einsum("...rn,...nw->...rw", read, memory),
            memory=memory,
            usage=usage,
            write=write,
            read=read,
            link=link,
            precedence=precedence,
        )


def write_weighting(
    memory: jax.Array, usage: jax.Array, interface: Interface
) -> jax.Array:
    """Return where to write, [..., N], by memory [..., N, W] and usage [..., N]."""
    mask = interface.write_mask
    found = addressing.content(
        memory,
        interface.write_key[..., None, :],
        interface.write_strength[..., None],
        None if mask is None else mask[..., None, :],
    )
    share = interface.allocate[..., None]
    where = share * addressing.allocation(usage) + (1 - share) * found[..., 0, :]
    return interface.gate[..., None] * where


def written(
    memory: jax.Array,
    write: jax.Array,
    interface: Interface,
    retained: jax.Array | None = None,
) -> jax.Array:
    """Return the memory [..., N, W] after a write by weighting [..., N].

    Args:
        retained: None, or the share [..., N] of each slot that is kept from before.
    """
    w = write[..., None]
    erase, value = interface.erase[..., None, :], interface.value[..., None, :]
    if retained is not None:
        memory = memory * retained[..., None]
    return memory * (1 - w * erase) + w * value


def read_weightings(
    memory: jax.Array, directions: Sequence[jax.Array], interface: Interface
) -> jax.Array:
    """Return where each head reads, [..., R, N].

    Args:
        memory: [..., N, W] after the write.
        directions: where links lead from the reads of before, backward and forward.
    """
    if interface.powers is not None:
        powers = interface.powers[..., 0, :], interface.powers[..., 1, :]
        directions = map(addressing.sharpened, directions, powers)
    backward, forward = directions
    found = addressing.content(
        memory, interface.read_keys, interface.read_strengths, interface.read_masks
    )
    modes = interface.modes[..., None]
    return (
        modes[..., 0, :] * backward
        + modes[..., 1, :] * found
        + modes[..., 2, :] * forward
    )


def _flat(r: jax.Array) -> jax.Array:
    """Return read vectors [..., R, W] as one vector [..., R W]."""
    return r.reshape(*r.shape[:-2], -1)


def _moved(bias: jax.Array, offset: jax.Array | None) -> jax.Array:
    return bias if offset is None else bias + offset
