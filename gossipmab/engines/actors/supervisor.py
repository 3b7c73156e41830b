"""The actors of a run: started where there is room, watched, and made anew elsewhere when they die."""

from __future__ import annotations

import logging
import math
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from threading import RLock
from typing import Any

from gossipmab.engines.actors.actor import CONTROL, LANE, AgentActor
from gossipmab.engines.actors.listening import ANYWHERE, Listen
from gossipmab.engines.actors.placement import Placement, strategy
from gossipmab.engines.actors.sockets import NOTES, Refusals
from gossipmab.engines.limits import TRANSPORTS
from gossipmab.utils.errors import unknown
from gossipmab.utils.validation import whole_number

PATIENCE = 20.0  # seconds for an actor to show that it lives
QUIET_FOR = 10.0  # seconds between two counts of refused connections
LOOK = 2.0  # seconds between questions whether it does
QUIET = "RAY_IGNORE_UNHANDLED_ERRORS"  # of calls of a lost window: we see them, and say what is done about it
Note = Callable[[str], None]
log = logging.getLogger("gossipmab").warning


class ActorsLostError(RuntimeError):
    """Actors died again and again, or could not be started."""


class ActorPool:
    """Actors, for one trial after the other. Use it in a `with`: on leaving, all actors are gone.

    >>> with gm.ActorPool(agents_per_actor=2) as pool:  # doctest: +SKIP
    ...     trace = gm.simulate_actors(gm.ParetoUCBGossip(), environment, network, horizon=30, seed=0, pool=pool)
    """

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
        self.lanes, self.at_once = 1, 1  # trials side by side: the most, and how many are worth while
        self._lock, self._free, self._closed, self._epochs = RLock(), {0}, False, count()
        self.key = secrets.token_bytes(32)
        self._questions: dict[int, tuple[Any, float]] = {}  # to an actor, and since when
        self._described, self._refused, self._counted = 0, 0, -math.inf  # connections refused: described, others, when last counted
        self._options = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0} | options
        self.placement = Placement(self._options, note)

    def __enter__(self) -> ActorPool:
        self._before = os.environ.get(QUIET)
        os.environ[QUIET] = "1"
        self._closed = False
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed, self._counted = True, -math.inf
            self.count_refused([])
            while self.handles:
                self._kill(self.handles.pop())
            self.homes.clear()
        if self._before is None:
            os.environ.pop(QUIET, None)

    def count_refused(self, refused: Sequence[Refusals]) -> None:
        """Describe the first refused connections of the run; count the others, every QUIET_FOR seconds and at its end."""
        with self._lock:
            lines = [line for each in refused for line in each.lines]
            described = lines[: NOTES - self._described]
            self._described += len(described)
            self._refused += len(lines) - len(described) + sum(each.others for each in refused)
            for line in described:
                self.note(line)
            if self._refused and time.monotonic() - self._counted > QUIET_FOR:
                self.note(f"and {self._refused} more connections were refused")
                self._refused, self._counted = 0, time.monotonic()

    def side_by_side(self, lanes: int) -> None:
        """Allow so many trials at once, before any actor is made."""
        self.lanes, self._free = lanes, set(range(lanes))

    @contextmanager
    def lane(self) -> Iterator[int]:
        """A lane for one trial."""
        with self._lock:
            lane = self._free.pop()
        try:
            yield lane
        finally:
            with self._lock:
                self._free.add(lane)

    def epoch(self) -> int:
        """A new epoch."""
        return next(self._epochs)

    def fill(self, actors: int) -> list[Any]:
        """At least so many actors, spread over the nodes that live now; those that exist stay where they are, if that is even.

        While other trials are played, actors are moved only after nodes came or went.
        """
        with self._lock:
            alone, changed = len(self._free) == self.lanes - 1, self.placement.look()
            if alone or changed or actors > len(self.handles):
                self._spread(actors if alone else max(actors, len(self.handles)))
            return self.handles[:actors]

    def _spread(self, actors: int) -> None:
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

    def replace(self, lost: Mapping[int, str], seen: list[Any]) -> list[int]:
        """Make these actors anew, on nodes where others live if there are such; those that were made anew now.

        Args:
            seen: the handles by which they were lost, replaced; another trial may have made some of them anew already.
        """
        with self._lock:
            self._check_open()
            mine = sorted(index for index in lost if self.handles[index] is seen[index])
            others = [home for index, home in enumerate(self.homes) if index not in mine]
            self.placement.suspects |= {self.homes[index] for index in mine} - set(others)
            for index in mine:
                home = self.placement.place(others)
                others.append(home)
                self._make(index, home)
            seen[:] = self.handles[: len(seen)]
            return mine

    def answered(self, index: int, handle: Any) -> None:
        """Note that this actor has started."""
        with self._lock:
            if self.handles[index : index + 1] == [handle]:
                self.new.discard(index)

    def _make(self, index: int, home: str) -> None:
        import ray

        if self._closed:
            raise ActorsLostError("the actors were ended")
        threads = {CONTROL: 1} | {f"{LANE}{lane}": 1 for lane in range(self.lanes)}
        made: Any = ray.remote(concurrency_groups=threads)(AgentActor)  # type: ignore[call-overload]
        handle = made.options(**self._options | {"scheduling_strategy": strategy(home)}).remote(index, self.lanes)
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

    def silent(self, seen: Sequence[Any]) -> list[int]:
        """The actors that have answered before, and now have not for `patience` seconds, in the thread kept for it.

        Call it often: every LOOK seconds it asks anew. Those that another trial has replaced are among them.

        Args:
            seen: the handles of the trial's actors.
        """
        import ray

        with self._lock:
            self._check_open()
            asked = [self._questions[index][0] for index in self._questions.keys() - self.new]
            waiting = set(ray.wait(asked, num_returns=len(asked), timeout=0)[1]) if asked else set()
            found, now = [], time.monotonic()
            for index, handle in enumerate(seen):
                question, since = self._questions.get(index, (None, -LOOK))
                if self.handles[index] is not handle or (question in waiting and now - since > self.patience):
                    found.append(index)
                elif question not in waiting and now - since > LOOK and index not in self.new:
                    self._questions[index] = handle.answer.options(concurrency_group=CONTROL).remote(), now
            return found

    def _check_open(self) -> None:
        if self._closed:
            raise ActorsLostError("the actors were ended")
