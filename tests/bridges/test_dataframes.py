"""A run in polars, DuckDB and xarray: what pandas holds, units, and back from netCDF; in MLflow and TensorBoard.

And an experiment as a Ray Tune `Trainable`: the bits of `gm.run`, trial by trial; the page's search on a local Ray.
"""

import re
import types
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.metrics.columns import RESERVED
from tests.tiny import Patch, central, module_run, refuses, tiny

SPEC = tiny(60, 3)
SWEEP = {"network.link_probability": [0.3, 1.0], "network.weights": ["laplacian", "metropolis"]}
results = module_run({**SPEC, "sweep": SWEEP})


@pytest.mark.parametrize("name", ["results", "agents"])
@pytest.mark.parametrize("finished", [True, False])
def test_polars_and_duckdb_hold_what_pandas_holds(results: gm.Results, tmp_path: Path, name: str, finished: bool) -> None:
    tables = import_module("gossipmab.bridges.dataframes")
    opened = results
    if not finished:
        opened = without(gm.run(SPEC, out=tmp_path / "a run's [folder]", workers=1), 1, 2)
        assert len(opened.traces) == len(opened.spec.cells()) - 1
    run = results if finished else opened.path
    wanted = opened.table() if name == "results" else opened.agents()
    if find_spec("polars"):
        found = tables.polars(run, name)
        assert type(found).__module__.startswith("polars") and found.columns == list(wanted.columns)
        for column in wanted:
            assert found[column].to_list() == wanted[column].tolist(), column
    if find_spec("duckdb"):
        with tables.duckdb(run) as database:
            again = database.sql(f"SELECT * FROM {name}").fetchnumpy()
            for column in wanted:
                assert again[column].tolist() == wanted[column].tolist(), column
    if not (find_spec("polars") or find_spec("duckdb")):
        pytest.skip("neither polars nor duckdb is installed")


def without(run: gm.Results, begin: int, end: int) -> gm.Results:
    """The run as if it had been interrupted: these cells are missing, and the tables."""
    lost = [f"cells/{cell.id}" for cell in run.spec.cells()[begin:end]]
    for name in (*lost, "results", "agents"):
        (run.path / f"{name}.parquet").unlink()
    return gm.open_run(run.path)


def test_duckdb_asks_across_both_tables(results: gm.Results) -> None:
    module = pytest.importorskip("duckdb", reason="duckdb is not installed")
    tables = import_module("gossipmab.bridges.dataframes")
    with module.connect() as connection:
        connection.execute("CREATE TABLE mine AS SELECT 'gossip' AS algorithm")
        assert tables.duckdb(results, connection) is connection
        means = "SELECT weights, avg(pareto_regret) FROM results JOIN mine USING (algorithm) WHERE round = 60"
        asked = connection.sql(f"{means} GROUP BY weights ORDER BY weights").fetchall()
        sums = connection.sql("SELECT count(*) FROM agents JOIN mine USING (algorithm)").fetchall()
    table = results.table().query("round == 60 and algorithm == 'gossip'").groupby("weights")["pareto_regret"].mean()
    assert [row[0] for row in asked] == list(table.index)
    np.testing.assert_allclose([row[1] for row in asked], table.to_numpy(), rtol=1e-12)
    assert sums == [(4 * 3 * 3,)]


def test_wrong_tables_are_refused(results: gm.Results, tmp_path: Path) -> None:
    refuses("^table: 'agent' is not known; did you mean 'agents'", results.arrow, "agent")
    refuses("there is no run", import_module("gossipmab.bridges.dataframes").duckdb, tmp_path)
    whole = gm.run(SPEC, out=tmp_path / "torn", workers=1).arrow()
    file = tmp_path / "torn" / "results.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    assert gm.open_run(tmp_path / "torn").arrow().equals(whole)  # from the cells' files


OTHERS: dict[str, dict[str, Any]] = {
    "central": central(SPEC, trials=1, extra_objectives=["maximin"]),
    "assignment": {
        "experiment": {**SPEC["experiment"], "protocol": "assignment", "trials": 1, "horizon": 6},
        "environment": {"agents": 2, "arms": 3, "objectives": 1, "rewards": "discrete"},
        "algorithms": [{"name": "non_probing"}],
    },
}


def test_arrays_and_coordinates_say_their_units(results: gm.Results) -> None:
    data = results.dataset()
    assert all({"long_name", "units"} <= set(data[name].attrs) for name in data.variables)
    assert data["pareto_regret"].attrs == {"long_name": "cumulative Pareto regret", "units": "reward"}
    assert data["bytes"].attrs["units"] == "byte" and data["agent_nsw_regret"].attrs["units"] == "welfare"
    assert data["round"].attrs["units"] == "round" and data["weights"].attrs["long_name"] == "network.weights"
    assert gm.run({**SPEC, "sweep": SWEEP}, out=results.path, workers=1).spec.to_toml() == data.attrs["spec"]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", list(OTHERS))
def test_every_column_of_the_other_protocols_is_known(protocol: str, tmp_path: Path) -> None:
    data = gm.run(OTHERS[protocol], out=tmp_path / "run", workers=1).dataset()
    assert [name for name in data.variables if name not in RESERVED and name.removeprefix("agent_") not in RESERVED] == []
    assert all({"long_name", "units"} <= set(data[name].attrs) for name in data.variables)


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_a_dataset_comes_back_from_netcdf(engine: str, tmp_path: Path) -> None:
    """Strings (not all of them ASCII), truth values, lists of numbers as text, missing cells; attributes too."""
    xr = pytest.importorskip("xarray")
    if engine == "h5netcdf":
        pytest.importorskip("h5netcdf", reason="h5netcdf is not installed")
    named = [{"name": "pareto_ucb_gossip", "label": "plaudernd, größer"}, {"name": "pareto_ucb"}]
    swept = {"network.weights": ["laplacian", "metropolis"], "algorithms.plaudernd, größer.pooled": [True, False]}
    run = gm.run({**SPEC, "algorithms": named, "sweep": swept}, out=tmp_path / "run", workers=1)
    data = without(run, 2, 4).dataset()
    assert int(data["pareto_regret"].isnull().sum()) == 12 and data["pooled"].dtype == bool
    data.to_netcdf(tmp_path / "run.nc", engine=engine)
    again = xr.load_dataset(tmp_path / "run.nc", engine=engine)
    xr.testing.assert_identical(again, data)
    assert again["algorithm"].values.tolist() == ["plaudernd, größer", "pareto_ucb"]
    assert again.attrs["spec"] == run.spec.to_toml()


TRACKED = {**tiny(60, 2), "sweep": {"network.link_probability": [0.3, 1.0]}}


def test_tensorboard_holds_the_curves_of_every_cell(tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed")
    bridge = import_module("gossipmab.bridges.tensorboard")
    results = gm.run(TRACKED, out=tmp_path / "run", workers=1, callbacks=[bridge.TensorBoard()])
    for cell in results.spec.cells():
        board = reader.EventAccumulator(str(results.path / "tensorboard" / "tiny" / cell.id))
        board.Reload()
        curve = board.Scalars("pareto_regret")
        trace = results.traces[cell.id].per_round()
        assert [point.step for point in curve] == trace["round"].tolist()
        assert [point.value for point in curve] == pytest.approx(trace["pareto_regret"], rel=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::Warning")  # of its own libraries
def test_mlflow_holds_cells_failures_and_the_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow: Any = pytest.importorskip("mlflow", reason="mlflow is not installed")
    bridge = import_module("gossipmab.bridges.mlflow")
    monkeypatch.chdir(tmp_path)
    store = f"sqlite:///{tmp_path}/mlflow.db"
    results = gm.run(TRACKED, out=tmp_path / "run", workers=1, callbacks=[bridge.MLflow(store)])
    client = mlflow.MlflowClient(tracking_uri=store)
    found = {run.info.run_name: run for run in client.search_runs([client.get_experiment_by_name("tiny").experiment_id])}
    parent = found.pop(str(results.path))
    assert parent.info.status == "FINISHED" and parent.data.params["trials"] == "2"
    assert {file.path for file in client.list_artifacts(parent.info.run_id)} == {"spec.toml", "summary.csv"}
    assert set(found) == {cell.id for cell in results.spec.cells()}
    for cell in results.spec.cells():
        run, trace = found[cell.id], results.traces[cell.id].per_round()
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id and run.info.status == "FINISHED"
        swept = {key: str(value) for key, value in cell.point.values.items()}
        assert run.data.params == {"algorithm": cell.label, "trial": str(cell.trial)} | swept
        curve = sorted(client.get_metric_history(run.info.run_id, "pareto_regret"), key=lambda point: point.step)
        assert [(one.step, one.value) for one in curve] == list(zip(trace["round"], trace["pareto_regret"], strict=True))


CENTRAL = central(SPEC, trials=1, extra_objectives=["maximin"])


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: Patch) -> Callable[..., Any]:
    """A Trainable in this process, without Ray's processes."""
    monkeypatch.setenv("RAY_CHDIR_TO_TRIAL_DIR", "0")
    storage = SimpleNamespace(trial_fs_path=str(tmp_path), trial_working_directory=str(tmp_path))
    return lambda kind, config: kind(config, storage=storage)


def tuning() -> types.ModuleType:
    """The bridge to Ray Tune."""
    pytest.importorskip("ray.tune", reason="ray[tune] is not installed", exc_type=ImportError)
    return import_module("gossipmab.bridges.tune")


def final_mean(results: gm.Results, label: str, metric: str) -> float:
    table = results.table()
    last = table[(table["algorithm"] == label) & (table["round"] == table["round"].max())]
    return float(np.mean(last[metric].to_numpy()))


@pytest.mark.parametrize("pooled", [False, True])
def test_a_trainable_plays_the_experiment_trial_by_trial(pooled: bool, worker: Callable[..., Any], tmp_path: Path) -> None:
    config = {"algorithms.gossip.pooled": pooled, "network.link_probability": np.float64(0.75)}
    kind = tuning().trainable(SPEC, metric="pareto_regret", label="gossip")
    first = worker(kind, config)
    said = [first.step()]
    first.save_checkpoint(str(tmp_path))
    second = worker(kind, config)  # goes on where the first was stopped
    second.load_checkpoint(str(tmp_path))
    said += [second.step(), second.step()]
    assert [one["done"] for one in said] == [False, False, True] and [one["trials"] for one in said] == [1, 2, 3]
    overrides = [f"algorithms.gossip.pooled={str(pooled).lower()}", "network.link_probability=0.75"]
    wanted = gm.run(SPEC, out=tmp_path / "run", overrides=overrides, workers=1)
    assert said[-1]["pareto_regret"] == final_mean(wanted, "gossip", "pareto_regret")
    table = wanted.table().query("algorithm == 'gossip' and round == 60")
    assert [one["trial_value"] for one in said] == table["pareto_regret"].tolist()
    second.reset_config({"algorithms.gossip.pooled": not pooled})
    assert second.step()["trials"] == 1


@pytest.mark.parametrize(("data", "said", "told"), [
    ({**SPEC, "sweep": SWEEP}, {"label": "gossip"}, "sweep: has 'network.link_probability'"),
    (SPEC, {}, "label: none is given; allowed are gossip, pareto_ucb"),
    (SPEC, {"label": "gosip"}, "label: 'gosip' is not known; did you mean 'gossip'"),
    (SPEC, {"label": "gossip", "metric": "regret_maximin"}, "metric: 'regret_maximin' is not known"),
])  # fmt: skip
def test_what_cannot_be_tuned_is_refused(data: dict[str, Any], said: dict[str, str], told: str) -> None:
    refuses(f"^{re.escape(told)}", tuning().trainable, data, **said)


def test_a_wrong_configuration_is_refused_and_the_metric_is_the_protocols_first(worker: Callable[..., Any]) -> None:
    for config, told in (
        ({"algorithms.gossip.poled": True}, "hyperparameter: 'poled' is not known; did you mean 'pooled'"),
        ({"experiment.trials": 9}, "configuration: 'experiment.trials' cannot be tuned"),
    ):
        refuses(re.escape(told), worker, tuning().trainable(SPEC, label="gossip"), config)
    assert tuning().trainable(SPEC, label="gossip").metric == "pareto_regret"
    kind = tuning().trainable(CENTRAL)
    assert kind.metric == "regret" and kind.label == "explore_first"
    assert tuning().trainable(CENTRAL, metric="regret_maximin").metric == "regret_maximin"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ray_tune_finds_what_the_runs_say(tmp_path: Path, root: Path, monkeypatch: Patch) -> None:
    """The page's own example on a local Ray: alpha and the radius; equal to `gm.run` at the same values."""
    tuning()
    page = (Path(__file__).parents[2] / "docs" / "bridges.md").read_text(encoding="utf-8")
    found = re.search(r"^## Ray Tune.*?```python\n(.*?)```", page, re.S | re.M)
    assert found
    names: dict[str, Any] = {}
    from gossipmab.engines.pools.ray_session import session

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    with warnings.catch_warnings(), session(cpus=2):
        warnings.simplefilter("ignore")  # Tune's own
        exec(found[1], names)  # the document's own code
    for label, metric, space in (("nsw", "nsw_regret", names["alpha"]), ("pareto", "pareto_regret", names["radius"])):
        ((key, choice),) = space.items()
        regrets = {}
        for value in choice["grid_search"]:
            said = f"{key}={str(value).lower()}"
            run = gm.run(names["experiment"], out=tmp_path / f"{label}{value}", overrides=[said], workers=1)
            regrets[value] = final_mean(run, label, metric)
        assert len(set(regrets.values())) == len(regrets)
        assert names["best"][label] == {key: min(regrets, key=lambda value: regrets[value])}
        if label == "pareto":
            assert names["found"].metrics[metric] == min(regrets.values()) and names["found"].metrics["trials"] == 3
