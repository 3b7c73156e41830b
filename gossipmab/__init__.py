"""gossipmab: a simulator of decentralised, multi-objective, multi-agent bandits over random graphs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public name -> the module that defines it, loaded on first use: `import gossipmab` stays fast, without numba, matplotlib or ray.
_HOME = {
    "Absence": "gossipmab.failures",
    "AssignmentTrace": "gossipmab.assignment_trace",
    "CentralTrace": "gossipmab.central_trace",
    "CentralizedNSW": "gossipmab.algorithms",
    "Communication": "gossipmab.communication",
    "ContactTrace": "gossipmab.links",
    "ELD": "gossipmab.algorithms",
    "Environment": "gossipmab.environment",
    "EpsilonGreedy": "gossipmab.algorithms",
    "ErdosRenyi": "gossipmab.links",
    "ExploreFirst": "gossipmab.algorithms",
    "Failures": "gossipmab.failures",
    "GilbertElliott": "gossipmab.links",
    "GreedyProbing": "gossipmab.algorithms",
    "InputError": "gossipmab.errors",
    "NeighbourhoodNSWUCBGossip": "gossipmab.algorithms",
    "Network": "gossipmab.network",
    "NonProbing": "gossipmab.algorithms",
    "OFMUP": "gossipmab.algorithms",
    "OnePair": "gossipmab.links",
    "OnePeerExponential": "gossipmab.links",
    "ParetoGossip": "gossipmab.algorithms",
    "ParetoUCB": "gossipmab.algorithms",
    "ParetoUCBGossip": "gossipmab.algorithms",
    "Partition": "gossipmab.failures",
    "RandomMatching": "gossipmab.links",
    "RandomProbing": "gossipmab.algorithms",
    "Results": "gossipmab.results",
    "SimulatedNSWUCBGossip": "gossipmab.algorithms",
    "Static": "gossipmab.links",
    "StochasticBlock": "gossipmab.links",
    "Switching": "gossipmab.links",
    "Thompson": "gossipmab.algorithms",
    "Trace": "gossipmab.metrics",
    "UCBBonus": "gossipmab.algorithms",
    "UCBInside": "gossipmab.algorithms",
    "best_policy": "gossipmab.policies",
    "open_run": "gossipmab.results",
    "run": "gossipmab.runner",
    "simulate": "gossipmab.engines.rounds",
    "simulate_assignment": "gossipmab.engines.assignment_rounds",
    "simulate_central": "gossipmab.engines.central_rounds",
}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604

if TYPE_CHECKING:
    from gossipmab.algorithms import ELD as ELD
    from gossipmab.algorithms import OFMUP as OFMUP
    from gossipmab.algorithms import CentralizedNSW as CentralizedNSW
    from gossipmab.algorithms import EpsilonGreedy as EpsilonGreedy
    from gossipmab.algorithms import ExploreFirst as ExploreFirst
    from gossipmab.algorithms import GreedyProbing as GreedyProbing
    from gossipmab.algorithms import NeighbourhoodNSWUCBGossip as NeighbourhoodNSWUCBGossip
    from gossipmab.algorithms import NonProbing as NonProbing
    from gossipmab.algorithms import ParetoGossip as ParetoGossip
    from gossipmab.algorithms import ParetoUCB as ParetoUCB
    from gossipmab.algorithms import ParetoUCBGossip as ParetoUCBGossip
    from gossipmab.algorithms import RandomProbing as RandomProbing
    from gossipmab.algorithms import SimulatedNSWUCBGossip as SimulatedNSWUCBGossip
    from gossipmab.algorithms import Thompson as Thompson
    from gossipmab.algorithms import UCBBonus as UCBBonus
    from gossipmab.algorithms import UCBInside as UCBInside
    from gossipmab.assignment_trace import AssignmentTrace as AssignmentTrace
    from gossipmab.central_trace import CentralTrace as CentralTrace
    from gossipmab.communication import Communication as Communication
    from gossipmab.engines.assignment_rounds import simulate_assignment as simulate_assignment
    from gossipmab.engines.central_rounds import simulate_central as simulate_central
    from gossipmab.engines.rounds import simulate as simulate
    from gossipmab.environment import Environment as Environment
    from gossipmab.errors import InputError as InputError
    from gossipmab.failures import Absence as Absence
    from gossipmab.failures import Failures as Failures
    from gossipmab.failures import Partition as Partition
    from gossipmab.links import ContactTrace as ContactTrace
    from gossipmab.links import ErdosRenyi as ErdosRenyi
    from gossipmab.links import GilbertElliott as GilbertElliott
    from gossipmab.links import OnePair as OnePair
    from gossipmab.links import OnePeerExponential as OnePeerExponential
    from gossipmab.links import RandomMatching as RandomMatching
    from gossipmab.links import Static as Static
    from gossipmab.links import StochasticBlock as StochasticBlock
    from gossipmab.links import Switching as Switching
    from gossipmab.metrics import Trace as Trace
    from gossipmab.network import Network as Network
    from gossipmab.policies import best_policy as best_policy
    from gossipmab.results import Results as Results
    from gossipmab.results import open_run as open_run
    from gossipmab.runner import run as run


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gossipmab' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
