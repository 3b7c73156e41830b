"""What a trial has of the actors: it begins, recovers after a failure, and plays windows.

Every trial and every recovery is an epoch; calls made in an earlier one are void. A window that was lost is replayed by all,
from the same snapshots with the same numbers, so that its bits are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gossipmab.engines.actors.actor import CONTROL, LANE, Outcome
from gossipmab.engines.actors.agent_block import Snapshot
from gossipmab.engines.actors.sockets import WindowLostError
from gossipmab.engines.actors.supervisor import ActorPool, ActorsLostError
from gossipmab.utils.errors import InputError

ATTEMPTS = 5  # recoveries without a window finished in between
TICK = 0.2  # seconds between looks at what has failed
SLOW = 3.0  # seconds between reports on what takes long
START = 60.0  # seconds for an actor to start, and
START_EACH = 3.0  # for each that starts beside it
PEER = 3.0  # times as long as for the coordinator an actor waits for a peer: the peer may be at work
Call = Callable[[int], Any]


class Epochs:
    """The epochs of one trial."""

    def __init__(self, pool: ActorPool, lane: int, info: Any, rewards: Sequence[Any], neighbours: Sequence[Sequence[int]]) -> None:
        """Begin a trial, with as many actors as there are reward models; those that live already are among them.

        Args:
            lane: of the actors' lanes, the one for this trial.
            info, rewards: references to the trial's `TrialInfo` and to the reward model of each actor.
            neighbours: of every actor, those it exchanges messages with.
        """
        self.pool, self.lane, self._info, self._rewards, self._neighbours = pool, lane, info, list(rewards), neighbours
        self.failures, self.epoch = 0, -1
        self.handles = pool.fill(len(rewards))
        self._ready([None] * len(rewards), "starting")

    def recover(self, snapshots: Sequence[Snapshot | None], what: str) -> None:
        """Bring all back to the snapshots, after a failure in the rounds `what`."""
        self.failures += 1
        if self.failures > ATTEMPTS:
            raise ActorsLostError(f"actors died {ATTEMPTS} times in a row in {what}")
        before = list(self.handles)
        self._ready(snapshots, what)
        if all(one is other for one, other in zip(before, self.handles, strict=True)):
            self.pool.note(f"actors lost each other in {what}: all live, went back and replay")

    def _ready(self, snapshots: Sequence[Snapshot | None], what: str) -> None:
        """A new epoch: all begin from the snapshots, anew where they do not answer, and connect."""
        pool = self.pool
        for _ in range(ATTEMPTS):
            self.epoch = pool.epoch()
            pool.replace({}, self.handles)  # take those that another trial has made anew
            everyone = range(len(self.handles))
            calls: list[tuple[Call, Iterable[int]]] = [
                (lambda i: self._call(i, "stop", group=CONTROL), [i for i in everyone if i not in pool.new]),
                (lambda i: self._call(i, "begin", self.epoch, self._info, self._rewards[i], snapshots[i]), everyone),
            ]
            for call, whom in calls:
                answers, lost = self._ask(call, whom)
                for index in pool.replace(lost, self.handles):
                    after = f"as it was after round {getattr(snapshots[index], 'played', 0)}"
                    pool.note(f"actor {index} {lost[index]} in {what}: made anew {after}; what followed is replayed")
            if not lost:
                pool.pids = [answers[i] for i in everyone]
                if pool.transport != "direct" or not any(self._neighbours) or self._linked():
                    return
        raise ActorsLostError(f"actors could not be brought back in {what}")

    def _call(self, index: int, method: str, *arguments: Any, group: str = "") -> Any:
        called = self.handles[index].call.options(concurrency_group=group or f"{LANE}{self.lane}")
        return called.remote(self.lane, method, *arguments)

    def _linked(self) -> bool:
        """Whether all could connect with their neighbours."""
        pool, everyone = self.pool, range(len(self.handles))
        key, patience = pool.key, PEER * pool.patience
        addresses, lost = self._ask(lambda i: self._call(i, "listen", key, patience, pool.listen), everyone)
        if lost:
            return False
        near = [{j: addresses[j] for j in neighbours} for neighbours in self._neighbours]
        return not self._ask(lambda i: self._call(i, "link", self.epoch, near[i]), everyone, hasty=True)[1]

    def _ask(self, call: Call, whom: Iterable[int], hasty: bool = False) -> tuple[dict[int, Any], dict[int, str]]:
        """Call these actors; their answers, and why some gave none. Reports how far it is when it takes long.

        Args:
            hasty: return as soon as one gave none.
        """
        import ray

        pool = self.pool
        references = {call(index): index for index in whom}
        waiting, told = list(references), time.monotonic()
        limit = START + START_EACH * len(pool.new)
        until, told_of = told + limit, 0
        answers: dict[int, Any] = {}
        lost: dict[int, str] = {}
        while waiting and not (hasty and lost):
            ready, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=TICK)
            for reference in ready:
                try:
                    answers[references[reference]] = _result(reference)
                except WindowLostError as error:
                    lost[references[reference]] = str(error)
                pool.answered(references[reference], self.handles[references[reference]])
            late = dict.fromkeys(pool.silent(self.handles), pool.patience) | (
                dict.fromkeys(pool.new, limit) if time.monotonic() > until else {}
            )
            lost |= {references[r]: f"did not answer for {late[references[r]]:g} s" for r in waiting if references[r] in late}
            waiting = [reference for reference in waiting if references[reference] not in lost]
            if self.lane == 0 and waiting and len(answers) > told_of and time.monotonic() - told > SLOW:
                told, told_of = time.monotonic(), len(answers)
                pool.note(f"{told_of} of {len(references)} actors are ready")
        return answers, lost

    def submit(self, t0: int, parts: Sequence[Any], peers: Sequence[Sequence[Sequence[int]]]) -> list[Any]:
        """Have the window after round t0 played; references to the outcomes.

        Args:
            parts: of every actor, WindowGraph or ActorEvents.
            peers: for transport "refs", of every actor and round the actors whose messages it needs.
        """
        everyone = range(len(self.handles))
        if self.pool.transport == "direct":
            return [self._call(i, "play", self.epoch, t0, parts[i]) for i in everyone]
        messages = [self._call(i, "open", self.epoch, t0, parts[i]) for i in everyone]
        for t, near in enumerate(zip(*peers, strict=True), start=t0 + 1):
            messages = [self._call(i, "step", self.epoch, t, *[messages[peer] for peer in near[i]]) for i in everyone]
        return [self._call(i, "collect", self.epoch, t0 + len(peers[0])) for i in everyone]

    def gather(self, references: Sequence[Any]) -> list[Outcome] | None:
        """The outcomes of a window, once all are there; None as soon as one is lost, or an actor does not answer."""
        import ray

        outcomes: dict[Any, Outcome] = {}
        waiting = list(references)
        while waiting:
            ready, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=TICK)
            try:
                outcomes |= {reference: _result(reference) for reference in ready}
            except WindowLostError:
                return None
            if self.pool.transport == "direct" and self.pool.silent(self.handles):
                return None
        self.failures = 0
        return [outcomes[reference] for reference in references]


def _result(reference: Any) -> Any:
    """The result of a call. Raises WindowLostError where it is lost, with the reason, and InputError as it was raised there."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, WindowLostError | InputError):
            raise error.cause from None
        raise
    except (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError, ray.exceptions.ActorUnschedulableError):
        raise WindowLostError("died") from None
