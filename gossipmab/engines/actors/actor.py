"""The Ray actor: one agent, or a block of agents, in a process of its own.

It loads neither numba nor scipy nor networkx, and keeps Ray from loading what Ray needs only to pass tables and models
around: of a hundred actors none should pay for that in memory and start-up time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

if Path(sys.argv[0]).name == "default_worker.py":  # a process of Ray's, which is ours alone
    for heavy in ("pyarrow", "pydantic"):  # Ray takes them as not installed: 16 MiB and 0.2 s less
        sys.modules.setdefault(heavy, None)  # type: ignore[arg-type]

import numpy as np
from numpy.typing import NDArray

from gossipmab.engines.actors.agent_block import AgentBlock, Snapshot, TrialInfo
from gossipmab.engines.actors.border import WindowGraph, crossing_of
from gossipmab.engines.actors.object_code_loader import Machine, OtherProcessorError
from gossipmab.engines.actors.sockets import Address, SocketMesh, WindowLostError
from gossipmab.engines.actors.unreliable_block import ActorEvents, UnreliableBlock
from gossipmab.engines.gossip.channel_state import Rows, WindowFields, Wire
from gossipmab.utils.types import Integers


class Outcome(NamedTuple):
    """What an actor returns of a window of B rounds.

    window: its record. crossed: (B,) rows that crossed its border (sent, or by reference received). bytes: of them.
    snapshot: at the window's end. notes: lines for the user.
    """

    window: WindowFields
    crossed: Integers
    bytes: int
    snapshot: Snapshot
    notes: list[str]


class AgentActor:
    """One actor. The coordinator calls its methods one after the other; calls of earlier epochs are void."""

    def __init__(self, index: int) -> None:
        """Nothing but the process yet."""
        self.index = index
        self.epoch = -1
        self.peers: SocketMesh | None = None

    def listen(self, key: bytes, patience: float) -> Address:
        """Open the socket that peers connect to; returns its address."""
        from ray.util import get_node_ip_address

        if self.peers is None:
            host: str = get_node_ip_address()  # type: ignore[no-untyped-call]
            self.peers = SocketMesh(self.index, key, host, patience)
            self.peers.reset(self.epoch)
        return self.peers.address

    def begin(self, epoch: int, info: TrialInfo, rewards: tuple[Any, ...], snapshot: Snapshot | None) -> int:
        """Begin a trial, or go back to a snapshot; returns the process's id."""
        self.epoch = epoch
        if self.peers is not None:
            self.peers.reset(epoch)
        machine = machine_for(info)
        self.own = (
            AgentBlock(info, self.index, rewards, snapshot, machine)
            if info.messages is None
            else UnreliableBlock(info, info.messages, self.index, rewards, snapshot, machine)
        )
        self.mine = info.boundary[self.index]
        self._stepping: WindowFields | None = None
        self._failure: Exception | None = None
        return os.getpid()

    def link(self, epoch: int, addresses: dict[int, Address]) -> None:
        """Connect with these actors, once all have begun."""
        self._check(epoch, self.own.played)
        assert self.peers is not None
        self.peers.link(addresses)

    def _check(self, epoch: int, played: int) -> None:
        if (epoch, played) != (self.epoch, self.own.played):
            raise WindowLostError(f"actor {self.index} has played {self.own.played} rounds, not {played}")

    def _outcome(self, window: WindowFields, crossed: Integers, size: int) -> Outcome:
        notes = []
        while self.peers is not None and self.peers.notes:
            notes.append(self.peers.notes.pop(0))
        return Outcome(window, crossed, size, self.own.snapshot(), notes)

    # ------------------------------------------------------------------------------------- transport "direct"

    def play(self, epoch: int, t0: int, part: WindowGraph | ActorEvents) -> Outcome:
        """Play the window after round t0; the messages go from actor to actor."""
        self._check(epoch, t0)
        try:
            return self._play_unreliable(part) if isinstance(part, ActorEvents) else self._play(part)
        except BaseException:
            self.epoch = -1  # what was begun must not go on
            if self.peers is not None:
                self.peers.reset(-1)  # nor should any peer wait for us
            raise

    def _play(self, part: WindowGraph) -> Outcome:
        own = self.own
        sockets = self.peers.sockets if self.peers is not None else {}
        try:
            wire = crossing_of(part, own, self.index, {peer: plain.fileno() for peer, plain in sockets.items()})
        except KeyError as error:
            raise WindowLostError(f"actor {self.index} has no connection with actor {error}") from None
        links = np.append(0, np.cumsum(part.degrees)), part.neighbours, part.weights
        window = own.begin_window(links, wire)
        B = len(part.degrees)
        b = own.play(0, B)
        while b < B:
            assert self.peers is not None
            self.peers.finish(wire, b)
            b = own.play(b, B)
        return self._outcome(window, wire.sent // max(1, 8 * own.message_size), int(wire.sent.sum()))

    def _play_unreliable(self, events: ActorEvents) -> Outcome:
        assert isinstance(self.own, UnreliableBlock)
        window, rows = self.own.play_window(events, self._swap)
        return self._outcome(window, rows, int(rows.sum()) * 8 * self.own.message_size)

    def _swap(self, sends: dict[int, NDArray[Any]], receives: dict[int, NDArray[Any]]) -> None:
        if sends:
            assert self.peers is not None
            self.peers.swap(sends, receives)

    # --------------------------------------------------------------------------------------- transport "refs"

    def message(self, epoch: int, t0: int) -> bytes:
        """What the agents at the border send in the round after t0."""
        self._check(epoch, t0)
        return self.own.message(self.mine)

    def step(
        self, epoch: int, t: int, neighbours: tuple[tuple[int, ...], ...], weights: tuple[tuple[float, ...], ...], *messages: bytes
    ) -> bytes:
        """Play round t.

        Args:
            neighbours, weights: of every own agent, ascending.
            messages: of the actors that the neighbours belong to, ascending: rows of their agents at the border.

        Returns:
            The message for round t + 1.
        """
        self._check(epoch, t - 1)
        try:
            return self._step(t, neighbours, weights, messages)
        except Exception as error:
            self.epoch, self._failure = -1, error  # the result of a step is never read: `collect` raises it
            raise

    def _step(
        self, t: int, neighbours: tuple[tuple[int, ...], ...], weights: tuple[tuple[float, ...], ...], messages: tuple[bytes, ...]
    ) -> bytes:
        own = self.own
        if self._stepping is None:
            self._stepping = self._open()
        (first, near, shares), place = self._links, 0
        for a, (theirs, by) in enumerate(zip(neighbours, weights, strict=True)):
            end = place + len(theirs)
            near[place:end] = theirs
            shares[place:end] = by
            first[a + 1] = place = end
        b = t - 1 - own.t0
        self._receive(near[:place], messages, b)
        own.play_round(b)
        return own.message(self.mine)

    def _open(self) -> WindowFields:
        """Begin a window in which links and messages come round by round."""
        own, room = self.own, self.own.info.room[self.index]
        self._links = np.zeros(own.agents + 1, np.int64), np.zeros(room, np.int64), np.zeros(room)
        none, idle = np.zeros(2, np.int64), np.zeros((0, 3), np.int64)
        leaving, entering = (
            Rows(np.zeros(2, np.int64), np.zeros(most, np.int64), np.zeros((most, own.message_size)), none, idle)
            for most in (0, min(room, own.info.sizes[0]))
        )
        self._entering = entering
        window = own.begin_window(self._links, Wire(leaving, entering, none, np.zeros(3, np.int64)))
        self._received = np.zeros((2, len(window.arms)), np.int64)  # rows, bytes
        return window

    def _receive(self, neighbours: Integers, messages: tuple[bytes, ...], b: int) -> None:
        """Take from the messages the rows of present neighbours, and no others."""
        own, place = self.own, 0
        if messages:
            strangers = np.unique(neighbours[(neighbours < own.first) | (neighbours >= own.last)])
            peers = own.owner[strangers]
            for peer, message in zip(np.unique(peers), messages, strict=True):
                wanted = strangers[peers == peer]
                rows = np.frombuffer(message).reshape(-1, own.message_size)
                end = place + len(wanted)
                self._entering.agents[place:end] = wanted
                self._entering.box[place:end] = rows[np.searchsorted(own.info.boundary[peer], wanted)]
                self._received[:, b] += len(rows), len(message)
                place = end
        self._entering.first[1] = place

    def collect(self, epoch: int, played: int) -> Outcome:
        """End the window that was stepped through."""
        if self._failure is not None:
            raise self._failure
        self._check(epoch, played)
        assert self._stepping is not None
        window, self._stepping = self._stepping, None
        return self._outcome(window, self._received[0], int(self._received[1].sum()))


def machine_for(info: TrialInfo) -> Machine:
    """The object code, loaded; compiled here if the coordinator's processor is of another kind."""
    try:
        return Machine(info.program)
    except OtherProcessorError:
        import ray

        for blocked in [name for name, module in sys.modules.items() if module is None]:
            del sys.modules[blocked]  # the compiler's imports need them
        from gossipmab.engines.actors.object_code import program
        from gossipmab.engines.gossip.loop import play_here

        return Machine(program(play_here, *ray.get(info.recipe[0])))
