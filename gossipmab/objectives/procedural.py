"""Procedural fairness: every agent decides over an equal part of the distribution.

Source: "Procedural fairness in multi-agent bandits"; algorithms.md, section 9.

    symbol      name           meaning
    F_j         favourites     agent j's favourite arms, exact ties included
    y[j,k]      flow           what agent j claims of arm k
    p           p              (K,) the distribution
    b           bonus          (K,) added linearly
"""

from __future__ import annotations

from typing import NamedTuple

from gossipmab.objectives.solvers.max_flow import FAVOURED, favourites, send
from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, class_attributes


@jit
def score(utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
    """max sum_j sum_{k in F_j} y[j,k], with sum_j y[j,k] <= p_k and sum_k y[j,k] <= 1/N; leaves y in `workspace.flow`."""
    favourites(utilities, workspace)
    total: float = 0.0
    for k in range(p.shape[0]):
        total += send(k, p[k], workspace)
    return total


@jit
def heaviest(weights: Floats) -> int:
    """The arm of the largest weight, the first on ties."""
    top = 0
    for k in range(weights.shape[0]):
        if weights[k] > weights[top]:
            top = k
    return top


@jit
def claimable(taken: float, workspace: SolverWorkspace) -> float:
    """The part of all that can be claimed of the arms whose weight was set to `taken`: agents that favour one of them, over N."""
    N, K = workspace.clipped.shape
    agents = 0
    for j in range(N):
        for k in range(K):
            if workspace.clipped[j, k] == 1.0 and workspace.weights[k] == taken:
                agents += 1
                break
    part: float = agents / N
    return part


@class_attributes(requires_nonnegative=False)
class Procedural(NamedTuple):
    """Procedural fairness: the largest part of the policy that agents claim for favourites, each at most 1/N."""

    def value(self, utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
        """F = the procedural score, at most 1."""
        return score(utilities, p, workspace)

    def maximise(self, utilities: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Every agent puts mass 1/N on its favourite arms, ties shared equally; its score is 1, the most there is.

        p_k = 1/N sum_j 1(k in F_j) / |F_j|
        """
        N, K = utilities.shape
        favourites(utilities, workspace)
        for k in range(K):
            p[k] = 0.0
            for j in range(N):
                p[k] += workspace.clipped[j, k] / (N * workspace.nodes[FAVOURED, j])
        return 1.0, 0.0

    def maximise_with_bonus(self, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """argmax of score plus b.p: of what is claimed of arm k every unit gains w_k = 1 + b_k - max b, the rest gains max b.

        What can be claimed of the arms is a polymatroid, so the greedy order of w is exact (Edmonds). With A_i the i heaviest
        arms, sum_i (w_i - w_{i+1}) |{j : F_j meets A_i}| / N + max b is no less than any distribution has: the certificate.
        """
        K = bonus.shape[0]
        favourites(utilities, workspace)
        top = heaviest(bonus)
        for k in range(K):
            workspace.weights[k] = max(1.0 + bonus[k] - bonus[top], 0.0)
            p[k] = 0.0
        value, upper, rest, last, reach = bonus[top], bonus[top], 1.0, 0.0, 0.0
        for _ in range(K):
            k = heaviest(workspace.weights)
            weight = workspace.weights[k]
            if weight <= 0.0:
                break
            upper += (last - weight) * reach
            p[k] = send(k, rest, workspace)
            value += weight * p[k]
            rest -= p[k]
            workspace.weights[k] = -1.0
            reach, last = claimable(-1.0, workspace), weight
        p[top] += max(rest, 0.0)
        return value, max(upper + last * reach - value, 0.0)
