"""Running and resuming: same bits however often interrupted, damaged cells, locks, failures. Real files, real signals.

And one way for the data: a point of a sweep is validated and built once, and at the end every cell's file is decoded once.
"""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import Mock

import numpy as np
import pytest
from scipy import stats

import gossipmab as gm
from gossipmab.engines.pools.threads import run_cells
from gossipmab.experiments.spec import build, loading
from gossipmab.experiments.spec.loading import from_dict
from gossipmab.experiments.spec.spec import Cell, Spec
from gossipmab.experiments.spec.sweep import columns, kept_apart
from gossipmab.experiments.storage import cell_file
from gossipmab.experiments.storage.run_folder import differing
from gossipmab.metrics import statistics
from gossipmab.metrics.columns import RESERVED, TRACES, column_metadata
from gossipmab.metrics.trace import EQUITY
from tests import broken
from tests.tiny import FOUR, PAIR, Patch, module_run, refusal, same_tables, tiny, until

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


VALUES = {"network.link_probability": [0.5, 1.0], "environment.heterogeneity": [0.1, 0.2, 0.3]}
SWEPT = tiny(40, 3, environment=FOUR, network={"base": "ring"}, algorithms=PAIR, sweep=VALUES)
POINTS, CELLS = 6, 36


def test_points_are_validated_once_and_cells_decoded_once_into_the_tables(monkeypatch: Patch, tmp_path: Path) -> None:
    watched = ((loading, "validated"), (build, "network_of"), (cell_file, "hashes"))  # of every cell that is decoded
    spies = {name: Mock(wraps=getattr(module, name)) for module, name in watched}
    for module, name in watched:
        monkeypatch.setattr(module, name, spies[name])
    results = gm.run(SWEPT, out=tmp_path / "run", workers=1)
    results.summary()
    counts = {name: spy.call_count for name, spy in spies.items()}
    assert counts == {"validated": POINTS, "network_of": 2, "hashes": CELLS}  # a network for each probability
    assert all(cell.point is results.spec.points[i // 6] for i, cell in enumerate(results.spec.cells()))
    assert len(gm.open_run(tmp_path / "run").table()) == CELLS * 4
    assert spies["hashes"].call_count == CELLS + 1  # to compare the columns
    # what is assembled is what the cells hold
    results = gm.run(SWEPT, out=tmp_path / "run", workers=1)
    agents, table, summary = results.agents(), results.table(), results.summary()
    for name in ("results.parquet", "agents.parquet"):
        (results.path / name).unlink()
    again = gm.open_run(results.path)
    assert again.table().equals(table) and again.agents().equals(agents) and again.summary().equals(summary)


def test_a_swept_hyperparameter_keeps_its_name_apart_from_the_columns() -> None:
    """A key whose last word a table has as a column is called by the whole key: nothing overwrites anything."""
    taken = [f"algorithms.mine.{name}" for name in ("utility", "reward", "equity_gini", "regret_maximin", "mean_drift")]
    assert columns([*taken, "algorithms.mine.alpha"]) == {**dict(zip(taken, taken, strict=True)), "algorithms.mine.alpha": "alpha"}


@pytest.mark.parametrize("name", ["utility", "reward", "equity_gini"])
@pytest.mark.parametrize("listed", [False, True])
def test_a_swept_hyperparameter_named_as_a_column_is_refused(name: str, listed: bool) -> None:
    """A foreign algorithm may have it, but not sweep it: its values would stand in the column's place."""
    kind: Any = NamedTuple("Foreign", [(name, float)])  # type: ignore[misc]
    kind.__new__.__defaults__ = (1.0,)
    for method in ("init", "select", "update", "communicates"):
        setattr(kind, method, getattr(broken.Sound, method))
    data = {key: value for key, value in SWEPT.items() if key != "sweep"}
    loading.load_spec({**data, "algorithms": [{"name": kind, "label": "mine", name: 2.0}]})
    key = f"algorithms.mine.{name}"
    for swept in (key, f"algorithms.*.{name}"):
        sweep = {"points": [{swept: 0.5}, {swept: 1.0}]} if listed else {swept: [0.5, 1.0]}
        line = refusal(loading.load_spec, {**data, "algorithms": [{"name": kind, "label": "mine"}], "sweep": sweep})
        assert "column of the tables" in line and swept in line


@pytest.mark.parametrize("kind", TRACES.values())
def test_every_array_is_declared(kind: Any) -> None:
    assert list(kind.COLUMNS) == [field.name for field in dataclasses.fields(kind)]
    assert all(one.title and one.unit for one in kind.COLUMNS.values()) and set(column_metadata(kind)) <= RESERVED


def test_intervals_are_those_of_scipy() -> None:
    rng = np.random.default_rng(5)
    for n in (2, 5, 15):
        first, other = rng.gamma(2.0, size=n), rng.gamma(2.0, size=n)
        options: Any = {"n_resamples": statistics.RESAMPLES, "method": "BCa", "paired": True}
        found = stats.bootstrap((first,), np.mean, rng=np.random.default_rng(0), **options).confidence_interval
        np.testing.assert_allclose(statistics.bootstrap_interval(first), found, rtol=1e-12)
        ratio = statistics.paired_ratio(first, other)
        pairs: Any = (first, other)
        if n > 2:
            found = stats.bootstrap(pairs, statistics._ratio_of_means, rng=np.random.default_rng(0), **options).confidence_interval
            np.testing.assert_allclose(ratio[1:], found, rtol=1e-12)


def test_the_documentation_has_every_column() -> None:
    said = set((Path(__file__).parents[2] / "docs" / "run_folder.md").read_text(encoding="utf-8").splitlines())
    rows = {
        f"| {name} | {'agents' if one.axes == 'N' else 'results'} | `{one.name}` | {one.title} | {one.unit} |"
        for name, trace in TRACES.items()
        for one in trace.COLUMNS.values()
        if one.name
    }
    rows |= {f"| all | agents | `{name}` | {title} | {unit} |" for name, (title, unit) in EQUITY.items()}
    protocols = tuple(f"| {name} |" for name in (*TRACES, "all"))
    assert rows == {line for line in said if line.startswith(protocols)}
