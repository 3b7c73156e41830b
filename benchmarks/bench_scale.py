"""Large networks: agent-steps a second on one core and on two, memory, the share of its bandwidth that mixing reaches; slopes.

    python benchmarks/bench_scale.py [--quick] [--million] [--slopes]

Without options: Pareto UCB1 Gossip at N = 100,000, K = 10, D = 3, random regular of degree 8, p = 0.5. --million adds a trial of
1,000,000 agents, --slopes the cells of experiments/scaling.toml on one thread, with docs/figures/scaling.png.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from measure import machine, table
from numba import njit

import gossipmab as gm
from gossipmab.engines.gossip.channel import prefetch_row
from gossipmab.engines.gossip.step import mix
from gossipmab.networks.mixing import neighbours_of_round
from gossipmab.networks.network import Network

HERE = Path(__file__).parent
AHEAD = 4  # agents before its row is mixed
AGENTS, ARMS, OBJECTIVES, DEGREE, P = 100_000, 10, 3, 8, 0.5
# Swept key -> axis, what theory says an agent-step costs in it where that term leads, and why.
ORDERS: dict[str, tuple[str, float, str]] = {
    "environment.agents": ("N", 0.0, "agents do the same work each"),
    "network.base.d": ("E / N", 1.0, "neighbours are mixed: p (E/N) K D"),
    "environment.arms": ("K", 1.0, "rows of K D numbers; the front of |F| arms adds K |F| D"),
    "environment.objectives": ("D", 1.0, "rows of K D numbers; fronts grow with D, too"),
    "experiment.horizon": ("T", 0.0, "rounds are alike"),
    "network.link_probability": ("p", 1.0, "neighbours are mixed: p (E/N) K D"),
}


def world(agents: int) -> tuple[gm.Environment, Network]:
    """The environment and the network of so many agents."""
    base = {"generator": "random_regular_graph", "d": DEGREE, "n": agents}
    return gm.Environment.sample(agents, ARMS, OBJECTIVES, seed=0), Network(base, link_probability=P)


def rate(agents: int, threads: int, rounds: int) -> dict[str, float]:
    """Agent-steps a second of the second half of a trial, of all of it, and the peak of the process's memory in MiB."""
    import resource

    environment, network = world(agents)
    marks = [(time.perf_counter(), 0)]
    gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=2, seed=0, recorded_rounds=1, threads=threads)
    begin = time.perf_counter()
    gm.simulate(
        gm.ParetoUCBGossip(), environment, network, horizon=rounds, seed=0, recorded_rounds=5, threads=threads,
        progress=lambda steps: marks.append((time.perf_counter(), marks[-1][1] + steps)),
    )  # fmt: skip
    (first, done), (last, all_) = marks[len(marks) // 2], marks[-1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"late": (all_ - done) / (last - first), "whole": all_ / (time.perf_counter() - begin), "MiB": peak}


def alone(agents: int, threads: int, rounds: int) -> dict[str, float]:
    """`rate` in a process of its own, whose memory is nobody else's."""
    code = f"import json, bench_scale as b; print(json.dumps(b.rate({agents}, {threads}, {rounds})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@njit(nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def triad(a: Any, b: Any, c: Any) -> None:
    """a <- b + 3 c: McCalpin's STREAM."""
    for n in range(a.shape[0]):
        a[n] = b[n] + 3.0 * c[n]


@njit(nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def mix_part(own: Any, sent: Any, offsets: Any, degrees: Any, near: Any, weights: Any, first: int, last: int) -> None:
    """The gossip of the agents first .. last - 1, by the engine's functions; rows are fetched earlier."""
    for i in range(first, last):
        if i + AHEAD < last:
            for n in range(offsets[i + AHEAD], offsets[i + AHEAD] + degrees[i + AHEAD]):
                prefetch_row(sent, near[n])
        mix(own, sent, i, near[offsets[i] : offsets[i] + degrees[i]], weights)


def gigabytes(work: Callable[[int], None], bytes_: float, threads: int, runs: int) -> list[float]:
    """10^9 bytes a second of each run, all threads together."""
    found = []
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
        for _ in range(runs):
            begin = time.perf_counter()
            list(pool.map(work, range(threads)))
            found.append(bytes_ / (time.perf_counter() - begin) / 1e9)
    return found


def bandwidth(agents: int, threads: int, runs: int) -> tuple[float, float]:
    """Median 10^9 bytes a second of STREAM's triad, and of the mixing, in turn on the same threads.

    Both count what is read and written, and the line that a write fetches first: four numbers an entry of the triad; for an
    agent its own row, its neighbours' and, twice, the row that it writes. What neighbours share is counted as often as read.
    """
    network = world(agents)[1]
    M = ARMS * OBJECTIVES
    own, sent = np.zeros((agents, M)), np.random.default_rng(0).random((agents, M))
    near, degrees = np.zeros(2 * len(network.edges), np.int64), np.zeros(agents, np.int64)
    present = network.link_sampler(np.random.default_rng(1))(1)[0]
    neighbours_of_round(network.edges, network.offsets, present, near, degrees)
    weights = np.full(int(degrees.max()), 1.0 / agents)
    bounds = [agents * h // threads for h in range(threads + 1)]
    size = 20_000_000 // threads
    streams = [np.ones((3, size)) for _ in range(threads)]

    def mixing(h: int) -> None:
        mix_part(own, sent, network.offsets, degrees, near, weights, bounds[h], bounds[h + 1])

    moved = 8.0 * M * (3 * agents + degrees.sum())
    pairs = [
        (gigabytes(lambda h: triad(*streams[h]), 32.0 * size * threads, threads, 1), gigabytes(mixing, moved, threads, 3))
        for _ in range(runs)
    ]
    return median(stream[0] for stream, _ in pairs), median(m for _, mixed in pairs for m in mixed)


def late_cost(player: Any, cell: Any) -> float:
    """Nanoseconds an agent-step in the second half of a cell: its start is paid by then."""
    marks = [(time.perf_counter(), 0)]
    player(cell, lambda steps: marks.append((time.perf_counter(), marks[-1][1] + steps)))
    (first, done), (last, all_) = marks[len(marks) // 2], marks[-1]
    return (last - first) / (all_ - done) * 1e9


def slopes(quick: bool) -> None:
    """The cells of experiments/scaling.toml one after the other, and their figure."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    from gossipmab.analysis.plot_style import own_style
    from gossipmab.experiments.cell_runner import CellRunner
    from gossipmab.experiments.spec.loading import load_spec

    spec = load_spec(HERE.parent / "experiments" / "scaling.toml")
    middle = {"environment.agents": 8000, "network.base.d": 8, "environment.arms": 10}
    middle |= {"environment.objectives": 3, "experiment.horizon": 200, "network.link_probability": 0.5}  # type: ignore[dict-item]
    costs: dict[tuple[Any, ...], float] = {}
    player = CellRunner(spec)
    for cell in spec.cells():
        at = cell.point
        if quick and (at.environment.agents or 0) * at.experiment.horizon > 2_000_000:
            continue
        steps = (at.environment.agents or 0) * at.experiment.horizon
        costs[tuple(cell.point.values.values())] = min(late_cost(player, cell) for _ in range(3 if steps < 10**7 else 1))
    keys = list(spec.cells()[0].point.values)
    rows = []
    with own_style():
        figure = Figure(figsize=(9.0, 5.2), layout="constrained")
        for ax, (place, key) in zip(figure.subplots(2, 3).flat, enumerate(keys), strict=True):
            name, order, why = ORDERS[key]
            here = {p[place]: c for p, c in costs.items() if all(p[o] == middle[k] for o, k in enumerate(keys) if k != key)}
            x, y = (np.array(values, float) for values in zip(*sorted(here.items()), strict=True))
            upper = x >= np.median(x)
            slope = float(np.polyfit(np.log(x[upper]), np.log(y[upper]), 1)[0])
            rows.append([name, f"{x[0]:g} to {x[-1]:g}", f"{y[0]:.0f} to {y[-1]:.0f}", f"{slope:.2f}", f"{order:g}", why])
            ax.loglog(x, y, "o-", markersize=3.5, linewidth=1.0, label=f"measured, slope {slope:.2f}")
            ax.loglog(x, y[-1] * (x / x[-1]) ** order, ":", color="0.5", label=f"order {order:g}")
            ax.set_xticks(x, [f"{value:g}" for value in x], rotation=30)
            ax.set_ylim(100.0, 4000.0)
            ax.set_yticks([100, 200, 500, 1000, 2000], ["100", "200", "500", "1,000", "2,000"])
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_minor_formatter(NullFormatter())
            ax.set_xlabel(name)
            ax.set_ylabel("ns an agent-step")
            ax.legend(fontsize=7)
        target = HERE.parent / "docs" / "figures" / "scaling.png"
        if not quick:
            figure.savefig(target, dpi=150)
    table("Cost of an agent-step; slopes of the upper half of each range", ["of", "range", "ns", "slope", "order", "why"], rows)


def main(arguments: list[str]) -> None:
    """Print the tables."""
    quick = "--quick" in arguments
    print(machine())
    agents, rounds = (20_000, 20) if quick else (AGENTS, 100)
    found = [(threads, alone(agents, threads, rounds)) for threads in (1, 2) for _ in range(1 if quick else 3)]
    rows = []
    for threads in (1, 2):
        mine = [one for count, one in found if count == threads]
        late, whole, peak = (median(one[key] for one in mine) for key in ("late", "whole", "MiB"))
        rows.append([f"{threads}", f"{late / 1e6:.2f}", f"{whole / 1e6:.2f}", f"{peak:.0f}"])
    title = f"N = {agents:,}, K = {ARMS}, D = {OBJECTIVES}, random regular of degree {DEGREE}, p = {P}"
    table(title, ["threads", "million agent-steps/s, second half", "start included", "peak MiB"], rows)
    shares = []
    for threads in (1, 2):
        stream, mixing = bandwidth(agents, threads, 3 if quick else 9)
        shares.append([f"{threads}", f"{stream:.1f}", f"{mixing:.1f}", f"{mixing / stream:.2f}"])
    table("Memory", ["threads", "triad GB/s", "mixing GB/s", "share"], shares)
    if "--million" in arguments:
        one = alone(1_000_000, 2, 10)
        print(f"1,000,000 agents, 2 threads: {one['late'] / 1e6:.2f} million agent-steps/s, peak {one['MiB']:.0f} MiB")
    if "--slopes" in arguments or quick:
        slopes(quick)


if __name__ == "__main__":
    main(sys.argv[1:])
