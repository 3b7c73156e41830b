"""The centre: rounds a second of every learner, and the maximisers of every objective beside the cvxpy call that checks them.

    OMP_NUM_THREADS=1 python benchmarks/bench_central.py [--quick] [--seed S]

Maximisers meet instances one after the other, each a small step from the one before, as along a run, so that warm starts
count; cvxpy (with clarabel, parametrised, so that only the first call compiles the problem) solves some of the same. nsw with a
bonus is not concave and has no cvxpy call. The exit status is 1 where the optima differ by more than 1e-5 relative, or a
certificate exceeds 1e-7 relative; times are reported only.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import cvxpy as cp
import numpy as np
from measure import machine, medians, seconds, table
from numpy.typing import NDArray

from gossipmab import Environment, simulate_central
from gossipmab.algorithms import LEARNERS
from gossipmab.objectives import OBJECTIVES, maximise, maximise_with_bonus, objective, solver_workspace
from gossipmab.utils.jit import jit

Floats = NDArray[np.float64]
SIZES = ((4, 4), (10, 5), (20, 10))


@jit
def solve_all(wanted: Any, U: Any, b: Any, bonus: bool, place: Any, p: Any, found: Any) -> None:
    """found[i] = (value, certificate) of instance i."""
    for i in range(U.shape[0]):
        if bonus:
            value, certificate = maximise_with_bonus(wanted, U[i], b[i], place, p)
        else:
            value, certificate = maximise(wanted, U[i], place, p)
        found[i, 0] = value
        found[i, 1] = certificate


def walk(agents: int, arms: int, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Utilities and bonuses that change slowly."""
    U = 0.5 + 0.3 * np.sin(rng.uniform(0, 6, (agents, arms)) + np.linspace(0, 3, count)[:, None, None])
    return np.ascontiguousarray(U), rng.random((count, arms)) * 0.2


def program(name: str, agents: int, arms: int) -> tuple[cp.Problem, cp.Parameter, cp.Parameter]:
    """The objective plus a bonus, as a problem of cvxpy with parameters."""
    U, b, p = cp.Parameter((agents, arms), nonneg=True), cp.Parameter(arms, nonneg=True), cp.Variable(arms, nonneg=True)
    constraints = [cp.sum(p) == 1]
    if name == "procedural":
        y = cp.Variable((agents, arms), nonneg=True)
        constraints += [cp.sum(y, axis=0) <= p, cp.sum(y, axis=1) <= 1 / agents, y <= U]  # U: 1 where a favourite, else 0
        return cp.Problem(cp.Maximize(cp.sum(y) + b @ p), constraints), U, b
    u = U @ p
    goal = {
        "nsw": lambda: cp.sum(cp.log(u)),
        "log_nsw": lambda: cp.sum(cp.log(u)),
        "utilitarian": lambda: cp.sum(u),
        "maximin": lambda: cp.min(u),
        "equality": lambda: cp.min(u) - cp.max(u),
        "p_mean": lambda: agents * cp.pnorm(u, -1),  # harmonic mean: N ( sum 1/u )^(-1)
    }[name]()
    return cp.Problem(cp.Maximize(goal + b @ p), constraints), U, b


def maximisers(name: str, agents: int, arms: int, bonus: bool, quick: bool, seed: int) -> tuple[list[str], bool]:
    """A row of the table, and whether optima and certificates are right."""
    count = 2_000 if quick else 20_000
    U, b = walk(agents, arms, count, np.random.default_rng(seed))
    found, p, place = np.zeros((count, 2)), np.zeros(arms), solver_workspace(agents, arms)
    wanted = objective(name)
    solve_all(wanted, U[:1], b, bonus, place, p, found)
    ours = medians([lambda: solve_all(wanted, U, b, bonus, place, p, found)], 3)[0] / count
    worst = (found[:, 1] / np.maximum(np.abs(found[:, 0]), 1e-9)).max()
    row = [f"({agents},{arms})", name, "yes" if bonus else "", f"{ours * 1e6:.2f}", f"{worst:.0e}"]
    if name == "nsw" and bonus:
        return [*row, "", "", ""], bool(worst < 1e-7)
    problem, parameter, linear = program(name, agents, arms)
    chosen = np.linspace(0, count - 1, 4 if quick else 12).astype(int)
    times, errors = [], []
    for i in [chosen[0], *chosen]:
        parameter.value = (U[i] == U[i].max(axis=1, keepdims=True)).astype(float) if name == "procedural" else U[i]
        linear.value = b[i] if bonus else np.zeros(arms)
        times.append(seconds(lambda: problem.solve(solver=cp.CLARABEL)))
        best = np.exp(problem.value) if name == "nsw" else problem.value
        errors.append(abs(best - found[i, 0]) / max(abs(found[i, 0]), 1e-2))
    theirs = float(np.median(times[1:]))
    row += [f"{theirs * 1e6:,.0f}", f"{theirs / ours:,.0f}", f"{max(errors):.0e}"]
    return row, bool(worst < 1e-7 or name == "equality") and max(errors) < 1e-5


def learners(quick: bool) -> list[list[str]]:
    """Rounds a second at N = K = 4, everything included but compile time."""
    environment = Environment.sample(agents=4, arms=4, objectives=1, seed=0)
    rows = []
    for name, kind in LEARNERS.items():
        horizon = (10_000 if quick else 100_000) // (20 if name == "eld" else 1)
        for wanted in ("nsw", "maximin") if "objective" in kind._fields else ("utilitarian",):  # type: ignore[attr-defined]
            learner = kind(objective=wanted) if "objective" in kind._fields else kind()  # type: ignore[attr-defined]
            simulate_central(learner, environment, horizon=200, seed=0)
            took = medians([lambda: simulate_central(learner, environment, horizon=horizon, seed=0)], 3)[0]  # noqa: B023
            rows.append([name, wanted, f"{horizon / took:,.0f}"])
    return rows


def main() -> int:
    """Print both tables; 0 where all optima are right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(machine())
    table("rounds a second, N = K = 4", ("learner", "objective", "rounds/s"), learners(given.quick))
    rows, right = [], True
    for agents, arms in SIZES[:1] if given.quick else SIZES:
        for name in OBJECTIVES:
            for bonus in (False, True):
                row, good = maximisers(name, agents, arms, bonus, given.quick, given.seed)
                rows.append(row)
                right &= good
    head = ("(N,K)", "objective", "bonus", "microseconds", "certificate", "cvxpy", "times", "difference")
    table("maximisers", head, rows)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
