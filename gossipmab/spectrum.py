"""Spectral facts of a network: how fast gossip over (G0, p, weights) agrees.

With a constant weight c per present edge (laplacian: c = 1/N; max_degree: c = 1/(1 + Delta)) and Lap = Lap(G0), which
every E[.] below commutes with:

    E[W]   = I - c p Lap
    E[W^2] = I - 2 c p Lap + c^2 (p^2 Lap^2 + 2 p (1 - p) Lap)

because W = I - c sum_e B_e L_e with independent B_e ~ Bernoulli(p) and L_e^2 = 2 L_e. Both maps of the eigenvalues
are convex, so off the trivial eigenvector (1, ..., 1) the largest modulus is at the least or the largest eigenvalue.

With Metropolis weights, given edge {i, j}, the degrees of its ends in G_t are 1 + A and 1 + B with independent
A ~ Bin(deg_i - 1, p), B ~ Bin(deg_j - 1, p), so E[W] is exact: E[w_ij] = p sum_m P(max(A, B) = m) / (2 + m).
E[W^2] is sampled.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DENSE = 2000  # agents up to which eigenvalues come from a dense matrix
BREADTH_FIRST = 10_000  # agents up to which the diameter comes from searches out of every agent
SAMPLES = 4000  # rounds sampled for E[W^2] with Metropolis weights; fewer above 50 agents, never under 20


class Facts(NamedTuple):
    """What is known of a network (G0, p, weights).

    second_eigenvalue is the largest modulus of an eigenvalue of E[W] off (1, ..., 1), spectral_gap is 1 - that,
    second_eigenvalue_squared the largest eigenvalue of E[W^2] there: E||disagreement||^2 shrinks by it every round.
    consensus_rounds = ln(N) / spectral_gap. For N = 1 the eigenvalues are 0, the gap 1, the algebraic connectivity inf.
    squared_obtained says whether second_eigenvalue_squared is "exact" or "sampled".
    """

    agents: int
    edges: int
    degree_min: int
    degree_mean: float
    degree_max: int
    diameter: int
    algebraic_connectivity: float
    second_eigenvalue: float
    spectral_gap: float
    second_eigenvalue_squared: float
    squared_obtained: str
    consensus_rounds: float


def facts(edges: NDArray[np.int64], agents: int, p: float, weights: str, constant: float) -> Facts:
    """The facts of a network; arguments as the attributes of `Network`."""
    degrees = np.bincount(edges.ravel(), minlength=agents)
    low, high = laplacian_range(edges, agents)
    obtained = "exact"
    if agents == 1:
        second = squared = 0.0
    elif constant > 0.0:
        ends = np.array([low, high])
        second = float(np.abs(1 - constant * p * ends).max())
        squared = float((1 - 2 * constant * p * ends + constant**2 * (p**2 * ends**2 + 2 * p * (1 - p) * ends)).max())
    else:
        second = second_modulus(matrix_of(edges, agents, expected_weights(edges, degrees, p, weights)), agents)
        squared = second**2
        if p < 1.0:
            squared, obtained = sampled_squared(edges, agents, p, weights), "sampled"
    gap = 1.0 - second
    return Facts(
        agents,
        len(edges),
        int(degrees.min()),
        2 * len(edges) / agents,
        int(degrees.max()),
        diameter(edges, agents),
        rounded(low, high),
        second,
        gap,
        squared,
        obtained,
        math.log(agents) / gap,
    )


def rounded(low: float, high: float) -> float:
    """The eigenvalue `low` to about 1e-12 of the largest, `high`: as far as linear algebra is reproducible."""
    return low if high == 0.0 else round(low, 12 - math.ceil(math.log10(high)))


def edge_weights(
    edges: NDArray[np.int64], agents: int, present: NDArray[np.uint8], weights: str, constant: float
) -> NDArray[np.float64]:
    """(E,) float64: w_ij of every edge in the round with the links `present` (E,), 0 where it is absent."""
    here = present.astype(bool)
    if constant > 0.0:
        return np.where(here, constant, 0.0)
    degrees = np.bincount(edges[here].ravel(), minlength=agents)
    metropolis = 1.0 / (1.0 + degrees[edges].max(axis=1, initial=0))
    return np.where(here, metropolis if weights == "metropolis" else metropolis / 2, 0.0)


def expected_weights(edges: NDArray[np.int64], degrees: NDArray[Any], p: float, weights: str) -> NDArray[np.float64]:
    """(E,) float64: E[w_ij] of every edge with (lazy) Metropolis weights, absences included."""
    from scipy.stats import binom

    pairs, index = np.unique(np.sort(degrees[edges], axis=1), axis=0, return_inverse=True)
    values = np.empty(len(pairs))
    for k, (a, b) in enumerate(pairs):
        m = np.arange(b)
        largest = np.diff(binom.cdf(m, a - 1, p) * binom.cdf(m, b - 1, p), prepend=0.0)
        values[k] = p * np.sum(largest / (2.0 + m))
    return values[index.reshape(-1)] * (1.0 if weights == "metropolis" else 0.5)


def matrix_of(edges: NDArray[np.int64], agents: int, w: NDArray[np.float64]) -> csr_array:
    """(N, N) sparse: the symmetric matrix with the weights w (E,) of the edges and rows that sum to 1."""
    from scipy.sparse import csr_array

    i, j = edges.T
    rows, columns = np.concatenate([i, j, np.arange(agents)]), np.concatenate([j, i, np.arange(agents)])
    own = 1.0 - np.bincount(i, w, agents) - np.bincount(j, w, agents)
    return csr_array((np.concatenate([w, w, own]), (rows, columns)), shape=(agents, agents))


def dense_of(edges: NDArray[np.int64], agents: int, w: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, N) dense: the same."""
    i, j = edges.T
    matrix = np.zeros((agents, agents))
    matrix[i, j] = matrix[j, i] = w
    matrix[np.diag_indices(agents)] = 1.0 - matrix.sum(axis=1)
    return matrix


def laplacian_range(edges: NDArray[np.int64], agents: int) -> tuple[float, float]:
    """The smallest and the largest eigenvalue of Lap(G0) off (1, ..., 1); (inf, 0) for a single agent."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh

    if agents == 1:
        return math.inf, 0.0
    lap = eye_array(agents, format="csr") - matrix_of(edges, agents, np.ones(len(edges)))
    if agents <= DENSE:
        values = np.linalg.eigvalsh(lap.toarray())
        return float(values[1]), float(values[-1])
    start = np.random.default_rng(0).standard_normal(agents)
    high = float(eigsh(lap, k=1, which="LA", v0=start, return_eigenvectors=False)[0])
    try:  # quick where the gap is wide, as in expanders; the shift lifts the trivial eigenvalue out of the way
        lifted = _lifted(lap, 2.0 * high)
        low = eigsh(lifted, k=1, which="SA", v0=start, ncv=60, maxiter=40, return_eigenvectors=False)[0]
    except ArpackNoConvergence:  # narrow gaps, as in rings and trees, have cheap factors
        low = eigsh(lap.tocsc(), k=2, sigma=-1e-6 * high, which="LM", v0=start, return_eigenvectors=False).max()
    return float(low), high


def _lifted(matrix: csr_array, shift: float) -> Any:
    """The operator matrix + shift * (projection on (1, ..., 1)), which moves the trivial eigenvalue by `shift`."""
    from scipy.sparse.linalg import LinearOperator

    def product(x: NDArray[np.float64]) -> Any:
        return matrix @ x + shift * x.mean()

    return LinearOperator(matrix.shape, matvec=product, dtype=np.float64)


def second_modulus(matrix: csr_array, agents: int) -> float:
    """The largest modulus of an eigenvalue off (1, ..., 1) of a symmetric matrix whose rows sum to 1."""
    from scipy.sparse.linalg import eigsh

    if agents <= DENSE:
        return float(np.abs(np.linalg.eigvalsh(matrix.toarray() - 1.0 / agents)).max())
    start = np.random.default_rng(0).standard_normal(agents)
    return float(np.abs(eigsh(_lifted(matrix, -1.0), k=1, which="LM", v0=start, return_eigenvectors=False))[0])


def sampled_squared(edges: NDArray[np.int64], agents: int, p: float, weights: str, seed: int = 0) -> float:
    """The second largest eigenvalue of the mean of W^2 over sampled rounds (Metropolis weights, fixed seed)."""
    from scipy.sparse import csr_array

    generator = np.random.default_rng(seed)
    dense = agents <= 200 or (agents <= DENSE and 20 * len(edges) > agents**2)
    make: Any = dense_of if dense else matrix_of
    total: Any = 0.0 if dense else csr_array((agents, agents))
    affordable = 2 * 10**10 // agents**3 if dense else SAMPLES
    samples = max(20, min(SAMPLES, 50 * SAMPLES // agents, affordable))
    for _ in range(samples):
        present = (generator.random(len(edges)) < p).astype(np.uint8)
        w = make(edges, agents, edge_weights(edges, agents, present, weights, 0.0))
        total = total + w @ w
    return second_modulus(csr_array(total / samples), agents)


def diameter(edges: NDArray[np.int64], agents: int) -> int:
    """The largest distance between two agents, in edges."""
    if agents > BREADTH_FIRST:
        import networkx as nx

        return int(nx.diameter(nx.Graph(edges.tolist()), usebounds=True))
    from scipy.sparse.csgraph import dijkstra

    links, blocks = abs(matrix_of(edges, agents, np.ones(len(edges)))), range(0, agents, 500)
    some = (np.arange(first, min(first + 500, agents)) for first in blocks)
    return int(max(dijkstra(links, directed=False, unweighted=True, indices=block).max() for block in some))
