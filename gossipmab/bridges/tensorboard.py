"""A run in TensorBoard: a callback that writes the curves of every cell, as it is finished, as event files.

from gossipmab.bridges.tensorboard import TensorBoard

gm.run("pareto_regret", callbacks=[TensorBoard("boards")])  # then `tensorboard --logdir boards`
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gossipmab.bridges.extras import library
from gossipmab.experiments.callbacks import Callback
from gossipmab.experiments.spec.spec import Cell, Spec
from gossipmab.metrics.trace import TrialRecord

tensorboard: Any = library("tensorboardX", "tensorboard")


class TensorBoard(Callback):
    """A folder of events for each cell that is computed, with a scalar for each column of `Results.table`; rounds are steps.

    Args:
        folder: where they lie, as NAME OF THE EXPERIMENT/CELL; by default the run folder's `tensorboard`.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = folder

    def on_begin(self, spec: Spec, folder: Path, done: int, agent_steps: int) -> None:
        """Keep where the events go."""
        self.place = Path(self.folder or folder / "tensorboard") / spec.experiment.name

    def on_cell(self, cell: Cell, trace: TrialRecord | None, error: Exception | None) -> None:
        """Write a cell's curves."""
        if trace is not None:
            curves = trace.per_round()
            with tensorboard.SummaryWriter(str(self.place / cell.id)) as board:
                for name, values in curves.items():
                    for step, value in zip(curves["round"].tolist(), values.tolist(), strict=True):
                        if name != "round" and np.isfinite(value):
                            board.add_scalar(name, value, step)
