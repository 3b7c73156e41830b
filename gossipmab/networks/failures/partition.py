"""A network that falls apart for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gossipmab.networks.failures.outages import FOREVER
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Integers
from gossipmab.utils.validation import whole_number

KEY = "network.failures.partitions"


@dataclass(frozen=True)
class Partition:
    """In the rounds first .. last no link between different groups is present. The mean over all agents is kept.

    groups: lists of agents, none in two of them; agents that are in none form one more group.
    first, last: rounds >= 1; without `last` the groups never meet again.
    """

    groups: Sequence[Sequence[int]]
    first: int = 1
    last: int = FOREVER

    def __post_init__(self) -> None:
        lists = (list, tuple, np.ndarray)
        if not isinstance(self.groups, lists) or not all(isinstance(group, lists) for group in self.groups):
            raise InputError(f"{KEY}: groups: got {self.groups!r}, allowed are lists of agents")
        groups = tuple(tuple(whole_number(f"{KEY}: groups", agent, 0) for agent in group) for group in self.groups)
        everyone = [agent for group in groups for agent in group]
        if len(everyone) != len(set(everyone)):
            raise InputError(f"{KEY}: groups: an agent is in two groups, or twice in one")
        object.__setattr__(self, "groups", groups)
        whole_number(f"{KEY}: first", self.first)
        whole_number(
            f"{KEY}: last", self.last if self.last != FOREVER else 1, self.first if self.last != FOREVER else 1
        )

    def cut(self, edges: Integers, agents: int) -> NDArray[np.bool_]:
        """(E,) the links between different groups."""
        group = np.full(agents, -1)
        for number, members in enumerate(self.groups):
            group[list(members)] = number
        return group[edges[:, 0]] != group[edges[:, 1]]  # type: ignore[no-any-return]
