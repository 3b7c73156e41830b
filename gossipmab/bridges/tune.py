"""Ray Tune over an experiment: a `Trainable` whose configuration is dotted keys, as in a sweep, and whose steps are trials.

    from gossipmab.bridges.tune import trainable

    tuner = ray.tune.Tuner(
        trainable("nsw_regret", label="simulated_nsw_ucb_gossip"),
        param_space={"algorithms.simulated_nsw_ucb_gossip.alpha": ray.tune.grid_search([0.1, 0.5, 1.0])},
        tune_config=ray.tune.TuneConfig(metric="nsw_regret", mode="min"),
    )
    best = tuner.fit().get_best_result().config

One step plays one trial of the experiment, the same bits as `gm.run` plays with these keys set. What it reports is the
mean over the trials so far, so that a scheduler may stop what is hopeless; after the last one it is done. `trial_value` is that of
the step's own trial.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gossipmab.bridges.extras import library
from gossipmab.experiments.cell_runner import CellRunner
from gossipmab.experiments.spec import sweep
from gossipmab.experiments.spec.loading import from_dict, load_spec
from gossipmab.experiments.spec.spec import Spec
from gossipmab.metrics.columns import TRACES
from gossipmab.utils.errors import InputError, unknown

Trainable: Any = library("ray.tune", "tune").Trainable
STATE = "trials.json"


class ExperimentTrainable(Trainable):  # type: ignore[misc]
    """Plays one algorithm of an experiment at a configuration. Get a class that knows its experiment from `trainable`.

    data, files: of the experiment. label: of the algorithm. metric: what is reported.
    """

    data: ClassVar[dict[str, Any]]
    files: ClassVar[dict[str, Path]]
    label: ClassVar[str]
    metric: ClassVar[str]

    def setup(self, config: dict[str, Any]) -> None:
        """The experiment at this configuration. Raises InputError if it is not valid."""
        for key in config:
            if key in sweep.FIXED:
                raise InputError(f"configuration: {key!r} cannot be tuned")
        spec = from_dict(sweep.with_values(self.data, config, "configuration"), files=self.files)
        self.player = CellRunner(spec)
        self.cells = [cell for cell in spec.cells() if cell.label == self.label]
        self.values: list[float] = []

    def step(self) -> dict[str, Any]:
        """Play the next trial."""
        trace = self.player(self.cells[len(self.values)]).trace
        self.values.append(float(trace.per_round()[self.metric][-1]))
        over = len(self.values) == len(self.cells)
        mean = float(np.mean(self.values))
        return {self.metric: mean, "trial_value": self.values[-1], "trials": len(self.values), "done": over}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """The values of the trials so far, as JSON."""
        (Path(checkpoint_dir) / STATE).write_text(json.dumps(self.values), encoding="utf-8")

    def load_checkpoint(self, checkpoint: str) -> None:
        """Go on after the trials whose values were saved."""
        self.values = [float(value) for value in json.loads((Path(checkpoint) / STATE).read_text(encoding="utf-8"))]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin anew with another configuration in the same process (`reuse_actors`)."""
        self.setup(new_config)
        return True


def trainable(
    spec: str | Path | Mapping[str, Any] | Spec, metric: str | None = None, label: str | None = None
) -> type[ExperimentTrainable]:
    """A class for `ray.tune.Tuner`.

    Args:
        spec: an experiment without a sweep, as `gm.run` takes it. On a cluster, its data files must lie at the same paths.
        metric: a column of `Results.table`, taken at the last round, such as "pareto_regret"; by default the first of
            the protocol's metrics.
        label: of the algorithm that is tuned; may be left out if there is only one.

    Raises:
        InputError: the experiment is not valid or has a sweep, or there is no such metric or label.
    """
    experiment = load_spec(spec)
    if experiment.sweep:
        raise InputError(f"sweep: has {next(iter(experiment.sweep))!r}; allowed is none, for Tune does the search")
    labels = [choice.label for choice in experiment.algorithms]
    if label is None and len(labels) > 1:
        raise InputError(f"label: none is given; allowed are {', '.join(labels)}")
    if label is not None and label not in labels:
        raise unknown("label", label, labels)
    kind = TRACES[experiment.experiment.protocol]
    extra = {f"regret_{name}" for name in experiment.experiment.extra_objectives}
    metrics = [name for name in kind.METRICS if not name.startswith("regret_") or name in extra]
    known = [*metrics, *kind.MEANS]
    if metric is not None and metric not in known:
        raise unknown("metric", metric, known)
    body = {
        "data": experiment.resolved(),
        "files": {name: path.resolve() for name, path in experiment.files.items()},
        "label": label or labels[0],
        "metric": metric or known[0],
    }
    return type("ExperimentTrainable", (ExperimentTrainable,), body)
