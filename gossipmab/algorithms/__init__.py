"""The algorithms by their registered names, protocol by protocol."""

from __future__ import annotations

from gossipmab.algorithms.assignment.greedy_probing import GreedyProbing
from gossipmab.algorithms.assignment.non_probing import NonProbing
from gossipmab.algorithms.assignment.ofmup import OFMUP
from gossipmab.algorithms.assignment.random_probing import RandomProbing
from gossipmab.algorithms.central.eld import ELD
from gossipmab.algorithms.central.epsilon_greedy import EpsilonGreedy
from gossipmab.algorithms.central.explore_first import ExploreFirst
from gossipmab.algorithms.central.hossain_ucb import UCBBonus
from gossipmab.algorithms.central.jones_ucb import UCBInside
from gossipmab.algorithms.central.thompson import Thompson
from gossipmab.algorithms.gossip.centralized_nsw import CentralizedNSW
from gossipmab.algorithms.gossip.neighbourhood_nsw_ucb_gossip import NeighbourhoodNSWUCBGossip
from gossipmab.algorithms.gossip.pareto_gossip import ParetoGossip
from gossipmab.algorithms.gossip.pareto_ucb_gossip import ParetoUCB, ParetoUCBGossip
from gossipmab.algorithms.gossip.simulated_nsw_ucb_gossip import SimulatedNSWUCBGossip
from gossipmab.utils.registry import ALGORITHMS as GROUP
from gossipmab.utils.registry import Registry

ALGORITHMS: dict[str, type] = {
    "pareto_ucb_gossip": ParetoUCBGossip,
    "pareto_ucb": ParetoUCB,
    "pareto_gossip": ParetoGossip,
    "simulated_nsw_ucb_gossip": SimulatedNSWUCBGossip,
}

# Flags, registered name -> flag -> the class that plays the algorithm where the flag is true. In experiment files the fields that
# it has more are hyperparameters too.
FLAGS: dict[str, dict[str, type]] = {
    "simulated_nsw_ucb_gossip": {"neighbourhood": NeighbourhoodNSWUCBGossip},
}

# Yardsticks: they know what no message told them, so only the simulator itself can play them.
YARDSTICKS: dict[str, type] = {
    "centralized_nsw": CentralizedNSW,
}

LEARNERS: dict[str, type] = {
    "explore_first": ExploreFirst,
    "epsilon_greedy": EpsilonGreedy,
    "ucb_bonus": UCBBonus,
    "ucb_inside": UCBInside,
    "thompson": Thompson,
    "eld": ELD,
}

ASSIGNERS: dict[str, type] = {
    "ofmup": OFMUP,
    "non_probing": NonProbing,
    "random_probing": RandomProbing,
    "greedy_probing": GreedyProbing,
}

METHODS = ("_fields", "communicates", "check", "init", "select", "learn")  # of an algorithm that gossips

# [experiment] protocol -> the algorithms that can be played in it; plug-ins by the group of their entry points.
PROTOCOLS: dict[str, Registry] = {
    "gossip": Registry(GROUP, {**ALGORITHMS, **YARDSTICKS}, METHODS),
    "central": Registry(
        f"{GROUP}.central", LEARNERS, ("_fields", "objective", "numbers", "check", "init", "choose", "observe")
    ),
    "assignment": Registry(
        f"{GROUP}.assignment",
        ASSIGNERS,
        ("_fields", "warm_start", "assigns_at_random", "check", "init", "probe", "believe", "learn"),
    ),
}

__all__ = [
    "ALGORITHMS",
    "ASSIGNERS",
    "ELD",
    "FLAGS",
    "LEARNERS",
    "METHODS",
    "OFMUP",
    "PROTOCOLS",
    "YARDSTICKS",
    "CentralizedNSW",
    "GreedyProbing",
    "NeighbourhoodNSWUCBGossip",
    "NonProbing",
    "EpsilonGreedy",
    "ExploreFirst",
    "ParetoGossip",
    "ParetoUCB",
    "ParetoUCBGossip",
    "RandomProbing",
    "SimulatedNSWUCBGossip",
    "Thompson",
    "UCBBonus",
    "UCBInside",
]
