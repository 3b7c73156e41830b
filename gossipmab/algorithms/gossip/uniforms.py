"""Uniform numbers for algorithms that need some of their own, such as Thompson sampling: so many a round, from the round's one.

Algorithms hold no generator. One whose state has a field `scratch_numbers` (M,) finds in it, whenever `select` is called, M
uniform numbers of that agent and round. (choice) They are made of u, the uniform number of the agent's stream of arms that draws
the round's arm from p, by SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), a hash
that passes the usual tests of randomness. So the seed fixes them, every engine has the same without a message more, and
no count of them moves any other stream.

    symbol    name       meaning
    u         u          the round's uniform number, a multiple of 2^-53 in [0, 1)
    g         STEP       2^64 / golden ratio, odd
    h         mixed      a bijection of 64-bit words that spreads every bit over all
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.extending import overload

from gossipmab.utils.jit import jit_inline
from gossipmab.utils.types import Floats

NUMBERS = "scratch_numbers"
STEP, FIRST, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
THIRTY, TWENTY_SEVEN, THIRTY_ONE, ELEVEN = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
BITS = 2.0**53


@jit_inline
def mixed(z: Any) -> Any:
    """h(z), of one word or an array of them."""
    z = (z ^ (z >> THIRTY)) * FIRST
    z = (z ^ (z >> TWENTY_SEVEN)) * SECOND
    return z ^ (z >> THIRTY_ONE)


def hand_numbers(state: Any, u: float) -> None:
    """Fill `state.scratch_numbers`, where the state has it, from u.

    x_m = floor( h( h(2^53 u) + m g ) / 2^11 ) / 2^53,  m = 1..M, in 64-bit words
    """
    numbers: Floats | None = getattr(state, NUMBERS, None)
    if numbers is not None:  # in arrays, for NumPy's scalars warn where words wrap around
        words = np.arange(1, len(numbers) + 1, dtype=np.uint64) * STEP
        words += _mixed(np.array([u * BITS]).astype(np.uint64))
        numbers[:] = (_mixed(words) >> ELEVEN) / BITS


_mixed: Callable[[Any], Any] = getattr(mixed, "py_func", mixed)


@overload(hand_numbers, strict=False, jit_options={"forceinline": True})
def _hand_numbers(state: Any, u: Any) -> Callable[..., None]:
    def nothing(state: Any, u: Any) -> None:
        pass

    def fill(state: Any, u: Any) -> None:
        first = mixed(np.uint64(u * BITS))
        numbers = state.scratch_numbers
        word = first
        for m in range(numbers.shape[0]):
            word += STEP
            numbers[m] = np.float64(mixed(word) >> ELEVEN) / BITS

    return fill if NUMBERS in getattr(state, "fields", ()) else nothing
