"""All links, always."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import IndependentLinks
from gossipmab.utils.types import Floats


@dataclass(frozen=True)
class Static(IndependentLinks):
    """Every link of the base graph is present in every round: G_t = G0.

    Mixing: W_t = W doubly stochastic, the mean is kept. E[W] = W, E[W^2] = W^2. Numbers a round: none.

    >>> gm.Network("ring", agents=4, links=gm.Static()).link_probability
    1.0
    """

    def probabilities(self, graph: BaseGraph) -> Floats:
        """Ones."""
        return np.ones(len(graph.edges))
