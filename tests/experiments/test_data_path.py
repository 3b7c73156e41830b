"""One way for the data: a point of a sweep is validated and built once, and at the end every cell's file is decoded once."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import Mock

import numpy as np
import pytest
from scipy import stats

import gossipmab as gm
from gossipmab.experiments.spec import build, loading
from gossipmab.experiments.spec.sweep import columns
from gossipmab.experiments.storage import cell_file
from gossipmab.metrics import statistics
from gossipmab.metrics.columns import RESERVED, TRACES, column_metadata
from gossipmab.metrics.trace import EQUITY
from tests import broken
from tests.tiny import FOUR, PAIR, Patch, refusal, tiny

SWEEP = {"network.link_probability": [0.5, 1.0], "environment.heterogeneity": [0.1, 0.2, 0.3]}
SPEC = tiny(40, 3, environment=FOUR, network={"base": "ring"}, algorithms=PAIR, sweep=SWEEP)
POINTS, CELLS = 6, 36


def test_points_are_validated_once_and_cells_decoded_once_into_the_tables(monkeypatch: Patch, tmp_path: Path) -> None:
    watched = ((loading, "validated"), (build, "network_of"), (cell_file, "hashes"))  # of every cell that is decoded
    spies = {name: Mock(wraps=getattr(module, name)) for module, name in watched}
    for module, name in watched:
        monkeypatch.setattr(module, name, spies[name])
    results = gm.run(SPEC, out=tmp_path / "run", workers=1)
    results.summary()
    counts = {name: spy.call_count for name, spy in spies.items()}
    assert counts == {"validated": POINTS, "network_of": 2, "hashes": CELLS}  # a network for each probability
    assert all(cell.point is results.spec.points[i // 6] for i, cell in enumerate(results.spec.cells()))
    assert len(gm.open_run(tmp_path / "run").table()) == CELLS * 4
    assert spies["hashes"].call_count == CELLS + 1  # to compare the columns
    # what is assembled is what the cells hold
    results = gm.run(SPEC, out=tmp_path / "run", workers=1)
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
    data = {key: value for key, value in SPEC.items() if key != "sweep"}
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
