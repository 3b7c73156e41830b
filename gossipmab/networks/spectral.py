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

Above LARGE agents eigenvalues come from Lanczos's method with a bounded number of products, to 1e-4 of themselves;
what is not found so, or would need the product of two large matrices, is left out: nan.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.networks.mixing import edge_weights
from gossipmab.utils.types import Bytes, Floats, Integers

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DENSE = 2000  # agents up to which eigenvalues come from a dense matrix
BREADTH_FIRST = 10_000  # agents up to which the diameter is found, by a search from every agent
LARGE = 20_000  # agents up to which eigenvalues are found whatever it takes
WORK = 5 * 10**9  # numbers read by one search for an eigenvalue above that, some five seconds
BASIS, TOLERANCE = 20, 1e-4  # of Lanczos's method above that: vectors kept, and the error relative to the eigenvalue
MOST_PRODUCTS = 5 * 10**7  # of two numbers, in the square of a matrix; and terms in the sums of E[w_ij]
LEFT_OUT = "left out"
NO_GAP = 1e-12  # a spectral gap below it is none: the agents never agree
SAMPLES = 4000  # rounds sampled for E[W^2] with Metropolis weights; fewer above 50 agents, never under 20


class Facts(NamedTuple):
    """What is known of a network (G0, p, weights).

    second_eigenvalue is the largest modulus of an eigenvalue of E[W] off (1, ..., 1), spectral_gap is 1 - that,
    second_eigenvalue_squared the largest eigenvalue of E[W^2] there: E||disagreement||^2 shrinks by it every round.
    consensus_rounds = ln(N) / spectral_gap. For N = 1 the eigenvalues are 0, the gap 1, the algebraic connectivity inf.
    consensus_rounds = inf if there is no gap. squared_obtained and gap_obtained state whether
    second_eigenvalue_squared, and the eigenvalue and its gap, are "exact", "sampled", or "left out" and nan, as the diameter and
    others may be in large networks.
    """

    agents: int
    edges: int
    degree_min: int
    degree_mean: float
    degree_max: int
    diameter: float
    algebraic_connectivity: float
    second_eigenvalue: float
    spectral_gap: float
    second_eigenvalue_squared: float
    squared_obtained: str
    consensus_rounds: float
    gap_obtained: str = "exact"


def facts(
    edges: Integers, agents: int, second: float, squared: float, gap_obtained: str, squared_obtained: str, ends: tuple[float, float]
) -> Facts:
    """The facts of a network with base graph (edges, agents), these eigenvalues of E[W] and E[W^2], and `laplacian_range`."""
    degrees = np.bincount(edges.ravel(), minlength=agents)
    gap = 1.0 - second
    return Facts(
        agents,
        len(edges),
        int(degrees.min()),
        2 * len(edges) / agents,
        int(degrees.max()),
        diameter(edges, agents),
        rounded(*ends),
        second,
        gap,
        squared,
        LEFT_OUT if math.isnan(squared) else squared_obtained,
        gap if math.isnan(gap) else math.log(agents) / gap if gap > NO_GAP else math.inf,
        LEFT_OUT if math.isnan(gap) else gap_obtained,
    )


def independent_links(
    edges: Integers, agents: int, p: float, weights: str, constant: float, low_high: tuple[float, float]
) -> tuple[float, float, str]:
    """The eigenvalues of E[W] and E[W^2], and how the latter was obtained, for links present with probability p.

    low_high: `laplacian_range`.
    """
    if agents == 1:
        return 0.0, 0.0, "exact"
    if constant > 0.0:
        low, high = low_high
        most = 2.0 * float(np.bincount(edges.ravel()).max())  # no eigenvalue is above twice the largest degree
        ends = np.array([low, most if math.isnan(high) else high])
        if math.isnan(high) and abs(1 - constant * p * most) > abs(1 - constant * p * low):
            ends[1] = math.nan  # the largest eigenvalue may decide, and was not found
        second = float(np.abs(1 - constant * p * ends).max())
        squared = float((1 - 2 * constant * p * ends + constant**2 * (p**2 * ends**2 + 2 * p * (1 - p) * ends)).max())
        return second, squared, "exact"
    degrees = np.bincount(edges.ravel(), minlength=agents)
    second = second_modulus(matrix_of(edges, agents, expected_weights(edges, degrees, p, weights)), agents)
    if p == 1.0:
        return second, second**2, "exact"
    return second, sampled_squared(edges, agents, p, weights), "sampled"


def rounded(low: float, high: float) -> float:
    """The eigenvalue `low` to about 1e-12 of the largest, `high`: as far as linear algebra is reproducible."""
    return low if high == 0.0 or math.isnan(low + high) else round(low, 12 - math.ceil(math.log10(high)))


def expected_weights(edges: Integers, degrees: NDArray[Any], p: float, weights: str) -> Floats:
    """(E,) float64: E[w_ij] of every edge with (lazy) Metropolis weights, absences included."""
    from scipy.stats import binom

    ends = degrees[edges]
    base = int(degrees.max(initial=0)) + 1
    keys, index = np.unique(ends.min(axis=1) * base + ends.max(axis=1), return_inverse=True)
    values = np.full(len(keys), math.nan)
    if int((keys % base).sum()) > MOST_PRODUCTS:
        return values[index]
    for k, (a, b) in enumerate(zip(keys // base, keys % base, strict=True)):
        m = np.arange(b)
        largest = np.diff(binom.cdf(m, a - 1, p) * binom.cdf(m, b - 1, p), prepend=0.0)
        values[k] = p * np.sum(largest / (2.0 + m))
    return values[index.reshape(-1)] * (1.0 if weights == "metropolis" else 0.5)


def matrix_of(edges: Integers, agents: int, w: Floats) -> csr_array:
    """(N, N) sparse: the symmetric matrix with the weights w (E,) of the edges and rows that sum to 1."""
    from scipy.sparse import csr_array

    i, j = edges.T
    rows, columns = np.concatenate([i, j, np.arange(agents)]), np.concatenate([j, i, np.arange(agents)])
    own = 1.0 - np.bincount(i, w, agents) - np.bincount(j, w, agents)
    return csr_array((np.concatenate([w, w, own]), (rows, columns)), shape=(agents, agents))


def dense_of(edges: Integers, agents: int, w: Floats) -> Floats:
    """(N, N) dense: the same."""
    i, j = edges.T
    matrix = np.zeros((agents, agents))
    matrix[i, j] = matrix[j, i] = w
    matrix[np.diag_indices(agents)] = 1.0 - matrix.sum(axis=1)
    return matrix


def laplacian_range(edges: Integers, agents: int) -> tuple[float, float]:
    """The smallest and the largest eigenvalue of Lap(G0) off (1, ..., 1); (inf, 0) for a single agent."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh

    if agents == 1:
        return math.inf, 0.0
    lap = eye_array(agents, format="csr") - matrix_of(edges, agents, np.ones(len(edges)))
    if agents <= DENSE:
        values = np.linalg.eigvalsh(lap.toarray())
        return float(values[1]), float(values[-1])
    if agents > LARGE:
        most = 2.0 * float(lap.diagonal().max())  # no eigenvalue is above twice the largest degree
        return _bounded(_lifted(lap, most), "SA", lap.nnz), _bounded(lap, "LA", lap.nnz)
    start = np.random.default_rng(0).standard_normal(agents)
    high = float(eigsh(lap, k=1, which="LA", v0=start, return_eigenvectors=False)[0])
    try:  # quick if the gap is wide, as in expanders; the shift lifts the trivial eigenvalue out of the way
        lifted = _lifted(lap, 2.0 * high)
        low = eigsh(lifted, k=1, which="SA", v0=start, ncv=60, maxiter=40, return_eigenvectors=False)[0]
    except ArpackNoConvergence:  # narrow gaps, as in rings and trees, have cheap factors
        low = eigsh(lap.tocsc(), k=2, sigma=-1e-6 * high, which="LM", v0=start, return_eigenvectors=False).max()
    return float(low), high


def _bounded(operator: Any, which: str, entries: int) -> float:
    """An eigenvalue at one end of the spectrum, to TOLERANCE of itself; nan if WORK is not enough for that."""
    from scipy.sparse.linalg import ArpackError, eigsh

    agents = operator.shape[0]
    start = np.random.default_rng(0).standard_normal(agents)
    restarts = max(1, WORK // (BASIS * (entries + BASIS * agents)))  # each takes about BASIS products and projections
    settings: dict[str, Any] = {"v0": start, "ncv": BASIS, "maxiter": restarts, "tol": TOLERANCE}
    try:
        found: Any = eigsh(operator, k=1, which=which, return_eigenvectors=False, **settings)  # type: ignore[call-overload]
        return float(found[0])
    except ArpackError:
        return math.nan


def _lifted(matrix: csr_array, shift: float) -> Any:
    """The operator matrix + shift * (projection on (1, ..., 1)), which moves the trivial eigenvalue by `shift`."""
    from scipy.sparse.linalg import LinearOperator

    def product(x: Floats) -> Any:
        return matrix @ x + shift * x.mean()

    return LinearOperator(matrix.shape, matvec=product, dtype=np.float64)


def second_modulus(matrix: csr_array, agents: int) -> float:
    """The largest modulus of an eigenvalue off (1, ..., 1) of a symmetric matrix whose rows sum to 1."""
    from scipy.sparse.linalg import eigsh

    if agents <= DENSE:
        return float(np.abs(np.linalg.eigvalsh(matrix.toarray() - 1.0 / agents)).max())
    if not np.isfinite(matrix.data).all():
        return math.nan
    if agents > LARGE:
        return abs(_bounded(_lifted(matrix, -1.0), "LM", matrix.nnz))
    start = np.random.default_rng(0).standard_normal(agents)
    return float(np.abs(eigsh(_lifted(matrix, -1.0), k=1, which="LM", v0=start, return_eigenvectors=False))[0])


def sampled_squared(edges: Integers, agents: int, p: float, weights: str, seed: int = 0) -> float:
    """The second largest eigenvalue of the mean of W^2 over sampled rounds (Metropolis weights, fixed seed)."""
    if agents > LARGE:
        return math.nan
    generator = np.random.default_rng(seed)
    samples = range(affordable(edges, agents))
    rounds = ((generator.random(len(edges)) < p).astype(np.uint8) for _ in samples)
    return second_modulus(averages(edges, agents, rounds, weights, 0.0)[1], agents)


def affordable(edges: Integers, agents: int) -> int:
    """How many rounds to average over."""
    most = 2 * 10**10 // agents**3 if _dense(edges, agents) else SAMPLES
    return max(20, min(SAMPLES, 50 * SAMPLES // agents, most))


def _dense(edges: Integers, agents: int) -> bool:
    return agents <= 200 or (agents <= DENSE and 20 * len(edges) > agents**2)


def averages(edges: Integers, agents: int, rounds: Iterable[Bytes], weights: str, constant: float) -> tuple[csr_array, csr_array]:
    """(N, N) sparse each: the means of W and of W^2 over rounds with the links (E,)."""
    from scipy.sparse import csr_array

    dense = _dense(edges, agents)
    make: Any = dense_of if dense else matrix_of
    first: Any = 0.0 if dense else csr_array((agents, agents))
    second, count = first, 0
    for present in rounds:
        w = make(edges, agents, edge_weights(edges, agents, present, weights, constant))
        first, second, count = first + w, second + w @ w, count + 1
    return csr_array(first / count), csr_array(second / count)


def diameter(edges: Integers, agents: int) -> float:
    """The largest distance between two agents, in edges; nan (left out) above BREADTH_FIRST agents."""
    if agents > BREADTH_FIRST:
        return math.nan
    from scipy.sparse.csgraph import dijkstra

    links, blocks = abs(matrix_of(edges, agents, np.ones(len(edges)))), range(0, agents, 500)
    some = (np.arange(first, min(first + 500, agents)) for first in blocks)
    return int(max(dijkstra(links, directed=False, unweighted=True, indices=block).max() for block in some))
