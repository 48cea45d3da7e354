"""The differentiable neural computer: an LSTM with a memory beside it.

Graves et al. 2016, "Hybrid computing using a neural network with dynamic external
memory" (Nature 538), Methods. The LSTM reads x and what was read of the memory the step
before; its h says what is written, where, and what is read. The heads of M read [h, r].
The seeds' author put it in the place of M's LSTM; the paper has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

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


@dataclass(frozen=True)
class DNC:
    """A DNC whose LSTM has H units and whose memory has N slots of W numbers."""

    inputs: int  # I
    units: int  # H
    slots: int = 16  # N
    word_size: int = 16  # W
    read_heads: int = 4  # R
    precision: Precision = FLOAT32  # of the products with the weights

    @property
    def _interface_size(self) -> int:
        reads, word = self.read_heads, self.word_size
        return reads * word + 3 * word + 5 * reads + 3

    def parameters(self) -> Mapping[str, Parameter]:
        """Return the LSTM's kernel and bias, and those of the interface."""
        glorot, zeros = nn.initializers.glorot_uniform(), nn.initializers.zeros
        read = self.inputs + self.read_heads * self.word_size + self.units
        gates = 4 * self.units
        return {
            "dnc_kernel": Parameter(glorot, (read, gates)),
            "dnc_bias": Parameter(lstm.forget_one, (gates,)),
            "dnc_interface_kernel": Parameter(
                glorot, (self.units, self._interface_size)
            ),
            "dnc_interface_bias": Parameter(zeros, (self._interface_size,)),
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
        h, c = lstm.activate(LSTMState(state.h, state.c), gates)[0]
        xi = product(h, params["dnc_interface_kernel"], self.precision)
        xi += _moved(params["dnc_interface_bias"], offsets[1])
        state = access(state._replace(h=h, c=c), self._interface(xi), kept)
        return jnp.concatenate([h, _flat(state.r)], axis=-1), state

    def unfold(
        self, params: Params, x: jax.Array, first: jax.Array, state: DNCState
    ) -> tuple[jax.Array, DNCState]:
        """Return [h, r] [T, B, H + R W] after each of x [T, B, I], and the state."""
        return dnc_segments.unfold(self, params, x, first, state)

    def features(self, state: DNCState) -> dict[str, jax.Array]:
        """Return h, c and r [..., R W], which C may read."""
        return {"h": state.h, "c": state.c, "r": _flat(state.r)}

    def _interface(self, xi: jax.Array) -> Interface:
        """Return what the numbers xi [..., R W + 3 W + 5 R + 3] say."""
        reads, word = self.read_heads, self.word_size
        sizes = (reads * word, reads, word, 1, word, word, reads, 1, 1, 3 * reads)
        ends = [sum(sizes[: n + 1]) for n in range(len(sizes) - 1)]
        keys, strengths, key, strength, erase, value, free, allocate, gate, modes = (
            jnp.split(xi, ends, axis=-1)
        )
        modes = modes.reshape(*xi.shape[:-1], reads, 3)
        return Interface(
            read_keys=keys.reshape(*xi.shape[:-1], reads, word),
            read_strengths=1 + jax.nn.softplus(strengths),
            write_key=key,
            write_strength=1 + jax.nn.softplus(strength[..., 0]),
            erase=jax.nn.sigmoid(erase),
            value=value,
            free=jax.nn.sigmoid(free),
            allocate=jax.nn.sigmoid(allocate[..., 0]),
            gate=jax.nn.sigmoid(gate[..., 0]),
            modes=jax.nn.softmax(modes, axis=-1),
        )


def access(state: DNCState, interface: Interface, kept: jax.Array) -> DNCState:
    """Return the state after one write and one read of the memory, h and c as given.

    Args:
        kept: [...] 1, or 0 where the links of the state are to be forgotten.
    """
    retained = addressing.retention(interface.free, state.read)
    usage = addressing.used(state.usage, state.write, retained)
    write = write_weighting(state.memory, usage, interface)
    memory = written(state.memory, write, interface)
    link, *both = links.follow(state.link, kept, state.precedence, write, state.read)
    precedence = addressing.preceding(state.precedence, write)
    read = read_weightings(memory, both, interface)
    r = jnp.einsum("...rn,...nw->...rw", read, memory)
    return DNCState(state.h, state.c, r, memory, usage, write, read, link, precedence)


def write_weighting(
    memory: jax.Array, usage: jax.Array, interface: Interface
) -> jax.Array:
    """Return where to write, [..., N], by memory [..., N, W] and usage [..., N]."""
    key, strength = interface.write_key, interface.write_strength
    found = addressing.content(memory, key[..., None, :], strength[..., None])
    share = interface.allocate[..., None]
    where = share * addressing.allocation(usage) + (1 - share) * found[..., 0, :]
    return interface.gate[..., None] * where


def written(memory: jax.Array, write: jax.Array, interface: Interface) -> jax.Array:
    """Return the memory [..., N, W] after a write by weighting [..., N]."""
    w = write[..., None]
    erase, value = interface.erase[..., None, :], interface.value[..., None, :]
    return memory * (1 - w * erase) + w * value


def read_weightings(
    memory: jax.Array, directions: Sequence[jax.Array], interface: Interface
) -> jax.Array:
    """Return where each head reads, [..., R, N].

    Args:
        memory: [..., N, W] after the write.
        directions: where links lead from the reads of before, backward and forward.
    """
    backward, forward = directions
    found = addressing.content(memory, interface.read_keys, interface.read_strengths)
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
