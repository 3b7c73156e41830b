"""The protocols: what a cell of each leaves behind, and who plays its rounds. One visible dict."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from gossipmab.metrics.assignment_trace import AssignmentTrace
from gossipmab.metrics.central_trace import CentralTrace
from gossipmab.metrics.trace import GossipTrace, TrialRecord


class Setting(NamedTuple):
    """trace: the class of its traces. engine, simulate: the module that plays a trial in this process, and its function.

    Only gossip has a network: its `simulate` takes (algorithm, environment, network, ...), the others (algorithm,
    environment, ...), then horizon, seed, record, trial, label, welfare, progress by name.
    """

    trace: type[TrialRecord]
    engine: str
    simulate: str

    def simulator(self) -> Callable[..., Any]:
        """The function; its module is loaded now."""
        found: Callable[..., Any] = getattr(import_module(self.engine), self.simulate)
        return found


SETTINGS: dict[str, Setting] = {
    "gossip": Setting(GossipTrace, "gossipmab.engines.gossip.simulate", "simulate"),
    "assignment": Setting(AssignmentTrace, "gossipmab.engines.assignment", "simulate_assignment"),
    "central": Setting(CentralTrace, "gossipmab.engines.central", "simulate_central"),
}
