"""What a batch of C trials of one kind holds, as arrays whose first axis is the trial. N, K, D, E, R as everywhere.

A lane draws LINKS_OF_LANE links of a round, one after the other: L lanes draw all.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from gossipmab.engines.gossip.tally import Accumulators
from gossipmab.engines.gpu.pcg64 import Words
from gossipmab.utils.types import Bytes, Floats, Integers

LINKS_OF_LANE = 4
ARMS, REWARDS, LINKS = range(3)  # streams
AVERAGES = "global_mean", "sent_global_mean", "local_mean", "sent_local_mean"  # fields of a state, in the order of `Flat`
ALWAYS, DRAWN, GIVEN = range(3)  # where the links of a round come from: all are up, drawn on the device, or sampled on the host


class Graphs(NamedTuple):
    """G base graphs with their links and weights. which: (C,) the graph of each trial.

    source: (G,) ALWAYS, DRAWN or GIVEN. links: (G,) E of each. rule, constant: (G,) of the weights. probability: (G, E), of links
    that are drawn. offsets: (G, N + 1). near, link: (G, 2E) neighbours of agent i from offsets[i] on, ascending, and their links.
    """

    which: Integers
    source: Integers
    links: Integers
    rule: Integers
    constant: Floats
    probability: Floats
    offsets: Integers
    near: Integers
    link: Integers


class Streams(NamedTuple):
    """The streams of random numbers.

    constants: (C, 3, 2, 4), of one number and of all numbers of a round. agents: (C, 2, N, 2) the states before every agent's
    next number of arms and of rewards. lanes: (C, L, 2) before the next link of every lane.
    links: (B, C, E), rewards: (B, C, N, D), sampled on the host for B rounds; of other batches (1, 1, ...).
    """

    constants: Words
    agents: Words
    lanes: Words
    links: Bytes
    rewards: Floats


class Buffers(NamedTuple):
    """Of one round. links: (C, E). degrees: (C, N). neighbours, weights: (C, 2E), as listed for agent i from offsets[i] on.

    arms, rewards, own: (C, 1, N), (C, 1, N, D), (C, 1, N, 1) random numbers. p: (C, N, K), x: (C, N, D) of every agent's step.
    """

    links: Bytes
    degrees: Integers
    neighbours: Integers
    weights: Floats
    arms: Floats
    rewards: Floats
    own: Floats
    p: Floats
    x: Floats


class Records(NamedTuple):
    """Of the tally. gaps: (C, K). utilities: (C, K, N). best, power: (C,). estimand: (C, M). members: (C, N, B) or (C, 0, 0).

    Scratch: utility (C, N, N), or (C, 1, N) where no welfare is computed; means (C, 2, M).
    """

    gaps: Floats
    utilities: Floats
    best: Floats
    power: Floats
    estimand: Floats
    members: Integers
    kept: Accumulators
    utility: Floats
    means: Floats


class Flat(NamedTuple):
    """AVERAGES as rows (C, N, M); where one is not there, `local_mean`."""

    own: Floats
    sent: Floats
    local: Floats
    local_sent: Floats


class Batch(NamedTuple):
    """C trials. algorithm, rewards, state: the NamedTuples of the kind, every field with the trial as its first axis.

    scratch fields of the state have the agent as their second axis.
    """

    algorithm: Any
    rewards: Any
    state: Any
    flat: Flat
    graphs: Graphs
    streams: Streams
    buffers: Buffers
    records: Records


def flat_of(state: Any) -> Flat:
    """The rows of the averages in a stacked state, of the host or of the device; they share its memory."""
    C, N, *rest = state.local_mean.shape
    return Flat(*(getattr(state, name, state.local_mean).reshape(C, N, prod(rest)) for name in AVERAGES))
