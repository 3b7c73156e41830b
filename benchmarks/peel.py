"""Where the time of a round goes: the loop is measured again and again, with one part more taken out each time.

The order matters: what is left never needs what is gone. Once the agents choose among all arms alike, nothing that is
learned or mixed is read any more, so those parts go without changing the work of the others. The differences add up to the
whole. Beside each part stands what this machine needs at the least for its numbers, measured here by loops in cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
from measure import seconds, table
from numba import njit

import gossipmab as gm
from gossipmab.engines.gossip import simulate as engine

FAST: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}


@njit(**FAST)
def settled(p, played):
    return True


@njit(**FAST)
def any_arm(algorithm, state, i, t, p):
    for k in range(p.shape[0]):
        p[k] = 1.0 / p.shape[0]


@njit(**FAST)
def nothing_learned(algorithm, state, i, t, arm, x, neighbours):
    pass


@njit(**FAST)
def unmixed(own, sent, i, neighbours, weights):
    pass


@njit(**FAST)
def nobody(edges, offsets, present, neighbours, degrees):
    return 0


PARTS: list[tuple[str, str, Any]] = [  # the part, the engine's name for it, what stands in
    ("NSW regret", "same", settled),
    ("selection", "select", any_arm),
    ("learning", "learn", nothing_learned),
    ("mixing", "mix", unmixed),
    ("neighbour lists", "neighbours_of_round", nobody),
]


def peeled(count: int, trial: Callable[[], object]) -> Callable[[], object]:
    """The trial with the first `count` parts taken out of the loop, compiled; the engine is left as it was."""
    names = ["agent_round", *(name for _, name, _ in PARTS)]
    kept = {name: getattr(engine, name) for name in names}
    loop = njit(**FAST)(engine.play)

    def play() -> None:
        usual, engine.play_compiled = engine.play_compiled, loop
        try:
            trial()
        finally:
            engine.play_compiled = usual

    try:
        for _, name, stand_in in PARTS[:count]:
            setattr(engine, name, stand_in)
        engine.agent_round = njit(forceinline=True, **FAST)(kept["agent_round"].py_func)
        play()  # compiles, with the stand-ins as the loop's globals
    finally:
        for name, value in kept.items():
            setattr(engine, name, value)
    return play


@njit(**FAST)
def add_differences(own, sent, before, again):
    for _ in range(again):
        for m in range(own.shape[0]):
            own[m] += 1e-9 * (sent[m] - before[m])


@njit(**FAST)
def write(to, source, again):
    for r in range(again):
        for m in range(to.shape[0]):
            to[m] = source[m] + r


@njit(**FAST)
def roots(to, counts, again):
    for r in range(again):
        for m in range(to.shape[0]):
            to[m] = math.sqrt((2.0 + r) / counts[m])


def limits() -> dict[str, float]:
    """Nanoseconds a number, the best of many tries: random numbers, and loops over 1,000 numbers in cache."""
    size, again = 1_000, 2_000
    floats, halves, counts = np.ones(size), np.full(size, 0.5), np.arange(1, size + 1)
    many, generator = np.empty(100_000), np.random.Generator(np.random.PCG64(0))
    works: dict[str, tuple[Callable[[], object], int]] = {
        "random": (lambda: generator.random(out=many), len(many)),
        "difference": (lambda: add_differences(np.zeros(size), floats, halves, again), size * again),
        "write": (lambda: write(np.zeros(size, np.int64), counts, again), size * again),
        "root": (lambda: roots(np.zeros(size), counts, again), size * again),
    }
    return {name: min(seconds(work) for _ in range(30)) / count * 1e9 for name, (work, count) in works.items()}


def profile(environment: gm.Environment, network: gm.Network, horizon: int, runs: int) -> None:
    """Print where the time of Pareto UCB1 Gossip goes, in nanoseconds an agent-step."""
    N, K, D = environment.means.shape
    E, p = len(network.edges), network.link_probability

    def trial() -> object:
        return gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=horizon, seed=0)

    def numbers() -> None:
        source = engine.Source(environment, network, seed=0, trial=0, label="")
        for _ in range(horizon // 500):
            source.block(500)

    works = [*(peeled(count, trial) for count in range(len(PARTS) + 1)), numbers]
    times = [[seconds(work) for work in works] for _ in range(runs)]
    columns = [[run[c] / (horizon * N) * 1e9 for run in times] for c in range(len(works))]
    ns = limits()
    least = {
        "selection": (K * ns["root"], f"{K} roots of quotients (the front: no bound known)"),
        "mixing": (
            2 * E * p / N * K * D * ns["difference"],
            f"{2 * E * p / N:.1f} messages of {K * D} numbers, in cache",
        ),
        "neighbour lists": (2 * E / N * ns["write"], f"{2 * E / N:.0f} entries written, in cache"),
        "random numbers": ((1 + D + E / N) * ns["random"], f"{1 + D + E / N:.1f} numbers, NumPy's PCG64"),
    }
    parts = [*(name for name, _, _ in PARTS), "rewards, tallies, Python"]
    differences = [[a - b for a, b in zip(*pair, strict=True)] for pair in pairwise(columns)]
    spent = [*zip(parts, differences, strict=True), ("random numbers", columns[-1])]
    whole = median(columns[0])
    rows = []
    for name, values in spent:
        at_least, why = least.get(name, (0.0, ""))
        bound = [f"{at_least:.0f}", f"{median(values) / at_least:.1f}"] if at_least else ["", ""]
        rows.append([name, f"{median(values):.0f}", f"{100 * median(values) / whole:.0f} %", *bound, why])
    rows.append(["whole", f"{whole:.0f}", "100 %", "", "", ""])
    head = ["", "ns", "share", "limit ns", "times", "the limit is"]
    table(f"Where the time goes, Pareto UCB1 Gossip ({N},{K},{D}), by agent-step", head, rows)
    print(
        f"  Limits measured here: {1e3 / ns['random']:,.0f} million random doubles a second; in cache "
        f"{16 / ns['write']:.0f} GB/s copied, {32 / ns['difference']:.0f} GB/s by own += w (sent - before); "
        f"{1e3 / ns['root']:,.0f} million roots of quotients a second."
    )
