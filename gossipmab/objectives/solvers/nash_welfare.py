"""Nash social welfare of a distribution over the arms (algorithms.md, section 5).

| symbol | name | shape |
|---|---|---|
| p | `p` | (K,), in the simplex |
| U[j,k] >= 0 | `utilities` | (N,K) |
| NSW(p,U) = prod_j sum_k p[k] U[j,k] | `nash_welfare` | scalar |
"""

from __future__ import annotations

from gossipmab.objectives.solvers.linalg import utility
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats


@jit
def nash_welfare(p: Floats, utilities: Floats) -> float:
    """prod_j U[j].p, the Nash social welfare of p."""
    product = 1.0
    for j in range(utilities.shape[0]):
        u = utility(utilities, j, p)
        product *= u
    return product
