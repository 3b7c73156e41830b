"""Python's `random.Random`, replayed in compiled code: the Mersenne Twister MT19937 and what Python makes of its words.

Matsumoto, Nishimura: Mersenne twister, ACM TOMACS 8 (1998). Its state is (625,) int64: 624 words of 32 bits, and how many
of them were used. CPython turns words into numbers so:

    getrandbits(k) = word >> (32 - k),  k <= 32
    randbelow(n)   = the first getrandbits(bit length of n) below n;  choice(x) = x[randbelow(len(x))]
    random()       = (a 2^26 + b) / 2^53  with  a = word >> 5, b = the next word >> 6

A set of links beside it: link numbers in a table of a power of two of places, -1 where a place is free.
"""

from __future__ import annotations

import random

import numpy as np

from gossipmab.utils.jit import jit
from gossipmab.utils.types import Integers

WORDS, AHEAD = 624, 397


def twister(seed: int) -> Integers:
    """The state of `random.Random(seed)`, (625,) int64."""
    return np.array(random.Random(seed).getstate()[1], np.int64)


def room(links: float) -> Integers:
    """A table with room for so many links, at most two thirds full."""
    return np.full(1 << max(4, int(1.5 * links).bit_length()), -1, np.int64)


@jit
def word(state: Integers) -> int:
    """The next 32 bits."""
    at = state[WORDS]
    if at >= WORDS:
        for k in range(WORDS):
            y = (state[k] & 0x80000000) | (state[(k + 1) % WORDS] & 0x7FFFFFFF)
            state[k] = state[(k + AHEAD) % WORDS] ^ (y >> 1) ^ ((y & 1) * 0x9908B0DF)
        at = 0
    state[WORDS] = at + 1
    y = state[at]
    y ^= y >> 11
    y ^= (y << 7) & 0x9D2C5680
    y ^= (y << 15) & 0xEFC60000
    return int(y ^ (y >> 18))


@jit
def bit_length(n: int) -> int:
    """The bits of a number from 1 on."""
    bits = 0
    while n >> bits:
        bits += 1
    return bits


@jit
def below(state: Integers, n: int, bits: int) -> int:
    """A whole number below n, whose bit length is `bits`."""
    number = word(state) >> (32 - bits)
    while number >= n:
        number = word(state) >> (32 - bits)
    return number


@jit
def uniform(state: Integers) -> float:
    """A number in [0, 1)."""
    a = word(state) >> 5
    b = word(state) >> 6
    return (a * 67108864.0 + b) * (1.0 / 9007199254740992.0)


@jit
def shuffle(state: Integers, x: Integers, count: int) -> None:
    """Shuffle the first `count` of x as `random.shuffle` does: from the end, each with one that is not behind it."""
    bits = bit_length(count)
    for i in range(count - 1, 0, -1):
        if i + 1 < 1 << (bits - 1):
            bits -= 1
        j = below(state, i + 1, bits)
        x[i], x[j] = x[j], x[i]


@jit
def place(table: Integers, key: int) -> int:
    """Where the link stands in the table, or the free place where it would."""
    last = table.shape[0] - 1
    mixed = key * 2654435  # a key is below 10^12, so this stays below 2^63
    at = (mixed ^ (mixed >> 29)) & last
    while table[at] >= 0 and table[at] != key:
        at = (at + 1) & last
    return int(at)


@jit
def link(i: int, j: int, agents: int) -> int:
    """The number of the link {i, j}."""
    return min(i, j) * agents + max(i, j)
