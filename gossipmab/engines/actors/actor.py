"""The Ray actor: one agent, or a block of agents, in a process of its own.

It loads neither numba nor scipy nor networkx, and keeps Ray from loading what Ray needs only to pass tables and models
around: of a hundred actors none should pay for that in memory and start-up time.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

if Path(sys.argv[0]).name == "default_worker.py":  # a process of Ray's, which is ours alone
    for heavy in ("pyarrow", "pydantic"):  # Ray takes them as not installed: 16 MiB and 0.2 s less
        sys.modules.setdefault(heavy, None)  # type: ignore[arg-type]

from gossipmab.engines.actors.agent_block import AgentBlock, Snapshot, TrialInfo, WindowGraph
from gossipmab.engines.actors.listening import ANYWHERE, Listen
from gossipmab.engines.actors.object_code_loader import Machine, OtherProcessorError
from gossipmab.engines.actors.sockets import Address, Refusals, SocketMesh, WindowLostError
from gossipmab.engines.actors.unreliable_block import ActorEvents, UnreliableBlock
from gossipmab.engines.gossip.channel_state import WindowFields

CONTROL, LANE = "control", "lane"  # Ray's names of an actor's threads (concurrency groups)


class Outcome(NamedTuple):
    """An actor's part of a window: its record, and the snapshot at its end.

    bytes: that crossed the border (sent, or by reference received). refused: connections, meanwhile. seconds: that it took;
    of these at work: of a processor.
    """

    window: WindowFields
    bytes: int
    snapshot: Snapshot
    refused: Refusals
    seconds: float
    at_work: float


class AgentActor:
    """One actor, with a lane for each of the trials that are played side by side, in a thread of its own."""

    def __init__(self, index: int, lanes: int = 1) -> None:
        self.lanes = [Lane(index) for _ in range(lanes)]

    def answer(self) -> None:
        """Show that this process lives, and can be reached; called in a thread that is kept for it, as `Lane.stop` is."""

    def call(self, lane: int, method: str, *arguments: Any) -> Any:
        """Call a method of a lane."""
        return getattr(self.lanes[lane], method)(*arguments)


class Lane:
    """An actor's part of one trial. The coordinator calls its methods one after the other; calls of earlier epochs are void."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.epoch = -1
        self.peers: SocketMesh | None = None

    def stop(self) -> None:
        """From another thread: end what is going on, at the next exchange at the latest."""
        self.epoch = -1
        if self.peers is not None:
            self.peers.interrupt()

    def listen(self, key: bytes, patience: float, where: Listen = ANYWHERE) -> Address:
        """Open the socket that peers connect to; returns its address."""
        from ray.util import get_node_ip_address

        if self.peers is None:
            host: str = get_node_ip_address()  # type: ignore[no-untyped-call]
            self.peers = SocketMesh(self.index, key, host, patience, where)
            self.peers.reset(self.epoch)
        return self.peers.address

    def begin(self, epoch: int, info: TrialInfo, rewards: tuple[Any, ...], snapshot: Snapshot | None) -> int:
        """Begin a trial, or go back to a snapshot; returns the process's id."""
        self.epoch = epoch
        if self.peers is not None:
            self.peers.reset(epoch)
        kind = AgentBlock if info.messages is None else UnreliableBlock
        self.own = kind(info, self.index, rewards, snapshot, machine_for(info))
        self._failure: BaseException | None = None
        return os.getpid()

    def link(self, epoch: int, addresses: dict[int, Address]) -> None:
        """Connect with these actors, once all have begun."""
        self._check(epoch, self.own.played)
        assert self.peers is not None
        self.peers.link(addresses)

    def _check(self, epoch: int, played: int) -> None:
        if (epoch, played) != (self.epoch, self.own.played):
            raise WindowLostError(f"actor {self.index} has played {self.own.played} rounds, not {played}")

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """On an error, end what was begun: it must not go on, nor any peer wait for us."""
        try:
            yield
        except BaseException as error:
            self.epoch, self._failure = -1, error
            if self.peers is not None:
                self.peers.reset(-1)
            raise

    def _outcome(self, size: int) -> Outcome:
        refused, seconds = self.peers.refused() if self.peers else Refusals([]), time.monotonic() - self._since
        return Outcome(self.own.window, size, self.own.snapshot(), refused, seconds, time.thread_time() - self._worked)

    def play(self, epoch: int, t0: int, part: WindowGraph | ActorEvents) -> Outcome:
        """Play the window after round t0; the messages go from actor to actor."""
        self._check(epoch, t0)
        self._since, self._worked = time.monotonic(), time.thread_time()
        with self._ending():
            if isinstance(part, WindowGraph):
                return self._outcome(self._play(part))
            assert isinstance(self.own, UnreliableBlock)
            swap = self.peers.swap if self.peers is not None else lambda sends, receives: None
            return self._outcome(self.own.play_window(*part, swap) * 8 * self.own.message_size)

    def _play(self, part: WindowGraph) -> int:
        sockets = self.peers.sockets if self.peers is not None else {}
        try:
            wire = self.own.begin_window(part, {peer: plain.fileno() for peer, plain in sockets.items()})
        except KeyError as error:
            raise WindowLostError(f"actor {self.index} has no connection with actor {error}") from None
        b, B = 0, len(part.degrees)
        while (b := self.own.play(b, B)) < B:
            assert self.peers is not None
            self.peers.finish(wire, b)
        return int(wire.sent.sum())

    def open(self, epoch: int, t0: int, part: WindowGraph) -> bytes:
        """Begin the window after round t0, which is played step by step; returns the message for its first round."""
        self._check(epoch, t0)
        self._since, self._worked = time.monotonic(), time.thread_time()
        with self._ending():
            self._wire = self.own.begin_window(part, defaultdict(int))
            return self.own.message()

    def step(self, epoch: int, t: int, *messages: bytes) -> bytes:
        """Play round t with the messages of the actors that own present neighbours, ascending; returns the message for t + 1."""
        self._check(epoch, t - 1)
        with self._ending():
            b = t - 1 - self.own.t0
            self.own.enter(self._wire, b, messages)
            self.own.play(b, b + 1)
            return self.own.message()

    def collect(self, epoch: int, played: int) -> Outcome:
        """End the window that was stepped through; raises what a step raised, whose result is never read."""
        if self._failure is not None:
            raise self._failure
        self._check(epoch, played)
        return self._outcome(int(self._wire.sent.sum()))


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
