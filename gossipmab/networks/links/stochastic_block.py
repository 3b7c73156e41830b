"""Groups of agents with frequent links inside and rare links between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import KEY, IndependentLinks
from gossipmab.utils.errors import InputError
from gossipmab.utils.parameters import check
from gossipmab.utils.types import Floats, Integers


@dataclass(frozen=True, eq=False)
class StochasticBlock(IndependentLinks):
    """A link is present with probability `within` or `between`, by whether its ends are in one group; all independent.

    Agents belong to the groups in order of index. The default base graph is the complete one.

    Mixing: W_t symmetric, the mean is kept. E[W] and E[W^2] as for Erdos-Renyi with these probabilities. Numbers a round: E.

    >>> round(gm.Network(agents=6, links=gm.StochasticBlock(within=0.9, between=0.1, groups=2)).link_probability, 3)
    0.42
    """

    within: Annotated[float, Field(ge=0, le=1, description="probability of a link inside a group")]
    between: Annotated[float, Field(ge=0, le=1, description="probability of a link between groups; with 0 they never agree")]
    groups: (
        Annotated[int, Field(ge=1, description="number of groups, of equal sizes up to 1; or a list of their sizes")]
        | Annotated[Sequence[Annotated[int, Field(ge=1)]], Field(min_length=1)]
    ) = 2

    def __post_init__(self) -> None:
        if isinstance(self.groups, np.ndarray):
            object.__setattr__(self, "groups", self.groups.tolist())
        check(self, KEY)

    def default_base(self, agents: int | None) -> Any:
        """The complete graph."""
        return "complete"

    def group_of(self, agents: int) -> Integers:
        """(N,) the group of every agent."""
        if not isinstance(self.groups, int):
            sizes = list(self.groups)
            if sum(sizes) != agents:
                raise InputError(f"{KEY}.groups: sizes {sizes} sum to {sum(sizes)}, but there are {agents} agents")
        else:
            if self.groups > agents:
                raise InputError(f"{KEY}.groups: got {self.groups}, allowed are at most {agents}, one an agent")
            sizes = [len(part) for part in np.array_split(np.arange(agents), self.groups)]
        return np.repeat(np.arange(len(sizes)), sizes)

    def probabilities(self, graph: BaseGraph) -> Floats:
        """`within` and `between`."""
        group = self.group_of(graph.agents)[graph.edges]
        return np.where(group[:, 0] == group[:, 1], self.within, self.between)
