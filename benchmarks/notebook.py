"""The baseline: both algorithms as a researcher writes them in a notebook, with per-agent NumPy, networkx and scipy.

No trick, and nothing slow on purpose: each round draws `networkx.gnp_random_graph` and mixes by W = I - Lap / N, each agent
is a few NumPy calls, the NSW policy one SLSQP run. The front comes in two ways, by the loops of its definition and by one
broadcast comparison; both are measured. Nothing here imports gossipmab.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
from scipy.optimize import minimize


def mixing_matrix(N: int, p: float, rng: np.random.Generator) -> np.ndarray:
    """(N, N) W = I - Lap(G_t) / N of a fresh random graph."""
    graph = nx.gnp_random_graph(N, p, seed=int(rng.integers(2**31)))
    return np.eye(N) - nx.laplacian_matrix(graph).toarray() / N


def front_by_loops(values: np.ndarray) -> np.ndarray:
    """Indices of the rows of `values` (K, D) that no other row dominates, as the definition reads."""
    K = len(values)
    front = []
    for k in range(K):
        if not any(np.all(values[other] >= values[k]) and np.any(values[other] > values[k]) for other in range(K)):
            front.append(k)
    return np.array(front)


def front_by_broadcasting(values: np.ndarray) -> np.ndarray:
    """The same, all pairs at once, as who knows NumPy well writes it."""
    at_least = (values[:, None, :] >= values[None, :, :]).all(axis=2)
    better = (values[:, None, :] > values[None, :, :]).any(axis=2)
    return np.flatnonzero(~(at_least & better).any(axis=0))


def pareto_gaps(values: np.ndarray) -> np.ndarray:
    """(K,) distance of each row of `values` (K, D) to the front."""
    return np.maximum(0.0, (values[:, None, :] - values[None, :, :]).min(axis=2).max(axis=0))


def pareto_ucb_gossip(
    means: np.ndarray, link_probability: float, horizon: int, seed: int, pareto_front=front_by_loops
) -> np.ndarray:
    """Pareto UCB1 Gossip on means (N, K, D), Bernoulli rewards; (horizon,) cumulative Pareto regret of all agents."""
    rng = np.random.default_rng(seed)
    N, K, D = means.shape
    gaps = pareto_gaps(means.mean(axis=0))
    pulls = np.zeros((N, K))
    local, estimate = np.zeros((N, K, D)), np.zeros((N, K, D))
    regret = np.zeros(horizon)
    for t in range(1, horizon + 1):
        W = mixing_matrix(N, link_probability, rng)
        change = np.zeros((N, K, D))
        for i in range(N):
            if t <= K:
                arm = t - 1
            else:
                radius = np.sqrt(2 * np.log(t * (D * K) ** 0.25) / pulls[i])
                arm = rng.choice(pareto_front(estimate[i] + radius[:, None]))
            x = (rng.random(D) < means[i, arm]).astype(float)
            pulls[i, arm] += 1
            change[i, arm] = (x - local[i, arm]) / pulls[i, arm]
            regret[t - 1] += gaps[arm]
        local += change
        estimate = (W @ estimate.reshape(N, -1)).reshape(N, K, D) + change
    return np.cumsum(regret)


def welfare(p: np.ndarray, utilities: np.ndarray) -> float:
    """Nash social welfare of the distribution p (K,), utilities (N, K)."""
    return float(np.prod(utilities @ p))


def maximise(objective, K: int) -> np.ndarray:
    """(K,) the distribution that one SLSQP run from the uniform one finds."""
    simplex = {"type": "eq", "fun": lambda p: p.sum() - 1}
    found = minimize(lambda p: -objective(p), np.full(K, 1 / K), method="SLSQP", bounds=[(0, 1)] * K, constraints=simplex)
    p = np.clip(found.x, 0, None)
    return p / p.sum()


def simulated_nsw_ucb_gossip(
    means: np.ndarray, preferences: np.ndarray, link_probability: float, horizon: int, seed: int, alpha: float = 0.5
) -> np.ndarray:
    """Simulated NSW UCB Gossip on means (N, K, D), preferences (N, D); (horizon,) cumulative NSW regret of all agents."""
    rng = np.random.default_rng(seed)
    N, K, D = means.shape
    utilities = preferences @ means.mean(axis=0).T
    best = welfare(maximise(lambda p: welfare(p, utilities), K), utilities)
    counts = np.zeros((N, N, K))
    local, estimate = np.zeros((N, N, K)), np.zeros((N, N, K))
    regret = np.zeros(horizon)
    for t in range(1, horizon + 1):
        W = mixing_matrix(N, link_probability, rng)
        before = local.copy()
        for i in range(N):
            if t <= K:
                p = np.eye(K)[t - 1]
            else:
                G = np.clip(estimate[i], 1e-12, 1)
                bonus = alpha * np.sqrt(np.log(N * K * t) / counts[i, i])
                p = maximise(lambda p, G=G, bonus=bonus: np.prod(G @ p) + bonus @ p, K)
            arm = rng.choice(K, p=p)
            x = (rng.random(D) < means[i, arm]).astype(float)
            for j in range(N):
                if j == i or W[i, j] > 0:
                    counts[i, j, arm] += 1
                    local[i, j, arm] += (preferences[j] @ x - local[i, j, arm]) / counts[i, j, arm]
            regret[t - 1] += best - welfare(p, utilities)
        estimate = (W @ estimate.reshape(N, -1)).reshape(N, N, K) + local - before
    return np.cumsum(regret)
