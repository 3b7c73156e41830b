"""Memory grows with the recorded rounds, never with the horizon: peak resident size of one process, T = 10,000,000 among them.

    python benchmarks/bench_memory.py [--quick]

Each horizon is a process of its own, since a peak never falls. The first compiles, where the cache is cold. This file
imports nothing large before it starts them: on Linux a child's peak begins at its parent's size.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

LIMIT_MIB = 500


def peak_mib() -> float:
    """Peak resident size of this process, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, KiB elsewhere


def child(horizon: int, record: int) -> None:
    """Play one trial at N = 10, K = 10, D = 3 and print: peak before it, peak after it, seconds."""
    import gossipmab as gm

    environment = gm.Environment.sample(10, 10, 3, seed=0)
    network = gm.Network("complete", agents=10, link_probability=0.5)
    gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=100, seed=0)
    before, start = peak_mib(), time.perf_counter()
    gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=horizon, seed=0, recorded_rounds=record)
    print(before, peak_mib(), time.perf_counter() - start)


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]), int(sys.argv[3]))
        return 0
    cases = [(10_000, 200), (100_000, 200), (1_000_000, 200), (1_000_000, 20_000)]
    cases += [] if "--quick" in sys.argv else [(10_000_000, 200)]
    print(f"Peak resident size, Pareto UCB1 Gossip, N = 10, K = 10, D = 3, limit {LIMIT_MIB} MiB")
    print(f"{'T':>12} {'recorded':>9} {'ready MiB':>10} {'peak MiB':>9} {'seconds':>8}")
    worst = 0.0
    for horizon, record in cases:
        command = [sys.executable, __file__, "--child", str(horizon), str(record)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        before, peak, taken = (float(word) for word in out.split())
        worst = max(worst, peak)
        print(f"{horizon:>12,} {record:>9,} {before:>10.1f} {peak:>9.1f} {taken:>8.1f}", flush=True)
    print(f"worst {worst:.0f} MiB: {'under' if worst < LIMIT_MIB else 'OVER'} the limit")
    return 0 if worst < LIMIT_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
