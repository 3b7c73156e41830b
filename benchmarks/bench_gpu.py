"""The GPU engine beside all threads of the processor and beside JAX, in one run: agent-steps a second, share of the memory's speed.

    python benchmarks/bench_gpu.py [--quick] [--rounds 1000] [--trials 10000] [--agents 1000000]

What there is no device or library for is left out, with a line. Every case is played once before, so that compiling is not in; all
else is, the making of trials and the way to and from the device included. The host makes trials one after another, so the GPU has
a second row without that. JAX computes less: it records nothing on the way, and has one environment for all trials.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from statistics import median
from typing import Any

from measure import machine, medians, seconds, table

import gossipmab as gm
from gossipmab.engines.common import TrialSettings
from gossipmab.engines.gpu.batch import begun
from gossipmab.engines.gpu.compiling import check_device, numba_cuda
from gossipmab.engines.gpu.playing import play
from gossipmab.utils.errors import InputError
from gossipmab.utils.provenance import available_processors

THREADS = min(16, available_processors())
Case = tuple[str, int, int, int]  # base graph, agents, trials, rounds
PLAYED: list[float] = []  # seconds of the last works of the GPU, from the first trial's arrays to the last trace


def cases(given: argparse.Namespace) -> list[Case]:
    """The complete graph of twenty agents, p = 0.5; and random 8-regular graphs."""
    if given.quick:
        return [("complete", 20, 4, 50), ("complete", 20, 2, 50), ("regular", 200, 1, 20)]
    sizes = [agents for agents in (100_000, 1_000_000) if agents <= given.agents]
    large: list[Case] = [("regular", agents, 1, max(1, given.rounds // 10)) for agents in sizes]
    return [("complete", 20, given.trials, given.rounds), ("complete", 20, 15, given.rounds), *large]


def world(case: Case) -> tuple[Callable[[int], gm.Environment], gm.Network]:
    """The environment of each trial, and the network."""
    base, agents, _, _ = case
    graph: Any = "complete" if base == "complete" else {"generator": "random_regular_graph", "d": 8, "seed": 1}
    network = gm.Network(graph, agents=agents, link_probability=0.5)
    return lambda trial: gm.Environment.sample(agents, 10, 3, seed=0, trial=trial), network


def by_threads(case: Case) -> Callable[[], object]:
    """All trials by the threads of the processor: side by side, or sharing the agents of one."""
    _, _, several, rounds = case
    environment, network = world(case)

    def one(trial: int) -> None:
        shared = {} if several > 1 else {"threads": THREADS}
        gm.simulate(gm.ParetoUCBGossip(), environment(trial), network, horizon=rounds, seed=0, trial=trial, **shared)

    def work() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(one, range(several)))

    return work


def by_gpu(case: Case) -> Callable[[], object]:
    """All trials by the GPU engine."""
    _, _, several, rounds = case
    environment, network = world(case)

    def work() -> None:
        settings = [TrialSettings.checked({"horizon": rounds, "seed": 0, "trial": trial}) for trial in range(several)]
        made = [begun(gm.ParetoUCBGossip(), environment(trial), network, settings[trial]) for trial in range(several)]
        begin = time.perf_counter()
        for first in range(0, several, 4_096):
            play(made[first : first + 4_096], lambda agent_steps: None)
        PLAYED.append(time.perf_counter() - begin)

    return work


def by_jax(case: Case, kind: str) -> Callable[[], object]:
    """All trials by JAX, on whatever it finds; all with one environment."""
    import jax
    from jax_gossip import trials

    jax.config.update("jax_enable_x64", kind == "float64")
    environment, network = world(case)
    _, _, several, rounds = case
    run = trials(environment(0), network, several, rounds, kind)

    def work() -> None:
        jax.config.update("jax_enable_x64", kind == "float64")
        run(0)

    return work


def bytes_of_step(case: Case) -> float:
    """Bytes that an agent-step of (K, D) = (10, 3) moves at least: its rows read and written, those of its neighbours read."""
    base, agents, _, _ = case
    neighbours = 0.5 * (agents - 1 if base == "complete" else 8)
    return 8.0 * (10 * 3 * (3 + neighbours) + 3 * 10)


def bandwidth() -> float:
    """Bytes a second that the device copies, read and written, by its own copy."""
    cuda, size = numba_cuda(), 2**28
    one, other = cuda.device_array(size, "u1"), cuda.device_array(size, "u1")

    def copy() -> None:
        other.copy_to_device(one)
        cuda.synchronize()

    copy()
    return 2 * size / min(seconds(copy) for _ in range(5))


def engines() -> tuple[dict[str, Callable[[Case], Callable[[], object]]], float]:
    """What there is on this machine, and the speed of the device's memory."""
    found: dict[str, Callable[[Case], Callable[[], object]]] = {f"{THREADS} threads": by_threads}
    speed = 0.0
    try:
        check_device()
        found["gpu"], speed = by_gpu, bandwidth()
    except InputError as error:
        print(f"without the GPU engine: {error}")
    if find_spec("jax") is None:
        print("without JAX: it is not installed (extra marl)")
        return found, speed
    import jax

    device = jax.devices()[0].device_kind
    for kind in ("float32", "float64"):
        found[f"JAX {kind}, {device}"] = lambda case, kind=kind: by_jax(case, kind)  # type: ignore[misc]
    return found, speed


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="small cases")
    parser.add_argument("--rounds", type=int, default=1_000, help="of trials of twenty agents; a tenth of large networks")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turn; medians are shown")
    parser.add_argument("--trials", type=int, default=10_000, help="side by side")
    parser.add_argument("--agents", type=int, default=1_000_000, help="of the largest network")
    given = parser.parse_args()
    print(machine())
    print(f"{os.cpu_count()} processors for {THREADS} threads; {time.strftime('%Y-%m-%d')}")
    found, speed = engines()
    rows = []
    for case in cases(given):
        base, agents, several, rounds = case
        works = [engine(case) for engine in found.values()]
        for work in works:
            work()
        taken = dict(zip(found, medians(works, given.runs), strict=True))
        if PLAYED:
            taken["gpu, trials made before"] = median(PLAYED[-given.runs :])
        for name, seconds_taken in taken.items():
            rate = agents * several * rounds / seconds_taken
            share = f"{100 * rate * bytes_of_step(case) / speed:.1f} %" if name.startswith("gpu") else ""
            rows.append([f"{base}, {agents:,} agents, {several:,} trials, {rounds:,} rounds", name, f"{rate:,.0f}", share])
    table("Pareto UCB1 Gossip, K = 10, D = 3, p = 0.5", ["", "engine", "agent-steps a second", "of the memory's speed"], rows)


if __name__ == "__main__":
    main()
