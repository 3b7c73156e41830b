"""What the engines of all protocols share: drawing an arm, the recorded rounds, the checks of their arguments."""

from __future__ import annotations

import numpy as np

from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers


def recorded_rounds(horizon: int, count: int) -> Integers:
    """(R,) the rounds round(T m / count), m = 1..count, each once; the last round is always among them."""
    rounds = np.unique([round(horizon * m / count) for m in range(1, count + 1)])
    return rounds[rounds > 0].astype(np.int64)


def check_counts(**counts: int | None) -> None:
    """Raise InputError unless each of these is a whole number >= 1, or None."""
    for name, value in counts.items():
        if value is not None and (isinstance(value, bool) or value != int(value) or value < 1):
            raise InputError(f"{name}: got {value!r}, allowed is a whole number >= 1")


@jit
def sample_arm(p: Floats, u: float) -> int:
    """The arm that the uniform number u draws from the distribution p (K,); never one of probability 0."""
    total = 0.0
    arm = 0
    for k in range(p.shape[0]):
        if p[k] > 0.0:
            total += p[k]
            arm = k
            if u < total:
                break
    return arm


@jit
def policy_unchanged(p: Floats, played: Floats) -> bool:
    """Whether p (K,) equals the previous policy; stores p in `played`. Lets the caller skip recomputing its welfare."""
    equal = True
    for k in range(p.shape[0]):
        equal &= p[k] == played[k]
        played[k] = p[k]
    return equal
