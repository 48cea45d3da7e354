"""One drive of a policy that is made for many slots."""

from collections.abc import Callable

import numpy as np

from worldmodels.rollout.in_gymnasium import SlotPolicy


def first_slot(policy: SlotPolicy, slots: int) -> Callable[[np.ndarray], np.ndarray]:
    """Let a policy of many slots drive in one of them.

    The batch keeps the size that the controller was evolved with, or is evaluated with
    by default, so the same seed gives the same drive here as there.
    """
    active = np.arange(slots) == 0

    def choose(frame: np.ndarray) -> np.ndarray:
        frames = np.zeros((slots, *frame.shape), frame.dtype)
        frames[0] = frame
        return policy.act(frames, active)[0]

    return choose
