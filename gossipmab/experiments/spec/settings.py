"""For each protocol: its trace class, and the function that plays a trial."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from gossipmab.engines.simulate import simulator
from gossipmab.metrics.assignment_trace import AssignmentTrace
from gossipmab.metrics.central_trace import CentralTrace
from gossipmab.metrics.trace import GossipTrace, TrialRecord


class Setting(NamedTuple):
    """protocol: its name in experiment files. trace: the class of its traces."""

    protocol: str
    trace: type[TrialRecord]

    def simulator(self) -> Callable[..., Any]:
        """The function that plays a trial in this process; its module is imported now."""
        return simulator(self.protocol)


SETTINGS: dict[str, Setting] = {
    "gossip": Setting("gossip", GossipTrace),
    "assignment": Setting("assignment", AssignmentTrace),
    "central": Setting("central", CentralTrace),
}
