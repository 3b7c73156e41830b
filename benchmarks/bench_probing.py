"""What a round of the protocol `assignment` costs, and what its maximisers cost.

    python benchmarks/bench_probing.py [--quick]

Agent-steps a second of one worker, random numbers, exact expectations and recording included, compile time not; then
microseconds of greedy probing, of the enumerated best set, and of an assignment under a capacity beside cvxpy's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from measure import machine, table

import gossipmab as gm
from gossipmab.algorithms import ASSIGNERS
from gossipmab.objectives.probing import assignment as assign, best_probing, distributions, greedy_probing, terms

SIZES = ((12, 8), (20, 10))


def microseconds(work: Callable[[], object], times: int) -> float:
    """The median of `times` calls."""
    work()
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        took.append(time.perf_counter() - begin)
    return 1e6 * float(np.median(took))


def rounds(horizon: int) -> None:
    """The table of agent-steps a second."""
    rows = []
    for agents, arms in SIZES:
        for rewards in ("bernoulli", "discrete", "beta"):
            environment = gm.Environment.sample(agents, arms, 1, rewards=rewards, seed=0)
            for name, algorithm in ASSIGNERS.items():

                def play(algorithm: type = algorithm, environment: gm.Environment = environment) -> None:
                    gm.simulate(algorithm(), environment, horizon=horizon, seed=0, overhead="quadratic")

                took = microseconds(play, 3)
                rows.append([f"({agents},{arms})", rewards, name, f"{1e6 * agents * horizon / took:,.0f}"])
    table("a trial", ["(N,K)", "rewards", "algorithm", "agent-steps a second"], rows)


def maximisers(times: int) -> None:
    """The table of microseconds."""
    import cvxpy

    rows = []
    for agents, arms in SIZES:
        known = distributions(gm.Environment.sample(agents, arms, 1, seed=0))
        agreed = terms(agents, arms, overhead="quadratic")
        values, pi = np.random.default_rng(0).random((agents, arms)), np.zeros((agents, arms))
        work, capacity = assign.scratch(agents, arms), 2.5
        P = cvxpy.Variable((agents, arms), nonneg=True)
        worth = cvxpy.sum(cvxpy.log(cvxpy.sum(cvxpy.multiply(P, values), axis=1)))
        limits = [cvxpy.sum(P, axis=1) == 1, cvxpy.sum(P, axis=0) <= capacity]
        problem = cvxpy.Problem(cvxpy.Maximize(worth), limits)
        cases: list[tuple[str, Callable[[], object], int]] = [
            ("greedy probing", lambda: greedy_probing(known, agreed), times),  # noqa: B023
            ("best set by enumeration", lambda: best_probing(known, agreed), 5),  # noqa: B023
            ("assignment, capacity 2.5", lambda: assign.assign(values, capacity, pi, work), times),  # noqa: B023
            ("the same by cvxpy and clarabel", lambda: problem.solve(solver=cvxpy.CLARABEL), 5),  # noqa: B023
        ]
        rows += [[f"({agents},{arms})", name, f"{microseconds(play, n):,.0f}"] for name, play, n in cases]
    table("one decision", ["(N,K)", "what", "microseconds"], rows)


if __name__ == "__main__":
    quick = "--quick" in sys.argv
    print(machine())
    rounds(500 if quick else 3_000)
    maximisers(20 if quick else 200)
