"""Agent-steps a second, random numbers included, beside a notebook version measured in the same run; then where the time goes.

    python benchmarks/bench_rounds.py [--quick]

Nothing is pinned, and machines are shared: all that is compared is run in turn, several times, and medians are shown. Compile
time is left out (every case is played once before); everything else that `gm.simulate` does is in.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import notebook
from measure import machine, medians, seconds, table

import gossipmab as gm

Case = tuple[Any, tuple[int, int, int], int]
BIG, SMALL = (20, 10, 3), (4, 4, 3)


def world(shape: tuple[int, int, int], trial: int = 0) -> tuple[gm.Environment, gm.Network]:
    """An environment with these (N, K, D), and the complete graph with p = 0.5."""
    environment = gm.Environment.sample(*shape, seed=0, trial=trial)
    return environment, gm.Network("complete", agents=shape[0], link_probability=0.5)


def cell(case: Case, trial: int = 0) -> Callable[[], object]:
    """One trial of a case, ready to be timed."""
    algorithm, shape, horizon = case
    environment, network = world(shape, trial)
    return lambda: gm.simulate(algorithm, environment, network, horizon=horizon, seed=0, trial=trial)


def together(cells: list[Callable[[], object]], workers: int) -> None:
    """All cells in a pool of threads, as `gossipmab run --workers` plays them."""
    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(work) for work in cells]:
            future.result()


def speeds(length: int, runs: int) -> None:
    """The table of agent-steps a second."""
    cases: dict[str, Case] = {
        "Pareto UCB1 Gossip (20,10,3)": (gm.ParetoUCBGossip(), BIG, length),
        "  pooled radius": (gm.ParetoUCBGossip(pooled=True), BIG, length),
        "  without gossip": (gm.ParetoUCB(), BIG, length),
        "  by elimination": (gm.ParetoGossip(), BIG, length),
        "Simulated NSW UCB Gossip (4,4,3), local": (gm.SimulatedNSWUCBGossip(solver="local"), SMALL, length),
        "Simulated NSW UCB Gossip (4,4,3), global": (gm.SimulatedNSWUCBGossip(), SMALL, length // 2),
    }
    big, small = world(BIG)[0], world(SMALL)[0]
    rounds = 100
    loops, broadcasting = notebook.front_by_loops, notebook.front_by_broadcasting
    baselines: list[Callable[[], object]] = [
        lambda: notebook.pareto_ucb_gossip(big.means, 0.5, rounds, 0, loops),
        lambda: notebook.pareto_ucb_gossip(big.means, 0.5, rounds, 0, broadcasting),
        lambda: notebook.simulated_nsw_ucb_gossip(small.means, small.preferences, 0.5, rounds, 0),
    ]
    ours = [cell(case) for case in cases.values()]
    for work in ours:
        work()
    times = medians([*ours, *baselines], runs)
    pareto, quick_pareto, nsw = (rounds * shape[0] / t for shape, t in zip((BIG, BIG, SMALL), times[-3:], strict=True))
    rows = []
    for (name, (_, shape, horizon)), taken in zip(cases.items(), times, strict=False):
        rate = horizon * shape[0] / taken
        beside = f"{rate / pareto:,.0f} ({rate / quick_pareto:,.0f})" if shape == BIG else f"{rate / nsw:,.0f}"
        rows.append([name, f"{rate:,.0f}", f"{1e9 / rate:,.0f}", beside])
    rows.append(["notebook, Pareto UCB1 Gossip, front by loops", f"{pareto:,.0f}", f"{1e9 / pareto:,.0f}", "1"])
    rows.append(["  front by broadcasting", f"{quick_pareto:,.0f}", f"{1e9 / quick_pareto:,.0f}", "(1)"])
    rows.append(["notebook, Simulated NSW UCB Gossip, SLSQP", f"{nsw:,.0f}", f"{1e9 / nsw:,.0f}", "1"])
    table("One core", ["", "agent-steps a second", "ns each", "times the notebook"], rows)


def two_cores(length: int, runs: int) -> None:
    """The same trials of Pareto UCB1 Gossip in one thread and in two, in turn.

    The clock's ratio falls with whatever else the machine does. The processor's (twice its seconds in one thread over its seconds
    in two) leaves waiting for a core out: what is missing to 2 is lost in shared caches, memory and clock frequency.
    """
    cells = [cell((gm.ParetoUCBGossip(), BIG, length), trial) for trial in range(8)]
    together(cells, 2)
    clock, processor = [], []
    for _ in range(runs):
        spent = []
        for workers in (1, 2):
            before = time.process_time()
            taken = seconds(lambda workers=workers: together(cells, workers))
            spent.append((taken, time.process_time() - before))
        clock.append([taken for taken, _ in spent])
        processor.append(2 * spent[0][1] / spent[1][1])
    steps = len(cells) * length * BIG[0]
    ratios = sorted(one / two for one, two in clock)
    rows = [[
        f"{median(steps / one for one, _ in clock):,.0f}", f"{median(steps / two for _, two in clock):,.0f}",
        f"{median(ratios):.2f}", f"{ratios[0]:.2f} to {ratios[-1]:.2f}", f"{median(processor):.2f}",
    ]]  # fmt: skip
    head = ["one thread", "two threads", "ratio", "range", "ratio by processor time"]
    table("Two cores: 8 trials of Pareto UCB1 Gossip (20,10,3)", head, rows)


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    print(machine())
    speeds(length=2_000 if quick else 10_000, runs=3 if quick else 15)
    two_cores(length=2_000 if quick else 10_000, runs=3 if quick else 15)


if __name__ == "__main__":
    main()
