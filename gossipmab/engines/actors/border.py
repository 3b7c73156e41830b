"""What crosses the border of an actor in a window: which rows go to which peer in which round, and which come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.engines.actors.agent_block import AgentBlock
from gossipmab.engines.gossip.channel_state import Rows, Wire

Integers = NDArray[np.int64]


class WindowGraph(NamedTuple):
    """An actor's part of a window: degrees (B, n) of its agents, and their neighbours and weights (L,) in that order."""

    degrees: Integers
    neighbours: Integers
    weights: NDArray[np.float64]


def crossing_of(part: WindowGraph, own: AgentBlock, index: int, sockets: Mapping[int, int]) -> Wire:
    """What crosses the border of actor `index`. A row goes to a peer once, however many agents read it there.

    Links are mutual: the peers that agent i sends to in a round are those that own its present neighbours.

    Args:
        sockets: the number of the socket of every peer. Raises KeyError where one is missing.
    """
    B, n = part.degrees.shape
    N, actors = own.info.sizes[0], len(own.info.bounds) - 1
    entering = leaving = np.zeros(0, np.int64)
    if own.info.communicates and actors > 1:
        reader = np.repeat(np.arange(B * n), part.degrees.ravel())
        peer = own.owner[part.neighbours]
        away = peer != index
        place = (reader[away] // n * actors + peer[away]) * N
        entering = np.unique(place + part.neighbours[away])
        leaving = np.unique(place + own.first + reader[away] % n)
    number = np.full(actors, -1, np.int64)
    for other in np.unique(entering // N % actors).tolist():
        number[other] = sockets[other]
    rows = [_by_round(keys, B, number, N, own.message_size) for keys in (leaving, entering)]
    return Wire(rows[0], rows[1], np.zeros(B, np.int64), np.zeros(3, np.int64))


def _by_round(keys: Integers, B: int, number: Integers, N: int, size: int) -> Rows:
    """The rows with these keys, (round A + peer) N + agent, ascending."""
    actors = len(number)
    place = keys // N
    first = np.searchsorted(place, np.arange(B + 1) * actors).astype(np.int64)
    begins = np.flatnonzero(np.diff(place, prepend=-1))
    ends = np.append(begins[1:], len(place))[: len(begins)]
    rounds, peers = np.divmod(place[begins], actors)
    box = np.zeros((int(np.diff(first).max()), size))
    calls = np.stack([number[peers], box.ctypes.data + (begins - first[rounds]) * 8 * size, (ends - begins) * 8 * size], axis=1)
    call_first = np.searchsorted(rounds, np.arange(B + 1)).astype(np.int64)
    return Rows(first, keys % N, box, call_first, np.ascontiguousarray(calls))
