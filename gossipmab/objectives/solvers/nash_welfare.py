"""Nash social welfare of a distribution over the arms (algorithms.md, section 5).

| symbol | name | shape |
|---|---|---|
| p | `p` | (K,), in the simplex |
| U[j,k] >= 0 | `utilities` | (N,K) |
| NSW(p,U) = prod_j sum_k p[k] U[j,k] | `nash_welfare` | scalar |
"""

from __future__ import annotations

import math

from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats


@jit
def log_nash_welfare(p: Floats, utilities: Floats) -> float:
    """sum_j ln(U[j].p); -inf where an agent gets nothing. Holds for any N, where the product would underflow."""
    total = 0.0
    for j in range(utilities.shape[0]):
        u = 0.0
        for k in range(utilities.shape[1]):
            u += p[k] * utilities[j, k]
        if u <= 0.0:
            return -math.inf
        total += math.log(u)
    return total


@jit
def nash_welfare(p: Floats, utilities: Floats) -> float:
    """prod_j U[j].p, the Nash social welfare of p."""
    product = 1.0
    for j in range(utilities.shape[0]):
        u = 0.0
        for k in range(utilities.shape[1]):
            u += p[k] * utilities[j, k]
        product *= u
    return product


@jit
def geometric_nash_welfare(p: Floats, utilities: Floats) -> float:
    """(prod_j U[j].p)^(1/N), whose scale does not vanish with N."""
    return math.exp(log_nash_welfare(p, utilities) / utilities.shape[0])
