"""The concave maximiser that always works: a primal-dual interior point for max h(p) + lam b.p over the simplex."""

from __future__ import annotations

import math

from gossipmab.objectives.solvers.nash_workspace import (
    ALONG,
    BACKUP,
    BONUS,
    CHANGE,
    DUAL,
    INSIDE,
    MATRIX,
    SLOPE,
    STEP,
    SUPPORT,
    TOWARD,
    P,
    WelfareWorkspace,
)
from gossipmab.objectives.solvers.newton import backward, curvature, factor, forward, gap_at, gradient, log_product, pivot, wanted
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats

ROUNDS = 60
DUST = 1e-9  # probabilities below this, left by the interior point, are taken for 0


@jit
def interior_point(work: WelfareWorkspace, s: float, lam: float) -> tuple[float, float]:
    """Maximise h(p) + lam b.p from the uniform p; returns (h, gap) of the p left in `work`.

    slope + lam b - mu + z = 0, p z = sigma, sum p = 1 (z = DUAL), with Mehrotra's predictor and corrector; diag(z/p)
    keeps the matrix definite for N < K and equal arms. The best p seen is kept, so the gap (see `gap_at`) never grows.
    """
    table, play = work.table, work.play
    K = play.shape[1]
    for k in range(K):
        table[P, k] = 1.0 / K
        play[SUPPORT, k] = k
        play[INSIDE, k] = 1
    h = s * log_product(work, K)
    gradient(work, s)
    gap, mean, top = gap_at(work, lam)
    highest = table[SLOPE, top] + lam * table[BONUS, top] + 0.1 * gap + 1e-6 * (1.0 + mean)
    for k in range(K):
        table[DUAL, k] = highest - table[SLOPE, k] - lam * table[BONUS, k]
    least = math.inf
    best_h = h
    for _ in range(ROUNDS):
        if gap < least:
            least = gap
            best_h = h
            for k in range(K):
                table[BACKUP, k] = table[P, k]
        if gap <= wanted(work, s, mean):
            break
        predict_and_correct(work, s, lam)
        h = s * log_product(work, K)
        gradient(work, s)
        gap, mean, top = gap_at(work, lam)
    for k in range(K):
        table[P, k] = table[BACKUP, k]
    return best_h, least


@jit
def predict_and_correct(work: WelfareWorkspace, s: float, lam: float) -> None:
    """One step of Mehrotra's method for P and DUAL."""
    table = work.table
    K = work.play.shape[1]
    scaled_matrix(work, s)
    middle = 0.0
    for k in range(K):
        middle += table[P, k] * table[DUAL, k] / K
        table[ALONG, k] = 0.0
    scaled_step(work, lam)
    reach = longest(table, P, STEP, K)
    other = longest(table, DUAL, CHANGE, K)
    ahead = 0.0
    for k in range(K):
        ahead += (table[P, k] + reach * table[STEP, k]) * (table[DUAL, k] + other * table[CHANGE, k]) / K
    ratio = ahead / middle
    sigma = ratio * ratio * ratio * middle
    for k in range(K):
        table[ALONG, k] = sigma - table[STEP, k] * table[CHANGE, k]
    scaled_step(work, lam)
    reach = 0.99 * longest(table, P, STEP, K)
    other = 0.99 * longest(table, DUAL, CHANGE, K)
    total = 0.0
    for k in range(K):
        table[P, k] += reach * table[STEP, k]
        table[DUAL, k] += other * table[CHANGE, k]
        total += table[P, k]
    for k in range(K):
        table[P, k] /= total


@jit
def scaled_matrix(work: WelfareWorkspace, s: float) -> None:
    """Factor of the reduced matrix of H + diag(z / p)."""
    table, play = work.table, work.play
    K = play.shape[1]
    pivot(work, K)
    curvature(work, K, s)
    first = play[SUPPORT, 0]
    shared = table[DUAL, first] / table[P, first]
    for a in range(K - 1):
        k = play[SUPPORT, a + 1]
        for c in range(a + 1):
            table[MATRIX + a, c] += shared
        table[MATRIX + a, a] += table[DUAL, k] / table[P, k]
    factor(table, K - 1)


@jit
def scaled_step(work: WelfareWorkspace, lam: float) -> None:
    """STEP and CHANGE, the Newton step of p and z towards p z = ALONG."""
    table, play = work.table, work.play
    K = play.shape[1]
    first = play[SUPPORT, 0]
    base = table[SLOPE, first] + lam * table[BONUS, first] + table[ALONG, first] / table[P, first]
    for a in range(K - 1):
        k = play[SUPPORT, a + 1]
        table[TOWARD, a] = table[SLOPE, k] + lam * table[BONUS, k] + table[ALONG, k] / table[P, k] - base
    forward(table, TOWARD, K - 1)
    backward(table, TOWARD, K - 1)
    for a in range(K):
        table[STEP, play[SUPPORT, a]] = table[TOWARD, a]
    for k in range(K):
        table[CHANGE, k] = (table[ALONG, k] - table[DUAL, k] * table[STEP, k]) / table[P, k] - table[DUAL, k]


@jit
def longest(table: Floats, values: int, changes: int, K: int) -> float:
    """The longest step up to 1 that keeps row `values` + step * row `changes` >= 0."""
    length = 1.0
    for k in range(K):
        if table[values, k] + length * table[changes, k] < 0.0:
            length = -table[values, k] / table[changes, k]
    return length


@jit
def sweep(work: WelfareWorkspace) -> None:
    """Set the dust that an interior point leaves to 0."""
    for k in range(work.play.shape[1]):
        if work.table[P, k] < DUST:
            work.table[P, k] = 0.0
