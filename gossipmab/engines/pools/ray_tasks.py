"""Cells as Ray tasks, on this machine or on a cluster.

A task plays a batch of cells, one after the other, until some seconds are over; the remaining cells go back to the
queue. So a task lasts seconds whatever a cell costs, and no cost need be known beforehand. Batches shrink towards the end,
so that all workers finish together. A task whose worker or node dies is submitted again by us, not by Ray, so that it can
be said in one line; its cells then go alone, and a cell whose task died again and again fails by itself.

Each outcome is a separate object: small ones travel in the reply, and a full object store does not concern them.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, TypeVar

from gossipmab.engines.pools.ray_runtime_env import Shipment, arrived, packed
from gossipmab.engines.pools.ray_session import ray_options, session
from gossipmab.utils.errors import InputError
from gossipmab.utils.provenance import versions

C = TypeVar("C")
P = TypeVar("P")
Steps = Callable[[int], None]

SECONDS = 2.0  # a task plays on until so much time has passed
MOST = 32  # cells in a task
ATTEMPTS = 4  # tasks that may die under a cell
AHEAD = 2  # tasks in flight for every worker: one is played, one waits, so that no worker idles while the coordinator writes
LOOK = 5.0  # seconds between looks at what the cluster has


class Report(NamedTuple):
    """The report of a task on one cell: its outcome or exception, the agent-steps played, and the software that played it."""

    outcome: Any
    agent_steps: int
    versions: dict[str, str]


def run_cells(
    cells: Sequence[C], play: Callable[[C, Steps], P], *, workers: int | None = None, steps: Steps | None = None,
    note: Callable[[str], None] | None = None, address: str | None = None, resources: Mapping[str, float] | None = None,
    seconds: float = SECONDS, pip: bool = False, **options: Any,
) -> Iterator[tuple[C, P | Exception]]:  # fmt: skip
    """Play the cells as `threads.run_cells` does; copies of `play` go to the workers.

    Args:
        cells, steps: as there, steps of every finished cell.
        play: as there. If it has `files` (name -> path), these travel with it; `relocated(files)` gives the play that uses them.
        workers: tasks played at a time; by default as many as fit on the cluster, also while it grows.
        note: called with one line about every failure and the response to it; by default the logger "gossipmab".
        address: the cluster to join; by default a Ray of our own, with `workers` CPUs.
        resources: what a task takes: "CPU" (1 by default), "memory" in bytes, or any that the cluster has.
        seconds: how long a task plays on. options: for the session.
        pip: have the cluster install the packages that we depend on; its nodes need the internet.

    Raises:
        InputError: the cluster cannot be joined, or a Ray of our own cannot hold a task that takes so much.
    """
    if not cells:
        return
    with ExitStack() as stack:
        prepare = getattr(play, "prepare", None)
        if prepare is not None and address is None:
            prepare(cells)
        shipment = Shipment(None, {}) if address is None else stack.enter_context(packed(play, pip))
        here = {"cpus": workers} if address is None else {"runtime_env": shipment.runtime_env}
        stack.enter_context(session(address, **here, **options))
        note = note or logging.getLogger("gossipmab").warning
        task = _Task((uuid.uuid4().hex, play, shipment.files, seconds), resources or {}, note if address is not None else None)
        queue = _Queue(len(cells), lambda: task.room() if workers is None else min(workers, task.room()))
        yield from _played(cells, queue, task, steps or (lambda agent_steps: None), note)


def _played(cells: Sequence[C], queue: _Queue, task: _Task, steps: Steps, note: Callable[[str], None]) -> Iterator[tuple[C, Any]]:
    """Launch, wait, yield, launch again; cells of dead tasks go back to the queue."""
    import ray

    ours = _versions(task.what[1])
    flying: dict[Any, tuple[list[int], list[Any]]] = {}  # tasks: the indices of their cells, the references to the reports
    others: set[str] = set()
    while True:
        while (batch := queue.take(len(flying))) is not None:
            references = task.submit([cells[index] for index in batch])
            flying[references[0]] = batch, references
        if not flying:
            return
        landed, _ = ray.wait(list(flying), num_returns=1, timeout=LOOK)
        for reference in landed:
            batch, references = flying.pop(reference)
            try:
                reports: list[Report | None] = ray.get(references)
            except ray.exceptions.RuntimeEnvSetupError:
                raise
            except ray.exceptions.RayError as error:
                lost = queue.died(batch, for_good=_for_good(error))
                if not (lost and _for_good(error)):  # the failing cells report it
                    note(_line(error, cells, batch, lost))
                for index in lost:
                    yield cells[index], _last(error)
                continue
            del references[:], reference  # their memory in the object store
            queue.landed(batch, [report is not None for report in reports])
            for index in batch:
                report = reports.pop(0)
                if report is not None:
                    steps(report.agent_steps)
                    _compared(report.versions, others, note, ours)
                    yield cells[index], report.outcome


class _Queue:
    """The cells that wait, by index, and how large the next batch is."""

    def __init__(self, cells: int, room: Callable[[], int]) -> None:
        self.waiting = deque(range(cells))
        self.alone: deque[int] = deque()
        self.deaths: Counter[int] = Counter()
        self.room = room
        self.most = 1  # cells in a task, as far as known to be played in time

    def take(self, flying: int) -> list[int] | None:
        """The next batch; None if none waits, or enough are in flight."""
        workers = self.room()
        if flying >= AHEAD * workers or not (self.alone or self.waiting):
            return None
        if self.alone:
            return [self.alone.popleft()]
        size = min(self.most, -(-len(self.waiting) // (AHEAD * workers)))
        return [self.waiting.popleft() for _ in range(size)]

    def landed(self, batch: list[int], played: Sequence[bool]) -> None:
        """Process a finished task: unplayed cells wait again, and batches grow or shrink."""
        self.waiting.extendleft(reversed([index for index, done in zip(batch, played, strict=True) if not done]))
        self.most = max(self.most, min(MOST, 2 * len(batch))) if all(played) else sum(played)

    def died(self, batch: list[int], for_good: bool = False) -> list[int]:
        """The task of these died: they are played again, one in a task; returns those that died too often.

        for_good: an attempt alone would end in the same way.
        """
        self.deaths.update(batch)
        lost = [index for index in batch if self.deaths[index] >= ATTEMPTS or (for_good and len(batch) == 1)]
        self.alone.extend(index for index in batch if index not in lost)
        return lost


class _Task:
    """The Ray task, with its resources."""

    def __init__(self, what: tuple[Any, ...], resources: Mapping[str, float], waits: Callable[[str], None] | None) -> None:
        """`what`: of `play_batch`, but for the cells. `waits` is called if no node can hold a task yet; without it: an error."""
        import ray

        self.what, self.waits = what, waits
        self.ray: Any = ray
        self.needs = {"CPU": 1.0, **{name: float(value) for name, value in resources.items()}}
        self.remote: Any = ray.remote(play_batch)
        self.looked, self.fit = -LOOK, 0

    def submit(self, cells: list[Any]) -> list[Any]:
        """A reference for every cell."""
        task = self.remote.options(num_returns=len(cells), max_retries=0, name="cells", **ray_options(self.needs))
        references = task.remote(*self.what, cells)
        return references if isinstance(references, list) else [references]

    def room(self) -> int:
        """How many tasks the cluster can play at a time, as of some seconds ago."""
        if time.monotonic() - self.looked >= LOOK:
            nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
            needs = [(name, need) for name, need in self.needs.items() if need > 0]
            self.fit = sum(int(min((has.get(name, 0.0) / need for name, need in needs), default=1)) for has in nodes)
            self.looked = time.monotonic()
            if not self.fit:
                takes = ", ".join(f"{name} = {need:g}" for name, need in self.needs.items())
                if self.waits is None:
                    raise InputError(f"resources: got {takes}, and this machine's Ray has not that much for a task")
                self.waits(f"no node of the cluster can hold a task that takes {takes}; waiting for one that can")
        return max(1, self.fit)


_kept: dict[str, Any] = {}  # in a worker: the run's play, with the networks it has built


def play_batch(token: str, play: Any, files: dict[str, str], seconds: float, cells: list[Any]) -> Any:
    """In a worker: play cells until the time is over, at least one; a Report each, None if it was not played."""
    if token not in _kept:
        _kept.clear()
        _kept[token] = play.relocated(arrived(files)) if files else play
    play = _kept[token]
    known = _versions(play)
    until = time.monotonic() + seconds
    reports: list[Report | None] = []
    for cell in cells:
        if reports and time.monotonic() > until:
            reports.append(None)
            continue
        steps: list[int] = []
        try:
            outcome = play(cell, steps.append)
        except Exception as error:
            outcome = _portable(error)
        reports.append(Report(outcome, sum(steps), known))
    return reports if len(reports) > 1 else reports[0]


def _portable(error: Exception) -> Exception:
    """The exception, or a similar one if it cannot be pickled."""
    import ray

    journey: Any = ray.cloudpickle
    try:
        journey.loads(journey.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error.with_traceback(None)


def _for_good(error: Exception) -> bool:
    """Whether the task itself raised, and not for want of room: it would raise again."""
    import ray

    full = ray.exceptions.ObjectStoreFullError, ray.exceptions.OutOfDiskError
    return isinstance(error, ray.exceptions.RayTaskError) and not isinstance(error, full)


def _last(error: Exception) -> Exception:
    """What a cell failed of whose tasks kept dying."""
    if _for_good(error):
        return RuntimeError(f"its task failed: {_said(error)}")
    return RuntimeError(f"its task died {ATTEMPTS} times; the last time, {_said(error)}")


def _said(error: Exception) -> str:
    error = getattr(error, "cause", None) or error
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _versions(play: Any) -> dict[str, str]:
    """Those of the software, and the hashes of the code that `play` brings with it."""
    return versions() | getattr(play, "code_hashes", {})


def _compared(
    theirs: Mapping[str, str], others: set[str], note: Callable[[str], None], ours: Mapping[str, str] | None = None
) -> None:
    """Report once that a worker's software differs: bits are equal for one version set only."""
    different = ", ".join(
        f"{name} {theirs.get(name)} instead of {own}" for name, own in (ours or versions()).items() if theirs.get(name) != own
    )
    if different and different not in others:
        others.add(different)
        note(f"a worker plays with other versions ({different}): its results may differ")


def _line(error: Exception, cells: Sequence[Any], batch: list[int], lost: list[int]) -> str:
    what = "its cell is" if len(batch) == 1 else f"its {len(batch)} cells are"
    done = f"{what} played again" if not lost else f"{what} given up after {ATTEMPTS} attempts"
    first = getattr(cells[batch[0]], "id", cells[batch[0]])
    return f"a task died ({_said(error)}): {done} ({first}{', ...' if len(batch) > 1 else ''})"
