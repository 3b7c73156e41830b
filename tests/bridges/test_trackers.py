"""Callbacks for MLflow and TensorBoard, read back by the real packages from local stores."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import gossipmab as gm
from tests.tiny import tiny

SPEC = {**tiny(60, 2), "sweep": {"network.link_probability": [0.3, 1.0]}}


def test_tensorboard_holds_the_curves_of_every_cell(tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed")
    bridge = import_module("gossipmab.bridges.tensorboard")
    results = gm.run(SPEC, out=tmp_path / "run", workers=1, callbacks=[bridge.TensorBoard()])
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
    results = gm.run(SPEC, out=tmp_path / "run", workers=1, callbacks=[bridge.MLflow(store)])
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
