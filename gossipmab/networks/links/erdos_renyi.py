"""Every link on its own in every round: Erdos-Renyi over the base graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import KEY, IndependentLinks, LinkStatistics, Sampler, SparseLinkSampler
from gossipmab.networks.links.sparse import FEW, MANY, few_of_many, spread
from gossipmab.utils.errors import InputError
from gossipmab.utils.parameters import check
from gossipmab.utils.types import Floats

WHAT = "p for all links; or E numbers in the order of `Network.edges`, or a symmetric N x N matrix"
OfLinks = Annotated[float, Field(gt=0, le=1, description=WHAT)]


@dataclass(frozen=True, eq=False)
class ErdosRenyi(IndependentLinks):
    """Link e is present with probability p_e, independently of all other links and rounds. The default process.

    Mixing: W_t symmetric, the mean is kept. With a constant weight c and Lap_q the Laplacian with link weights q,
    E[W] = I - c Lap_p,  E[W^2] = I - 2 c Lap_p + c^2 (Lap_p^2 + 2 Lap_(p(1-p))). Numbers a round: E, none if all p = 1; if
    p <= 0.1 for all of at least 10,000 links, one a present link, and the time is proportional to their number.

    >>> gm.Network("ring", agents=4, links=gm.ErdosRenyi(0.3)).link_probability
    0.3
    """

    probability: OfLinks | Sequence[float] | Sequence[Sequence[float]] = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.probability, (list, tuple, np.ndarray)):
            try:
                values = np.array(self.probability, dtype=np.float64)
            except (TypeError, ValueError):
                values = np.full(1, np.nan)
            if values.ndim not in (1, 2) or not ((values >= 0.0) & (values <= 1.0)).all():
                raise InputError(f"{KEY}.probability: allowed are numbers in [0, 1], one a link or an N x N matrix")
            values.setflags(write=False)
            object.__setattr__(self, "probability", values)
        else:
            check(self, KEY)

    def probabilities(self, graph: BaseGraph) -> Floats:
        """p_e; InputError if their shape does not fit the graph, or the matrix is not symmetric."""
        N, E = graph.agents, len(graph.edges)
        given = np.asarray(self.probability)
        if given.ndim == 0:
            return np.full(E, float(given))
        if given.shape == (E,):
            return given
        if given.shape != (N, N):
            raise InputError(f"{KEY}.probability: has shape {given.shape}, allowed are ({E},) and ({N}, {N})")
        if not np.array_equal(given, given.T):
            raise InputError(f"{KEY}.probability: the matrix is not symmetric")
        return given[graph.edges[:, 0], graph.edges[:, 1]]

    def link_statistics(self, graph: BaseGraph) -> LinkStatistics:
        """Frequencies p_e."""
        known = super().link_statistics(graph)
        return known._replace(frequency=self.probability) if isinstance(self.probability, float) else known

    def sampler(self, graph: BaseGraph, generator: np.random.Generator) -> Sampler:
        """Independent draws."""
        listed = self.sparse_sampler(graph, generator)
        return super().sampler(graph, generator) if listed is None else spread(listed, len(graph.edges))

    def sparse_sampler(self, graph: BaseGraph, generator: np.random.Generator) -> SparseLinkSampler | None:
        """One number for each present link, if p <= 0.1 for all of at least 10,000 links."""
        E, p = len(graph.edges), self.probability
        return few_of_many(generator, p, E) if isinstance(p, float) and p <= FEW and E >= MANY else None
