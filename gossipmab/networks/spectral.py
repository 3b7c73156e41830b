"""Spectral facts of a network: how fast gossip agrees, from the second eigenvalues of E[W] and E[W^2].

Lap_q is the Laplacian of the base graph with the link weights q, Lap = Lap_1; f the frequencies of the links, c a constant weight
(laplacian: c = 1/N; max_degree: c = 1/(1 + Delta)), w the weight of a pair, L_e the Laplacian of one link: L_e^2 = 2 L_e.

    independent   E[W] = I - c Lap_f,  E[W^2] = I - 2 c Lap_f + c^2 (Lap_f^2 + 2 Lap_(f(1-f))). If all f = p, both commute with
                  Lap, and both maps of its eigenvalues are convex: off the trivial eigenvector (1, ..., 1) the largest modulus is
                  at the least or the largest eigenvalue. Metropolis weights: given edge {i, j}, the degrees of its ends in G_t
                  are 1 + A and 1 + B with independent A ~ Bin(deg_i - 1, p), B ~ Bin(deg_j - 1, p), so that
                  E[w_ij] = p sum_m P(max(A, B) = m) / (2 + m); if the f differ, and for E[W^2], rounds are sampled
    matching      E[W] = I - w Lap_f,  E[W^2] = I - 2 w (1 - w) Lap_f, for links of a matching share no agent: L_e L_g = 0.
                  w = c, 1/2 (metropolis) or 1/4 (lazy)
    periodic      the means over a period, or over rounds spread over it if it is long

Above LARGE agents eigenvalues come from Lanczos's method with a bounded number of products, to 1e-4 of themselves;
what is not found so, or would need sampled rounds or the product of two large matrices, is left out: nan.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import INDEPENDENT, MATCHING, PERIODIC, LinkProcess, LinkStatistics, Sampler, bernoulli
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
PAIR = {"metropolis": 0.5, "lazy_metropolis": 0.25}  # weight of a link whose ends have no other
LONGEST_PERIOD = 1_000_000  # rounds that are looked through for those that are averaged
EXACT, SAMPLED, LEFT_OUT = "exact", "sampled", "left out"
NO_GAP = 1e-12  # a spectral gap below it is none: the agents never agree
SAMPLES = 4000  # rounds sampled for E[W^2] with Metropolis weights; fewer above 50 agents, never under 20


class Facts(NamedTuple):
    """What is known of a network (G0, p, weights).

    second_eigenvalue is the largest modulus of an eigenvalue of E[W] off (1, ..., 1), spectral_gap is 1 - that,
    second_eigenvalue_squared the largest eigenvalue of E[W^2] there: E||disagreement||^2 shrinks by it every round.
    consensus_rounds = ln(N) / spectral_gap. For N = 1 the eigenvalues are 0, the gap 1, the algebraic connectivity inf.
    consensus_rounds = inf if there is no gap. squared_obtained and gap_obtained state whether second_eigenvalue_squared, and the
    eigenvalue and its gap, are "exact", "sampled", or "left out" and nan, as the diameter and others may be in large networks.
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


def facts(process: LinkProcess, link_statistics: LinkStatistics, graph: BaseGraph, weights: str, constant: float) -> Facts:
    """What is known of a network; `weights` and `constant` as the attributes of `Network`."""
    edges, agents = graph.edges, graph.agents
    degrees, ends = np.bincount(edges.ravel(), minlength=agents), laplacian_range(edges, agents)
    second, squared, *obtained = _eigenvalues(process, link_statistics, graph, weights, constant, ends)
    gap = 1.0 - second
    rounds = gap if math.isnan(gap) else math.log(agents) / gap if gap > NO_GAP else math.inf
    gap_obtained, squared_obtained = (LEFT_OUT if math.isnan(x) else how for x, how in zip((gap, squared), obtained, strict=True))
    return Facts(
        agents, len(edges), int(degrees.min()), 2 * len(edges) / agents, int(degrees.max()), diameter(edges, agents),
        rounded(*ends), second, gap, squared, squared_obtained, rounds, gap_obtained,
    )  # fmt: skip


def _eigenvalues(
    process: LinkProcess, link_statistics: LinkStatistics, graph: BaseGraph, weights: str, c: float, ends: tuple[float, float]
) -> tuple[float, float, str, str]:
    """Of E[W] and E[W^2], nan if left out, and how each was obtained. c: the constant weight, or 0. ends: `laplacian_range`."""
    from scipy.sparse import eye_array

    edges, agents = graph.edges, graph.agents
    f, p, independent = link_statistics.frequencies, link_statistics.frequency, link_statistics.kind == INDEPENDENT
    if agents == 1:
        return 0.0, 0.0, EXACT, EXACT
    if independent and (f == p).all():
        if c > 0.0:
            return *of_constant_weight(edges, p, c, ends), EXACT, EXACT
        expected = expected_weights(edges, np.bincount(edges.ravel()), p, weights)
        second = second_modulus(matrix_of(edges, agents, expected), agents)
        if p == 1.0 or agents > LARGE:
            return second, second**2 if p == 1.0 else math.nan, EXACT, EXACT
        rounds = _rounds(bernoulli(np.random.default_rng(0), f), affordable(edges, agents))
        return second, second_modulus(averages(edges, agents, rounds, weights, c)[1], agents), EXACT, SAMPLED
    obtained = EXACT if link_statistics.exact else SAMPLED
    if link_statistics.kind == MATCHING:
        w = c or PAIR[weights]
        first = matrix_of(edges, agents, w * f)
        square = matrix_of(edges, agents, 2.0 * w * (1.0 - w) * f)
    elif agents > LARGE and not (independent and c > 0.0 and (np.bincount(edges.ravel()) ** 2).sum() <= MOST_PRODUCTS):
        return math.nan, math.nan, LEFT_OUT, LEFT_OUT
    elif independent and c > 0.0:
        first = matrix_of(edges, agents, c * f)
        square = (first @ first + (eye_array(agents, format="csr") - matrix_of(edges, agents, 2.0 * c**2 * f * (1.0 - f)))).tocsr()
    else:
        most, period = affordable(edges, agents), link_statistics.period
        whole = link_statistics.kind == PERIODIC and period <= most
        stride = max(1, min(period, LONGEST_PERIOD) // most) if link_statistics.kind == PERIODIC and not whole else 1
        rounds = _rounds(process.sampler(graph, np.random.default_rng(0)), period if whole else most, stride)
        first, square = averages(edges, agents, rounds, weights, c)
        obtained = EXACT if whole else SAMPLED
    return second_modulus(first, agents), second_modulus(square, agents), obtained, obtained


def _rounds(sampler: Sampler, count: int, stride: int = 1) -> Iterator[Bytes]:
    """So many rounds, one of every `stride`."""
    return (sampler(stride)[0] for _ in range(count))


def of_constant_weight(edges: Integers, p: float, c: float, ends: tuple[float, float]) -> tuple[float, float]:
    """The eigenvalues of E[W] and E[W^2] for links present with probability p, weights c; ends: `laplacian_range`."""
    low, high = ends
    most = 2.0 * float(np.bincount(edges.ravel()).max())  # no eigenvalue is above twice the largest degree
    both = np.array([low, most if math.isnan(high) else high])
    if math.isnan(high) and abs(1 - c * p * most) > abs(1 - c * p * low):
        both[1] = math.nan  # the largest eigenvalue may decide, and was not found
    squared = 1 - 2 * c * p * both + c**2 * (p**2 * both**2 + 2 * p * (1 - p) * both)
    return float(np.abs(1 - c * p * both).max()), float(squared.max())


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
    from scipy.sparse.linalg import ArpackNoConvergence

    if agents == 1:
        return math.inf, 0.0
    lap = eye_array(agents, format="csr") - matrix_of(edges, agents, np.ones(len(edges)))
    if agents <= DENSE:
        values = np.linalg.eigvalsh(lap.toarray())
        return float(values[1]), float(values[-1])
    if agents > LARGE:
        most = 2.0 * float(lap.diagonal().max())  # no eigenvalue is above twice the largest degree
        return _bounded(_lifted(lap, most), "SA", lap.nnz), _bounded(lap, "LA", lap.nnz)
    high = _extreme(lap, "LA")
    try:  # quick if the gap is wide, as in expanders; the shift lifts the trivial eigenvalue out of the way
        low = _extreme(_lifted(lap, 2.0 * high), "SA", ncv=60, maxiter=40)
    except ArpackNoConvergence:  # narrow gaps, as in rings and trees, have cheap factors
        low = _extreme(lap.tocsc(), "LM", k=2, sigma=-1e-6 * high)
    return low, high


def _extreme(operator: Any, which: str, k: int = 1, **settings: Any) -> float:
    """The largest of the k eigenvalues at one end of the spectrum."""
    from scipy.sparse.linalg import eigsh

    start = np.random.default_rng(0).standard_normal(operator.shape[0])
    found: Any = eigsh(operator, k=k, which=which, v0=start, return_eigenvectors=False, **settings)  # type: ignore[call-overload]
    return float(found.max())


def _bounded(operator: Any, which: str, entries: int) -> float:
    """An eigenvalue at one end of the spectrum, to TOLERANCE of itself; nan if WORK is not enough for that."""
    from scipy.sparse.linalg import ArpackError

    restarts = max(1, WORK // (BASIS * (entries + BASIS * operator.shape[0])))  # each takes about BASIS products and projections
    try:
        return _extreme(operator, which, ncv=BASIS, maxiter=restarts, tol=TOLERANCE)
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
    if agents <= DENSE:
        return float(np.abs(np.linalg.eigvalsh(matrix.toarray() - 1.0 / agents)).max())
    if not np.isfinite(matrix.data).all():
        return math.nan
    if agents > LARGE:
        return abs(_bounded(_lifted(matrix, -1.0), "LM", matrix.nnz))
    return abs(_extreme(_lifted(matrix, -1.0), "LM"))


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
