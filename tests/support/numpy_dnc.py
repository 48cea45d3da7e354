"""The DNC in numpy: one row, one slot after the other, as the equations are written.

Graves et al. 2016, Methods, and the three options of Csordas & Schmidhuber 2019
("Improving differentiable neural computers through memory masking, de-allocation, and
link distribution sharpness control"). It shares no code with the cell and sorts slots.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit, softmax

EPSILON = 1e-6


@dataclass(frozen=True)
class Sizes:
    inputs: int
    units: int
    slots: int
    word_size: int
    read_heads: int
    masked_content: bool = False
    erase_freed: bool = False
    sharpen_links: bool = False


@dataclass
class Held:
    """The constants of each step of a loop: those that it took, or is given.

    Attributes:
        orders, writes: None, or the order of slots and the write weighting that goes
            into usage of each step: constants of the cell's gradient.
        seen_orders, seen_writes, allocations: of each step that was made.
    """

    orders: list | None = None
    writes: list | None = None
    seen_orders: list = field(default_factory=list)
    seen_writes: list = field(default_factory=list)
    allocations: list = field(default_factory=list)


def initial(sizes: Sizes) -> dict[str, np.ndarray]:
    n, w, r = sizes.slots, sizes.word_size, sizes.read_heads
    shapes = {
        "h": sizes.units, "c": sizes.units, "r": (r, w), "memory": (n, w), "usage": n,
        "write": n, "read": (r, n), "link": (n, n), "precedence": n,
    }  # fmt: skip
    return {name: np.zeros(shape) for name, shape in shapes.items()}


def cosine(x, y):
    return x @ y / np.sqrt(x @ x + EPSILON) / np.sqrt(y @ y + EPSILON)


def content(memory, key, strength, mask):
    each = [cosine(mask * slot, mask * key) for slot in memory]
    return softmax(strength * np.array(each))


def allocation(usage, order):
    """In the order of the free list: what a slot leaves, the next may take."""
    usage = EPSILON + (1 - EPSILON) * usage
    a, left = np.zeros_like(usage), 1.0
    for slot in order:
        a[slot] = (1 - usage[slot]) * left
        left = left * usage[slot]
    return a


def sharpened(weighting, power):
    raised = ((weighting + EPSILON) / (weighting.max() + EPSILON)) ** power
    return raised / raised.sum()


def strength(x):
    return 1 + np.logaddexp(0, x)


def parse(xi, sizes: Sizes):
    """Cut the interface's numbers in the order of dnc.step's equations."""
    w, r = sizes.word_size, sizes.read_heads
    place = 0

    def take(*shape):
        nonlocal place
        count = int(np.prod(shape))
        part = xi[place : place + count]
        place += count
        return part.reshape(shape)

    said = {
        "read_keys": take(r, w),
        "read_strengths": strength(take(r)),
        "write_key": take(w),
        "write_strength": strength(take())[()],
        "erase": expit(take(w)),
        "value": take(w),
        "free": expit(take(r)),
        "allocate": expit(take())[()],
        "gate": expit(take())[()],
        "modes": softmax(take(r, 3), axis=-1),
        "read_masks": np.ones((r, w)),
        "write_mask": np.ones(w),
    }
    if sizes.masked_content:
        said["read_masks"], said["write_mask"] = expit(take(r, w)), expit(take(w))
    if sizes.sharpen_links:
        said["backward_power"], said["forward_power"] = strength(take(2, r))
    assert place == len(xi)
    return said


def step(params, sizes: Sizes, old, x, held: Held | None = None):
    """Return what the heads of M read, [H + R W], and the state after x [I]."""
    held = held or Held()
    n, heads, units = sizes.slots, sizes.read_heads, sizes.units
    seen = np.concatenate([x, old["r"].ravel(), old["h"]])
    gates = seen @ params["dnc_kernel"] + params["dnc_bias"]
    i, f, g, o = (gates[k * units : (k + 1) * units] for k in range(4))
    c = expit(f) * old["c"] + expit(i) * np.tanh(g)
    h = expit(o) * np.tanh(c)
    xi = h @ params["dnc_interface_kernel"] + params["dnc_interface_bias"]
    said = parse(xi, sizes)

    psi = np.ones(n)
    for k in range(heads):
        psi = psi * (1 - said["free"][k] * old["read"][k])
    now = len(held.allocations)
    before = old["write"] if held.writes is None else held.writes[now]
    usage = (old["usage"] + before - old["usage"] * before) * psi
    order = sorted(range(n), key=lambda slot: (usage[slot], slot))
    if held.orders is not None:
        order = held.orders[now]
    a = allocation(usage, order)
    held.seen_writes.append(before)
    held.seen_orders.append(order)
    held.allocations.append(a)

    memory = old["memory"]
    found = content(
        memory, said["write_key"], said["write_strength"], said["write_mask"]
    )
    write = said["gate"] * (said["allocate"] * a + (1 - said["allocate"]) * found)
    kept = psi[:, None] if sizes.erase_freed else 1.0
    memory = memory * kept * (1 - np.outer(write, said["erase"]))
    memory = memory + np.outer(write, said["value"])

    link = np.zeros((n, n))
    for row in range(n):
        for column in range(n):
            if row != column:
                link[row, column] = (1 - write[row] - write[column]) * old["link"][
                    row, column
                ] + write[row] * old["precedence"][column]
    precedence = (1 - write.sum()) * old["precedence"] + write

    read = np.zeros((heads, n))
    for k in range(heads):
        backward, forward = link.T @ old["read"][k], link @ old["read"][k]
        if sizes.sharpen_links:
            backward = sharpened(backward, said["backward_power"][k])
            forward = sharpened(forward, said["forward_power"][k])
        found = content(
            memory,
            said["read_keys"][k],
            said["read_strengths"][k],
            said["read_masks"][k],
        )
        modes = said["modes"][k]
        read[k] = modes[0] * backward + modes[1] * found + modes[2] * forward
    r = read @ memory
    state = {
        "h": h, "c": c, "r": r, "memory": memory, "usage": usage, "write": write,
        "read": read, "link": link, "precedence": precedence,
    }  # fmt: skip
    return np.concatenate([h, r.ravel()]), state


def unfold(params, sizes: Sizes, x, first, state, held: Held | None = None):
    """Return what the heads read after each of x [T, I], and the states after each."""
    outputs, states = [], []
    for x_t, first_t in zip(x, first, strict=True):
        y, state = step(params, sizes, initial(sizes) if first_t else state, x_t, held)
        outputs.append(y)
        states.append(state)
    return np.array(outputs), states
