"""What a trial takes is told before it starts, and what cannot fit is refused; processors are shared out.

And the pool of processes: outcomes, failures, progress, an end in the middle, processes that are killed; their folders.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.algorithms import ALGORITHMS
from gossipmab.engines import limits as capacity
from gossipmab.engines.gossip import memory, simulate as rounds
from gossipmab.engines.gossip.simulate import problem_info
from gossipmab.engines.pools.own_folder import own_folder
from gossipmab.engines.pools.processes import run_cells
from tests.tiny import Capsys, Patch, error_of, python, refusal, refuses, tiny

RING, MANY = {"base": "ring", "link_probability": 0.5}, {"agents": 600, "arms": 3, "objectives": 2}
SPEC = tiny(40, 1, environment=MANY, network=RING, algorithms=[{"name": "pareto_ucb_gossip"}])
VARIANTS: dict[str, Any] = {name: kind() for name, kind in ALGORITHMS.items()}
VARIANTS["hops"] = gm.SimulatedNSWUCBGossip(hops=2)


@pytest.mark.parametrize(("agents", "arms", "objectives"), [(7, 3, 2), (40, 5, 3)])
@pytest.mark.parametrize("name", VARIANTS)
def test_the_size_of_a_state_is_known_without_making_it(name: str, agents: int, arms: int, objectives: int) -> None:
    environment, network = gm.Environment.sample(agents, arms, objectives), gm.Network("ring", agents=agents)
    state = VARIANTS[name].init(problem_info(environment, network, 10))
    arrays = [v for k, v in state._asdict().items() if isinstance(v, np.ndarray) and not k.startswith("scratch_")]
    actual = sum(array.nbytes for array in arrays if array is not environment.preferences)
    assert memory.state_bytes(VARIANTS[name], network, arms, objectives) == actual


@pytest.mark.slow
def test_a_trial_takes_what_was_told() -> None:
    """The peak of a process of its own, measured by the system: never more than told, and no less than half of it."""
    code = """
import json, gossipmab as gm
from gossipmab.engines.gossip import memory
base = {"generator": "large_random_regular_graph", "d": 8, "n": 300_000, "seed": 0}
network = gm.Network(base, link_probability=0.5)
environment = gm.Environment.sample(300_000, 10, 3)
gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=12, seed=0, recorded_rounds=3).per_agent()
told = memory.check(gm.ParetoUCBGossip(), network, 10, 3, 3)
print(json.dumps([told, next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))]))
"""
    told, taken = json.loads(python(code))
    assert 0.5 * told < taken < told


def test_what_cannot_fit_is_refused_with_advice() -> None:
    network = gm.Network("ring", agents=2_000)
    line = refusal(memory.check, gm.ParetoUCBGossip(), network, 10, 3, 5, available=300.0)
    assert "environment.agents: 2000 agents" in line and "room for 270 MiB" in line
    assert "hops = 1" in refusal(memory.check, gm.SimulatedNSWUCBGossip(), network, 10, 3, 5, available=1_000.0)
    told = memory.check(gm.SimulatedNSWUCBGossip(hops=1), network, 10, 3, 5, available=1_000.0)
    assert told < memory.INTERPRETER + 140 * 2**20


def test_run_refuses_in_one_line_and_leaves_no_folder(tmp_path: Path, monkeypatch: Patch, capsys: Capsys) -> None:
    monkeypatch.setattr(memory, "available_mib", lambda: 250.0)
    refuses("there is room for 225 MiB", gm.run, SPEC, out=tmp_path / "large")
    assert not (tmp_path / "large").exists()
    said = error_of(capsys, ["run", "quickstart", "--set", "environment.agents=600", "--out", str(tmp_path / "x")]).strip()
    assert said.startswith("error: environment.agents: 600 agents") and "\n" not in said


@pytest.mark.parametrize(("processors", "cells", "largest", "agents", "shared"), [
    (2, 15, 0, 10, (2, 1)),  # small cells side by side
    (8, 3, 0, 10, (3, 1)),  # few of them: the rest is idle
    (8, 3, 1, 8_192, (3, 2)),  # but with many agents
    (2, 1, 1, 10**6, (1, 2)),
    (8, 100, 300 * 2**20, 10**6, (3, 2)),  # 1,000 MiB hold three at a time
    (4, 100, 2 * 2**30, 10**6, (1, 4)), (1, 5, 1, 10**6, (1, 1)), (2, 0, 0, 0, (1, 1)),
])  # fmt: skip
def test_processors_are_shared_out(processors: int, cells: int, largest: int, agents: int, shared: tuple[int, int]) -> None:
    assert capacity.shared_out(processors, cells, largest, agents, available=1_112.0) == shared


def test_a_run_whose_agents_are_shared_has_the_same_bits(tmp_path: Path, monkeypatch: Patch) -> None:
    one = gm.run(SPEC, out=tmp_path / "one", workers=1)
    for module in (capacity, rounds):
        monkeypatch.setattr(module, "SHARED_AGENTS", 100)
    spy = Mock(wraps=rounds.simulate_gossip)
    monkeypatch.setattr(rounds, "simulate_gossip", spy)
    two = gm.run(SPEC, out=tmp_path / "two", workers=3)
    assert {called.kwargs["threads"] for called in spy.call_args_list} == {3}
    for mine, theirs in zip(one.traces.values(), two.traces.values(), strict=True):
        assert gm.same_bits(mine, theirs) == []


class NotCopied(Exception):  # noqa: N818
    """It holds what cannot be copied to another process."""

    def __init__(self) -> None:
        super().__init__("no copy")
        self.file = sys.stdout


class Player:
    """Plays a cell as its word says; the outcome is (cell, process)."""

    def __call__(self, cell: str, steps: Callable[[int], None]) -> tuple[str, int]:
        print("what a cell prints is no report")
        steps(3)
        steps(4)
        match cell.split():
            case ["fail", _]:
                raise ValueError(f"{cell} fails")
            case ["uncopied", _]:
                raise NotCopied
            case ["die", _]:
                os.kill(os.getpid(), signal.SIGKILL)
            case ["leave", _]:
                os._exit(7)
        return cell, os.getpid()


def test_cells_are_played_in_processes_that_stay_or_here() -> None:
    played: list[int] = []
    cells = [f"cell {i}" for i in range(8)]
    found = dict(run_cells(cells, Player(), workers=2, steps=played.append))
    assert set(found) == set(cells) and all(outcome[0] == cell for cell, outcome in found.items())  # type: ignore[index]
    processes = {outcome[1] for outcome in found.values()}  # type: ignore[index]
    assert len(processes) == 2 and os.getpid() not in processes and sorted(played) == [3] * 8 + [4] * 8
    # one worker or one cell is played here
    for cells, workers in ((["a 1", "b 2"], 1), (["a 1"], 4)):
        assert {outcome[1] for _, outcome in run_cells(cells, Player(), workers=workers)} == {os.getpid()}  # type: ignore[index]


def test_a_cell_that_fails_and_a_process_that_ends_fail_alone() -> None:
    cells = ["fail 1", "uncopied 2", "die 3", "leave 4", "cell 5", "cell 6"]
    found = {cell: outcome for cell, outcome in run_cells(cells, Player(), workers=2)}
    assert isinstance(found["fail 1"], ValueError) and str(found["fail 1"]) == "fail 1 fails"
    assert isinstance(found["uncopied 2"], RuntimeError) and str(found["uncopied 2"]) == "NotCopied: no copy"
    assert str(found["die 3"]) == "the process that played it ended (SIGKILL)"
    assert str(found["leave 4"]) == "the process that played it ended (exit status 7)"
    assert found["cell 5"][0] == "cell 5" and found["cell 6"][0] == "cell 6"  # type: ignore[index]


def test_who_stops_taking_ends_the_processes() -> None:
    processes = set()
    with closing(run_cells([f"cell {i}" for i in range(20)], Player(), workers=2)) as outcomes:
        for _, outcome in outcomes:
            processes.add(outcome[1])  # type: ignore[index]
            if len(processes) == 2:
                break
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


HOLDS = """
import sys
from pathlib import Path
from gossipmab.engines.pools.own_folder import own_folder
with own_folder("mine-", Path(sys.argv[1])) as folder:
    (folder / "data").write_text("x")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_folders_of_dead_processes_are_swept_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    """SIGKILL leaves a folder; the next of the same prefix removes it, and nothing else."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    alive, killed = (subprocess.Popen(command, **pipes) for _ in range(2))  # type: ignore[call-overload]
    kept, left = (Path(process.stdout.readline().strip()) for process in (alive, killed))
    killed.kill()
    killed.communicate(timeout=60)
    other, strange = tmp_path / "mine-without-lock", tmp_path / "theirs-1"
    for folder in (other, strange):
        folder.mkdir()
    assert (left / "data").exists()
    with own_folder("mine-", tmp_path) as here:
        assert {path.name for path in tmp_path.iterdir()} == {kept.name, here.name, other.name, strange.name}
        assert here.stat().st_mode & 0o777 == 0o700
    alive.communicate("", timeout=60)
    assert {path.name for path in tmp_path.iterdir()} == {other.name, strange.name}
