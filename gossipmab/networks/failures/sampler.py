"""What fails in the rounds of a trial: outages, crashes, partitions, and messages that are lost or late."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.networks.failures.failures import Failures
from gossipmab.networks.failures.message_loss import ArrivalSampler, arcs_of
from gossipmab.networks.failures.outages import planned, walk
from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.utils.types import Bytes


class FailureEvents(NamedTuple):
    """Failures in a block of B rounds.

    up: (B, N) whether an agent is up. cold: (B, N) whether it starts the round from its initial state, having lost its own.
    sent: (B, 2E) whether a message is sent on the arc. age: (B, 2E) rounds since the message that arrives was sent, or -1.
    """

    up: Bytes
    cold: Bytes
    sent: Bytes
    age: NDArray[np.int16]


class FailureSampler:
    """Samples the failures of successive blocks; every round takes the same count of random numbers."""

    def __init__(self, plan: Failures, graph: BaseGraph, generator: np.random.Generator, period: int = 1) -> None:
        """Before the first round. Messages are sent in the rounds period, 2 period, ... only."""
        self.plan, self.generator, self.period = plan, generator, period
        self.arcs, N = arcs_of(graph.edges), graph.agents
        self.cuts = [(partition, partition.cut(graph.edges, N)) for partition in plan.partitions]
        self.edges, self.played, self.state = graph.edges, 0, np.zeros((2, N), np.uint8)
        self.arrivals = ArrivalSampler(self.arcs, plan)
        self.crashing = N if plan.crash_probability > 0.0 else 0

    def __call__(self, present: Bytes) -> FailureEvents:
        """The next rounds, of which `present` (B, E) are the links that the process offers."""
        B, N = len(present), self.state.shape[1]
        numbers = self.generator.random((B, self.crashing + self.arrivals.columns))
        up, cold = np.empty((2, B, N), np.uint8)
        away = planned(self.plan.outages, N, self.played, B)
        crash, recovery, forgets = self.plan.crash_probability, self.plan.recovery_probability, int(not self.plan.keep_state)
        walk(np.ascontiguousarray(numbers[:, : self.crashing]), crash, recovery, forgets, away, self.state, up, cold)
        present = present & up[:, self.edges[:, 0]] & up[:, self.edges[:, 1]]
        for partition, cut in self.cuts:
            rows = present[max(0, partition.first - 1 - self.played) : max(0, partition.last - self.played)]
            rows[:, cut] = 0
        present[np.arange(self.played + 1, self.played + B + 1) % self.period != 0] = 0
        self.played += B
        age = self.arrivals.block(present, up, numbers[:, self.crashing :])
        return FailureEvents(up, cold, np.ascontiguousarray(present[:, self.arcs.link]), age)
