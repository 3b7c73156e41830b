"""Few links of many, at the cost of those that are present: the gaps between them are geometric.

Source: Batagelj and Brandes, "Efficient generation of large random networks", 2005.
"""

from __future__ import annotations

import math

import numpy as np

from gossipmab.networks.links.base import Sampler, SparseLinkSampler
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Bytes, Floats, Integers

FEW, MANY = 0.1, 10_000  # up to this probability, and from so many links on
FARTHEST = 2.0**62


@jit
def skip(u: Floats, logarithm: float, last: int, limit: int, listed: Integers) -> tuple[int, int, int]:
    """The next successes of independent trials after number `last`, below number `limit`.

    gap = floor( ln(1 - u) / ln(1 - p) ),  next = last + 1 + gap

    Args:
        u: (n,) uniform numbers. logarithm: ln(1 - p). listed: (n,) out.

    Returns:
        How many were listed; how many numbers were used; the trial that the last one led to, which is >= limit if it was
        one more than were listed.
    """
    for n in range(u.shape[0]):
        last += 1 + int(min(math.floor(math.log1p(-u[n]) / logarithm), FARTHEST))
        if last >= limit:
            return n, n + 1, last
        listed[n] = last
    return u.shape[0], u.shape[0], last


def few_of_many(generator: np.random.Generator, p: float, edges: int) -> SparseLinkSampler:
    """Each of so many links is present with probability p < 1, on its own, in every round: one number for each that is present.

    The rounds are one long row of trials, so that any split into blocks takes the same numbers for the same links.
    """
    logarithm = math.log1p(-p)
    left = np.zeros(0)  # numbers drawn and not used
    found, played = -1, 0  # the last success, which may be ahead of the rounds played

    def block(rounds: int) -> tuple[Integers, Integers]:
        nonlocal left, found, played
        begin, limit = played * edges, (played + rounds) * edges
        played += rounds
        parts = [np.array([found], np.int64)] if begin <= found < limit else []
        while found < limit:
            expected = (limit - max(found, begin)) * p
            u = left if len(left) else generator.random(int(expected + 4.0 * math.sqrt(expected)) + 16)
            listed = np.empty(len(u), np.int64)
            several, used, found = skip(u, logarithm, found, limit, listed)
            parts.append(listed[:several])
            left = u[used:]
        flat = np.concatenate([*parts, np.zeros(0, np.int64)]) - begin
        first = np.searchsorted(flat, np.arange(rounds + 1) * edges).astype(np.int64)
        return first, flat % edges

    return block


def spread(sparse_sampler: SparseLinkSampler, edges: int) -> Sampler:
    """The same links as rows of 0 and 1."""

    def block(rounds: int) -> Bytes:
        first, listed = sparse_sampler(rounds)
        present = np.zeros((rounds, edges), np.uint8)
        present[np.repeat(np.arange(rounds), np.diff(first)), listed] = 1
        return present

    return block
