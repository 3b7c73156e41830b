"""The actors of a trial: started, supervised, made anew from their last snapshots when they die.

Every trial and every recovery is an epoch; calls made in an earlier one are void. A window that was lost is replayed by all,
from the same snapshots with the same numbers, so that its bits are the same.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from gossipmab.engines.actors.actor import AgentActor, Outcome
from gossipmab.engines.actors.agent_block import Snapshot
from gossipmab.engines.actors.sockets import WindowLostError
from gossipmab.engines.limits import TRANSPORTS
from gossipmab.utils.errors import unknown
from gossipmab.utils.validation import whole_number

ATTEMPTS = 5  # recoveries without a window finished in between
TICK = 0.2  # seconds between looks at what has failed
SLOW = 3.0  # seconds between reports on what takes long
START = 60.0  # seconds for an actor to start, and
START_EACH = 3.0  # for each that starts beside it
QUIET = "RAY_IGNORE_UNHANDLED_ERRORS"  # of calls of a lost window: we see them, and say what is done about it
Note = Callable[[str], None]
log = logging.getLogger("gossipmab").warning
Call = Callable[[Any, int], Any]


class ActorsLostError(RuntimeError):
    """Actors died again and again, or could not be started."""


class ActorPool:
    """Actors, and their epochs. Use it in a `with`: on leaving, all actors are gone."""

    def __init__(
        self, transport: str = "direct", agents_per_actor: int = 1, window: int | None = None, *, poison: bool = False,
        patience: float = 60.0, note: Note = log, **options: Any,
    ) -> None:  # fmt: skip
        """No actors yet.

        Args:
            transport: "direct" (sockets between actors) or "refs" (Ray's object references).
            agents_per_actor: agents in a process; they exchange messages with other processes only.
            window: rounds between two visits of the coordinator; by default 500, 50 with "refs", fewer if memory is short.
            poison: fill with NaN whatever an actor has not received, to see that nothing reads it.
            patience: seconds to wait for a peer. note: called with a line about each failure.
            options: of each actor, as `ray.remote` takes them.

        Raises:
            InputError: an argument out of range.
        """
        if transport not in TRANSPORTS:
            raise unknown("transport", transport, TRANSPORTS)
        self.transport, self.note, self.patience = transport, note, patience
        self.agents_per_actor, self.poison = whole_number("agents_per_actor", agents_per_actor), poison
        self.window = None if window is None else whole_number("window", window)
        self.handles: list[Any] = []
        self.pids: list[Any] = []  # of their processes
        self.epoch = self.failures = self._new = 0
        self._key = secrets.token_bytes(32)
        self._options = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0} | options

    def __enter__(self) -> ActorPool:
        self._before = os.environ.get(QUIET)
        os.environ[QUIET] = "1"
        return self

    def __exit__(self, *_: object) -> None:
        while self.handles:
            self._kill(self.handles.pop())
        if self._before is None:
            os.environ.pop(QUIET, None)

    def begin(self, info: Any, rewards: Sequence[Any], neighbours: Sequence[Sequence[int]]) -> None:
        """Begin a trial, with as many actors as there are reward models; those that live already are among them.

        Args:
            info, rewards: references to the trial's `TrialInfo` and to the reward model of each actor.
            neighbours: of every actor, those it exchanges messages with.
        """
        self._info, self._rewards, self._neighbours = info, list(rewards), neighbours
        while len(self.handles) > len(rewards):
            self._kill(self.handles.pop())
        self.handles += [self._made(index) for index in range(len(self.handles), len(rewards))]
        self.failures = 0
        self._ready([None] * len(rewards), "starting")

    def recover(self, snapshots: Sequence[Snapshot | None], what: str) -> None:
        """Bring all back to the snapshots, after a failure in the rounds `what`."""
        self.failures += 1
        if self.failures > ATTEMPTS:
            raise ActorsLostError(f"actors died {ATTEMPTS} times in a row in {what}")
        if not self._ready(snapshots, what):
            self.note(f"actors lost each other in {what}: all live, went back and replay")

    def _ready(self, snapshots: Sequence[Snapshot | None], what: str) -> int:
        """A new epoch: all begin from the snapshots, anew where they do not answer, and connect. How many were made anew."""
        anew = 0
        for _ in range(ATTEMPTS):
            self.epoch += 1
            limit = 2 * self.patience + (START + START_EACH * self._new if self._new else 0.0)
            self.pids, lost = self._ask(
                lambda actor, i: actor.begin.remote(self.epoch, self._info, self._rewards[i], snapshots[i]), limit
            )
            self._new = 0
            for index, why in lost.items():
                self._kill(self.handles[index])
                self.handles[index] = self._made(index)
                played = getattr(snapshots[index], "played", 0)
                self.note(f"actor {index} {why} in {what}: made anew as it was after round {played}; what followed is replayed")
            anew += len(lost)
            if not lost and (self.transport != "direct" or not any(self._neighbours) or self._linked()):
                return anew
        raise ActorsLostError(f"actors could not be brought back in {what}")

    def _linked(self) -> bool:
        """Whether all could connect with their neighbours."""
        key, patience, epoch = self._key, self.patience, self.epoch
        addresses, lost = self._ask(lambda actor, i: actor.listen.remote(key, patience), patience)
        if lost:
            return False
        near = [{j: addresses[j] for j in neighbours} for neighbours in self._neighbours]
        return not self._ask(lambda actor, i: actor.link.remote(epoch, near[i]), 2 * patience)[1]

    def _ask(self, call: Call, limit: float) -> tuple[list[Any], dict[int, str]]:
        """Call all actors; their answers, and why some gave none. Reports how far it is when it takes long."""
        import ray

        references = [call(handle, index) for index, handle in enumerate(self.handles)]
        waiting, ready, told = list(references), 0, time.monotonic()
        until = told + limit
        while waiting and time.monotonic() < until:
            _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=TICK)
            if waiting and len(references) - len(waiting) > ready and time.monotonic() - told > SLOW:
                ready, told = len(references) - len(waiting), time.monotonic()
                self.note(f"{ready} of {len(references)} actors are ready")
        answers: list[Any] = []
        lost = {}
        for index, reference in enumerate(references):
            answers.append(None)
            if reference in waiting:
                lost[index] = f"did not answer for {limit:g} s"
                continue
            try:
                answers[index] = ray.get(reference)
            except (ray.exceptions.RayActorError, WindowLostError) as error:
                lost[index] = "died" if isinstance(error, ray.exceptions.RayActorError) else str(error)
        return answers, lost

    def _made(self, index: int) -> Any:
        import ray

        self._new += 1
        return ray.remote(AgentActor).options(**self._options).remote(index)

    def _kill(self, handle: Any) -> None:
        import ray

        with suppress(Exception):  # it may be dead already, and Ray too
            ray.kill(handle, no_restart=True)

    def submit(self, t0: int, parts: Sequence[Any], peers: Sequence[Sequence[Sequence[int]]]) -> list[Any]:
        """Have the window after round t0 played; references to the outcomes.

        Args:
            parts: of every actor, WindowGraph or ActorEvents.
            peers: for transport "refs", of every actor and round the actors whose messages it needs.
        """
        if self.transport == "direct":
            return [handle.play.remote(self.epoch, t0, part) for handle, part in zip(self.handles, parts, strict=True)]
        messages = [handle.open.remote(self.epoch, t0, part) for handle, part in zip(self.handles, parts, strict=True)]
        for t, near in enumerate(zip(*peers, strict=True), start=t0 + 1):
            messages = [
                handle.step.remote(self.epoch, t, *[messages[peer] for peer in own])
                for handle, own in zip(self.handles, near, strict=True)
            ]
        return [handle.collect.remote(self.epoch, t0 + len(peers[0])) for handle in self.handles]

    def gather(self, references: Sequence[Any]) -> list[Outcome] | None:
        """The outcomes of a window, once all are there; None as soon as one is lost."""
        import ray

        waiting, outcomes = list(references), {}
        while waiting:
            ready, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=TICK)
            for reference in ready:
                try:
                    outcomes[reference] = ray.get(reference)
                except (ray.exceptions.RayActorError, WindowLostError):
                    return None
        self.failures = 0
        return [outcomes[reference] for reference in references]
