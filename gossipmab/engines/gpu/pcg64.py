"""NumPy's PCG64 on the device: 128-bit steps and jumps in 64-bit words, number for number the streams of `utils/rng.py`.

    s <- M s + c  (mod 2^128),   output XSL-RR(s): rotate(high xor low, top six bits of s),   u = (output >> 11) 2^-53

n steps at once are one step with other constants: s <- M^n s + c (M^(n-1) + ... + M + 1). Source: O'Neill, "PCG: a family of simple
fast space-efficient statistically good algorithms for random number generation", 2014; Brown, "Random number generation with
arbitrary strides", 1994.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipmab.utils.jit import jit

Words = NDArray[np.uint64]
MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
WHOLE = 2**128
STEP, JUMP = 0, 1  # rows of a stream's constants: the multiplier and the increment of one number, and of a round
HALF, LOW, TOP, SHIFT = np.uint64(32), np.uint64(0xFFFFFFFF), np.uint64(58), np.uint64(11)
FULL, MASK, NOTHING, ONE = np.uint64(64), np.uint64(63), np.uint64(0), np.uint64(1)
UNIT = 2.0**-53


@jit
def high_product(a: Any, b: Any) -> Any:
    """The upper 64 bits of a b."""
    a_low, a_high, b_low, b_high = a & LOW, a >> HALF, b & LOW, b >> HALF
    lowest, one, other = a_low * b_low, a_low * b_high, a_high * b_low
    middle = (lowest >> HALF) + (one & LOW) + (other & LOW)
    return a_high * b_high + (one >> HALF) + (other >> HALF) + (middle >> HALF)


@jit
def stepped(high: Any, low: Any, constants: Words) -> tuple[Any, Any]:
    """The state after one step with constants (4,): multiplier and increment, each high word first.

    All are np.uint64 words, which wrap.
    """
    m_high, m_low = constants[0], constants[1]
    product = low * m_low
    upper = high_product(low, m_low) + high * m_low + low * m_high
    total = product + constants[3]
    carry = ONE if total < product else NOTHING
    return upper + constants[2] + carry, total


@jit
def uniform_of(high: Any, low: Any) -> float:
    """The uniform number in [0, 1) of a state."""
    mixed, turn = high ^ low, high >> TOP
    turned = (mixed >> turn) | (mixed << ((FULL - turn) & MASK))
    return float(turned >> SHIFT) * UNIT


@jit
def along(start: Words, step: Words, states: Words) -> None:
    """Write the states start, start + 1 step, start + 2 steps, ... into states (n, 2). step: (4,) as of `stepped`."""
    high, low = start[0], start[1]
    for n in range(states.shape[0]):
        states[n, 0], states[n, 1] = high, low
        high, low = stepped(high, low, step)


def words(number: int) -> list[int]:
    """[high, low] of a 128-bit number."""
    return [number >> 64 & (2**64 - 1), number & (2**64 - 1)]


def jump(increment: int, numbers: int) -> list[int]:
    """(4,) the constants of so many steps at once, of a stream with this increment."""
    multiplier, total = _jump(numbers)
    return [*words(multiplier), *words(increment * total % WHOLE)]


@lru_cache(1024)
def _jump(numbers: int) -> tuple[int, int]:
    """(M^n, M^(n-1) + ... + M + 1) mod 2^128."""
    multiplier, total = 1, 0
    power, power_sum, left = MULTIPLIER, 1, numbers
    while left:
        if left & 1:
            multiplier, total = multiplier * power % WHOLE, (total * power + power_sum) % WHOLE
        power, power_sum, left = power * power % WHOLE, power_sum * (power + 1) % WHOLE, left >> 1
    return multiplier, total


def start_of(generator: np.random.Generator) -> tuple[int, int]:
    """State and increment of a PCG64 generator."""
    known = generator.bit_generator.state["state"]
    return known["state"], known["inc"]
