"""The device memory of a trial, estimated before any of it is allocated.

    bytes = state of the algorithm, and N times its scratch
          + 8 N (3 K + K D + 2 D + U + 13)  environment, what is kept of every agent, scratch; U = N up to 8,192 agents, else 1
          + 8 R (2 P + K + 4)               records, P = N by agent or 1 summed
          + 77 E                            base graph, links, neighbours, weights, streams

N agents, K arms, D objectives, E edges, R recorded rounds. A graph is counted with every trial, though trials share it.
"""

from __future__ import annotations

from typing import Any

from gossipmab.engines.gossip.memory import scratch_bytes, state_bytes
from gossipmab.engines.gossip.simulate import LARGE_CURVES
from gossipmab.engines.limits import MIB, SHARE
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError

SCRATCH_AGENTS = 8_192  # the product of so many agents' utilities is next to nothing: no welfare is computed


def trial_bytes(algorithm: Any, network: Network, arms: int, objectives: int, recorded: int) -> int:
    """What a trial takes on the device, by the formula above. recorded: R, rounds."""
    N, K, D, E = network.agents, arms, objectives, len(network.edges)
    state = state_bytes(algorithm, network, K, D) + N * scratch_bytes(algorithm, network, K, D)
    kept = 8 * N * (3 * K + K * D + 2 * D + (N if N <= SCRATCH_AGENTS else 1) + 13)
    records = 8 * recorded * (2 * (N if N * recorded <= LARGE_CURVES else 1) + K + 4)
    return state + kept + records + 77 * E


def most_trials(each: int, free: float, most: int) -> int:
    """How many trials of `each` bytes fit into the free bytes of a device, `most` at most; at least one."""
    return int(max(1, min(most, SHARE * free // max(1, each))))


def check(algorithm: Any, network: Network, arms: int, objectives: int, recorded: int, free: float) -> int:
    """Raise InputError, with the estimate and advice, if a trial does not fit into the free bytes; else its bytes."""
    needed = trial_bytes(algorithm, network, arms, objectives, recorded)
    if needed > SHARE * free:
        sizes = f"{network.agents} agents, {arms} arms and {objectives} objectives"
        mib, room = f"{needed / MIB:,.0f} MiB", f"{SHARE * free / MIB:,.0f} MiB"
        raise InputError(
            f"environment.agents: {sizes} need about {mib} of the GPU's memory, there is room for {room};"
            " use fewer agents or arms, or --engine threads"
        )
    return needed
