"""The most welfare for a price on unequal outcomes: the primal step of the Equity-Lagrangian Dual (algorithms.md, section 11).

    symbol      name         meaning
    U[j,k]      utilities    (N, K), taken as at least 0, so that the mean is not negative
    c_k         gains        (K,) what a unit of arm k is worth, such as sum_j U[j,k]
    lambda      price        of a unit of H, or of E / N
    tau         tau          half width of the band around the mean, in units of the mean
    u, e        -            u = U p, e_j = max(0, |u_j - mean u| - tau mean u)

"excess" (E / N) is convex, so the step is a linear program. "mre" (H) is not: exactly, a mixed-integer program, in which every
agent is above the band, below it or inside; otherwise subgradient steps from many starts, the best point of which need not
be the best there is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from gossipmab.metrics import equity
from gossipmab.utils.types import Floats

STEPS = 150  # of each subgradient search


class Step(NamedTuple):
    """p (K,) with its value gains.p - price * measure; exact: whether a program proves that no policy has more."""

    p: Floats
    value: float
    exact: bool


def unequal(p: Floats, utilities: Floats, tau: float, measure: str) -> float:
    """H or E / N of the utilities that p promises."""
    e = equity.excess(np.maximum(utilities, 0.0) @ p, tau)
    return equity.mre(e) if measure == "mre" else float(e.mean())


def best_at_price(gains: Floats, utilities: Floats, price: float, tau: float, measure: str, exact: bool, start: Floats) -> Step:
    """max_p gains.p - price * (H or E / N of U p); `start` (K,) is one of the points a search begins from."""
    U = np.maximum(utilities, 0.0)
    top = np.eye(len(gains))[int(np.argmax(gains))]
    if price == 0.0:
        return Step(top, float(gains.max()), True)
    if measure == "excess":
        p = _excess_program(gains, U, price, tau)
    elif exact:
        p = _mre_program(gains, U, price, tau)
    else:
        p = _searched(gains, U, price, tau, [top, start, _excess_program(gains, U, price, tau), *np.eye(len(gains))])
    return Step(p, _value(p, gains, U, price, tau, measure), exact or measure == "excess")


def _value(p: Floats, gains: Floats, U: Floats, price: float, tau: float, measure: str) -> float:
    return float(gains @ p - price * unequal(p, U, tau, measure))


def _distances(U: Floats, tau: float) -> tuple[Floats, Floats]:
    """(N, K) each: rows that give u_j - mean u - tau mean u, and mean u - u_j - tau mean u, of a policy."""
    mean = U.mean(axis=0)
    return U - (1.0 + tau) * mean, (1.0 - tau) * mean - U


def _policy(done: Any, arms: int) -> Floats:
    """The policy that a program found, without the dust it leaves."""
    if done.x is None:
        raise RuntimeError(f"the primal step was not solved: {done.message}")
    p = done.x[:arms]
    kept = np.where(p > 1e-12, p, 0.0)
    return np.asarray(kept / kept.sum())


def _excess_program(gains: Floats, U: Floats, price: float, tau: float) -> Floats:
    """Variables p, e: max c.p - price / N sum_j e_j,  e_j >= each distance,  e_j >= 0."""
    from scipy.optimize import linprog

    N, K = U.shape
    above, below = _distances(U, tau)
    A = np.block([[above, -np.eye(N)], [below, -np.eye(N)]])
    cost = np.concatenate([-gains, np.full(N, price / N)])
    done = linprog(cost, A, np.zeros(2 * N), [np.r_[np.ones(K), np.zeros(N)]], [1.0])
    return _policy(done, K)


def _mre_program(gains: Floats, U: Floats, price: float, tau: float) -> Floats:
    """Variables p, e, h, and for each agent one of three: above the band, below it, inside. M bounds what a wrong one gives.

    max c.p - price / 2 sum_j h_j,   h_j >= |e_j - mean e|
    e_j >= above_j, below_j, 0;   e_j <= above_j + M (1 - a_j), below_j + M (1 - b_j), M (1 - i_j);   a_j + b_j + i_j = 1
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    N, K = U.shape
    above, below = _distances(U, tau)
    M = 2.0 * (np.abs(above).max() + np.abs(below).max()) + 1e-9
    one, none, arms = np.eye(N), np.zeros((N, N)), np.zeros((N, K))
    centred = one - 1.0 / N
    rows = np.vstack([
        np.hstack([above, -one, none, none, none, none]),
        np.hstack([below, -one, none, none, none, none]),
        np.hstack([arms, centred, -one, none, none, none]),
        np.hstack([arms, -centred, -one, none, none, none]),
        np.hstack([-above, one, none, M * one, none, none]),
        np.hstack([-below, one, none, none, M * one, none]),
        np.hstack([arms, one, none, none, none, M * one]),
    ])  # fmt: skip
    limits = np.concatenate([np.zeros(4 * N), np.full(3 * N, M)])
    sums = np.vstack([np.concatenate([np.ones(K), np.zeros(5 * N)]), np.hstack([arms, none, none, one, one, one])])
    n = K + 5 * N
    done = milp(
        np.concatenate([-gains, np.zeros(N), np.full(N, price / 2), np.zeros(3 * N)]),
        integrality=np.r_[np.zeros(K + 2 * N), np.ones(3 * N)],
        bounds=Bounds(np.zeros(n), np.r_[np.ones(K), np.full(2 * N, np.inf), np.ones(3 * N)]),
        constraints=[LinearConstraint(rows, ub=limits), LinearConstraint(sums, 1.0, 1.0)],
        options={"mip_rel_gap": 1e-9},
    )
    return _policy(done, K)


def _searched(gains: Floats, U: Floats, price: float, tau: float, starts: Iterable[Floats]) -> Floats:
    """The best point met by projected subgradient steps from all the starts."""
    best, most = gains, -np.inf
    for start in starts:
        p = start / start.sum() if start.sum() > 0 else np.full(len(gains), 1.0 / len(gains))
        for step in range(STEPS + 1):
            value = _value(p, gains, U, price, tau, "mre")
            if value > most:
                best, most = p, value
            slope = gains - price * _slope(p, U, tau)
            size = float(np.abs(slope - slope.mean()).max())
            if size == 0.0:
                break
            p = projected(p + 0.5 / (1.0 + step) * slope / size)
    return best


def _slope(p: Floats, U: Floats, tau: float) -> Floats:
    """(K,) a subgradient of H(U p) where there is one, and where not the slope of one of its pieces."""
    above, below = _distances(U, tau)
    up, down = above @ p, below @ p
    e = np.maximum(np.maximum(up, down), 0.0)
    slopes = np.where((up >= down)[:, None], above, below) * (e > 0)[:, None]
    signs = np.sign(e - e.mean())
    return np.asarray(0.5 * (signs @ (slopes - slopes.mean(axis=0))))


def projected(p: Floats) -> Floats:
    """The distribution nearest to p (K,) in the Euclidean distance."""
    falling = np.sort(p)[::-1]
    over = (np.cumsum(falling) - 1.0) / np.arange(1, len(p) + 1)
    last = int(np.flatnonzero(falling > over)[-1])
    return np.asarray(np.maximum(p - over[last], 0.0))
