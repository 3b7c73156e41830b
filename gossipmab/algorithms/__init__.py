"""Algorithms: one file for each, by protocol: gossip/, central/, assignment/; here their registered names.

Add a file with a NamedTuple of hyperparameters and `init`, `select`, `update`, and a line to the dict of its protocol. Start
reading in base.py (what all have in common), then in gossip/pareto_ucb_gossip.py.
"""

from __future__ import annotations

from typing import Any

from gossipmab.algorithms.assignment.ofmup import OFMUP as OFMUP, GreedyProbing as GreedyProbing, NonProbing as NonProbing
from gossipmab.algorithms.assignment.random_probing import RandomProbing as RandomProbing
from gossipmab.algorithms.base import ProblemInfo as ProblemInfo
from gossipmab.algorithms.central.eld import ELD as ELD
from gossipmab.algorithms.central.epsilon_greedy import EpsilonGreedy as EpsilonGreedy
from gossipmab.algorithms.central.explore_first import ExploreFirst as ExploreFirst
from gossipmab.algorithms.central.hossain_ucb import HossainUCB as HossainUCB
from gossipmab.algorithms.central.jones_ucb import JonesUCB as JonesUCB
from gossipmab.algorithms.central.thompson import Thompson as Thompson
from gossipmab.algorithms.gossip.centralized_nsw import CentralizedNSW as CentralizedNSW
from gossipmab.algorithms.gossip.pareto_gossip import ParetoGossip as ParetoGossip
from gossipmab.algorithms.gossip.pareto_ucb_gossip import ParetoUCB as ParetoUCB, ParetoUCBGossip as ParetoUCBGossip
from gossipmab.algorithms.gossip.simulated_nsw_ucb_gossip import SimulatedNSWUCBGossip as SimulatedNSWUCBGossip
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.parameters import MISSING, parameters_of
from gossipmab.utils.registry import ALGORITHMS as GROUP, Registry

ALGORITHMS: dict[str, type] = {
    "pareto_ucb_gossip": ParetoUCBGossip,
    "pareto_ucb": ParetoUCB,
    "pareto_gossip": ParetoGossip,
    "simulated_nsw_ucb_gossip": SimulatedNSWUCBGossip,
}

# Oracles: they know what no message carries, so only the simulator itself can play them.
ORACLES: dict[str, type] = {"centralized_nsw": CentralizedNSW}

LEARNERS: dict[str, type] = {
    "explore_first": ExploreFirst,
    "epsilon_greedy": EpsilonGreedy,
    "hossain_ucb": HossainUCB,
    "jones_ucb": JonesUCB,
    "thompson": Thompson,
    "eld": ELD,
}

ASSIGNERS: dict[str, type] = {
    "ofmup": OFMUP,
    "non_probing": NonProbing,
    "random_probing": RandomProbing,
    "greedy_probing": GreedyProbing,
}

TRAINED = ("_fields", "environments", "uniforms", "gamma", "default_credit", "init", "begin", "select", "update")  # in a game
METHODS = ("_fields", "communicates", "init", "select", "update")  # of an algorithm that gossips

# [experiment] protocol -> the algorithms that can be played in it; plug-ins by the group of their entry points.
PROTOCOLS: dict[str, Registry] = {
    "gossip": Registry(GROUP, {**ALGORITHMS, **ORACLES}, METHODS),
    "central": Registry(f"{GROUP}.central", LEARNERS, ("_fields", "objective", "init", "select", "update")),
    "assignment": Registry(
        f"{GROUP}.assignment", ASSIGNERS, ("_fields", "warm_start", "assigns_at_random", "init", "select", "ucb_index", "update")
    ),
    "marl": Registry(f"{GROUP}.marl", "gossipmab.marl.learners:LEARNERS", TRAINED),
}


def instance_of(algorithm: Any) -> Any:
    """The algorithm: as it is, or with its defaults if it is a class or a registered name.

    Raises:
        InputError: an unknown name, or a class with hyperparameters that have no defaults.
    """
    if isinstance(algorithm, str):
        registry = next((one for one in PROTOCOLS.values() if algorithm in one), None)
        if registry is None:
            raise unknown("algorithm", algorithm, {name for one in PROTOCOLS.values() for name in one})
        algorithm = registry[algorithm]
    if isinstance(algorithm, type):
        required = [name for name, one in parameters_of(algorithm).items() if one.default is MISSING]
        if required:
            given = ", ".join(f"{name}=..." for name in required)
            raise InputError(f"algorithm: got the class {algorithm.__name__}, allowed is an object: {algorithm.__name__}({given})")
        return algorithm()
    return algorithm


def protocol_of(algorithm: Any) -> str:
    """The protocol whose methods an algorithm has.

    Raises:
        InputError: it has those of none.
    """
    for protocol, registry in reversed(PROTOCOLS.items()):  # a learner of marl that communicates has gossip's methods, too
        if all(hasattr(algorithm, method) for method in registry.methods):
            return protocol
    name = type(algorithm).__name__
    raise InputError(f"algorithm: {name} has the methods of no protocol; gossip takes a NamedTuple with {', '.join(METHODS[1:])}")
