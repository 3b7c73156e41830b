"""Many random streams at a time, in plain arrays: the very numbers of `randomness.stream`, agent after agent.

NumPy's generators are objects of a kilobyte and a call each; a hundred thousand agents have two apiece. Here a stream is four
words, seeded and drawn from by compiled code: NumPy's SeedSequence and PCG64 (O'Neill, "PCG: a family of simple fast
space-efficient statistically good algorithms for random number generation", 2014: the 128-bit linear congruential
generator with the XSL-RR output).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipmab.utils.jit import jit, jit_inline
from gossipmab.utils.rng import Purpose, spawn_key, words
from gossipmab.utils.types import Floats

Words = NDArray[np.uint64]

# Of SeedSequence.
POOL = 4
INIT_A, MULT_A, INIT_B, MULT_B = (
    np.uint32(0x43B0D7E5),
    np.uint32(0x931E8875),
    np.uint32(0x8B51F9DD),
    np.uint32(0x58F38DED),
)
MIX_LEFT, MIX_RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
HALF = np.uint32(16)
# Of PCG64: the multiplier, in two words.
FACTOR_HIGH, FACTOR_LOW = np.uint64(0x2360ED051FC65DA4), np.uint64(0x4385DF649FCCF645)
LOW_HALF, HALF_WORD = np.uint64(0xFFFFFFFF), np.uint64(32)
ONE, TOP, ROTATION, WORD_MASK = np.uint64(1), np.uint64(63), np.uint64(58), np.uint64(63)
UNIT, ELEVEN = 2.0**-53, np.uint64(11)


@jit_inline
def high_of_product(a: Any, b: Any) -> Any:
    """The upper word of the product of two words."""
    a_low, a_high, b_low, b_high = a & LOW_HALF, a >> HALF_WORD, b & LOW_HALF, b >> HALF_WORD
    low, across, other = a_low * b_low, a_high * b_low, a_low * b_high
    carry = ((low >> HALF_WORD) + (across & LOW_HALF) + (other & LOW_HALF)) >> HALF_WORD
    return a_high * b_high + (across >> HALF_WORD) + (other >> HALF_WORD) + carry


@jit_inline
def step(high: Any, low: Any, by_high: Any, by_low: Any) -> tuple[Any, Any]:
    """The state after (high, low), with the increment (by_high, by_low)."""
    after = low * FACTOR_LOW
    upper = high_of_product(low, FACTOR_LOW) + low * FACTOR_HIGH + high * FACTOR_LOW
    total = after + by_low
    return upper + by_high + np.uint64(total < after), total


@jit_inline
def hashed(value: Any, hash_constant: Any) -> tuple[Any, Any]:
    """SeedSequence's hash of a word, and its next constant."""
    value = np.uint32(value ^ hash_constant)
    hash_constant = np.uint32(hash_constant * MULT_A)
    value = np.uint32(value * hash_constant)
    return np.uint32(value ^ (value >> HALF)), hash_constant


@jit_inline
def mixed(x: Any, y: Any) -> Any:
    """SeedSequence's mixture of two words."""
    result = np.uint32(np.uint32(MIX_LEFT * x) - np.uint32(MIX_RIGHT * y))
    return np.uint32(result ^ (result >> HALF))


@jit
def seed_streams(entropy: NDArray[np.uint32], place: int, first: int, pool: NDArray[np.uint32], states: Words) -> None:
    """Seed the streams of the agents first, first + 1, ..., whose index is entropy[place].

    Args:
        entropy: (n,) the words of the seed and of the key; pool: (4,) scratch; states: (agents, 4) out, see `Streams`.
    """
    for i in range(states.shape[0]):
        entropy[place] = np.uint32(first + i)
        constant = INIT_A
        for s in range(POOL):
            word = entropy[s] if s < entropy.shape[0] else np.uint32(0)
            pool[s], constant = hashed(word, constant)
        for s in range(POOL):
            for d in range(POOL):
                if s != d:
                    value, constant = hashed(pool[s], constant)
                    pool[d] = mixed(pool[d], value)
        for s in range(POOL, entropy.shape[0]):
            for d in range(POOL):
                value, constant = hashed(entropy[s], constant)
                pool[d] = mixed(pool[d], value)
        constant = INIT_B
        for w in range(4):
            two = np.uint64(0)
            for half in range(2):
                value = np.uint32(pool[(2 * w + half) % POOL] ^ constant)
                constant = np.uint32(constant * MULT_B)
                value = np.uint32(value * constant)
                value = np.uint32(value ^ (value >> HALF))
                two |= np.uint64(value) << np.uint64(32 * half)
            states[i, w] = two
        # PCG64: increment 2 s + 1 from the last two words; the state is stepped, the first two are added, and stepped.
        by_high, by_low = (states[i, 2] << ONE) | (states[i, 3] >> TOP), (states[i, 3] << ONE) | ONE
        low = by_low + states[i, 1]
        high = by_high + states[i, 0] + np.uint64(low < by_low)
        states[i, 0], states[i, 1] = step(high, low, by_high, by_low)
        states[i, 2], states[i, 3] = by_high, by_low


@jit
def draw_numbers(states: Words, numbers: Floats) -> None:
    """Fill numbers (agents, n) with the next uniform numbers in [0, 1) of each stream of states (agents, 4)."""
    for i in range(states.shape[0]):
        high, low, by_high, by_low = states[i, 0], states[i, 1], states[i, 2], states[i, 3]
        for n in range(numbers.shape[1]):
            high, low = step(high, low, by_high, by_low)
            value, turn = high ^ low, high >> ROTATION
            value = (value >> turn) | (value << ((np.uint64(64) - turn) & WORD_MASK))
            numbers[i, n] = np.float64(value >> ELEVEN) * UNIT
        states[i, 0], states[i, 1] = high, low


class Streams:
    """The streams of one purpose of the agents first .. first + agents - 1 of a trial.

    states: (agents, 4) uint64: state and increment of each, high word first; 32 bytes a stream.
    """

    def __init__(
        self, seed: int, *, trial: int = 0, label: str = "", agents: int, first: int = 0, purpose: Purpose
    ) -> None:
        """As `randomness.stream` for each agent; InputError likewise."""
        key = spawn_key(seed, trial=trial, label=label, agent=0, purpose=purpose)
        head = words(seed)
        head += [0] * (POOL - len(head))  # SeedSequence pads a short seed before it appends a key
        parts = [words(part) for part in key]
        place = len(head) + len(parts[0]) + len(parts[1])
        entropy = np.array([*head, *(word for part in parts for word in part)], np.uint32)
        self.states: Words = np.zeros((agents, 4), np.uint64)
        with np.errstate(
            over="ignore"
        ):  # words wrap around, of which NumPy's scalars would warn where this is interpreted
            seed_streams(entropy, place, first, np.zeros(POOL, np.uint32), self.states)

    def draw(self, numbers: Floats, first: int = 0) -> None:
        """Fill numbers (n, ...) with the next ones of n streams, from the one at `first` on."""
        with np.errstate(over="ignore"):
            draw_numbers(self.states[first : first + len(numbers)], numbers.reshape(len(numbers), -1))
