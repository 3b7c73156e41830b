"""The agents of one actor where messages are things of their own: lost or late, sent seldom or in few bits.

In a round, actors with neighbours in each other tell first who of these speaks, and then how many messages arrive at each
(Metropolis weights count them), with the rows that are sent. Whether a message gets through, and when, is the receiver's
to know: what is lost is sent, and dropped on arrival. No Ray, no numba, no sockets in this file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.engines.actors.agent_block import MAILBOX, Common, OwnAgents, Snapshot, Window
from gossipmab.engines.actors.object_code_loader import Machine
from gossipmab.engines.gossip.channel_state import COUNT, PLAY, SPEAK, Boxes, Hand, Mailing, OwnFate, Post
from gossipmab.utils.types import Bytes, Integers

Exchange = Callable[[dict[int, NDArray[Any]], dict[int, NDArray[Any]]], None]


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


class OwnMessages(OwnAgents):
    """The agents first .. last - 1 of a trial."""

    def __init__(
        self, common: Common, mailing: Mailing, index: int, rewards: tuple[Any, ...], snapshot: Snapshot | None, machine: Machine
    ) -> None:  # fmt: skip
        """As they were at the snapshot, or before the first round, when all know how all begin."""
        super().__init__(common, index, rewards, snapshot, machine)
        self.mailing, self._initial = mailing, dict(zip(common.names, common.values, strict=True))
        N, depth, top = common.sizes[0], mailing.depth, mailing.rules.top
        boxed = [name for name in common.names if name.startswith(MAILBOX) and common.communicates]
        none = (np.zeros((N, 0)),)
        self._inbox = {name: np.zeros_like(self._initial[name]) for name in boxed}
        begin = tuple(self._initial[name.removeprefix(MAILBOX)].reshape(N, -1) for name in boxed) or none
        memory = tuple(np.zeros((depth, *box.shape)) for box in begin)
        told = tuple(box[mailing.sender if top else mailing.sender[:0]] for box in begin)
        now, after = (self.boxes(turn) if boxed else none for turn in (0, 1))
        inbox = tuple(box.reshape(N, -1) for box in self._inbox.values()) or none
        self._boxes = Boxes(now, after, inbox, memory, tuple(box.copy() for box in begin), told)
        arcs = len(mailing.sender)
        self._post = Post(
            mailing.sender, mailing.reverse, np.zeros(arcs, np.int64), np.zeros((depth, N), np.uint8), np.zeros(N, np.int64),
            np.zeros(N, np.int64),
        )  # fmt: skip
        self._hand = Hand(
            np.zeros(N, np.uint8), np.zeros(arcs, np.uint8), np.full(arcs, -1, np.int16), np.zeros(N, np.int64)
        )
        self._arcs = slice(*mailing.offsets[[self.first, self.last]].tolist())
        self._borders = self._borders_of(index) if common.communicates else {}
        self._keep(snapshot)

    def _borders_of(self, index: int) -> dict[int, Border]:
        """Of every other actor with a neighbour of an own agent."""
        sender, offsets = self.mailing.sender[self._arcs], self.mailing.offsets
        receiver = np.repeat(np.arange(self.first, self.last), np.diff(offsets[self.first : self.last + 1]))
        owner, borders = self.owner[sender], {}
        for peer in np.unique(owner[owner != index]).tolist():
            arcs = np.flatnonzero(owner == peer)
            ends = receiver[arcs], sender[arcs]
            borders[peer] = Border(arcs, *ends, *map(np.unique, ends))
        return borders

    def _keep(self, snapshot: Snapshot | None) -> None:
        """Say what must outlive this process, and take it from the snapshot; poison all that no own agent was told."""
        boxes, post, own = self._boxes, self._post, slice(self.first, self.last)
        near = np.union1d(np.arange(self.first, self.last), post.sender[self._arcs])
        told = np.append(np.arange(self._arcs.start, self._arcs.stop), post.reverse[self._arcs])
        self._kept: list[tuple[NDArray[Any], Any]] = [
            (post.clock, own), (post.speaks, (slice(None), near)), *((box, (slice(None), near)) for box in boxes.memory),
            *((box, own) for box in boxes.spoken), *((box, told) for box in boxes.told if self.mailing.rules.top),
        ]  # fmt: skip
        values = snapshot.messages if snapshot else tuple(array[place].copy() for array, place in self._kept)
        for array in (*boxes.memory, *boxes.spoken, *boxes.told) if self.common.poison else ():
            array[...] = np.nan
        for (array, place), value in zip(self._kept, values, strict=True):
            array[place] = value

    def snapshot(self) -> Snapshot:
        """As they stand now, with what they remember of messages."""
        return super().snapshot()._replace(messages=tuple(array[place].copy() for array, place in self._kept))

    def play_window(self, fate: OwnFate, exchange: Exchange) -> tuple[Window, Integers, Integers]:
        """Play a window.

        Args:
            exchange: sends arrays to other actors, by their index, and fills those that come from them.

        Returns:
            The window; the rows that left for other actors in each round, (B,); the messages sent by each agent, (B, n).
        """
        window = self._window()
        window.p[...] = 0.0  # of agents that are away
        tables = [self._machine.table(self._message_arguments(turn)) for turn in (0, 1)]
        B, own, hand = len(fate.up), slice(self.first, self.last), self._hand
        rows, messages, recorded = np.zeros(B, np.int64), np.zeros((B, self.agents), np.int64), 0
        for b in range(B):
            for a in np.flatnonzero(fate.cold[b]):
                self._forget(self.first + int(a))
            hand.up[own], hand.sent[self._arcs], hand.age[self._arcs] = fate.up[b], fate.sent[b], fate.age[b]
            table = tables[self._turn]
            if self.common.communicates:
                slot = self.played % self.mailing.depth
                self._machine.play(table, b, SPEAK)
                self._hear_who_speaks(slot, exchange)
                hand.messages_sent[own] = 0
                self._machine.play(table, b, COUNT)
                messages[b] = hand.messages_sent[own]
                rows[b] = self._hear_what(slot, fate.sent[b], fate.takes[b], exchange)
            self._machine.play(table, b, PLAY)
            self._turn ^= 1
            self.played += 1
            if recorded < len(window.rounds) and window.rounds[recorded] == self.played:
                fields, N = self._fields[self._turn], self.common.sizes[0]
                mean = fields["global_mean" if self.common.communicates else "local_mean"]
                window.own[recorded] = mean.reshape(N, -1)[own]
                window.local[recorded] = fields["local_mean"].reshape(N, -1)[own]
                recorded += 1
        return window, rows, messages

    def _message_arguments(self, turn: int) -> tuple[Any, ...]:
        common, mailing, boxes = self.common, self.mailing, self._boxes
        N = common.sizes[0]
        now, after = self._fields[turn] | self._inbox, self._fields[1 - turn] | self._inbox
        own, sent = (state.get("global_mean", np.zeros((N, 0))).reshape(N, -1) for state in (after, now))
        base = np.zeros((0, 2), np.int64), mailing.offsets, mailing.rule, mailing.constant
        turned = boxes._replace(now=boxes.after, after=boxes.now) if turn else boxes
        return (
            common.algorithm, self._rewards, tuple(now.values()), tuple(after.values()), base, turned, own, sent,
            boxes.inbox[mailing.rules.mean], self._post, mailing.rules, self._hand, self.window, self._x,
            np.zeros(len(mailing.sender), np.int64), np.zeros(N), self.first, common.communicates, common.poison, self.t0,
        )  # fmt: skip

    def _hear_who_speaks(self, slot: int, exchange: Exchange) -> None:
        speaks = self._post.speaks[slot]
        heard = {peer: np.empty(len(border.other), np.uint8) for peer, border in self._borders.items()}
        exchange({peer: speaks[border.own] for peer, border in self._borders.items()}, heard)
        for peer, border in self._borders.items():
            speaks[border.other] = heard[peer]

    def _hear_what(self, slot: int, sent: Bytes, takes: NDArray[np.int16], exchange: Exchange) -> int:
        """Exchange what is sent over the border, a row once for each peer; how many rows left. What is lost is dropped.

        Args:
            sent, takes: (A,), of the round.
        """
        post, memory = self._post, self._boxes.memory
        speaks, ends, widths = post.speaks[slot], {}, np.cumsum([box.shape[2] for box in memory])
        leaves, enters, count = {}, {}, 0
        for peer, border in self._borders.items():
            used = (sent[border.arcs] == 1) & (speaks[border.receiver] + speaks[border.sender] > 0)
            through = used & (takes[border.arcs] >= 0)
            leaving, entering = np.unique(border.receiver[used]), np.unique(border.sender[used])
            ends[peer] = entering, np.isin(entering, border.sender[through])
            rows = np.concatenate([box[slot, leaving] for box in memory], axis=1)
            leaves[peer] = np.append(post.arrived[border.own].astype(np.float64), rows)
            enters[peer] = np.empty(len(border.other) + len(entering) * int(widths[-1]))
            count += len(leaving)
        exchange(leaves, enters)
        for peer, border in self._borders.items():
            entering, kept = ends[peer]
            post.arrived[border.other] = enters[peer][: len(border.other)]
            rows = enters[peer][len(border.other) :].reshape(len(entering), widths[-1])[kept]
            for box, part in zip(memory, np.split(rows, widths[:-1], axis=1), strict=True):
                box[slot, entering[kept]] = part
        return count

    def _forget(self, i: int) -> None:
        """Give own agent i the state from before its first round."""
        self._post.clock[i] = 0
        for name, value in self.rows().items():
            value[i] = self._initial[name][i]
