"""Running and resuming: same bits however often interrupted, damaged cells, locks, failures. Real files, real signals."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import gossipmab as gm
from gossipmab.engines.pools.threads import run_cells
from gossipmab.experiments.spec.loading import from_dict
from gossipmab.experiments.spec.spec import Cell, Spec
from gossipmab.experiments.spec.sweep import kept_apart
from gossipmab.experiments.storage.run_folder import differing
from tests.tiny import Patch, module_run, same_tables, tiny, until

TINY = tiny(80, 2, sweep={"network.link_probability": [0.3, 1.0]})


class Listener(gm.Callback):
    """Keeps what it is called with."""

    def __init__(self) -> None:
        self.cells, self.notes, self.ended = list[str](), list[str](), list[gm.Results | None]()
        self.begun, self.told, self.lock = (0, 0, 0), 0, threading.Lock()

    def on_begin(self, spec: Spec, folder: Path, done: int, agent_steps: int) -> None:
        self.begun = len(spec.cells()), done, agent_steps

    def on_progress(self, agent_steps: int) -> None:
        with self.lock:
            self.told += agent_steps

    def on_cell(self, cell: Cell, trace: Any, error: Exception | None) -> None:
        self.cells.append(cell.id)
        assert (trace is None) == (error is not None)

    def on_note(self, text: str) -> bool:
        assert "\n" not in text
        self.notes.append(text)
        return True

    def on_end(self, results: gm.Results | None) -> None:
        self.ended.append(results)


undisturbed = module_run(TINY, folder=True)


@pytest.mark.parametrize("workers", [2, 5])
def test_same_bits_for_any_number_of_workers(undisturbed: Path, tmp_path: Path, workers: int) -> None:
    listener = Listener()
    gm.run(TINY, out=tmp_path / "run", workers=workers, callbacks=[listener])
    assert same_tables(undisturbed, tmp_path / "run")
    assert [results.complete for results in listener.ended if results] == [True]
    assert listener.begun == (8, 0, 8 * 3 * 80) and listener.told == 8 * 3 * 80 and len(listener.cells) == 8
    again = Listener()  # finished cells are never computed again
    gm.run(TINY, out=tmp_path / "run", workers=workers, callbacks=[again])
    assert again.begun == (8, 8, 0) and again.cells == [] and again.notes == []


def test_a_callback_that_raises_is_left_out(undisturbed: Path, tmp_path: Path) -> None:
    class Broken(Listener):
        def on_cell(self, cell: Cell, trace: Any, error: Exception | None) -> None:
            super().on_cell(cell, trace, error)
            raise OSError("server\naway")

    broken, listener = Broken(), Listener()
    gm.run(TINY, out=tmp_path / "run", workers=2, callbacks=[broken, listener])
    assert same_tables(undisturbed, tmp_path / "run") and len(broken.cells) == 1 and broken.ended == [] and len(listener.cells) == 8
    assert listener.notes == ["callback Broken.on_cell raised OSError: server away; the run goes on without it"]


def test_the_file_of_another_cell_is_set_aside_and_computed_again(undisturbed: Path, tmp_path: Path) -> None:
    results = gm.run(TINY, out=tmp_path / "run", workers=1)
    cell, other = results.spec.cells()[3], results.spec.cells()[4]
    file, bad = results.folder.file(cell), results.folder.file(other).read_bytes()
    listener = Listener()
    for _ in range(2):
        file.write_bytes(bad)
        gm.run(TINY, out=tmp_path / "run", workers=1, callbacks=[listener])
    assert listener.cells == [cell.id] * 2
    assert len(listener.notes) == 2 and all(cell.id in note and "set aside" in note for note in listener.notes)
    aside = sorted((tmp_path / "run" / "cells" / "set_aside").iterdir())
    assert [f.read_bytes() for f in aside] == [bad, bad] and same_tables(undisturbed, tmp_path / "run")


def test_differing_keys() -> None:
    spec = from_dict(TINY).canonical()
    other = from_dict({**TINY, "algorithms": [{"name": "pareto_ucb"}, *TINY["algorithms"][:1]]}).canonical()
    assert differing(spec, spec) == [] and differing(spec, other) == []
    fewer = from_dict({**TINY, "algorithms": [{"name": "pareto_ucb"}]}).canonical()
    assert [key for key, _, _ in differing(spec, fewer)] == ["algorithms.gossip"]


def test_fresh_deletes_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    folder = gm.run(TINY, out=tmp_path / "run", workers=1).path
    (folder / "notes.txt").write_text("mine")
    (folder / "figures").mkdir()
    (folder / "figures" / "mine.txt").write_text("mine")
    (folder / "figures" / "old.png").write_text("ours")
    gm.run(TINY, out=folder, overrides=["experiment.seed=6"], fresh=True, workers=1)
    assert (folder / "notes.txt").read_text() == (folder / "figures" / "mine.txt").read_text() == "mine"
    assert not (folder / "figures" / "old.png").exists()
    assert gm.open_run(folder).spec.seed == 6 and len(list((folder / "cells").glob("*.parquet"))) == 8


def test_uncoupled_algorithms_have_their_own_numbers(tmp_path: Path) -> None:
    algorithms = [{"name": "pareto_ucb", "label": label} for label in "ab"]
    data = {**TINY, "algorithms": algorithms, "sweep": {}}
    for coupled in (True, False):
        experiment = TINY["experiment"] | {"common_random_numbers": coupled}
        results = gm.run({**data, "experiment": experiment}, out=tmp_path / str(coupled))
        one, other = (results.traces[f"{label}__trial000"] for label in "ab")
        assert (gm.same_bits(one, other) == []) == coupled


def test_the_pool_bounds_what_is_in_flight_and_hands_on_failures() -> None:
    places, told = threading.Semaphore(3), list[int]()

    def play(cell: int, steps: Callable[[int], None]) -> int:
        assert places.acquire(blocking=False)
        time.sleep(0.01)
        steps(10)
        places.release()
        if cell == 7:
            raise ValueError("seven")
        return cell * cell

    out = dict(run_cells(range(20), play, workers=3, steps=told.append))
    assert told == [10] * 20
    assert isinstance(out.pop(7), ValueError) and out == {cell: cell * cell for cell in range(20) if cell != 7}


def test_whoever_stops_taking_stops_the_cells_in_flight() -> None:
    started, ended = threading.Semaphore(0), []

    def play(cell: int, steps: Callable[[int], None]) -> None:
        if cell == 0:
            started.acquire()
            return
        started.release()
        try:
            while True:  # only the callback ends it
                time.sleep(0.001)
                steps(1)
        finally:
            ended.append(cell)

    with closing(run_cells(range(50), play, workers=2)) as outcomes:
        next(outcomes)
    assert ended and set(ended) <= {1, 2}


SLOW = {**TINY, "experiment": {"name": "slow", "horizon": 300_000, "trials": 6, "seed": 5, "recorded_rounds": 50}, "sweep": {}}


@contextmanager
def running(spec: Path, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`gossipmab run` in a process of its own, two cells into its work."""
    command = [sys.executable, "-m", "gossipmab", "run", str(spec), "--out", str(out), "--workers", "1", "--quiet"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            until(lambda: len(list(out.glob("cells/*.parquet"))) >= 2, 120)
            yield process
        finally:
            process.kill()


def test_interrupted_it_says_how_to_go_on(tmp_path: Path) -> None:
    spec = tmp_path / "slow.toml"
    spec.write_text(from_dict(SLOW).to_toml())
    undisturbed = gm.run(spec, out=tmp_path / "undisturbed", workers=2).path
    with running(spec, tmp_path / "run") as process:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    line = said.decode().strip()
    assert process.returncode == 130 and "\n" not in line
    assert "of 12 cells" in line and f"gossipmab run {spec} --out {tmp_path / 'run'}" in line
    gm.run(spec, out=tmp_path / "run", workers=2, callbacks=[Listener()])
    assert same_tables(undisturbed, tmp_path / "run")


def test_the_default_folder_is_under_runs(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)
    data = {**TINY, "experiment": TINY["experiment"] | {"name": "../ odd name", "horizon": 5}, "sweep": {}}
    results = gm.run(data, workers=1)
    assert results.path.resolve().parent == tmp_path / "runs" and os.sep not in results.path.name
    names = ["a b", "a-b", "a/b", "实验一", "实验二", "con", "x-con"]
    assert len(set(map(kept_apart, names))) == len(names) and kept_apart("a-b") == "a-b"
