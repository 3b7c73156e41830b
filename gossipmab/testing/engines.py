"""The same bits from every engine."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gossipmab.analysis.verify import same_bits
from gossipmab.engines.gossip.simulate import simulate_gossip
from gossipmab.experiments import runner
from gossipmab.experiments.cell_runner import CellRunner
from gossipmab.experiments.progress import ProgressCallback
from gossipmab.testing.errors import ConformanceError

EXPERIMENT: dict[str, Any] = {
    "experiment": {"name": "conformance", "horizon": 60, "trials": 2, "seed": 3, "recorded_rounds": 6},
    "environment": {"agents": 5, "arms": 4, "objectives": 3},
    "network": {"base": "complete", "link_probability": 0.5},
}


class Mute(ProgressCallback):
    """No notes either: how long a Ray takes to start is no fault of an algorithm."""

    def note(self, text: str) -> None:
        """Nothing."""


def check_engines(algorithm: Any, engines: Sequence[str]) -> None:
    """Run a small experiment with each engine, and compare every cell with the interpreted methods."""
    with tempfile.TemporaryDirectory(prefix="gossipmab-") as folder:
        for engine in engines:
            results = runner.run({**EXPERIMENT, "algorithms": [algorithm]}, Path(folder) / engine, engine, progress=Mute())
            player = CellRunner(results.spec)
            for cell in results.spec.cells():
                expected = player(cell, simulate=_interpreted).trace
                if different := same_bits(results.traces[cell.id], expected):
                    raise ConformanceError(
                        "engines",
                        f"{type(algorithm).__name__}: engine {engine} gives another {different[0]} than the interpreted methods",
                    )


def _interpreted(*world: Any, **options: Any) -> Any:
    return simulate_gossip(*world, **options, interpreted=True)
