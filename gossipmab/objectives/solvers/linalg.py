"""Sums and products of the inner loops, with a fixed order of terms and therefore fixed bits."""

from __future__ import annotations

from gossipmab.utils.elementary import log
from gossipmab.utils.jit import jit, jit_inline
from gossipmab.utils.types import Floats


@jit_inline
def utility(utilities: Floats, j: int, p: Floats) -> float:
    """u_j = sum_k p_k U[j,k], for U (N, K) and p (K,)."""
    u = 0.0
    for k in range(p.shape[0]):
        u += p[k] * utilities[j, k]
    return u


@jit
def nash_welfare(p: Floats, utilities: Floats) -> float:
    """NSW(p, U) = prod_j sum_k p_k U[j,k], for p (K,) and U (N, K) >= 0 (algorithms.md, section 5)."""
    product = 1.0
    for j in range(utilities.shape[0]):
        u = utility(utilities, j, p)
        product *= u
    return product


@jit_inline
def carry(logarithm: float, product: float) -> tuple[float, float]:
    """(logarithm, product) with the same logarithm + ln product, and product within 1e-250 .. 1e250.

    Called after every factor, it takes one logarithm for many factors.
    """
    if product < 1e-250 or product > 1e250:
        return logarithm + log(product), 1.0
    return logarithm, product
