"""What the GPU engine does not play, in one line that names what does."""

from __future__ import annotations

from typing import Any

from gossipmab.algorithms.gossip.pareto_gossip import ParetoGossip
from gossipmab.algorithms.gossip.pareto_ucb_gossip import ParetoUCB, ParetoUCBGossip
from gossipmab.environments import reward_models as models
from gossipmab.environments.environment import Environment
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError

OTHERS = "--engine threads, ray or actors"
ALGORITHMS = (ParetoUCBGossip, ParetoUCB, ParetoGossip)
# Not Beta: its quantiles are made of logarithms and exponentials, and those of a GPU differ in the last bit.
REWARDS = (models.Deterministic, models.Bernoulli, models.Gaussian, models.Discrete, models.Table, models.Rounds)


def check_supported(algorithm: Any, environment: Environment, network: Network, welfare: str) -> None:
    """Raise InputError unless the engine can play a trial with the bits of all engines."""
    check_algorithm(algorithm)
    model = type(environment.rewards)
    if model not in REWARDS:
        why = "its logarithms have other last bits on a GPU" if model is models.Beta else "its class is from outside the package"
        name = model.__name__.lower()
        raise InputError(f"environment.rewards: got {name} with --engine gpu, {why}; allowed are {_names(REWARDS)}, or {OTHERS}")
    check_network(network)
    check_welfare(welfare)


def check_algorithm(algorithm: Any) -> None:
    """Raise InputError unless the algorithm's methods give equal bits on a GPU."""
    if type(algorithm) not in ALGORITHMS:
        name = type(algorithm).__name__
        solver = "nsw" in name.lower()
        why = "its solvers take logarithms, whose last bits differ on a GPU" if solver else "it is not known to give equal bits"
        raise InputError(f"algorithms: got {name} with --engine gpu, {why}; allowed are {_names(ALGORITHMS)}, or {OTHERS}")


def check_network(network: Network) -> None:
    """Raise InputError if messages may be lost, late or shortened."""
    for name in ("failures", "communication"):
        if getattr(network, name) is not None:
            raise InputError(f"network.{name}: not with --engine gpu, where every message arrives whole; allowed with {OTHERS}")


def check_welfare(welfare: str) -> None:
    """Raise InputError unless regret needs no root of a product."""
    if welfare != "product":
        why = "its roots have other last bits on a GPU"
        raise InputError(f"experiment.welfare: got {welfare!r} with --engine gpu, {why}; allowed is 'product', or {OTHERS}")


def _names(kinds: tuple[type, ...]) -> str:
    return ", ".join(kind.__name__ for kind in kinds)
