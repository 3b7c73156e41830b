"""The agents of one actor under an unreliable channel: messages lost or late, sent seldom or in few bits.

In a round, actors with neighbours in each other exchange first which of these agents speak, and then how many messages arrive
at each (Metropolis weights count them), with the rows that are sent. Whether a message gets through, and when, is known to the
receiver: what is lost is sent, and dropped on arrival. No Ray, no numba, no sockets in this file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.engines.actors.agent_block import AgentBlock, Snapshot, TrialInfo
from gossipmab.engines.actors.object_code_loader import Machine
from gossipmab.engines.gossip.channel_state import COUNT, RoundEvents, unreliable_fields
from gossipmab.utils.types import Integers

Exchange = Callable[[dict[int, NDArray[Any]], dict[int, NDArray[Any]]], None]
# Of an actor's window of B rounds: the failures, and (B, A) the rounds that a message sent takes, -1 if it is lost.
ActorEvents = tuple[RoundEvents, NDArray[np.int16]]


class Border(NamedTuple):
    """What connects an actor with another one in G0.

    arcs: (a,) among the arcs on which own agents receive. receiver, sender: (a,) of these, own and other agents.
    own, other: the same, each once, ascending.
    """

    arcs: Integers
    receiver: Integers
    sender: Integers
    own: Integers
    other: Integers


class UnreliableBlock(AgentBlock):
    """The agents first .. last - 1 of a trial under an unreliable channel."""

    def __init__(self, info: TrialInfo, index: int, rewards: tuple[Any, ...], snapshot: Snapshot | None, machine: Machine) -> None:
        super().__init__(info, index, rewards, snapshot, machine)
        assert info.messages is not None
        self.messages, self._initial = info.messages, dict(zip(info.names, info.values, strict=True))
        N = info.sizes[0]
        inbox = {box: np.zeros_like(self._initial[box]) for box in info.boxes.values() if info.communicates}
        flat = tuple(box.reshape(N, -1) for box in inbox.values())
        begin = tuple(self._initial[name].reshape(N, -1) for name in info.boxes)
        now, after = (self.boxes(turn) if info.boxes else () for turn in (0, 1))
        alone = len(info.bounds) == 2
        self._channel = unreliable_fields(
            self.messages, self._averages(0), now, after, flat, info.communicates, info.blends, alone
        )._replace(poisoned=info.poison)
        buffers = self._channel.buffers
        for rows, spoken, known in zip(begin, buffers.spoken, buffers.known, strict=False):
            if info.communicates:  # all agents know how all begin, however far this actor has played
                spoken[...], known[...] = rows, rows[self.messages.sender[: len(known)]]
        self._inbox = inbox
        self._arcs = slice(*self.messages.offsets[[self.first, self.last]].tolist())
        self._borders = self._borders_of(index) if info.communicates else {}
        self._keep(snapshot)

    def _borders_of(self, index: int) -> dict[int, Border]:
        """Of every other actor with a neighbour of an own agent."""
        sender, offsets = self.messages.sender[self._arcs], self.messages.offsets
        receiver = np.repeat(np.arange(self.first, self.last), np.diff(offsets[self.first : self.last + 1]))
        owner, borders = self.owner[sender], {}
        for peer in np.unique(owner[owner != index]).tolist():
            arcs = np.flatnonzero(owner == peer)
            ends = receiver[arcs], sender[arcs]
            borders[peer] = Border(arcs, *ends, *map(np.unique, ends))
        return borders

    def _keep(self, snapshot: Snapshot | None) -> None:
        """List what must outlive this process, and restore it; poison all that no own agent has received."""
        buffers, arcs, top_k = self._channel.buffers, self._channel.arcs, self.messages.rules.top_k
        near = np.union1d(np.arange(self.first, self.last), arcs.sender[self._arcs])
        known = np.append(np.arange(self._arcs.start, self._arcs.stop), arcs.reverse[self._arcs])
        self._kept: list[tuple[NDArray[Any], Any]] = [
            (arcs.clock, self.own), (arcs.speaks, (slice(None), near)),
            *((box, (slice(None), near)) for box in buffers.memory),
            *((box, self.own) for box in buffers.spoken), *((box, known) for box in buffers.known if top_k),
        ]  # fmt: skip
        values = snapshot.messages if snapshot else tuple(array[place].copy() for array, place in self._kept)
        for array in (*buffers.memory, *buffers.spoken, *buffers.known) if self.info.poison else ():
            array[...] = np.nan
        for (array, place), value in zip(self._kept, values, strict=True):
            array[place] = value

    def snapshot(self) -> Snapshot:
        """The state before the next round, with the memory of messages."""
        return super().snapshot()._replace(messages=tuple(array[place].copy() for array, place in self._kept))

    def play_window(self, events: RoundEvents, takes: NDArray[np.int16], exchange: Exchange) -> int:
        """Play a window; returns how many rows left for other actors.

        Args:
            events, takes: see `ActorEvents`. exchange: sends arrays to other actors, by their index, and fills those from them.
        """
        numbers, rows = self._window(len(events.up)), 0
        buffers = self._channel.buffers
        turned = buffers._replace(now=buffers.after, after=buffers.now)
        channels = [
            self._channel._replace(averages=self._averages(turn), buffers=turned if turn else buffers, events=events)
            for turn in (0, 1)
        ]
        self._lay_out(channels, numbers, [state | self._inbox for state in self._fields])
        for b, stop in events.cold_starts():
            for i in (self.first + np.flatnonzero(events.cold[b])).tolist():  # as before its first round
                self._channel.arcs.clock[i] = 0
                for name, value in self.rows().items():
                    value[i] = self._initial[name][i]
            while (b := self.play(b, stop)) < stop:
                slot = self.played % self.messages.depth
                if self._channel.stage[0] == COUNT:
                    self._exchange_speakers(slot, exchange)
                else:
                    rows += self._exchange_rows(slot, events.sent[b], takes[b], exchange)
        return rows

    def _exchange_speakers(self, slot: int, exchange: Exchange) -> None:
        speaks = self._channel.arcs.speaks[slot]
        heard = {peer: np.empty(len(border.other), np.uint8) for peer, border in self._borders.items()}
        exchange({peer: speaks[border.own] for peer, border in self._borders.items()}, heard)
        for peer, border in self._borders.items():
            speaks[border.other] = heard[peer]

    def _exchange_rows(self, slot: int, sent: NDArray[np.uint8], takes: NDArray[np.int16], exchange: Exchange) -> int:
        """Exchange what is sent over the border, a row once for each peer; returns how many rows left. What is lost is dropped.

        Args:
            sent, takes: (A,), of the round.
        """
        arcs, memory = self._channel.arcs, self._channel.buffers.memory
        speaks, ends, widths = arcs.speaks[slot], {}, np.cumsum([box.shape[2] for box in memory])
        leaves, enters, count = {}, {}, 0
        for peer, border in self._borders.items():
            used = (sent[border.arcs] == 1) & (speaks[border.receiver] + speaks[border.sender] > 0)
            through = used & (takes[border.arcs] >= 0)
            leaving, entering = np.unique(border.receiver[used]), np.unique(border.sender[used])
            ends[peer] = entering, np.isin(entering, border.sender[through])
            rows = np.concatenate([box[slot, leaving] for box in memory], axis=1)
            leaves[peer] = np.append(arcs.arrived[border.own].astype(np.float64), rows)
            enters[peer] = np.empty(len(border.other) + len(entering) * int(widths[-1]))
            count += len(leaving)
        exchange(leaves, enters)
        for peer, border in self._borders.items():
            entering, kept = ends[peer]
            arcs.arrived[border.other] = enters[peer][: len(border.other)]
            rows = enters[peer][len(border.other) :].reshape(len(entering), widths[-1])[kept]
            for box, part in zip(memory, np.split(rows, widths[:-1], axis=1), strict=True):
                box[slot, entering[kept]] = part
        return count
