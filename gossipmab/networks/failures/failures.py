"""All that may go wrong in one network, beside its link process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from gossipmab.networks.failures.message_loss import Post, arcs_of
from gossipmab.networks.failures.outages import Absence, planned, walk
from gossipmab.networks.failures.partition import Partition
from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.types import Bytes
from gossipmab.utils.validation import probability, whole_number

T = TypeVar("T")
KEY = "network.failures"
LONGEST_DELAY = 1000  # rounds: so many past messages are kept


class Fate(NamedTuple):
    """What happens in a block of B rounds.

    up: (B, N) whether an agent plays. cold: (B, N) whether it begins the round knowing nothing, having lost its state.
    sent: (B, 2E) whether a message is sent on the arc. age: (B, 2E) rounds since the message that arrives was sent, or -1.
    """

    up: Bytes
    cold: Bytes
    sent: Bytes
    age: NDArray[np.int16]


@dataclass(frozen=True)
class Failures:
    """What goes wrong. It composes with every link process; without anything given, nothing does.

    loss: probability that a message is lost, each direction on its own. The receiver then keeps its own weight for itself: rows of
        W_t sum to 1, columns do not, and the mean is no longer kept.
    acknowledged: an exchange counts only where both messages arrive; so W_t stays symmetric, and the mean is kept.
    delay: rounds that a message takes (0: it arrives in the round in which it is sent). G_i(t) is mixed with
        G_j(t - 1 - delay); the mean is no longer kept. spread: each message takes any of 0 .. delay rounds, equally likely.
    crash: probability that an agent that is there is away from this round on; rejoin: that one that has crashed is back.
    keep_state: whether it comes back with all that it held; without, the mean is no longer kept.
    absences: planned ones, late starts among them. partitions: times in which groups are cut off from each other.

    Where the mean is not kept, the column `drift` says by how much: max |mean_i G_i - mean_i L_i|.
    """

    loss: float = 0.0
    acknowledged: bool = False
    delay: int = 0
    spread: bool = False
    crash: float = 0.0
    rejoin: float = 1.0
    keep_state: bool = True
    absences: Sequence[Absence] = ()
    partitions: Sequence[Partition] = ()

    def __post_init__(self) -> None:
        for name in ("loss", "crash", "rejoin"):
            value = probability(f"{KEY}.{name}", getattr(self, name), positive=name == "rejoin")
            object.__setattr__(self, name, value)
        for name in ("acknowledged", "spread", "keep_state"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{KEY}.{name}: got {getattr(self, name)!r}, allowed is true or false")
        if whole_number(f"{KEY}.delay", self.delay, 0) > LONGEST_DELAY:
            raise InputError(f"{KEY}.delay: got {self.delay}, allowed are 0 to {LONGEST_DELAY} rounds")
        for name, kind in (("absences", Absence), ("partitions", Partition)):
            object.__setattr__(self, name, _all(f"{KEY}.{name}", getattr(self, name), kind))

    @property
    def keeps_mean(self) -> bool:
        """Whether mean_i G_i = mean_i L_i at all times, to rounding."""
        forgets = (self.crash > 0.0 and not self.keep_state) or any(not absence.keep_state for absence in self.absences)
        return (self.loss == 0.0 or self.acknowledged) and self.delay == 0 and not forgets

    def check(self, agents: int) -> None:
        """Raise InputError where an agent is named that is not there."""
        named = [("absences", agent) for absence in self.absences for agent in absence.agents]
        named += [("partitions", agent) for cut in self.partitions for group in cut.groups for agent in group]
        for name, agent in named:
            if agent >= agents:
                raise InputError(f"{KEY}.{name}: got agent {agent}, allowed are 0 to {agents - 1}")


class FateSampler:
    """What has happened so far to agents and messages; every round takes the same count of numbers."""

    def __init__(self, plan: Failures, graph: BaseGraph, generator: np.random.Generator, every: int = 1) -> None:
        """Before the first round. Messages are sent in the rounds every, 2 every, 3 every, ... only."""
        self.plan, self.generator, self.every = plan, generator, every
        self.arcs = arcs = arcs_of(graph.edges)
        N = graph.agents
        self.cuts = [(partition, partition.cut(graph.edges, N)) for partition in plan.partitions]
        self.edges, self.played, self.state = graph.edges, 0, np.zeros((2, N), np.uint8)
        self.post = Post(arcs, plan.loss, plan.acknowledged, plan.delay, plan.spread)
        self.crashing = N if plan.crash > 0.0 else 0

    def __call__(self, present: Bytes) -> Fate:
        """The next rounds, of which `present` (B, E) are the links that the process offers."""
        B, N = len(present), self.state.shape[1]
        numbers = self.generator.random((B, self.crashing + self.post.columns))
        up, cold = np.empty((2, B, N), np.uint8)
        away = planned(self.plan.absences, N, self.played, B)
        chances = np.ascontiguousarray(numbers[:, : self.crashing])
        walk(chances, self.plan.crash, self.plan.rejoin, int(not self.plan.keep_state), away, self.state, up, cold)
        present = present & up[:, self.edges[:, 0]] & up[:, self.edges[:, 1]]
        for partition, cut in self.cuts:
            rows = present[max(0, partition.first - 1 - self.played) : max(0, partition.last - self.played)]
            rows[:, cut] = 0
        present[np.arange(self.played + 1, self.played + B + 1) % self.every != 0] = 0
        self.played += B
        age = self.post.block(present, up, numbers[:, self.crashing :])
        return Fate(up, cold, np.ascontiguousarray(present[:, self.arcs.link]), age)


def _all(key: str, given: Any, kind: type) -> tuple[Any, ...]:
    """The objects that a list of tables, or of objects, means."""
    if not isinstance(given, (list, tuple)):
        raise InputError(f"{key}: got {given!r}, allowed is a list")
    return tuple(one if isinstance(one, kind) else made(kind, one, key) for one in given)


def made(kind: type[T], table: Any, key: str) -> T:
    """The object of a table of parameters. Raises InputError for a parameter that is unknown or missing."""
    if not isinstance(table, Mapping):
        raise InputError(f"{key}: got {table!r}, allowed is a table")
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in table:
        if name not in known:
            raise unknown(f"{key}: parameter", name, known)
    try:
        return kind(**table)
    except TypeError:
        raise InputError(f"{key}: {known[0]} is required and not given") from None
