"""Streams of random numbers: one for each purpose of a trial, and a fixed position for every number.

Number (t, i, d) of a purpose, t = 1, 2, ... rounds, i = 0 .. N-1 agents, d = 0 .. D-1 numbers an agent and round, stands at
position ((t-1) N + i) D + d of the stream. So any engine, thread, actor or device jumps to its own part, and no result
depends on the order of drawing.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from math import prod
from typing import Any

import numpy as np

from gossipmab.utils.types import Floats
from gossipmab.utils.validation import whole_number


class Purpose(IntEnum):
    """What a stream is for.

    POLICY: the uniform numbers of algorithms. SAMPLES: of an expectation that is averaged. TIES: in which order ties are broken.
    GAME, NETWORKS, EXPLORATION: of learners in a game: the game itself, their networks, their actions.
    """

    ENVIRONMENT = 0
    ARMS = 1
    REWARDS = 2
    LINKS = 3
    POLICY = 4
    SAMPLES = 5
    FAILURES = 6
    TIES = 7
    GAME = 8
    NETWORKS = 9
    EXPLORATION = 10


def stream(seed: int, *, trial: int = 0, label: str = "", purpose: Purpose) -> np.random.Generator:
    """The generator of one purpose in one trial: PCG64 of SeedSequence(seed, spawn_key=(trial, label, purpose)).

    Args:
        seed: the experiment's seed, a non-negative integer.
        trial: the trial's index.
        label: the algorithm's label if algorithms draw independently; "" if all of a trial share their numbers. Its place in
            the key is its CRC-32 plus 1, or 0 for "".
        purpose: what the numbers are for.

    Raises:
        InputError: seed or trial is not a whole number >= 0.

    Two keys that differ anywhere give independent streams (NumPy's SeedSequence).
    """
    seed, trial = whole_number("seed", seed, 0), whole_number("trial", trial, 0)
    key = trial, zlib.crc32(label.encode()) + 1 if label else 0, int(purpose)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


class RandomSource:
    """The random numbers of a trial, block of rounds after block of rounds; any split into blocks gives the same numbers."""

    def __init__(self, key: Mapping[str, Any], shapes: Mapping[Purpose, tuple[int, ...]], played: int = 0) -> None:
        """Open the streams after `played` rounds.

        Args:
            key: seed, trial and label, as `stream` takes them.
            shapes: purpose -> the shape of its numbers in a round, such as (N, D).
        """
        self.shapes = {purpose: shape for purpose, shape in shapes.items() if prod(shape)}
        self.generators = {purpose: stream(**key, purpose=purpose) for purpose in self.shapes}
        self.empty = {purpose: shape for purpose, shape in shapes.items() if purpose not in self.shapes}
        self._blocks: dict[Purpose, Floats] = {}  # of the last block, written over by the next one of its size
        for purpose, shape in self.shapes.items():
            advance(self.generators[purpose], played * prod(shape))

    @property
    def numbers_per_round(self) -> int:
        """How many numbers a round takes."""
        return sum(prod(shape) for shape in self.shapes.values())

    def block(self, rounds: int, pool: ThreadPoolExecutor | None = None, parts: int = 1) -> dict[Purpose, Floats]:
        """(rounds, *shape) for each purpose, the numbers of the next rounds; drawn in `parts` at a time by the pool's threads."""
        found: dict[Purpose, Floats] = {p: np.empty((rounds, *shape)) for p, shape in self.empty.items()}
        for purpose, generator in self.generators.items():
            out = self._blocks.get(purpose)
            if out is None or len(out) != rounds:
                out = self._blocks[purpose] = np.empty((rounds, *self.shapes[purpose]))
            found[purpose] = out
            if pool is None:
                generator.random(out=out)
            else:
                _by_parts(generator, out.reshape(-1), pool, parts)
        return found

    def rows(self, rounds: int, first: int, last: int) -> dict[Purpose, Floats]:
        """As `block`, but of the agents first .. last - 1 alone: (rounds, last - first, ...) for each purpose."""
        found: dict[Purpose, Floats] = {p: np.empty((rounds, last - first, *s[1:])) for p, s in self.empty.items()}
        for purpose, generator in self.generators.items():
            agents, *rest = self.shapes[purpose]
            each = prod(rest)
            out = found[purpose] = np.empty((rounds, last - first, *rest))
            if last - first == agents:
                generator.random(out=out)
                continue
            advance(generator, first * each)
            for b in range(rounds):
                generator.random(out=out[b])
                advance(generator, (agents - (last - first)) * each)
            advance(generator, -first * each)
        return found


def advance(generator: np.random.Generator, numbers: int) -> None:
    """Move a PCG64 generator by so many numbers, also backwards."""
    if numbers:
        generator.bit_generator.advance(numbers)  # type: ignore[attr-defined]


def _by_parts(generator: np.random.Generator, out: Floats, pool: ThreadPoolExecutor, parts: int) -> None:
    """Fill `out` (n,) by several threads, each with a copy of the generator at the place of its part."""
    bounds = [len(out) * part // parts for part in range(parts + 1)]

    def draw(part: int) -> None:
        copy = np.random.Generator(np.random.PCG64())
        copy.bit_generator.state = generator.bit_generator.state
        advance(copy, bounds[part])
        copy.random(out=out[bounds[part] : bounds[part + 1]])

    for _ in pool.map(draw, range(parts)):
        pass
    advance(generator, len(out))
