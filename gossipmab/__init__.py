"""gossipmab: a simulator of decentralised, multi-objective, multi-agent bandits over random graphs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

# Public name -> the module that defines it, loaded on first use: `import gossipmab` stays fast, without numba, matplotlib or ray.
_HOME = {
    "ActorPool": "gossipmab.engines.actors.supervisor",
    "AssignmentTrace": "gossipmab.metrics.assignment_trace",
    "Callback": "gossipmab.experiments.callbacks",
    "CentralTrace": "gossipmab.metrics.central_trace",
    "CentralizedNSW": "gossipmab.algorithms",
    "CommunicationBudget": "gossipmab.networks.communication_budget",
    "ContactTrace": "gossipmab.networks.links",
    "ELD": "gossipmab.algorithms",
    "Environment": "gossipmab.environments.environment",
    "EpsilonGreedy": "gossipmab.algorithms",
    "Equity": "gossipmab.metrics.equity",
    "ErdosRenyi": "gossipmab.networks.links",
    "ExploreFirst": "gossipmab.algorithms",
    "Failures": "gossipmab.networks.failures",
    "GilbertElliott": "gossipmab.networks.links",
    "GreedyProbing": "gossipmab.algorithms",
    "HossainUCB": "gossipmab.algorithms",
    "InputError": "gossipmab.utils.errors",
    "JonesUCB": "gossipmab.algorithms",
    "LinkProcess": "gossipmab.networks.links",
    "MarlTrace": "gossipmab.metrics.marl_trace",
    "Network": "gossipmab.networks.network",
    "NonProbing": "gossipmab.algorithms",
    "OFMUP": "gossipmab.algorithms",
    "OnePeerExponential": "gossipmab.networks.links",
    "Outage": "gossipmab.networks.failures",
    "ParetoGossip": "gossipmab.algorithms",
    "ParetoUCB": "gossipmab.algorithms",
    "ParetoUCBGossip": "gossipmab.algorithms",
    "Partition": "gossipmab.networks.failures",
    "ProblemInfo": "gossipmab.algorithms",
    "RandomMatching": "gossipmab.networks.links",
    "RandomProbing": "gossipmab.algorithms",
    "RandomizedGossip": "gossipmab.networks.links",
    "Results": "gossipmab.experiments.results",
    "SimulatedNSWUCBGossip": "gossipmab.algorithms",
    "Static": "gossipmab.networks.links",
    "StochasticBlock": "gossipmab.networks.links",
    "Switching": "gossipmab.networks.links",
    "Thompson": "gossipmab.algorithms",
    "GossipTrace": "gossipmab.metrics.trace",
    "animate": "gossipmab.analysis.animation",
    "best_policy": "gossipmab.objectives.best_policy",
    "datasets": "gossipmab.environments.datasets",
    "equity": "gossipmab.metrics.equity",
    "marl": "gossipmab.marl",
    "open_run": "gossipmab.experiments.results",
    "play": "gossipmab.engines.gossip.rounds",
    "plot": "gossipmab.analysis.plots",
    "run": "gossipmab.experiments.runner",
    "same_bits": "gossipmab.analysis.verify",
    "simulate": "gossipmab.engines.simulate",
    "simulate_actors": "gossipmab.engines.actors.simulate",
    "verify": "gossipmab.analysis.verify",
}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604

if TYPE_CHECKING:
    from gossipmab import marl as marl
    from gossipmab.algorithms import (
        ELD as ELD,
        OFMUP as OFMUP,
        CentralizedNSW as CentralizedNSW,
        EpsilonGreedy as EpsilonGreedy,
        ExploreFirst as ExploreFirst,
        GreedyProbing as GreedyProbing,
        HossainUCB as HossainUCB,
        JonesUCB as JonesUCB,
        NonProbing as NonProbing,
        ParetoGossip as ParetoGossip,
        ParetoUCB as ParetoUCB,
        ParetoUCBGossip as ParetoUCBGossip,
        ProblemInfo as ProblemInfo,
        RandomProbing as RandomProbing,
        SimulatedNSWUCBGossip as SimulatedNSWUCBGossip,
        Thompson as Thompson,
    )
    from gossipmab.analysis.animation import animate as animate
    from gossipmab.analysis.plots import plot as plot
    from gossipmab.analysis.verify import same_bits as same_bits, verify as verify
    from gossipmab.engines.actors.simulate import simulate_actors as simulate_actors
    from gossipmab.engines.actors.supervisor import ActorPool as ActorPool
    from gossipmab.engines.gossip.rounds import play as play
    from gossipmab.engines.simulate import simulate as simulate
    from gossipmab.environments import datasets as datasets
    from gossipmab.environments.environment import Environment as Environment
    from gossipmab.experiments.callbacks import Callback as Callback
    from gossipmab.experiments.results import Results as Results, open_run as open_run
    from gossipmab.experiments.runner import run as run
    from gossipmab.metrics.assignment_trace import AssignmentTrace as AssignmentTrace
    from gossipmab.metrics.central_trace import CentralTrace as CentralTrace
    from gossipmab.metrics.equity import Equity as Equity, equity as equity
    from gossipmab.metrics.marl_trace import MarlTrace as MarlTrace
    from gossipmab.metrics.trace import GossipTrace as GossipTrace
    from gossipmab.networks.communication_budget import CommunicationBudget as CommunicationBudget
    from gossipmab.networks.failures import Failures as Failures, Outage as Outage, Partition as Partition
    from gossipmab.networks.links import (
        ContactTrace as ContactTrace,
        ErdosRenyi as ErdosRenyi,
        GilbertElliott as GilbertElliott,
        LinkProcess as LinkProcess,
        OnePeerExponential as OnePeerExponential,
        RandomizedGossip as RandomizedGossip,
        RandomMatching as RandomMatching,
        Static as Static,
        StochasticBlock as StochasticBlock,
        Switching as Switching,
    )
    from gossipmab.networks.network import Network as Network
    from gossipmab.objectives.best_policy import best_policy as best_policy
    from gossipmab.utils.errors import InputError as InputError


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gossipmab' has no attribute {name!r}")
    home = import_module(_HOME[name])
    return home if name in ("datasets", "marl") else getattr(home, name)


def __dir__() -> list[str]:
    return __all__
