"""Cells as Ray tasks, on this machine or on a cluster.

A task plays a batch of cells, one after the other, until some seconds are over; the remaining cells go back to the
queue. So a task lasts seconds whatever a cell costs, and no cost need be known beforehand. Batches shrink towards the end,
so that all workers finish together. A task whose worker or node dies is submitted again by us, not by Ray, so that it can
be said in one line; its cells then go alone, and a cell whose task died again and again fails by itself. Cells of a task
that does not answer are played a second time once workers idle, and the first outcome is taken: both have the same bits.

Each outcome is a separate object: small ones travel in the reply, and a full object store does not concern them.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from typing import Any, TypeVar

from gossipmab.engines.pools.ray_runtime_env import Shipment, new_run, packed
from gossipmab.engines.pools.ray_session import in_thread, ray_options, session
from gossipmab.engines.pools.ray_worker import Report, play_batch, versions_of
from gossipmab.engines.pools.task_queue import ATTEMPTS, LATE, Flight, TaskQueue
from gossipmab.utils.code_cache import bundle
from gossipmab.utils.errors import InputError
from gossipmab.utils.provenance import versions

log = logging.getLogger("gossipmab").warning
C = TypeVar("C")
P = TypeVar("P")
Steps = Callable[[int], None]

SECONDS = 2.0  # a task plays on until so much time has passed
NODE = re.compile(r"\[Node (\S+)\]")  # in Ray's message of an environment that failed
LOOK = 5.0  # seconds between looks at what the cluster has


def run_cells(
    cells: Sequence[C], play: Callable[[C, Steps], P], *, workers: int | None = None, steps: Steps | None = None,
    note: Callable[[str], None] | None = None, address: str | None = None, resources: Mapping[str, float] | None = None,
    seconds: float = SECONDS, pip: bool = False, **options: Any,
) -> Iterator[tuple[C, P | Exception]]:  # fmt: skip
    """Play the cells as `threads.run_cells` does; copies of `play` go to the workers.

    Args:
        cells, steps: as there, steps of every finished cell.
        play: as there. If it has `files` (name -> path), these travel with it; `relocated(files)` gives the play that uses them.
            If it is `on_gpu`, a task plays all its cells side by side on the GPU that Ray gives it, whatever `seconds` says.
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
        shipment = Shipment(None, {}) if address is None else stack.enter_context(packed(play, pip))
        here = {"cpus": workers} if address is None else {"runtime_env": shipment.runtime_env}
        on_gpu = bool(getattr(play, "on_gpu", False))
        prepare = (lambda cells: None) if on_gpu else getattr(play, "prepare", lambda cells: None)
        stack.enter_context(session(address, meanwhile=lambda: prepare(cells), **here, **options))
        note = note or log
        task = _Task((play, shipment.files, seconds), resources or {}, note if address is not None else None)
        together = len(cells) if on_gpu else 1
        queue = TaskQueue(len(cells), lambda: task.room() if workers is None else min(workers, task.room()), together=together)
        yield from _played(cells, queue, task, steps or (lambda agent_steps: None), note)


def _played(
    cells: Sequence[C], queue: TaskQueue, task: _Task, steps: Steps, note: Callable[[str], None]
) -> Iterator[tuple[C, Any]]:
    """Launch, wait, yield, launch again; cells of dead tasks go back to the queue."""
    import ray

    ours = versions_of(task.what[1])
    flying: dict[Any, Flight] = {}  # by the reference to its first report
    said: set[str] = set()
    while queue.open:
        task.idle -= queue.copy_late(flying.values(), task.idle)
        stuck = len(queue.late(flying.values(), LATE)) if task.idle > 0 else 0  # they are not what keeps the workers busy
        while (batch := queue.take(len(flying) - stuck)) is not None:
            references = task.submit([cells[index] for index in batch])
            flying[references[0]] = Flight(batch, references, time.monotonic())
        landed, _ = ray.wait(list(flying), num_returns=1, timeout=LOOK)
        if late := queue.to_name(flying.values()):
            note(_waited_for(late, cells))
        for reference in landed:
            batch, references, since = flying.pop(reference)
            try:
                reports: list[Report | None] = ray.get(references)
            except ray.exceptions.RayError as error:
                missed, lost = queue.died(batch, for_good=_for_good(error))
                known = isinstance(error, ray.exceptions.RuntimeEnvSetupError) and task.avoids(error)
                if missed and not (known and not lost) and not (lost and _for_good(error)):  # the failing cells report it
                    note(_line(error, cells, missed, lost))
                for index in lost:
                    yield cells[index], _last(error)
                continue
            del references[:], reference  # their memory in the object store
            new = queue.landed(batch, [report is not None for report in reports], time.monotonic() - since)
            for index in batch:
                report = reports.pop(0)
                if report is not None and index in new:
                    steps(report.agent_steps)
                    _compared(report.versions, said, note, ours)
                    yield cells[index], report.outcome


class _Task:
    """The Ray task, with its resources."""

    def __init__(self, what: tuple[Any, ...], resources: Mapping[str, float], waits: Callable[[str], None] | None) -> None:
        """`what`: play, files and seconds of `play_batch`. `waits` is called if no node can hold a task yet; without it: an error.

        On a cluster, where `waits` is given, the code that is compiled here goes to the workers.
        """
        import ray

        code = None if waits is None else ray.put(bundle())
        self.what, self.waits = (uuid.uuid4().hex, *what, (code,)), waits
        self.ray: Any = ray
        self.needs = {"CPU": 1.0, **{name: float(value) for name, value in resources.items()}}
        self.remote: Any = ray.remote(play_batch)
        self.looked, self.fit, self.idle = -LOOK, 0, 0
        self.asked: Future[Any] | None = None
        self.nodes: list[dict[str, Any]] = []
        self.free: dict[str, float] = {}  # resources that no task has
        self.avoided: set[str] = set()  # ids of nodes that could not set up a task's environment
        self.environment: dict[str, Any] = {}  # of tasks, if not the run's

    def submit(self, cells: list[Any]) -> list[Any]:
        """A reference for every cell."""
        where = {"label_selector": {"ray.io/node-id": f"!in({','.join(sorted(self.avoided))})"}} if self.avoided else {}
        options = ray_options(self.needs) | self.environment | where
        task = self.remote.options(num_returns=len(cells), max_retries=0, name="cells", **options)
        references = task.remote(*self.what, cells)
        return references if isinstance(references, list) else [references]

    def room(self) -> int:
        """How many tasks the cluster can play at a time, as of some seconds ago."""
        if time.monotonic() - self.looked >= LOOK and self._look():
            needs = [(name, need) for name, need in self.needs.items() if need > 0]
            each = [[node["Resources"].get(name, 0.0) / need for name, need in needs] for node in self.nodes]
            self.fit = sum(int(min(has, default=1)) for has in each)
            self.idle = int(min((self.free.get(name, 0.0) / need for name, need in needs), default=1))
            if not self.fit:
                takes = ", ".join(f"{name} = {need:g}" for name, need in self.needs.items())
                if self.waits is None:
                    raise InputError(f"resources: got {takes}, and this machine's Ray has not that much for a task")
                self.waits(f"no node of the cluster can hold a task that takes {takes}; waiting for one that can")
        return max(1, self.fit)

    def _look(self) -> bool:
        """Look at the nodes of the cluster. False if the head does not answer: then the call in its thread does not end either."""
        self.looked = time.monotonic()
        if self.asked is None:
            self.asked = in_thread(lambda: (self.ray.nodes(), self.ray.available_resources()))
        if not wait([self.asked], LOOK).done:
            return False
        (nodes, self.free), self.asked = self.asked.result(), None
        self.nodes = [node for node in nodes if node["Alive"] and node["NodeID"] not in self.avoided]
        return True

    def avoids(self, error: Exception) -> bool:
        """Whether the node that could not set up a task's environment gets no more; if no other is left, it tries a new one."""
        named = NODE.search(str(error))
        left = [node for node in self.nodes if named and node["NodeManagerAddress"] != named[1]]
        if not left:
            self.environment = {"runtime_env": {"env_vars": new_run()}}  # Ray tries none again that failed
        elif len(left) < len(self.nodes):
            (self.waits or log)(f"node {named and named[1]} cannot set up a task and gets no more of this run ({_said(error)})")
            self.avoided.update(node["NodeID"] for node in self.nodes if node not in left)
            self.nodes = left
        return bool(left)


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
    text = str(error).strip()
    text = text.splitlines()[-1] if "Traceback (most recent" in text else text
    return f"{type(error).__name__}: {' '.join(text.split())[:200]}"


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


def _waited_for(late: Sequence[Flight], cells: Sequence[Any]) -> str:
    first = cells[late[0].batch[0]]
    tasks = "a task has" if len(late) == 1 else f"{len(late)} tasks have"
    seconds = time.monotonic() - late[0].since
    return f"{tasks} not answered for {seconds:.0f} s ({getattr(first, 'id', first)}, ...): workers that idle play the cells, too"


def _line(error: Exception, cells: Sequence[Any], batch: list[int], lost: list[int]) -> str:
    what = "its cell is" if len(batch) == 1 else f"its {len(batch)} cells are"
    done = f"{what} played again" if not lost else f"{what} given up after {ATTEMPTS} attempts"
    first = getattr(cells[batch[0]], "id", cells[batch[0]])
    return f"a task died ({_said(error)}): {done} ({first}{', ...' if len(batch) > 1 else ''})"
