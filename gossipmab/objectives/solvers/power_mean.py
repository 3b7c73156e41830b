"""The maximiser of a power mean plus a linear bonus over the simplex: an interior point, and a barrier method if that stalls.

symbol      name          meaning
q           exponent      <= 1: the mean is concave
u_j         utility       (N,) U[j].p, positive
b           bonus         (K,) added linearly
pi_j        WEIGHT ** 2   u_j^q / sum_i u_i^q
z_j         gains         (N, K) U[j] / u_j, less its mean over pi
"""

from __future__ import annotations

import math

from gossipmab.objectives.solvers.interior_point import longest, predict_and_correct, scaled_matrix, scaled_step
from gossipmab.objectives.solvers.linalg import utility
from gossipmab.objectives.solvers.nash_workspace import ALONG, BONUS, DUAL, INSIDE, SLOPE, STEP, SUPPORT, WEIGHT, P
from gossipmab.objectives.solvers.newton import gap_at
from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats

ROUNDS = 40
ENOUGH = 1e-11  # the gap, relative, at which the search ends
GOOD = 1e-9  # the gap, relative, beyond which the barrier is tried


@jit
def power_mean(u: Floats, q: float) -> float:
    """( 1/N sum_j u_j^q )^(1/q), exp of the mean logarithm for q = 0; counted from the extreme u_j, so that nothing overflows."""
    N = u.shape[0]
    scale = u[0]
    for j in range(N):
        scale = max(scale, u[j]) if q > 0.0 else min(scale, u[j])
    if not scale > 0.0:
        return scale if scale == 0.0 else math.nan
    total = 0.0
    for j in range(N):
        if u[j] < 0.0:
            return math.nan
        if q == 0.0:
            total += math.log(u[j] / scale)
        elif u[j] > 0.0:
            total += (u[j] / scale) ** q
    mean: float = scale * math.exp(total / N) if q == 0.0 else scale * (total / N) ** (1.0 / q)
    return mean


@jit
def tangent(q: float, workspace: SolverWorkspace) -> float:
    """The mean M at P, its slope there, and what its curvature is made of.

    slope = M sum_j pi_j U[j]/u_j;   -curvature = (1 - q) M sum_j pi_j (z_j - mean z) (z_j - mean z)'
    """
    U, work, u, table = workspace.clipped, workspace.work, workspace.utility, workspace.work.table
    N, K = U.shape
    for j in range(N):
        u[j] = utility(U, j, table[P, :K])
    mean = power_mean(u, q)
    for k in range(K):
        table[SLOPE, k] = 0.0
    for j in range(N):
        part = 1.0 / N if q == 0.0 else (u[j] / mean) ** q / N
        table[WEIGHT, j] = math.sqrt(part)
        for k in range(K):
            work.gains[j, k] = U[j, k] / u[j]
            table[SLOPE, k] += part * work.gains[j, k]
    for k in range(K):
        for j in range(N):
            work.gains[j, k] -= table[SLOPE, k]
        table[SLOPE, k] *= mean
    return mean


@jit
def prepare(bonus: Floats, workspace: SolverWorkspace) -> float:
    """The uniform distribution, all arms in play, the bonus counted from its least entry, which is returned."""
    table, play = workspace.work.table, workspace.work.play
    K = bonus.shape[0]
    floor: float = bonus[0]
    for k in range(K):
        floor = min(floor, bonus[k])
    for k in range(K):
        table[P, k] = 1.0 / K
        table[BONUS, k] = bonus[k] - floor
        play[SUPPORT, k] = k
        play[INSIDE, k] = 1
    return floor


@jit
def keep(mean: float, gap: float, certificate: float, value: float, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
    """(certificate, value) of the better of two points: P with its gap, and p; keeps it in p."""
    if not gap < certificate:
        return certificate, value
    table = workspace.work.table
    value = mean
    for k in range(p.shape[0]):
        p[k] = table[P, k]
        value += p[k] * table[BONUS, k]
    return gap, value


@jit
def maximise_power_mean(q: float, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
    """max_p M_q(clipped p) + b.p by an interior point (`interior.py` of the welfare); (value, certificate).

    By concavity no distribution has more than value + max_k grad[k] - p.grad. The best p seen is kept, so this holds
    whatever happened on the way.
    """
    work, table = workspace.work, workspace.work.table
    floor = prepare(bonus, workspace)
    value, certificate, size = 0.0, math.inf, 1.0
    for step in range(ROUNDS):
        mean = tangent(q, workspace)
        gap, level, top = gap_at(work, 1.0)
        size = mean + level
        if step == 0:
            highest = table[SLOPE, top] + table[BONUS, top] + 0.1 * gap + 1e-6 * size
            for k in range(p.shape[0]):
                table[DUAL, k] = highest - table[SLOPE, k] - table[BONUS, k]
        certificate, value = keep(mean, gap, certificate, value, workspace, p)
        if gap <= ENOUGH * size or not gap < math.inf:
            break
        predict_and_correct(work, (1.0 - q) * mean, 1.0)
    if not certificate <= GOOD * size:
        certificate, value = barrier(q, bonus, certificate, value, workspace, p)
    return value + floor, max(certificate, 0.0)


@jit
def barrier(
    q: float, bonus: Floats, certificate: float, value: float, workspace: SolverWorkspace, p: Floats
) -> tuple[float, float]:
    """The same by Newton steps for M + b.p + sigma sum_k ln p_k with a line search, sigma falling: slow and sure.

    For exponents far from 1 the curvature changes so fast that the interior point's full steps go astray.
    """
    work, table = workspace.work, workspace.work.table
    K = p.shape[0]
    prepare(bonus, workspace)
    mean = tangent(q, workspace)
    gap, level, _top = gap_at(work, 1.0)
    sigma = gap / K
    for _ in range(600):
        certificate, value = keep(mean, gap, certificate, value, workspace, p)
        if gap <= ENOUGH * (mean + level) or not gap < math.inf:
            break
        for k in range(K):
            table[DUAL, k] = sigma / table[P, k]
            table[ALONG, k] = sigma
        scaled_matrix(work, (1.0 - q) * mean)
        scaled_step(work, 1.0)
        gain = 0.0
        for k in range(K):
            gain += (table[SLOPE, k] + table[BONUS, k] + sigma / table[P, k]) * table[STEP, k]
        length = 0.95 * longest(table, P, STEP, K)
        before = height(q, sigma, 0.0, workspace)
        for _halving in range(40):
            if height(q, sigma, length, workspace) >= before + 0.1 * length * gain:
                break
            length *= 0.5
        for k in range(K):
            table[P, k] += length * table[STEP, k]
        if gain < 0.1 * sigma:
            sigma *= 0.1
        mean = tangent(q, workspace)
        gap, level, _top = gap_at(work, 1.0)
    return certificate, value


@jit
def height(q: float, sigma: float, length: float, workspace: SolverWorkspace) -> float:
    """M + b.p + sigma sum_k ln p_k at P + length STEP."""
    U, u, table = workspace.clipped, workspace.utility, workspace.work.table
    for j in range(U.shape[0]):
        u[j] = 0.0
    total = 0.0
    for k in range(U.shape[1]):
        ahead = table[P, k] + length * table[STEP, k]
        if ahead <= 0.0:
            return -math.inf
        total += ahead * table[BONUS, k] + sigma * math.log(ahead)
        for j in range(U.shape[0]):
            u[j] += ahead * U[j, k]
    return total + power_mean(u, q)
