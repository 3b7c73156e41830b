"""The pool of processes: outcomes, failures, progress, an end in the middle, processes that are killed; their folders."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gossipmab.engines.pools.own_folder import own_folder
from gossipmab.engines.pools.processes import run_cells


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
