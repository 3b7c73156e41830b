"""Agent-steps a second of the decentralised engine, beside a naive coordinator and the compiled engine.

    python benchmarks/bench_actors.py [--seconds S] [--agents 5 10 20] [--blocks 1000] [--repeats R]

`naive` is what one writes first: every round has three barriers at which the coordinator waits for all actors (collect the
messages, have everybody play, collect arms and distributions). It plays the same compiled rounds. Every figure is the best
of R repeats, from the first window on; start-up has columns of its own: seconds and MiB of its own for each actor. K = 10, D = 3,
p = 0.3, complete graphs; blocks: random regular of degree 8, 2 actors.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import ray
from rich.console import Console
from rich.table import Table

import gossipmab as gm
from gossipmab.engines.actors.coordinator import Coordinator
from gossipmab.engines.actors.simulate import simulate_actors
from gossipmab.engines.actors.supervisor import ActorPool
from gossipmab.engines.common import TrialSettings
from gossipmab.engines.pools.ray_session import session
from gossipmab.utils.rng import Purpose, stream

P, ARMS, OBJECTIVES = 0.3, 10, 3


def setting(agents: int, blocks: bool) -> tuple[gm.Environment, gm.Network]:
    base: Any = {"generator": "random_regular_graph", "d": 8, "seed": 1} if blocks else "complete"
    return gm.Environment.sample(agents, ARMS, OBJECTIVES, seed=1), gm.Network(base, agents, P)


def naive(environment: gm.Environment, network: gm.Network, rounds: int, crew: ActorPool) -> float:
    """Seconds of `rounds` rounds with three barriers each."""
    crew.window = rounds
    trial = Coordinator(gm.ParetoUCBGossip(), environment, network, crew, TrialSettings(rounds, 3, recorded_rounds=20))
    trial._begin(0)
    call, epoch = trial._epochs._call, trial._epochs.epoch
    parts = trial._links(network.link_sampler(stream(3, purpose=Purpose.LINKS))(rounds))
    peers = [part.peers(trial.owner, a) for a, part in enumerate(parts)]
    ray.get([call(a, "open", epoch, 0, part) for a, part in enumerate(parts)])
    begin = time.perf_counter()
    for t in range(1, rounds + 1):
        messages = ray.get([actor.__ray_call__.remote(lambda actor: actor.lanes[0].own.message()) for actor in crew.handles])
        near = [[messages[peer] for peer in each[t - 1]] for each in peers]
        ray.get([call(a, "step", epoch, t, *some) for a, some in enumerate(near)])
        ray.get([actor.__ray_call__.remote(last_round) for actor in crew.handles])
    return time.perf_counter() - begin


def last_round(actor: Any) -> tuple[int, Any]:
    """Arm and distribution of the round just played."""
    own = actor.lanes[0].own
    b = own.played - own.t0 - 1
    return own.window.arms[b].copy(), own.window.p[b].copy()


def best(play: Callable[[int], float], agents: int, seconds: float, repeats: int, rounds: int) -> float:
    """Agent-steps a second: the best repeat of about `seconds`, after one to see how many rounds that is."""
    play(rounds)
    took = play(rounds)
    rounds = max(rounds, int(rounds * seconds / max(took, 1e-3)))
    return max(agents * rounds / play(rounds) for _ in range(repeats))


def timed(play: Callable[..., Any], *arguments: Any, **options: Any) -> float:
    begin = time.perf_counter()
    play(*arguments, **options)
    return time.perf_counter() - begin


def own_mib(pids: list[int]) -> float:
    """The largest memory that any of the processes has for itself."""
    return max(psutil.Process(pid).memory_full_info().uss for pid in pids) / 2**20


def measured(agents: int, options: argparse.Namespace, blocks: bool = False) -> dict[str, float]:
    environment, network = setting(agents, blocks)
    algorithm = gm.ParetoUCBGossip()
    size = agents // 2 if blocks else 1
    found: dict[str, float] = {}

    def compiled(rounds: int) -> float:
        return timed(gm.simulate, algorithm, environment, network, horizon=rounds, seed=3, recorded_rounds=20)

    found["compiled"] = best(compiled, agents, options.seconds, options.repeats, 1000)
    for transport in ("direct",) if blocks else ("direct", "refs"):
        with ActorPool(transport, size, note=lambda line: None) as crew:

            def decentralised(rounds: int, crew: ActorPool = crew) -> float:
                marks: list[float] = []
                steps: list[int] = []
                simulate_actors(
                    algorithm, environment, network, horizon=rounds, seed=3, recorded_rounds=20, pool=crew,
                    progress=lambda n: (marks.append(time.perf_counter()), steps.append(n)),
                )  # fmt: skip
                if len(marks) < 3:
                    return 1.0
                return (marks[-1] - marks[0]) * sum(steps) / sum(steps[1:])

            started = timed(decentralised, 2)
            if transport == "direct":
                found["start"] = (started - timed(decentralised, 2)) / len(crew.handles)
            first = 3000 if transport == "direct" and not blocks else 200
            found[transport] = best(decentralised, agents, options.seconds, options.repeats, first)
            if transport == "direct":
                found["mib"] = own_mib(crew.pids)
            else:
                found["naive"] = best(
                    lambda rounds, crew=crew: naive(environment, network, rounds, crew),  # type: ignore[misc]
                    agents, options.seconds, options.repeats, 20,
                )  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, nargs="*", default=[5, 10, 20])
    parser.add_argument("--blocks", type=int, default=1000, help="agents in two actors; 0 for none")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    titles = ["agents", "actors", "naive", "refs", "x naive", "direct", "x naive", "compiled", "s an actor", "MiB an actor"]
    table = Table(*titles, title="agent-steps a second, K=10 D=3 p=0.3")
    with session():
        for agents in options.agents:
            got = measured(agents, options)
            ratios = [f"{got[name] / got['naive']:.1f}" for name in ("refs", "direct")]
            table.add_row(
                f"{agents}", f"{agents}", f"{got['naive']:,.0f}", f"{got['refs']:,.0f}", ratios[0], f"{got['direct']:,.0f}",
                ratios[1], f"{got['compiled']:,.0f}", f"{got['start']:.2f}", f"{got['mib']:.0f}",
            )  # fmt: skip
        if options.blocks:
            got = measured(options.blocks, options, blocks=True)
            table.add_row(
                f"{options.blocks}", "2", "", "", "", f"{got['direct']:,.0f}", "", f"{got['compiled']:,.0f}",
                f"{got['start']:.2f}", f"{got['mib']:.0f}",
            )  # fmt: skip
    Console(width=120).print(table)
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, load {load:.1f}; numpy {np.__version__}, ray {ray.__version__}")


if __name__ == "__main__":
    main()
