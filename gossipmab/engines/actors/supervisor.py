"""The actors of a run: started where there is room, watched, and made anew elsewhere when they die."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from gossipmab.engines.actors.actor import CONTROL, AgentActor
from gossipmab.engines.actors.listening import ANYWHERE, Listen
from gossipmab.engines.actors.placement import Placement, strategy
from gossipmab.engines.limits import TRANSPORTS
from gossipmab.utils.errors import unknown
from gossipmab.utils.validation import whole_number

PATIENCE = 20.0  # seconds for an actor to show that it lives
LOOK = 2.0  # seconds between questions whether it does
QUIET = "RAY_IGNORE_UNHANDLED_ERRORS"  # of calls of a lost window: we see them, and say what is done about it
Note = Callable[[str], None]
log = logging.getLogger("gossipmab").warning


class ActorsLostError(RuntimeError):
    """Actors died again and again, or could not be started."""


class ActorPool:
    """Actors, for one trial after the other. Use it in a `with`: on leaving, all actors are gone."""

    def __init__(
        self, transport: str = "direct", agents_per_actor: int = 1, window: int | None = None, *, poison: bool = False,
        patience: float = PATIENCE, listen: str | None = None, note: Note = log, **options: Any,
    ) -> None:  # fmt: skip
        """No actors yet.

        Args:
            transport: "direct" (sockets between actors) or "refs" (Ray's object references).
            agents_per_actor: agents in a process; they exchange messages with other processes only.
            window: rounds between two visits of the coordinator, at most; by default as many as take two seconds.
            poison: fill with NaN whatever an actor has not received, to see that nothing reads it.
            listen: where actors listen, NETWORK, :FIRST-LAST (ports) or both; by default any port of Ray's address of the node.
            patience: seconds for an actor to answer. note: called with a line about each failure.
            options: of each actor, as `ray.remote` takes them.

        Raises:
            InputError: an argument out of range.
        """
        if transport not in TRANSPORTS:
            raise unknown("transport", transport, TRANSPORTS)
        self.transport, self.note, self.patience = transport, note, patience
        self.agents_per_actor, self.poison = whole_number("agents_per_actor", agents_per_actor), poison
        self.window = None if window is None else whole_number("window", window)
        self.listen = ANYWHERE if listen is None else Listen.parsed(listen)
        self.handles: list[Any] = []
        self.pids: list[Any] = []  # of their processes
        self.homes: list[str] = []  # the nodes where they are
        self.new: set[int] = set()  # those that have not answered yet
        self.epoch = 0
        self.key = secrets.token_bytes(32)
        self._questions: dict[int, tuple[Any, float]] = {}  # to an actor, and since when
        self._options = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0} | options
        self.placement = Placement(self._options, note)

    def __enter__(self) -> ActorPool:
        self._before = os.environ.get(QUIET)
        os.environ[QUIET] = "1"
        return self

    def __exit__(self, *_: object) -> None:
        while self.handles:
            self._kill(self.handles.pop())
        if self._before is None:
            os.environ.pop(QUIET, None)

    def fill(self, actors: int) -> None:
        """Have so many actors, spread over the nodes that live now; those that exist stay where they are, if that is even."""
        self.placement.look()
        self.placement.suspects.clear()
        while len(self.handles) > actors:
            self._kill(self.handles.pop())
            self.homes.pop()
        free: list[str] = []
        for _ in range(actors):
            free.append(self.placement.place(free))
        moving = []
        for index, home in enumerate(self.homes):
            if home in free:
                free.remove(home)
            else:
                moving.append(index)
        for index, home in zip([*moving, *range(len(self.handles), actors)], free, strict=True):
            self._make(index, home)

    def replace(self, lost: Iterable[int]) -> None:
        """Make these actors anew, on nodes where others live if there are such."""
        lost = set(lost)
        others = [home for index, home in enumerate(self.homes) if index not in lost]
        self.placement.suspects |= {self.homes[index] for index in lost} - set(others)
        for index in sorted(lost):
            home = self.placement.place(others)
            others.append(home)
            self._make(index, home)

    def _make(self, index: int, home: str) -> None:
        import ray

        made: Any = ray.remote(concurrency_groups={CONTROL: 1})(AgentActor)  # type: ignore[call-overload]
        handle = made.options(**self._options | {"scheduling_strategy": strategy(home)}).remote(index)
        if index < len(self.handles):
            self._kill(self.handles[index])
            self.handles[index], self.homes[index] = handle, home
        else:
            self.handles.append(handle)
            self.homes.append(home)
        self.new.add(index)
        self._questions.pop(index, None)

    def _kill(self, handle: Any) -> None:
        import ray

        with suppress(Exception):  # it may be dead already, and Ray too
            ray.kill(handle, no_restart=True)

    def silent(self) -> list[int]:
        """The actors that have answered before, and now have not for `patience` seconds, in the thread kept for it.

        Call it often: every LOOK seconds it asks anew.
        """
        import ray

        asked = [self._questions[index][0] for index in self._questions.keys() - self.new]
        waiting = set(ray.wait(asked, num_returns=len(asked), timeout=0)[1]) if asked else set()
        found, now = [], time.monotonic()
        for index, handle in enumerate(self.handles):
            question, since = self._questions.get(index, (None, -LOOK))
            if index in self.new:
                continue
            if question in waiting:
                found += [index] if now - since > self.patience else []
            elif now - since > LOOK:
                self._questions[index] = handle.answer.options(concurrency_group=CONTROL).remote(), now
        return found
