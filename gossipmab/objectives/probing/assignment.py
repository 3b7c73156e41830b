"""The assignment of the largest Nash social welfare under a capacity of the arms, with a certificate.

maximise sum_j ln( sum_k pi[j,k] v[j,k] )  subject to  pi >= 0,  sum_k pi[j,k] = 1,  sum_j pi[j,k] <= c

A primal-dual interior point. The block of agent j is H = v v'/u^2 + 1/D with D = pi/x and u = v.pi; its inverse P on steps that
keep the row's sum is D less two squares, and a K x K system in the prices z of the arms remains.

| symbol | meaning | code |
|---|---|---|
| x[j,k] >= 0 | multipliers of pi >= 0 | `x` |
| z[k] >= 0 | multipliers of the columns | `prices` |
| s[k] = c - sum_j pi[j,k] | room left | `room` |
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gossipmab.objectives.solvers.linalg import utility
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers

ROUNDS = 100
WANTED = 1e-6  # gap in the logarithm of the welfare; nearer to the edge, rounding makes columns exceed c by more than 1e-7
CENTRE = 0.15  # how much of the present complementarity a step aims at


class Scratch(NamedTuple):
    """v, x, step (N, K): values in units of the agent's largest, multipliers, change of pi. matrix (K, K).

    prices, room, side, change, centred, total (K,): z; s; right side; change of z; of one agent; sum over agents.
    """

    v: Floats
    x: Floats
    step: Floats
    matrix: Floats
    prices: Floats
    room: Floats
    side: Floats
    change: Floats
    centred: Floats
    total: Floats


def scratch(agents: int, arms: int) -> Scratch:
    """Scratch for N agents and K arms."""
    shapes: list[tuple[int, ...]] = [*[(agents, arms)] * 3, (arms, arms), *[(arms,)] * 6]
    return Scratch(*map(np.zeros, shapes))


@jit
def best_arms(values: Floats, probed: Integers, pi: Floats) -> None:
    """The assignment without a capacity: to each agent its best arm; of equals a probed one, then the first.

    pi[j, argmax_k values[j,k]] = 1
    """
    N, K = values.shape
    for j in range(N):
        best = 0
        for k in range(K):
            pi[j, k] = 0.0
            equal = values[j, k] == values[j, best]
            if values[j, k] > values[j, best] or (equal and probed[k] > probed[best]):
                best = k
        pi[j, best] = 1.0


@jit
def assign(values: Floats, capacity: float, pi: Floats, work: Scratch) -> float:
    """Write the assignment pi (N, K) for values (N, K) >= 0; returns its certificate: what ln NSW may lack to the maximum.

    An agent to whom every arm is worth nothing has no part in the product; it takes what room there is.
    """
    N, K = values.shape
    full = N >= K * capacity * (1.0 - 1e-12)  # no room at all: columns are equalities, their prices have any sign
    taking = 0
    for j in range(N):
        most = 0.0
        for k in range(K):
            most = max(most, values[j, k])
        taking += 1 if most > 0.0 else 0
        for k in range(K):
            work.v[j, k] = values[j, k] / most if most > 0.0 else 0.0
            pi[j, k] = 1.0 / K
            work.x[j, k] = 1.0
    for k in range(K):
        work.room[k] = 0.0 if full else capacity - N / K
        work.prices[k] = 0.0 if full else 1.0 / (K * work.room[k])
    gap = math.inf
    for _ in range(ROUNDS):
        gap = certificate(pi, capacity, taking, work)
        if gap <= WANTED:
            break
        newton_step(pi, capacity, full, work)
    return max(gap, 0.0)


@jit
def welfare_at(values: Floats, pi: Floats, power: float) -> float:
    """NSW of the assignment pi (N, K) for the values (N, K) of the pairs.

    ( prod_j sum_k pi[j,k] v[j,k] )^power
    """
    product = 1.0
    for j in range(pi.shape[0]):
        product *= utility(values, j, pi[j])
    return product if power == 1.0 else product**power


@jit
def certificate(pi: Floats, capacity: float, taking: int, work: Scratch) -> float:
    """Upper bound of what is missing, by concavity and the duality of linear programs; g is the gradient at pi.

    max_q g.(q - pi) <= sum_j max_k ( g[j,k] - z[k] ) + c sum_k z[k] - g.pi,  g[j,k] = v[j,k]/u[j]
    """
    N, K = pi.shape
    bound = -float(taking)
    for k in range(K):
        bound += capacity * work.prices[k]
    for j in range(N):
        u = utility(work.v, j, pi[j])
        most = -math.inf
        for k in range(K):
            slope = work.v[j, k] / u if u > 0.0 else 0.0
            most = max(most, slope - work.prices[k])
        bound += most
    return bound


@jit
def block_of(pi: Floats, x: Floats, v: Floats, centred: Floats) -> tuple[float, float, float]:
    """Of one agent: writes v less its mean with weights D into centred (K,); returns u, u^2 + centred.D.centred, sum D.

    Steps keep the row's sum, so v.dpi = centred.dpi, and the inverse loses no digits for large D.
    """
    K = pi.shape[0]
    u, along, total = 0.0, 0.0, 0.0
    for k in range(K):
        u += pi[k] * v[k]
        along += pi[k] / x[k] * v[k]
        total += pi[k] / x[k]
    bend = u * u
    for k in range(K):
        centred[k] = v[k] - along / total
        bend += pi[k] / x[k] * centred[k] * centred[k]
    return u, bend if u > 0.0 else 1.0, total


@jit
def project(pi: Floats, x: Floats, centred: Floats, bend: float, total: float, w: Floats) -> None:
    """w <- P w for one agent.

    P w = D ( w~ - centred (centred.D.w~) / bend ),  w~ = w less its mean with weights D
    """
    K = pi.shape[0]
    mean, inner = 0.0, 0.0
    for k in range(K):
        mean += pi[k] / x[k] * w[k] / total
    for k in range(K):
        w[k] -= mean
        inner += pi[k] / x[k] * centred[k] * w[k]
    for k in range(K):
        w[k] = pi[k] / x[k] * (w[k] - centred[k] * inner / bend)


@jit
def newton_step(pi: Floats, capacity: float, full: bool, work: Scratch) -> None:
    """One step of pi, x, z and s.

    dpi_j = P_j (g_j + sigma/pi_j - z - dz),  (s/z + sum_j P_j) dz = sigma/z - s + sum_j P_j (g_j + sigma/pi_j - z)

    Where columns are equalities, s/z is 0 and sigma/z - s is what they exceed c by: rounding is not let grow.
    """
    N, K = pi.shape
    x, v, step, centred = work.x, work.v, work.step, work.centred
    sigma = 0.0
    for k in range(K):
        sigma += work.prices[k] * work.room[k]
        for j in range(N):
            sigma += pi[j, k] * x[j, k]
    sigma *= CENTRE / (N * K if full else N * K + K)
    for k in range(K):
        work.side[k] = -capacity if full else sigma / work.prices[k] - work.room[k]
        work.total[k] = 0.0
        for e in range(K):
            work.matrix[k, e] = 0.0
        work.matrix[k, k] = 0.0 if full else work.room[k] / work.prices[k]
    for j in range(N):
        u, bend, total = block_of(pi[j], x[j], v[j], centred)
        for k in range(K):
            slope = v[j, k] / u if u > 0.0 else 0.0
            step[j, k] = slope + sigma / pi[j, k] - work.prices[k]
            work.side[k] += pi[j, k] if full else 0.0
            d = pi[j, k] / x[j, k]
            work.matrix[k, k] += d
            for e in range(k + 1):
                work.matrix[k, e] -= d * pi[j, e] / x[j, e] * (1.0 / total + centred[k] * centred[e] / bend)
        project(pi[j], x[j], centred, bend, total, step[j])
        for k in range(K):
            work.side[k] += step[j, k]
    if full:  # prices may all rise together: the last one stays
        work.side[K - 1] = 0.0
        for e in range(K):
            work.matrix[K - 1, e] = 1.0 if e == K - 1 else 0.0
    solve(work.matrix, work.side, work.change)
    primal, dual = 1.0, 1.0
    for j in range(N):
        _u, bend, total = block_of(pi[j], x[j], v[j], centred)
        for k in range(K):
            work.side[k] = work.change[k]
        project(pi[j], x[j], centred, bend, total, work.side)
        for k in range(K):
            step[j, k] -= work.side[k]
            work.total[k] += step[j, k]
            if step[j, k] < 0.0:
                primal = min(primal, -0.99 * pi[j, k] / step[j, k])
            change = sigma / pi[j, k] - x[j, k] - x[j, k] / pi[j, k] * step[j, k]
            if change < 0.0:
                dual = min(dual, -0.99 * x[j, k] / change)
    for k in range(K):
        if work.total[k] > 0.0 and not full:
            primal = min(primal, 0.99 * work.room[k] / work.total[k])
        if work.change[k] < 0.0 and not full:
            dual = min(dual, -0.99 * work.prices[k] / work.change[k])
    for j in range(N):
        row = 0.0
        for k in range(K):
            change = sigma / pi[j, k] - x[j, k] - x[j, k] / pi[j, k] * step[j, k]
            pi[j, k] += primal * step[j, k]
            x[j, k] += dual * change
            row += pi[j, k]
        for k in range(K):
            pi[j, k] /= row
    for k in range(K):
        work.prices[k] += dual * work.change[k]
        work.total[k] = 0.0
        for j in range(N):
            work.total[k] += pi[j, k]
        if not full:
            work.room[k] = max(capacity - work.total[k], 0.001 * work.room[k])


@jit
def solve(matrix: Floats, side: Floats, x: Floats) -> None:
    """Solve matrix x = side by Cholesky, the lower half of the matrix being given and overwritten."""
    K = side.shape[0]
    for a in range(K):
        for c in range(a):
            value = matrix[a, c]
            for e in range(c):
                value -= matrix[a, e] * matrix[c, e]
            matrix[a, c] = value / matrix[c, c]
        value = matrix[a, a]
        least = 1e-15 * value + 1e-290
        for e in range(a):
            value -= matrix[a, e] * matrix[a, e]
        matrix[a, a] = math.sqrt(max(value, least))
    for a in range(K):
        value = side[a]
        for c in range(a):
            value -= matrix[a, c] * x[c]
        x[a] = value / matrix[a, a]
    for a in range(K - 1, -1, -1):
        value = x[a]
        for c in range(a + 1, K):
            value -= matrix[c, a] * x[c]
        x[a] = value / matrix[a, a]
