"""The scratch of every objective's maximiser, made once per cell so that the hot loop allocates nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gossipmab.objectives import solvers as welfare
from gossipmab.utils.types import Floats, Integers


class SolverWorkspace(NamedTuple):
    """Scratch for N agents and K arms. Only `warm` and `start` carry over from one call to the next.

    work: of the welfare maximisers. warm (V,): what the maximiser of product plus bonus keeps. start (K,): the last maximiser of
    the product, zeros before the first. clipped, flow (N, K). utility, spare (N,). bonus, weights (K,).
    tableau (2N + 3, K + 3), basis (2N + 1,), outside (K + 2,): of the simplex method, see `simplex.py`.
    nodes (4, N + K): of the flow, see `flow.py`. agent_order (N,), arm_order (K,): the order in which a maximiser sees them, which
    breaks ties; ordered (N, K), ordered_bonus (K,): its arguments in that order.
    """

    work: welfare.WelfareWorkspace
    warm: Floats
    start: Floats
    clipped: Floats
    flow: Floats
    utility: Floats
    spare: Floats
    bonus: Floats
    weights: Floats
    tableau: Floats
    basis: Integers
    outside: Integers
    nodes: Integers
    agent_order: Integers
    arm_order: Integers
    ordered: Floats
    ordered_bonus: Floats


def solver_workspace(agents: int, arms: int, ties: np.random.Generator | None = None) -> SolverWorkspace:
    """An empty workspace. Of equal solutions none is preferred if `ties` orders agents and arms, else low numbers are."""
    N, K = agents, arms
    agent_order, arm_order = (np.arange(n) if ties is None else ties.permutation(n) for n in (N, K))
    return SolverWorkspace(
        welfare.welfare_workspace(N, K), np.zeros(welfare.warm_size(N, K)), np.zeros(K), np.zeros((N, K)), np.zeros((N, K)),
        np.zeros(N), np.zeros(N), np.zeros(K), np.zeros(K), np.zeros((2 * N + 3, K + 3)), np.zeros(2 * N + 1, np.int64),
        np.zeros(K + 2, np.int64), np.zeros((4, N + K), np.int64), agent_order, arm_order, np.zeros((N, K)), np.zeros(K),
    )  # fmt: skip
