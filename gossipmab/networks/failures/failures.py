"""The failures of a network beside its link process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gossipmab.networks.failures.outages import FOREVER, First, Indices, Last, Outage, check_order, plain
from gossipmab.utils.errors import InputError
from gossipmab.utils.parameters import check, check_names, suggesting
from gossipmab.utils.types import Integers

T = TypeVar("T")
KEY = "network.failures"
LONGEST_DELAY = 1000  # rounds: so many past messages are kept


@dataclass(frozen=True)
class Partition:
    """In the rounds first .. last no link between different groups is present. The mean over all agents is kept.

    Agents that are in no group form one more.

    >>> gm.Failures(partitions=[gm.Partition([[0, 1], [2, 3]], first=100, last=200)]).keeps_mean
    True
    """

    groups: Annotated[Sequence[Indices], Field(description="disjoint lists of agents")]
    first: First = 1
    last: Last = FOREVER

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", plain(self.groups))
        check(self, f"{KEY}.partitions")
        everyone = [agent for group in self.groups for agent in group]
        if len(everyone) != len(set(everyone)):
            raise InputError(f"{KEY}.partitions.groups: an agent is in two groups, or twice in one")
        check_order(f"{KEY}.partitions", self.first, self.last)

    def cut(self, edges: Integers, agents: int) -> NDArray[np.bool_]:
        """(E,) the links between different groups."""
        group = np.full(agents, -1)
        for number, members in enumerate(self.groups):
            group[list(members)] = number
        return group[edges[:, 0]] != group[edges[:, 1]]  # type: ignore[no-any-return]


@suggesting
@dataclass(frozen=True)
class Failures:
    """Message losses, delays, crashes, outages and partitions; they compose with every link process. By default none occurs.

    message_loss: each direction independently. The receiver keeps the weight of a lost message for itself: rows of W_t sum to 1,
        columns do not, and the mean is not preserved. With symmetric_loss W_t stays symmetric, and the mean is preserved.
    delay: G_i(t) is mixed with G_j(t - 1 - delay); the mean is not preserved.

    If the mean is not preserved, the column `mean_drift` gives max |mean_i G_i - mean_i L_i|.

    >>> gm.Failures(message_loss=0.1, delay=2).keeps_mean, gm.Failures(message_loss=0.1, symmetric_loss=True).keeps_mean
    (False, True)
    """

    message_loss: Annotated[float, Field(ge=0, le=1, description="probability that a message is lost")] = 0.0
    symmetric_loss: Annotated[bool, Field(description="an exchange counts only if both messages arrive")] = False
    delay: Annotated[
        int, Field(ge=0, le=LONGEST_DELAY, description="rounds from sending to arrival; 0: arrival in the same round")
    ] = 0
    random_delay: Annotated[bool, Field(description="each message takes 0, ..., delay rounds, equally likely")] = False
    crash_probability: Annotated[
        float, Field(ge=0, le=1, description="probability that a running agent is down from this round on")
    ] = 0.0
    recovery_probability: Annotated[float, Field(gt=0, le=1, description="probability that a crashed agent is up again")] = 1.0
    keep_state: Annotated[
        bool, Field(description="whether a crashed agent recovers with its state; if not, the mean is not preserved")
    ] = True
    outages: Annotated[Sequence[Outage], Field(description="planned outages, late starts among them")] = ()
    partitions: Annotated[Sequence[Partition], Field(description="rounds in which groups are cut off from each other")] = ()

    def __post_init__(self) -> None:
        for name, kind in (("outages", Outage), ("partitions", Partition)):
            key, given = f"{KEY}.{name}", getattr(self, name)
            if not isinstance(given, (list, tuple)):
                raise InputError(f"{key}: got {given!r}, allowed is a list")
            object.__setattr__(self, name, tuple(one if isinstance(one, kind) else made(kind, one, key) for one in given))
        check(self, KEY)

    @property
    def keeps_mean(self) -> bool:
        """Whether mean_i G_i = mean_i L_i at all times, to rounding."""
        forgets = (self.crash_probability > 0.0 and not self.keep_state) or any(not outage.keep_state for outage in self.outages)
        return (self.message_loss == 0.0 or self.symmetric_loss) and self.delay == 0 and not forgets

    def check_agents(self, agents: int) -> None:
        """Raise InputError if an agent is named that does not exist."""
        named = [("outages", agent) for outage in self.outages for agent in outage.agents]
        named += [("partitions", agent) for cut in self.partitions for group in cut.groups for agent in group]
        for name, agent in named:
            if agent >= agents:
                raise InputError(f"{KEY}.{name}: got agent {agent}, allowed are 0 to {agents - 1}")


def made(kind: type[T], table: Any, key: str) -> T:
    """The object of a table of parameters. Raises InputError if a parameter is unknown, missing or out of range."""
    if not isinstance(table, Mapping):
        raise InputError(f"{key}: got {table!r}, allowed is a table")
    check_names(kind, table, key)
    return kind(**table)
