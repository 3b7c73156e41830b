"""Temporary partitions of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gossipmab.networks.failures.outages import FOREVER, First, Indices, Last, check_order, plain
from gossipmab.utils.errors import InputError
from gossipmab.utils.parameters import check
from gossipmab.utils.types import Integers

KEY = "network.failures.partitions"


@dataclass(frozen=True)
class Partition:
    """In the rounds first .. last no link between different groups is present. The mean over all agents is kept.

    Agents that are in no group form one more.
    """

    groups: Annotated[Sequence[Indices], Field(description="disjoint lists of agents")]
    first: First = 1
    last: Last = FOREVER

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", plain(self.groups))
        check(self, KEY)
        everyone = [agent for group in self.groups for agent in group]
        if len(everyone) != len(set(everyone)):
            raise InputError(f"{KEY}.groups: an agent is in two groups, or twice in one")
        check_order(KEY, self.first, self.last)

    def cut(self, edges: Integers, agents: int) -> NDArray[np.bool_]:
        """(E,) the links between different groups."""
        group = np.full(agents, -1)
        for number, members in enumerate(self.groups):
            group[list(members)] = number
        return group[edges[:, 0]] != group[edges[:, 1]]  # type: ignore[no-any-return]
