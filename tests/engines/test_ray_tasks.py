"""Cells as Ray tasks: the same bits as from threads, whatever dies on the way. Real Ray, real faults, bounded waits."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.engines.pools import ray_runtime_env as ray_shipping, ray_session, ray_tasks as ray_cells
from gossipmab.engines.pools.cluster_check import check_cluster
from gossipmab.engines.pools.ray_runtime_env import packed
from gossipmab.engines.pools.ray_session import PREFIX
from gossipmab.engines.pools.ray_tasks import run_cells
from gossipmab.engines.pools.task_queue import ATTEMPTS, LATE, MOST, NAMED, Flight, TaskQueue
from gossipmab.experiments.cell_runner import CellRunner
from gossipmab.experiments.spec.loading import load_spec
from tests.tiny import Patch, same_tables, tiny, until

TINY = tiny(80, 3, sweep={"network.link_probability": [0.3, 1.0]})
pytestmark = pytest.mark.usefixtures("root")


@dataclass(frozen=True)
class Numbers:
    """A play without compiled code: the numbers of a cell; some cells fail, wait to be killed, or kill."""

    folder: Path
    size: int = 100

    def __call__(self, cell: str, steps: Callable[[int], None]) -> tuple[np.ndarray, int]:
        kind, _, number = cell.partition(" ")
        if kind == "fails":
            raise KeyError("no luck")
        if kind == "waits":
            first = self.folder / "pid"
            if not first.exists():
                (self.folder / "pid.new").write_text(str(os.getpid()))
                (self.folder / "pid.new").rename(first)
                time.sleep(120)
        if kind == "kills":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "slow":
            time.sleep(0.3)
        steps(3)
        steps(4)
        return np.random.default_rng(int(number)).random(self.size), os.getpid()


def same_numbers(found: dict[str, Any], size: int = 100) -> bool:
    """Whether these cells have their numbers."""
    return all(np.array_equal(x, np.random.default_rng(int(cell.split()[1])).random(size)) for cell, x in found.items())


@pytest.mark.parametrize(("cells", "workers"), [(0, 2), (1, 8), (7, 2), (1000, 3)])
def test_batches_hold_every_cell_once_grow_and_shrink(cells: int, workers: int) -> None:
    """Each is played whole before the next is taken."""
    queue, batches = TaskQueue(cells, lambda: workers), []
    while (batch := queue.take(0)) is not None:
        queue.landed(batch, [True] * len(batch))
        batches.append(batch)
    assert [index for batch in batches for index in batch] == list(range(cells))
    sizes = [len(batch) for batch in batches]
    assert sizes[:1] == [1] * min(cells, 1) and set(sizes[-workers:]) <= {1}
    assert max(sizes, default=0) == (MOST if cells == 1000 else min(cells, 2 if cells > 1 else 1))


def test_tasks_are_bounded_and_what_was_not_played_waits_first() -> None:
    queue = TaskQueue(100, lambda: 3)
    assert queue.take(5) is not None and queue.take(6) is None
    # what was not played waits first and batches shrink
    queue = TaskQueue(100, lambda: 1)
    queue.most = 8
    assert queue.take(0) == list(range(8))
    queue.landed(list(range(8)), [True] * 3 + [False] * 5)
    assert queue.take(0) == [3, 4, 5]


def test_what_died_goes_alone_and_is_given_up_in_the_end() -> None:
    queue = TaskQueue(8, lambda: 1)
    queue.most = 4
    batch = queue.take(0)
    assert batch == [0, 1, 2, 3] and queue.died(batch) == (batch, [])
    assert [queue.take(0) for _ in range(4)] == [[0], [1], [2], [3]]
    for _ in range(ATTEMPTS - 2):
        assert queue.died([2]) == ([2], []) and queue.take(0) == [2]
    assert queue.died([2]) == ([2], [2])
    assert queue.died([4, 5], for_good=True) == ([4, 5], []) and queue.died([4], for_good=True) == ([4], [4])


def test_idle_workers_play_late_cells_once_more_and_the_first_outcome_counts() -> None:
    now = [0.0]
    queue = TaskQueue(3, lambda: 3, lambda: now[0])
    batches = [queue.take(n) for n in range(3)]
    flights = [Flight(batch, [], 0.0) for batch in batches if batch is not None]
    assert [flight.batch for flight in flights] == [[0], [1], [2]]
    now[0] = LATE + 1
    assert queue.copy_late(flights, 0) == 0 and queue.take(3) is None and queue.landed([2], [True], 0.1) == [2]
    assert queue.copy_late(flights[:2], 1) == 1 and queue.copy_late(flights[:2], 1) == 0
    assert queue.take(2) == [0] and queue.take(2) is None and queue.to_name(flights[:2]) == []
    now[0] = NAMED + 1
    assert queue.to_name(flights[:1]) == flights[:1] and queue.to_name(flights[:1]) == []
    assert queue.landed([0], [True], 0.1) == [0] and queue.landed([0], [True], 40.0) == []  # the copy, and the late one
    assert queue.copy_late(flights[1:2], 5) == 1 and queue.take(1) == [1]
    assert queue.died([1]) == ([], [])  # another task plays it
    assert queue.died([1]) == ([1], []) and queue.take(0) == [1]
    assert queue.copy_late([Flight([1], [], 0.0)], 5) == 0  # once more at most
    assert queue.landed([1], [True]) == [1] and not queue.open


@pytest.mark.slow
def test_a_killed_worker_costs_time_and_one_line(tmp_path: Path) -> None:
    """Among ordinary cells: one that raises, one whose worker is killed from outside, one that kills any worker."""
    cells = [f"cell {n}" for n in range(20)] + ["fails 20", "waits 21", "kills 22"]
    random.Random(1).shuffle(cells)
    notes, told = list[str](), list[int]()

    def kill() -> None:
        os.kill(int(until((tmp_path / "pid").exists) and (tmp_path / "pid").read_text()), signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    found = dict(run_cells(cells, Numbers(tmp_path), workers=2, steps=told.append, note=notes.append))
    killer.join(timeout=60)
    assert sorted(found) == sorted(cells) and isinstance(found.pop("fails 20"), KeyError)
    lost = found.pop("kills 22")
    assert isinstance(lost, RuntimeError) and f"died {ATTEMPTS} times" in str(lost) and "WorkerCrashed" in str(lost)
    assert same_numbers({cell: outcome[0] for cell, outcome in found.items()})
    assert sum(told) == 7 * 21 and all("\n" not in note for note in notes)
    notes = [note for note in notes if "not answered" not in note]  # as on a busy machine
    assert all("a task died" in note for note in notes)
    assert sum("given up" in note for note in notes) == 1 and ATTEMPTS <= len(notes) <= ATTEMPTS + 3


def environment_fails_on(address: str) -> Exception:
    from ray.exceptions import RuntimeEnvSetupError

    return RuntimeEnvSetupError(f"[Node {address}] Traceback (most recent call last):\n  File x, line 1\nOSError: no space left\n")


def test_an_environment_that_fails_is_a_death_in_one_line(monkeypatch: Patch) -> None:
    """Ray is played, on a cluster of one node: the first task dies, and all tasks of the second cell."""
    import ray

    asked: list[str] = []

    class Task:
        what, idle = (None, Numbers(Path())), 0

        def submit(self, cells: list[str]) -> list[Any]:
            asked.extend(cells)
            return [object()]

        def avoids(self, error: Exception) -> bool:
            return False

    def get(references: list[Any]) -> list[Any]:
        if len(asked) == 1 or asked[-1] == "cell 2":
            raise environment_fails_on("10.0.0.1")
        return [ray_cells.Report(asked[-1], 1, {})]

    monkeypatch.setattr(ray, "wait", lambda references, **options: (references[-1:], []))
    monkeypatch.setattr(ray, "get", get)
    monkeypatch.setattr(ray_cells, "_compared", lambda *given: None)
    notes: list[str] = []
    queue = TaskQueue(2, lambda: 1)
    queue.take = lambda flying, take=queue.take: None if flying else take(flying)  # type: ignore[method-assign]
    found = dict(ray_cells._played(["cell 1", "cell 2"], queue, Task(), lambda steps: None, notes.append))  # type: ignore[arg-type]
    said = "RuntimeEnvSetupError: OSError: no space left"
    assert found["cell 1"] == "cell 1" and str(found["cell 2"]).endswith(f"died {ATTEMPTS} times; the last time, {said}")
    assert notes[0] == f"a task died ({said}): its cell is played again (cell 1)" and len(notes) == 1 + ATTEMPTS


def test_a_node_that_cannot_set_up_a_task_gets_no_more_but_for_the_last_one(tmp_path: Path) -> None:
    notes: list[str] = []
    task = object.__new__(ray_cells._Task)
    task.nodes = [{"NodeID": f"id{n}", "NodeManagerAddress": f"10.0.0.{n}"} for n in (1, 2)]
    task.avoided, task.environment, task.waits = set(), {}, notes.append
    for address in ("10.0.0.2", "10.0.0.2", "10.0.0.9"):  # again, from a task in flight; and a node that has just joined
        assert task.avoids(environment_fails_on(address))
    line = "node 10.0.0.2 cannot set up a task and gets no more of this run (RuntimeEnvSetupError: OSError: no space left)"
    assert task.avoided == {"id2"} and task.environment == {} and notes == [line]
    assert not task.avoids(environment_fails_on("10.0.0.1")) and task.avoided == {"id2"} and len(notes) == 1
    first = task.environment
    assert not task.avoids(environment_fails_on("10.0.0.1")) and first != task.environment != {}


@pytest.mark.slow
def test_a_full_object_store(tmp_path: Path) -> None:
    """Results that together are several times the object store, and one that alone fills more than half of it."""
    size = 6_000_000  # 48 MB each; the store takes 80 MB
    cells = [f"cell {n}" for n in range(8)]
    notes: list[str] = []
    store, kept = {"object_store": 80 * 2**20}, {}
    for cell, outcome in run_cells(cells, Numbers(tmp_path, size), workers=2, note=notes.append, **store):
        kept[cell] = outcome[0]  # held on purpose: memory of the store stays taken
    assert sorted(kept) == sorted(cells) and same_numbers(kept, size)


@pytest.mark.slow
def test_stopping_early_leaves_nothing(root: Path, tmp_path: Path) -> None:
    cells = run_cells([f"slow {n}" for n in range(50)], Numbers(tmp_path), workers=1)
    next(cells)
    (folder,) = root.glob(PREFIX + "*")
    cells.close()
    assert not folder.exists()


class Carried(CellRunner):
    """A player that says where its worker found the package."""

    def __call__(self, cell: Any, steps: Any = None) -> Any:
        return super().__call__(cell, steps).trace, gm.__file__, {name: str(path) for name, path in self.files.items()}


class Unreadable(Numbers):
    """A play that no worker can unpack."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


@pytest.mark.slow
def test_what_cannot_be_played_at_all(tmp_path: Path, monkeypatch: Patch) -> None:
    """It fails cell by cell, without a line for each; and a task too large for this machine is refused at once."""
    notes: list[str] = []
    with ray_session.session(cpus=2):
        monkeypatch.setattr(ray_cells, "session", lambda *given, **options: nullcontext())  # one Ray for both
        found = dict(run_cells(["cell 1", "cell 2"], Unreadable(tmp_path), workers=1, note=notes.append))
        assert sorted(found) == ["cell 1", "cell 2"] and len(notes) <= 1
        assert all(isinstance(error, RuntimeError) and "\x1b" not in str(error) for error in found.values())
        with pytest.raises(gm.InputError, match=r"resources: got CPU = 2, unicorn = 1"):
            list(run_cells(["cell 1"], Numbers(tmp_path), workers=2, resources={"CPU": 2, "unicorn": 1}))


def test_other_versions_are_said_once(monkeypatch: Patch) -> None:
    notes: list[str] = []
    others: set[str] = set()
    ours = ray_cells.versions()
    for theirs in (ours, ours | {"numpy": "0.1"}, ours | {"numpy": "0.1"}):
        ray_cells._compared(theirs, others, notes.append)
    assert len(notes) == 1 and f"numpy 0.1 instead of {ours['numpy']}" in notes[0]
    # no cells, no Ray
    monkeypatch.setattr(ray_cells, "session", None)
    assert list(run_cells([], Numbers(Path()), workers=1)) == []


def test_the_shipment(tmp_path: Path, monkeypatch: Patch) -> None:
    class Shipped(Numbers):
        @property
        def files(self) -> dict[str, Path]:
            return {"means": tmp_path / "a" / "x.npy", "complete": tmp_path / "b" / "x.npy"}

    for number, folder in enumerate("ab"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.npy").write_text(str(number))
    with packed(Shipped(tmp_path)) as shipment:
        modules = [Path(path) for path in shipment.runtime_env["py_modules"]]  # type: ignore[index]
        assert (modules[0] / "utils" / "jit.py").is_file() and "pip" not in shipment.runtime_env  # type: ignore[operator]
        monkeypatch.syspath_prepend(str(modules[1].parent))
        found = ray_shipping.arrived(shipment.files)
        assert {name: path.read_text() for name, path in found.items()} == {"means": "0", "complete": "1"}
        assert all(path.suffix == ".npy" and modules[1] in path.parents for path in found.values())
        environment: Any = shipment.runtime_env
        with packed(None) as again:  # Ray never takes two runs' environments for one
            assert again.runtime_env is not None and again.runtime_env["env_vars"] != environment["env_vars"]
    with pytest.raises(FileNotFoundError, match="did not come"):
        ray_shipping.arrived(shipment.files)
    assert not any(line.startswith("ray") for line in ray_shipping.dependencies())
    assert any(line.startswith("numba") for line in ray_shipping.dependencies())


@pytest.fixture
def cluster(root: Path, monkeypatch: Patch) -> Iterator[Any]:
    """A head that plays nothing and two nodes of two CPUs each, behind a token."""
    (root / "token").write_text(ray_session.TOKEN)  # Ray reads it once a process, and the mode when it is imported
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(root)  # or a worker on this machine finds our working folder
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(root / "token"))
    from ray import cloudpickle
    from ray.cluster_utils import Cluster

    common = {"include_dashboard": False, "object_store_memory": 80 * 2**20}
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # a cluster's workers cannot import this file
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **common})
    try:
        made.removable = [made.add_node(num_cpus=2, **common) for _ in range(2)]
        made.wait_for_nodes(timeout=60)
        yield made
    finally:
        made.shutdown()
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
        monkeypatch.undo()


@pytest.mark.slow
def test_a_cluster_is_checked_and_its_workers_and_actors_need_nothing_by_hand(cluster: Any, tmp_path: Path) -> None:
    found = check_cluster(cluster.address)
    assert len(found.nodes) == 3 and len(found.links) == 6 and found.silent == [] and found.sound
    assert sorted(node.cpus for node in found.nodes) == [0, 2, 2] and all(abs(node.ahead) < 1 for node in found.nodes)
    assert all(link.one_way > 0 and link.speed > 0 for link in found.links)
    assert found.token  # the fixture's
    # The package and the data files come through Ray, and the bits are those of this process.
    (tmp_path / "means.json").write_text("[[[0.2, 0.8], [0.7, 0.1]], [[0.3, 0.9], [0.6, 0.2]]]")
    data = {**TINY, "environment": {"means": str(tmp_path / "means.json")}, "algorithms": [{"name": "pareto_ucb"}]}
    spec = load_spec(data)
    cells, player = spec.cells(), Carried(spec)
    here = {cell.id: player(cell)[0] for cell in cells}
    for cell, outcome in run_cells(cells, player, address=cluster.address, resources={"CPU": 0.5}):
        trace, package, files = outcome
        assert gm.same_bits(trace, here[cell.id]) == []
        assert "runtime_resources" in package and all("runtime_resources" in path for path in files.values())
        assert set(files) == set(spec.files)
    # On two nodes, by either transport: the files that threads write.
    gm.run(TINY, out=tmp_path / "threads")
    for transport in ("direct", "refs"):
        run = gm.run(TINY, out=tmp_path / transport, engine="actors", address=cluster.address, transport=transport)
        assert same_tables(run.path, tmp_path / "threads")


@pytest.mark.slow
def test_a_node_is_removed(cluster: Any, tmp_path: Path) -> None:
    cells = [f"slow {n}" for n in range(200)]
    notes: list[str] = []
    found: dict[str, Any] = {}
    outcomes = run_cells(cells, Numbers(tmp_path), note=notes.append, address=cluster.address, seconds=1.0)
    for cell, outcome in outcomes:
        found[cell] = outcome
        if len(cluster.removable) == 2 and len({worker for _, worker in found.values()}) > 2:  # both nodes play
            cluster.remove_node(cluster.removable.pop(), allow_graceful=False)
    assert len(cluster.removable) == 1
    assert sorted(found) == sorted(cells) and same_numbers({cell: outcome[0] for cell, outcome in found.items()})
    assert notes and all("\n" not in note and "played again" in note for note in notes)


class Remover(gm.Callback):
    """Takes all nodes but the head away when the first window has been played; keeps the notes."""

    def __init__(self, cluster: Any) -> None:
        self.cluster, self.notes = cluster, list[str]()

    def on_progress(self, agent_steps: int) -> None:
        while self.cluster.removable:
            self.cluster.remove_node(self.cluster.removable.pop(), allow_graceful=False)

    def on_note(self, text: str) -> bool:
        self.notes.append(text)
        return True


@pytest.mark.slow
def test_a_node_dies_with_its_actors(cluster: Any, tmp_path: Path) -> None:
    data = {**TINY, "experiment": TINY["experiment"] | {"trials": 1, "horizon": 9_000}, "sweep": {}}
    gm.run(data, out=tmp_path / "threads")
    told = Remover(cluster)
    gm.run(data, out=tmp_path / "actors", engine="actors", address=cluster.address, window=3_000, callbacks=[told])
    assert any("made anew" in note for note in told.notes) and not cluster.removable, told.notes
    assert same_tables(tmp_path / "actors", tmp_path / "threads")
