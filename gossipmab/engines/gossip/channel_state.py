"""What channels and records of rounds hold, as arrays. No numba in this file: actors import it."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.utils.types import Floats, Integers

SPEAK, COUNT, DELIVER = range(3)  # stages of the exchange of one round; between them actors exchange with other actors


class GraphArrays(NamedTuple):
    """The base graph and the weights: edges (E, 2), offsets (N + 1,), the weight rule and its constant."""

    edges: Integers
    offsets: Integers
    rule: int
    constant: float


class RandomBlock(NamedTuple):
    """The random numbers of B rounds of the agents first, first + 1, ...: n of them.

    arms: (B, n). rewards: (B, n, D), prepared by the reward model. own: (B, n, M), the algorithm's uniform numbers.
    With a centre: arms (B,), own (B, M). In the protocol assignment: rewards (B, N, K, D), own (B, M).
    """

    first: int
    arms: Floats
    rewards: Floats
    own: Floats


class Averages(NamedTuple):
    """Flat views (N, M) of the averages: own, sent: `global_mean` after and before the round; M = 0 if there is none.

    local, local_before: `local_mean` after and before the round; one array unless it has a mailbox.
    """

    own: Floats
    sent: Floats
    local: Floats
    local_before: Floats


class MessageRules(NamedTuple):
    """threshold: below 0 for none. steps: 2^quantization_bits - 1, or 0. low, high: the range that is quantized.

    top_k: entries of a message, or 0 for all. step_size: of the mixing with top_k. mean: which of the boxes is `global_mean`.
    flags: (F,) 1 for the boxes that hold flags, which are sent as they are.
    """

    threshold: float
    steps: float
    low: float
    high: float
    top_k: int
    step_size: float
    mean: int
    flags: Integers


class MessageBuffers(NamedTuple):
    """The fields of a state that have mailboxes, each flat, (N, any), and the messages made of them.

    now, after: before and after the round. inbox: what agent i reads, its own row and the messages it received.
    memory: (P, N, any), the messages of the last P rounds. spoken: the last message that an agent sent.
    known: (2E, any), with top_k, what the receiver of an arc knows of its sender.
    """

    now: tuple[Floats, ...]
    after: tuple[Floats, ...]
    inbox: tuple[Floats, ...]
    memory: tuple[Floats, ...]
    spoken: tuple[Floats, ...]
    known: tuple[Floats, ...]


class ArcState(NamedTuple):
    """An arc is one direction of a link; arcs are listed by receiver, then by sender.

    sender, reverse: (2E,) of every arc. heard: (2E,) scratch, the arcs of the messages that an agent received.
    speaks: (P, N) whether an agent spoke. arrived, outbound: (N,) messages received and sent in the round. clock: (N,) rounds that
    an agent has played since its state was last made anew: the t of its algorithm.
    """

    sender: Integers
    reverse: Integers
    heard: Integers
    speaks: NDArray[np.uint8]
    arrived: Integers
    outbound: Integers
    clock: Integers


class RoundEvents(NamedTuple):
    """The failures in B rounds of the agents first_agent, ..., n of them, and on the arcs first_arc, ..., on which they receive.

    up, cold: (B, n), sent, age: (B, A), as in `FailureEvents`.
    """

    first_agent: int
    first_arc: int
    up: NDArray[np.uint8]
    cold: NDArray[np.uint8]
    sent: NDArray[np.uint8]
    age: NDArray[np.int16]

    def cold_starts(self) -> list[tuple[int, int]]:
        """The parts of the block that begin with a round in which an agent comes back knowing nothing."""
        return list(pairwise(sorted({0, *np.flatnonzero(self.cold.any(axis=1)).tolist(), len(self.cold)})))


class UnreliableFields(NamedTuple):
    """The fields of `Unreliable`.

    mean_inbox: (N, M), the inbox of `global_mean`. neighbours: (2E,), weights: (N,) scratch. stage: (1,) of the exchange; alone:
    whether all agents are in this process. poisoned: fill with NaN what an agent has not received.
    """

    averages: Averages
    buffers: MessageBuffers
    mean_inbox: Floats
    graph: GraphArrays
    arcs: ArcState
    rules: MessageRules
    events: RoundEvents
    neighbours: Integers
    weights: Floats
    stage: Integers
    alone: bool
    communicates: bool
    blends: bool
    poisoned: bool


class MessageInfo(NamedTuple):
    """What a trial with an unreliable channel knows of its messages: the arcs of the base graph, the weights, the budget.

    offsets: (N + 1,), sender, reverse: (2E,) of every arc. rule, constant: of the weights. depth: rounds that messages are kept.
    """

    offsets: Integers
    sender: Integers
    reverse: Integers
    rule: int
    constant: float
    rules: MessageRules
    depth: int


_NONE = np.zeros((0, 0), np.uint8)
NO_EVENTS = RoundEvents(0, 0, _NONE, _NONE, _NONE, np.zeros((0, 0), np.int16))


def unreliable_fields(
    info: MessageInfo, averages: Averages, now: tuple[Floats, ...], after: tuple[Floats, ...], inbox: tuple[Floats, ...],
    communicates: bool, blends: bool, alone: bool,
) -> UnreliableFields:  # fmt: skip
    """An unreliable channel before the first round, when all agents know how all begin.

    Args:
        now, after: the fields that have mailboxes, flat, (N, any), before and after the round.
        inbox: as many, to be filled with messages.
    """
    N, arcs, none = len(info.offsets) - 1, len(info.sender), (np.zeros((len(info.offsets) - 1, 0)),)
    sent = inbox if communicates and inbox else none
    begin = tuple(box.copy() for box in now) if communicates and inbox else none
    known = tuple(box[info.sender if info.rules.top_k else info.sender[:0]] for box in begin)
    memory = tuple(np.zeros((info.depth, *box.shape)) for box in sent)
    counts, speaks = np.zeros((3, N), np.int64), np.zeros((info.depth, N), np.uint8)
    return UnreliableFields(
        averages, MessageBuffers(now or none, after or none, sent, memory, begin, known), sent[info.rules.mean],
        GraphArrays(np.zeros((0, 2), np.int64), info.offsets, info.rule, info.constant),
        ArcState(info.sender, info.reverse, np.zeros(arcs, np.int64), speaks, *counts), info.rules, NO_EVENTS,
        np.zeros(arcs, np.int64), np.zeros(N), np.zeros(1, np.int64), alone, communicates, blends, False,
    )  # fmt: skip


class Rows(NamedTuple):
    """The rows that leave, or enter, an actor in B rounds, S numbers each.

    first: (B + 1,) where the rows of a round begin in `agents`, the agents they belong to. box: (rows of the busiest round, S).
    call_first: (B + 1,) where the calls of a round begin in calls (C, 3): socket, address of the rows in the box, bytes.
    """

    first: Integers
    agents: Integers
    box: Floats
    call_first: Integers
    calls: Integers


class Wire(NamedTuple):
    """Both directions. sent: (B,) bytes. done: (3,) calls finished in the round, bytes of the next one, 1 if all is done."""

    outgoing: Rows
    incoming: Rows
    sent: Integers
    done: Integers


class HaloFields(NamedTuple):
    """The fields of `Halo`.

    boxes, boxes_after: the fields that have mailboxes, flat, before and after the round. first: (B n + 1,) where the neighbours of
    (round, agent) begin in neighbours, weights (L,), ascending for each. first_agent, agents: the agents of this process.
    """

    averages: Averages
    boxes: tuple[Floats, ...]
    boxes_after: tuple[Floats, ...]
    first: Integers
    neighbours: Integers
    weights: Floats
    wire: Wire
    first_agent: int
    agents: int
    communicates: bool
    blends: bool
    poisoned: bool


class WindowFields(NamedTuple):
    """What an actor records of B rounds of its n agents.

    arms: (B, n), -1 of an agent that is away. p: (B, n, K). sent: (B, n) messages. rounds: (r,) to be recorded, of the window;
    next: (1,) index into them. own, local: (r, n, M) what the agents then hold, flat. first: the first agent.
    """

    first: int
    arms: Integers
    p: Floats
    sent: Integers
    next: Integers
    rounds: Integers
    own: Floats
    local: Floats
