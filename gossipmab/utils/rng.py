"""Streams of random numbers keyed by what they are for, so that no result depends on who draws first."""

from __future__ import annotations

import zlib
from enum import IntEnum

import numpy as np

from gossipmab.utils.errors import InputError


class Purpose(IntEnum):
    """What a stream is for. Links and failures belong to the network, POLICY and PROBES to a centre: their agent is 0."""

    ENVIRONMENT = 0
    ARMS = 1
    REWARDS = 2
    LINKS = 3
    POLICY = 4
    PROBES = 5
    FAILURES = 6


def stream(seed: int, *, trial: int = 0, label: str = "", agent: int = 0, purpose: Purpose) -> np.random.Generator:
    """The generator of one purpose of one agent in one trial.

    Args:
        seed: the experiment's seed, a non-negative integer.
        trial: the trial's index.
        label: the algorithm's label where algorithms draw independently; "" where all of a trial share (coupled).
        agent: the agent's index.
        purpose: what the numbers are for.

    Raises:
        InputError: seed or trial is not a whole number >= 0.

    Two keys that differ anywhere give independent streams (NumPy's SeedSequence).
    """
    key = spawn_key(seed, trial=trial, label=label, agent=agent, purpose=purpose)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def spawn_key(seed: int, *, trial: int, label: str, agent: int, purpose: Purpose) -> tuple[int, int, int, int]:
    """What tells a stream from the others of the seed; see `stream`."""
    for name, value in (("seed", seed), ("trial", trial)):
        if not isinstance(value, int | np.integer) or value < 0:
            raise InputError(f"{name}: got {value!r}, allowed is a whole number >= 0")
    return int(trial), zlib.crc32(label.encode()) + 1 if label else 0, agent, int(purpose)


def words(number: int) -> list[int]:
    """The 32-bit words of a whole number >= 0, the lowest first, as SeedSequence takes them."""
    found = [int(number) & 0xFFFFFFFF]
    while number := int(number) >> 32:
        found.append(number & 0xFFFFFFFF)
    return found
