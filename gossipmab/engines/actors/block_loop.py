"""What an actor does in a window of rounds, compiled: the rounds of its own agents, between the messages of others.

An actor has private arrays of full shape, in which its own agents' rows and the messages it received are filled. The same
methods run on them as everywhere (`rounds.agent_round`). The coordinator's counterpart, `collect`, does with the
outcomes what `rounds.play` does with its own, in the same order.
"""

from __future__ import annotations

import socket
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types

from gossipmab.engines.gossip.step import Base, Tally, agent_round, record, same
from gossipmab.metrics import trace as metrics
from gossipmab.metrics.trace import Truth
from gossipmab.networks.mixing import neighbours_of_round, weight_of_edge
from gossipmab.utils.jit import SETTINGS, jit, jit_inline
from gossipmab.utils.types import Bytes, Floats, Integers


class Links(NamedTuple):
    """The present links of an actor's n agents in B rounds.

    first: (B n + 1,) where the neighbours of (round, agent) begin. neighbours, weights: (L,), ascending for each.
    """

    first: Integers
    neighbours: Integers
    weights: Floats


class Rows(NamedTuple):
    """The rows that leave, or enter, an actor in B rounds, S numbers each.

    first: (B + 1,) where the rows of a round begin in `agents`, which says whose they are. box: (rows of the busiest
    round, S). call_first: (B + 1,) where the calls of a round begin in calls (C, 3): socket, address of the rows in
    the box, bytes.
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


class Window(NamedTuple):
    """Numbers and outcomes of B rounds of n agents.

    u_arms: (n, B), u_rewards: (n, B, D) prepared. arms: (B, n). p: (B, n, K).
    rounds: (r,) to be recorded, of the window; own, local: (r, n, M) what the agents then hold, flat.
    """

    u_arms: Floats
    u_rewards: Floats
    arms: Integers
    p: Floats
    rounds: Integers
    own: Floats
    local: Floats


_send: Any = types.ExternalFunction("send", types.intp(types.intc, types.intp, types.intp, types.intc))
_recv: Any = types.ExternalFunction("recv", types.intp(types.intc, types.intp, types.intp, types.intc))
AT_ONCE = int(socket.MSG_DONTWAIT) | int(getattr(socket, "MSG_NOSIGNAL", 0))
WHOLE = int(socket.MSG_WAITALL)


@jit_inline
def exchange(wire: Wire, c: int) -> bool:
    """Send all that leaves in round c, then wait for all that enters; False where a call did less than all of its work.

    What is missing then, `peers.exchange` does. The sockets' own time limits bound the waits.
    """
    outgoing, incoming, done = wire.outgoing, wire.incoming, wire.done
    first, middle = outgoing.call_first[c], outgoing.call_first[c + 1]
    for call in range(first, middle):
        size = outgoing.calls[call, 2]
        did = _send(outgoing.calls[call, 0], outgoing.calls[call, 1], size, AT_ONCE)
        wire.sent[c] += max(0, did)
        if did != size:
            done[0] = call - first
            done[1] = max(0, did)
            return False
    for call in range(incoming.call_first[c], incoming.call_first[c + 1]):
        size = incoming.calls[call, 2]
        did = _recv(incoming.calls[call, 0], incoming.calls[call, 1], size, WHOLE)
        if did != size:
            done[0] = middle - first + call - incoming.call_first[c]
            done[1] = max(0, did)
            return False
    return True


@jit_inline
def poison(box: Floats, first: int, last: int) -> None:
    """NaN in all rows of box (N, any) but first .. last - 1."""
    for i in range(box.shape[0]):
        if i < first or i >= last:
            for m in range(box.shape[1]):
                box[i, m] = np.nan


@njit(**SETTINGS)  # type: ignore[untyped-decorator]
def play_own(
    algorithm: Any, rewards: Any, now: Any, after: Any, sent: Floats, own: Floats, local: Floats, boxes: Any, boxes_after: Any,
    x: Floats, agents: int, communicates: bool, poisoned: bool, links: Links, wire: Wire, window: Window, t0: int, shift: int,
    begin: int, stop: int,
) -> int:  # fmt: skip
    """Play the rounds t0 + begin + 1 .. t0 + stop of the own agents; returns how many were played.

    Fewer than asked where an exchange did not go through at once: when it has been finished, and wire.done[2] set, call
    again from there. Never called from Python: see `native`, which also caches it.

    Args:
        now, after: the state, and the same with every field exchanged with its mailbox; as they stand before round `begin`.
        sent, own, local: flat averages, (N, M). boxes, boxes_after: the fields that have mailboxes, of both, flat, (N, any).
        agents: the first own agent. poisoned: fill with NaN what was not received for the round.
        shift: the round of the window with which links and wire begin.
    """
    n = window.u_arms.shape[0]
    recorded = 0
    while recorded < window.rounds.shape[0] and window.rounds[recorded] <= t0 + begin:
        recorded += 1
    for b in range(begin, stop):
        c = b - shift
        if wire.done[2] == 0:
            for row in range(wire.outgoing.first[c], wire.outgoing.first[c + 1]):
                at = 0
                for box in boxes:
                    source = box[wire.outgoing.agents[row]]
                    for m in range(source.shape[0]):
                        wire.outgoing.box[row - wire.outgoing.first[c], at] = source[m]
                        at += 1
            if not exchange(wire, c):
                return b - begin
        wire.done[2] = 0
        if poisoned:
            for f in range(len(boxes)):
                poison(boxes[f], agents, agents + n)
                poison(boxes_after[f], agents, agents + n)
        for row in range(wire.incoming.first[c], wire.incoming.first[c + 1]):
            at = 0
            for box in boxes:
                target = box[wire.incoming.agents[row]]
                for m in range(target.shape[0]):
                    target[m] = wire.incoming.box[row - wire.incoming.first[c], at]
                    at += 1
        for a in range(n):
            near = slice(links.first[c * n + a], links.first[c * n + a + 1])
            window.arms[b, a] = agent_round(
                algorithm, rewards, now, after, own, sent, agents + a, t0 + b + 1, links.neighbours[near], links.weights[near],
                window.u_arms[a, b], window.u_rewards[a, b], window.p[b, a], x, communicates,
            )  # fmt: skip
        if recorded < window.rounds.shape[0] and window.rounds[recorded] == t0 + b + 1:
            for a in range(n):
                for m in range(local.shape[1]):
                    window.local[recorded, a, m] = local[agents + a, m]
                    window.own[recorded, a, m] = own[agents + a, m] if communicates else local[agents + a, m]
            recorded += 1
        now, after = after, now
        sent, own = own, sent
        boxes, boxes_after = boxes_after, boxes
    return stop - begin


@jit
def links_of_window(
    base: Base, present: Bytes, row: Integers, degrees: Integers, neighbours: Integers, weights: Floats
) -> None:
    """The neighbours and weights of all agents in B rounds, one agent after the other.

    Args:
        present: (B, E). row: (2E,) scratch.
        degrees: (B, N) out. neighbours, weights: (B, 2E) out, in each round the agents' lists without gaps.
    """
    for b in range(present.shape[0]):
        neighbours_of_round(base.edges, base.offsets, present[b], row, degrees[b])
        at = 0
        for i in range(degrees.shape[1]):
            for n in range(degrees[b, i]):
                j = row[base.offsets[i] + n]
                neighbours[b, at] = j
                weights[b, at] = weight_of_edge(base.rule, base.constant, degrees[b, i], degrees[b, j])
                at += 1


@jit
def collect(
    truth: Truth, tally: Tally, arms: Integers, p: Floats, degrees: Integers, own: Floats, local: Floats,
    utility: Floats, memo: metrics.Memo, means: Floats, t0: int, communicates: bool,
) -> None:  # fmt: skip
    """Take the outcomes of B rounds of all agents into the tally.

    Args:
        arms: (B, N), below 0 where an agent is away. p: (B, N, K). degrees: (B, N) messages sent.
        own, local: (r, N, M) of the recorded rounds.
        utility: (N,), means: (2, M) scratch. t0: rounds played before.
    """
    recorded = 0
    for b in range(arms.shape[0]):
        for i in range(arms.shape[1]):
            if arms[b, i] < 0:
                continue
            tally.pulls[i, arms[b, i]] += 1
            tally.messages_sent[i] += degrees[b, i] if communicates else 0
            if not same(p[b, i], tally.played[i]):
                tally.gap[i] = metrics.nsw_gap(truth, p[b, i], utility, memo)
            tally.nsw_regret[i] += tally.gap[i]
        if t0 + b + 1 == tally.rounds[tally.next_record[0]]:
            record(own[recorded], local[recorded], truth, means, tally)
            recorded += 1
