"""A run in MLflow: a callback that records every cell, as it is finished, as a nested run with its curves.

from gossipmab.bridges.mlflow import MLflow

gm.run("pareto_regret", callbacks=[MLflow()])  # MLFLOW_TRACKING_URI, or MLflow's own default; then `mlflow ui`
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from gossipmab.bridges.extras import library
from gossipmab.experiments.callbacks import Callback
from gossipmab.experiments.results import Results
from gossipmab.experiments.spec.spec import Cell, Spec
from gossipmab.metrics.trace import TrialRecord

mlflow: Any = library("mlflow", "mlflow")
AT_ONCE = 1_000  # metrics that a tracking server takes in one request


class MLflow(Callback):
    """One MLflow run for the experiment, and in it one for each cell that is computed: parameters, curves, and errors.

    Args:
        uri: of the tracking server or store, such as "sqlite:///mlflow.db"; by default MLflow's own.
        experiment: of MLflow, made if there is none of this name; by default the name of ours.
    """

    def __init__(self, uri: str | None = None, experiment: str | None = None) -> None:
        self.client, self.experiment = mlflow.MlflowClient(tracking_uri=uri), experiment

    def on_begin(self, spec: Spec, folder: Path, done: int, agent_steps: int) -> None:
        """Begin the run of the experiment."""
        name = self.experiment or spec.experiment.name
        found = self.client.get_experiment_by_name(name)
        self.store = found.experiment_id if found else self.client.create_experiment(name)
        self.run = self.client.create_run(self.store, run_name=str(folder)).info.run_id
        for key, value in spec.experiment.model_dump().items():
            self.client.log_param(self.run, key, value)
        self.client.log_text(self.run, spec.to_toml(), "spec.toml")

    def on_cell(self, cell: Cell, trace: TrialRecord | None, error: Exception | None) -> None:
        """Record a cell: a metric for each column of `Results.table`, with the round as its step."""
        tags = {"mlflow.parentRunId": self.run} | ({"error": str(error)} if error else {})
        run = self.client.create_run(self.store, run_name=cell.id, tags=tags).info.run_id
        for key, value in {"algorithm": cell.label, "trial": cell.trial, **cell.point.values}.items():
            self.client.log_param(run, key, value)
        curves = trace.per_round() if trace is not None else {"round": np.empty(0)}
        rounds, now = curves.pop("round").tolist(), int(1000 * time.time())
        metrics = [
            mlflow.entities.Metric(name, value, now, step)
            for name, values in curves.items()
            for step, value in zip(rounds, values.tolist(), strict=True)
            if np.isfinite(value)
        ]
        for first in range(0, len(metrics), AT_ONCE):
            self.client.log_batch(run, metrics=metrics[first : first + AT_ONCE])
        self.client.set_terminated(run, "FAILED" if error else "FINISHED")

    def on_end(self, results: Results | None) -> None:
        """End the run of the experiment, with summary.csv among its artifacts."""
        if results is not None and (summary := results.path / "summary.csv").is_file():
            self.client.log_artifact(self.run, str(summary))
        self.client.set_terminated(self.run, "FINISHED" if results is not None and results.complete else "KILLED")
