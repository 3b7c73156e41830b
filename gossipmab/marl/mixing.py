"""The mixing matrices of a network in the rounds of an episode, its failures included, for estimates that JAX averages.

An agent that averages by W_t (`gossipmab.networks.network`) keeps the weight of a message that does not arrive for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gossipmab.networks.failures.message_loss import arcs_of
from gossipmab.networks.network import Network
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.types import Bytes, Floats

NUMBERS = 1_000_000  # in the matrices that are made at a time


def mixing_rounds(network: Network, key: dict[str, Any]) -> Callable[[int], Floats]:
    """A function from a count of rounds to the mixing matrices (rounds, N, N) of the next; key: of the streams of a trial."""
    links = network.link_sampler(stream(**key, purpose=Purpose.LINKS))
    failing = network.failures is not None or network.communication is not None
    fails = network.failure_sampler(stream(**key, purpose=Purpose.FAILURES)) if failing else None
    arcs = arcs_of(network.edges)

    def block(rounds: int) -> Floats:
        present = links(rounds)
        arrived: Bytes = present[:, arcs.link]
        if fails is not None:
            events = fails(present)
            present = np.zeros_like(present)
            present[:, arcs.link] = events.sent
            arrived = (events.age >= 0).astype(np.uint8)
        matrices = np.zeros((rounds, network.agents, network.agents))
        matrices[:, arcs.receiver, arcs.sender] = link_weights(network, present)[:, arcs.link] * arrived
        own = np.arange(network.agents)
        matrices[:, own, own] = 1.0 - matrices.sum(axis=2)
        return matrices

    return block


def steps_of(block: Callable[[int], Floats], steps: int, rounds: int, agents: int) -> Floats:
    """(steps, N, N) the products of the matrices of so many rounds a step, the last on the left; made some steps at a time."""
    found, most = np.empty((steps, agents, agents)), max(1, NUMBERS // (rounds * agents * agents))
    for first in range(0, steps, most):
        some = found[first : first + most]
        each = block(len(some) * rounds).reshape(len(some), rounds, agents, agents)
        some[:] = each[:, 0]
        for g in range(1, rounds):
            some[:] = each[:, g] @ some
    return found


def link_weights(network: Network, present: Bytes) -> Floats:
    """(rounds, E) the weights w_ij of the links that are present (rounds, E), as `Network.mixing_matrix` has them."""
    if network.constant_weight > 0.0:
        return np.where(present, network.constant_weight, 0.0)
    ends = np.zeros((len(network.edges), network.agents))
    for column in range(2):
        ends[np.arange(len(network.edges)), network.edges[:, column]] = 1.0
    degrees = present @ ends
    metropolis = 1.0 / (1.0 + degrees[:, network.edges].max(axis=2, initial=0))
    return np.where(present, metropolis if network.weights == "metropolis" else metropolis / 2, 0.0)
