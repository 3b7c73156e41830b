"""The agents of one actor under an unreliable channel: messages lost or late, sent seldom or in few bits.

In a round, actors with neighbours in each other exchange the rows that are sent. Whether a message gets through, and when, is
known to the receiver: what is lost is sent, and dropped on arrival; what is late is waited for when it is read, so that
messages of several rounds are under way at a time. With a trigger, whether agents speak depends on what they hold: actors first
exchange which do, and then, with the rows, how many messages arrive at each (Metropolis weights count them); without one, the
coordinator knows both. No Ray, no numba, no sockets in this file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.engines.actors.agent_block import AgentBlock, Snapshot, TrialInfo
from gossipmab.engines.actors.object_code_loader import Machine
from gossipmab.engines.gossip.channel_state import COUNT, RoundEvents, unreliable_fields
from gossipmab.utils.types import Integers

Exchange = Callable[[dict[int, NDArray[Any]], dict[int, NDArray[Any]]], None]
# Of an actor's window of B rounds: the failures; (B, A) the rounds that a message sent takes, -1 if it is lost; and (B, F) how many
# messages arrive at each of its `far_agents`, if all speak.
ActorEvents = tuple[RoundEvents, NDArray[np.int16], Integers]
UNDER_WAY = 64 * 2**10  # bytes from a peer that wait in the kernel at most: it holds these, and more


def far_agents(sender: Integers, first: int, last: int) -> Integers:
    """Of these agents, those that are not first .. last - 1, each once, ascending."""
    return np.unique(sender[(sender < first) | (sender >= last)])


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


class Frame(NamedTuple):
    """What a peer sends in a round.

    due: the round that reads it first. slot: its place in the memory. agents: whose rows it has. arrive: which of them arrive.
    """

    due: int
    slot: int
    agents: Integers
    arrive: NDArray[np.bool_]


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
        self._far = far_agents(self.messages.sender[self._arcs], self.first, self.last)
        self._triggered = self.messages.rules.threshold >= 0.0
        self._coming: dict[int, deque[Frame]] = {peer: deque() for peer in self._borders}
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

    def play_window(self, events: RoundEvents, takes: NDArray[np.int16], arrived: Integers, exchange: Exchange) -> int:
        """Play a window; returns how many rows left for other actors.

        Args:
            events, takes, arrived: see `ActorEvents`.
            exchange: sends arrays to other actors, by their index, and fills those from them.
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
                    self._meet_speakers(slot, exchange)
                else:
                    if not self._triggered:
                        self._channel.arcs.arrived[self._far] = arrived[b]
                    rows += self._exchange_rows(slot, events.sent[b], takes[b], exchange)
        self._receive({peer: len(frames) for peer, frames in self._coming.items()}, {}, exchange)  # before the snapshot
        return rows

    def _meet_speakers(self, slot: int, exchange: Exchange) -> None:
        """Enter which far agents speak: with no trigger all to which a message is sent, for both ends are up."""
        speaks = self._channel.arcs.speaks[slot]
        speaks[self._far] = 1
        if not self._triggered:
            return
        heard = {peer: np.empty(len(border.other), np.uint8) for peer, border in self._borders.items()}
        exchange({peer: speaks[border.own] for peer, border in self._borders.items()}, heard)
        for peer, border in self._borders.items():
            speaks[border.other] = heard[peer]

    def _exchange_rows(self, slot: int, sent: NDArray[np.uint8], takes: NDArray[np.int16], exchange: Exchange) -> int:
        """Send what crosses the border, a row once for each peer, and receive what is due; returns how many rows left.

        Args:
            sent, takes: (A,), of the round.
        """
        arcs, memory, now = self._channel.arcs, self._channel.buffers.memory, self.played
        speaks, leaves, due, count = arcs.speaks[slot], {}, {}, 0
        for peer, border in self._borders.items():
            used = (sent[border.arcs] == 1) & (speaks[border.receiver] + speaks[border.sender] > 0)
            through = used & (takes[border.arcs] >= 0)
            leaving, entering = np.unique(border.receiver[used]), np.unique(border.sender[used])
            leaves[peer] = np.concatenate([box[slot, leaving] for box in memory], axis=1).ravel()
            late = int(takes[border.arcs][through].min(initial=self.messages.depth - 1))
            if self._triggered:
                leaves[peer], late = np.append(arcs.arrived[border.own].astype(np.float64), leaves[peer]), 0
            coming = self._coming[peer]
            coming.append(Frame(now + late, slot, entering, np.isin(entering, border.sender[through])))
            full = sum(len(frame.agents) for frame in coming) * 8 * self.message_size > UNDER_WAY
            due[peer] = max((n for n, frame in enumerate(coming, 1) if full or frame.due <= now), default=0)
            count += len(leaving)
        self._receive(due, leaves, exchange)
        return count

    def _receive(self, due: dict[int, int], leaves: dict[int, NDArray[Any]], exchange: Exchange) -> None:
        """Send `leaves`, and put so many frames of these peers into the memory, the oldest first; what is lost is dropped."""
        arcs, memory, size = self._channel.arcs, self._channel.buffers.memory, self.message_size
        splits = np.cumsum([box.shape[2] for box in memory])[:-1]
        frames = {peer: [self._coming[peer].popleft() for _ in range(n)] for peer, n in due.items() if n}
        heads = {peer: len(self._borders[peer].other) if self._triggered else 0 for peer in frames}
        enters = {
            peer: np.empty(sum(heads[peer] + len(frame.agents) * size for frame in several)) for peer, several in frames.items()
        }
        exchange(leaves, enters)
        for peer, several in frames.items():
            rest = enters[peer]
            for frame in several:
                counts, rows, rest = np.split(rest, [heads[peer], heads[peer] + len(frame.agents) * size])
                if self._triggered:
                    arcs.arrived[self._borders[peer].other] = counts
                kept = rows.reshape(-1, size)[frame.arrive]
                for box, part in zip(memory, np.split(kept, splits, axis=1), strict=True):
                    box[frame.slot, frame.agents[frame.arrive]] = part
