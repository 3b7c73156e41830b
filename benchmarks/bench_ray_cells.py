"""Cells by Ray beside cells by threads: throughput on long cells, and what Ray costs to start.

    python benchmarks/bench_ray_cells.py [--pairs P] [--workers W] [--horizon T] [--quick]

Both engines play the same cells, one after the other in pairs, so that a machine whose speed drifts harms neither; the
order changes from pair to pair. A run is timed twice: as a whole, and from its first outcome on (Ray's start left out,
which is a constant, and as much of the threads' run). The exit status is 1 where the median ratio of a whole run falls
short of 85 %, or a single bit differs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from gossipmab.analysis.verify import same_bits
from gossipmab.engines.pools import ray_tasks as ray_cells, threads
from gossipmab.experiments.cell_runner import CellRunner
from gossipmab.experiments.spec.loading import from_dict
from gossipmab.experiments.spec.spec import Spec

TARGET = 0.85


class Timed(NamedTuple):
    """Seconds of a run, seconds until its first outcome, traces by cell."""

    whole: float
    first: float
    traces: dict[str, Any]


def experiment(horizon: int, trials: int) -> Spec:
    """Cells of two algorithms, at the size of the paper's figures."""
    return from_dict({
        "experiment": {"name": "bench", "horizon": horizon, "trials": trials, "seed": 1, "recorded_rounds": 200},
        "environment": {"agents": 20, "arms": 10, "objectives": 3},
        "network": {"base": "complete", "link_probability": 0.3},
        "algorithms": [{"name": "pareto_ucb_gossip"}, {"name": "pareto_ucb"}],
    })  # fmt: skip


def timed(engine: Any, spec: Spec, player: CellRunner, workers: int) -> Timed:
    """Play all cells."""
    begin = time.perf_counter()
    first, traces = 0.0, {}
    for cell, outcome in engine.run_cells(spec.cells(), player, workers=workers):
        if isinstance(outcome, Exception):
            raise outcome
        first = first or time.perf_counter() - begin
        traces[cell.id] = outcome.trace
    return Timed(time.perf_counter() - begin, first, traces)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--horizon", type=int, default=2_000_000)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="one pair of short cells: does it run at all")
    given = parser.parse_args()
    if given.quick:
        given.pairs, given.horizon = 1, 200_000
    spec = experiment(given.horizon, given.trials)
    player = CellRunner(spec)
    player.prepare(spec.cells())
    steps = sum(cell.point.agents * cell.point.experiment.horizon for cell in spec.cells())
    console = Console(width=110)
    table = Table("pair", "threads, steps/s", "ray, steps/s", "ratio", "ray to first outcome, s", title=(
        f"{len(spec.cells())} cells of {steps // len(spec.cells()):,} agent-steps, {given.workers} workers"
    ))  # fmt: skip
    ratios, different = [], 0
    for pair in range(given.pairs):
        order = [("threads", threads), ("ray", ray_cells)]
        runs = {name: timed(engine, spec, player, given.workers) for name, engine in order[:: 1 - 2 * (pair % 2)]}
        one, other = runs["threads"], runs["ray"]
        different += sum(same_bits(one.traces[id], other.traces[id]) != [] for id in one.traces)
        ratios.append(one.whole / other.whole)
        speeds = [f"{steps / run.whole:,.0f}" for run in (one, other)]
        table.add_row(str(pair + 1), *speeds, f"{ratios[-1]:.2f}", f"{other.first:.1f}")
    console.print(table)
    median = statistics.median(ratios)
    console.print(f"ray / threads, whole runs: median {median:.3f} (target {TARGET}), cells that differ: {different}")
    return int(different > 0 or (median < TARGET and not given.quick))


if __name__ == "__main__":
    sys.exit(main())
