"""Spectral facts of a link process: the second eigenvalues of E[W] and E[W^2].

Lap_q is the Laplacian of the base graph with the link weights q, f the frequencies of the links.

    independent   constant weight c: E[W] = I - c Lap_f,  E[W^2] = I - 2 c Lap_f + c^2 (Lap_f^2 + 2 Lap_(f(1-f)));
                  Metropolis: exact E[W] if all f are equal, and sampled otherwise
    matching      E[W] = I - w Lap_f,  E[W^2] = I - 2 w (1 - w) Lap_f, for links of a matching share no agent: with
                  L_e the Laplacian of one link, L_e^2 = 2 L_e and L_e L_g = 0. w = c, 1/2 (metropolis) or 1/4 (lazy)
    periodic      the means over a period, or over rounds spread over it if it is long

In large networks what would need sampled rounds, or the square of a large matrix, is left out (see `spectrum`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gossipmab.networks import spectral as spectrum
from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import INDEPENDENT, MATCHING, PERIODIC, LinkProcess, LinkStatistics
from gossipmab.utils.types import Bytes, Floats, Integers

if TYPE_CHECKING:
    from scipy.sparse import csr_array

PAIR = {"metropolis": 0.5, "lazy_metropolis": 0.25}  # weight of a link whose ends have no other
LONGEST_PERIOD = 1_000_000  # rounds that are looked through for those that are averaged


def facts(process: LinkProcess, link_statistics: LinkStatistics, graph: BaseGraph, weights: str, constant: float) -> spectrum.Facts:
    """What is known of a network; `weights` and `constant` as the attributes of `Network`."""
    edges, agents = graph.edges, graph.agents
    f = link_statistics.frequencies
    ends = spectrum.laplacian_range(edges, agents)
    obtained = "exact" if link_statistics.exact else "sampled"
    if agents == 1 or (link_statistics.kind == INDEPENDENT and (f == link_statistics.frequency).all()):
        second, squared, squared_obtained = spectrum.independent_links(
            edges, agents, link_statistics.frequency, weights, constant, ends
        )
        return spectrum.facts(edges, agents, second, squared, "exact", squared_obtained, ends)
    if link_statistics.kind == MATCHING:
        w = constant or PAIR[weights]
        first = spectrum.matrix_of(edges, agents, w * f)
        square = spectrum.matrix_of(edges, agents, 2.0 * w * (1.0 - w) * f)
    elif agents > spectrum.LARGE and not (link_statistics.kind == INDEPENDENT and constant > 0.0 and _squarable(edges)):
        return spectrum.facts(edges, agents, math.nan, math.nan, spectrum.LEFT_OUT, spectrum.LEFT_OUT, ends)
    elif link_statistics.kind == INDEPENDENT and constant > 0.0:
        first, square = _independent(graph, f, constant)
    else:
        rounds, whole = _rounds(process, link_statistics, graph)
        first, square = spectrum.averages(edges, agents, rounds, weights, constant)
        obtained = "exact" if whole else "sampled"
    second, squared = (spectrum.second_modulus(matrix, agents) for matrix in (first, square))
    return spectrum.facts(edges, agents, second, squared, obtained, obtained, ends)


def _squarable(edges: Integers) -> bool:
    """Whether the square of the mixing matrix takes few enough products, sum_i deg_i^2."""
    return int((np.bincount(edges.ravel()) ** 2).sum()) <= spectrum.MOST_PRODUCTS


def _independent(graph: BaseGraph, f: Floats, c: float) -> tuple[csr_array, csr_array]:
    """E[W] and E[W^2] of independent links with a constant weight."""
    from scipy.sparse import eye_array

    edges, agents = graph.edges, graph.agents
    one = eye_array(agents, format="csr")
    first = spectrum.matrix_of(edges, agents, c * f)
    spread = one - spectrum.matrix_of(edges, agents, 2.0 * c**2 * f * (1.0 - f))
    return first, (first @ first + spread).tocsr()


def _rounds(process: LinkProcess, link_statistics: LinkStatistics, graph: BaseGraph) -> tuple[Iterator[Bytes], bool]:
    """Rounds to average over, and whether they are all that there are."""
    most = spectrum.affordable(graph.edges, graph.agents)
    block = process.sampler(graph, np.random.default_rng(0))
    if link_statistics.kind != PERIODIC:
        return (block(1)[0] for _ in range(most)), False
    whole = link_statistics.period <= most
    stride = 1 if whole else max(1, min(link_statistics.period, LONGEST_PERIOD) // most)
    return (block(stride)[0] for _ in range(link_statistics.period if whole else most)), whole
