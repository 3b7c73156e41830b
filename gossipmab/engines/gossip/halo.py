"""The channel between processes (a halo exchange), and what an actor records for the coordinator."""

from __future__ import annotations

import socket
from typing import Any

from numba import types

from gossipmab.engines.gossip.channel import Direct, turned_averages
from gossipmab.engines.gossip.channel_state import Averages, HaloFields, WindowFields, Wire
from gossipmab.engines.gossip.unreliable import copy, poison
from gossipmab.utils.jit import jit_inline
from gossipmab.utils.types import Floats, Integers

_send: Any = types.ExternalFunction("send", types.intp(types.intc, types.intp, types.intp, types.intc))
_recv: Any = types.ExternalFunction("recv", types.intp(types.intc, types.intp, types.intp, types.intc))
AT_ONCE = int(socket.MSG_DONTWAIT) | int(getattr(socket, "MSG_NOSIGNAL", 0))
WHOLE = int(socket.MSG_WAITALL)


@jit_inline
def exchange(wire: Wire, c: int) -> bool:
    """Send this round's outgoing rows, then block for the incoming ones.

    Returns False on a partial send or receive; `SocketMesh.finish` completes it from Python. The sockets' own time limits
    bound the waits.
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


class Halo(HaloFields):
    """`Direct` among the agents of several processes, each of which knows the links of its own agents only."""

    __slots__ = ()
    awake, rest, clock, mix = Direct.awake, Direct.rest, Direct.clock, Direct.mix

    def begin_round(self, b: int, t: int, first: int, last: int) -> bool:
        """Exchange the rows that cross between processes."""
        outgoing, incoming, done = self.wire.outgoing, self.wire.incoming, self.wire.done
        if done[2] == 0:
            for row in range(outgoing.first[b], outgoing.first[b + 1]):
                at = 0
                for box in self.boxes:
                    copy(box[outgoing.agents[row]], outgoing.box[row - outgoing.first[b], at:])
                    at += box.shape[1]
            if not exchange(self.wire, b):
                return False
        done[2] = 0
        if self.poisoned:
            for f in range(len(self.boxes)):
                poison(self.boxes[f], first, last)
                poison(self.boxes_after[f], first, last)
        for row in range(incoming.first[b], incoming.first[b + 1]):
            at = 0
            for box in self.boxes:
                copy(incoming.box[row - incoming.first[b], at : at + box.shape[1]], box[incoming.agents[row]])
                at += box.shape[1]
        return True

    def receive(self, i: int, b: int, t: int, last: int) -> tuple[Integers, Floats]:
        """The neighbours and weights that the coordinator sampled."""
        place = b * self.agents + i - self.first_agent
        begin, end = self.first[place], self.first[place + 1]
        return self.neighbours[begin:end], self.weights[begin:end]

    def outbound(self, i: int, b: int) -> int:
        """One to each present neighbour."""
        place = b * self.agents + i - self.first_agent
        return self.first[place + 1] - self.first[place] if self.communicates else 0

    def turned(self) -> Halo:
        """Own and sent averages, and boxes, exchanged."""
        return Halo(
            turned_averages(self.averages), self.boxes_after, self.boxes, self.first, self.neighbours, self.weights,
            self.wire, self.first_agent, self.agents, self.communicates, self.blends, self.poisoned,
        )  # fmt: skip


class WindowRecord(WindowFields):
    """The record of an actor: what the coordinator needs to tally."""

    __slots__ = ()

    def keep(self, i: int, b: int, arm: int, p: Floats, sent: int) -> None:
        """Keep arm, distribution and messages of an own agent."""
        a = i - self.first
        self.arms[b, a] = arm
        self.sent[b, a] = sent
        copy(p, self.p[b, a])

    def end_round(self, averages: Averages, b: int, t: int, first: int, last: int) -> None:
        """Keep the averages of own agents in a round to be recorded."""
        r = self.next[0]
        if r < self.rounds.shape[0] and self.rounds[r] == t:
            own = averages.own if averages.own.shape[1] > 0 else averages.local
            for i in range(first, last):
                copy(averages.local[i], self.local[r, i - first])
                copy(own[i], self.own[r, i - first])
            self.next[0] += 1
