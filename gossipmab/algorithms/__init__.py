"""The algorithms by their registered names."""

from __future__ import annotations

from gossipmab.algorithms.gossip.pareto_gossip import ParetoGossip
from gossipmab.algorithms.gossip.pareto_ucb_gossip import ParetoUCB, ParetoUCBGossip
from gossipmab.algorithms.gossip.simulated_nsw_ucb_gossip import SimulatedNSWUCBGossip

ALGORITHMS: dict[str, type] = {
    "pareto_ucb_gossip": ParetoUCBGossip,
    "pareto_ucb": ParetoUCB,
    "pareto_gossip": ParetoGossip,
    "simulated_nsw_ucb_gossip": SimulatedNSWUCBGossip,
}

__all__ = ["ALGORITHMS", "ParetoGossip", "ParetoUCB", "ParetoUCBGossip", "SimulatedNSWUCBGossip"]
