"""The memory of a gossip trial in this process, estimated before any of it is allocated.

    bytes = 8 N (7 K + K D + 3 D + 24)  environment, and what is kept of every agent
          + state                       of the algorithm: N (2 K + 3 K D) numbers for Pareto UCB1 Gossip, and 4 N^2 K for NSW
          + 34 E                        base graph, neighbours, links of a round
          + 32 E + 16 N                 neighbours of two more rounds, if threads share the agents
          + 8 max(B, N (1 + 2 D))       the random numbers of a block, B = 4,000,000
          + 16 R (N or 1)               recorded curves, by agent or summed
          + h S (K + 1) 8               the welfare cache of h threads, S = 4,096

plus what Python and the libraries take by themselves. N agents, K arms, D objectives, E edges, R recorded rounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gossipmab.algorithms.base import ProblemInfo
from gossipmab.algorithms.gossip.base import SCRATCH, Algorithm
from gossipmab.engines.gossip.simulate import BLOCK_NUMBERS, LARGE_CURVES
from gossipmab.engines.limits import MIB, SHARE, available_mib
from gossipmab.metrics.regret import CACHE_POLICIES
from gossipmab.networks.neighbourhoods import largest_ball
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError

INTERPRETER = 420 * MIB  # measured: Python, numpy, scipy, pyarrow, numba and its code, and what it takes to compile
PROBED = (2, 3, 4)  # numbers of agents at which a state is looked at; its size is a polynomial of degree two in N


def state_bytes(algorithm: Algorithm, network: Network, arms: int, objectives: int) -> int:
    """What `init` would take, by Newton's forward differences from the states of very few agents.

    Where rows are tracked, for the largest ball of agents; 0 of a plug-in that cannot begin with so few.
    """
    N, ball = network.agents, _tracked(algorithm, network)
    try:
        a, b, c = (_probed(algorithm, arms, objectives, few) for few in PROBED)
    except Exception:
        return 0
    steps = ball - PROBED[0]
    return N * (a + steps * (b - a) + steps * (steps - 1) // 2 * (c - 2 * b + a)) // ball


def scratch_bytes(algorithm: Algorithm, network: Network, arms: int, objectives: int) -> int:
    """The scratch of a state, which every thread has; of more agents than arms it grows by the same bytes with each."""
    ball, few = _tracked(algorithm, network), max(arms, *PROBED)

    def taken(agents: int) -> int:
        state = _small_state(algorithm, arms, objectives, agents)[0]
        return sum(_size(value) for name, value in state._asdict().items() if name.startswith(SCRATCH))

    return taken(ball) if ball <= few else taken(few) + (ball - few) * (taken(few + 1) - taken(few))


def _tracked(algorithm: Algorithm, network: Network) -> int:
    """The most agents whose preferences an agent may track."""
    hops = getattr(algorithm, "hops", 0)
    return largest_ball(network.edges, network.agents, hops) if hops > 0 else network.agents


def _probed(algorithm: Algorithm, arms: int, objectives: int, agents: int) -> int:
    state, preferences = _small_state(algorithm, arms, objectives, agents)
    return sum(_size(value) for name, value in state._asdict().items() if value is not preferences and not name.startswith(SCRATCH))


def _small_state(algorithm: Algorithm, arms: int, objectives: int, agents: int) -> tuple[Any, Any]:
    """The state of very few agents on the complete graph, and their preferences."""
    edges = np.argwhere(np.triu(np.ones((agents, agents)), 1))
    preferences = np.full((agents, objectives), 1.0 / objectives)
    return algorithm.init(ProblemInfo(agents, arms, objectives, 2, preferences, 1.0, edges, lambda: 1.0)), preferences


def _size(value: Any) -> int:
    if isinstance(value, tuple):
        return sum(map(_size, value))
    return value.nbytes if isinstance(value, np.ndarray) else 0


def trial_bytes(algorithm: Algorithm, network: Network, arms: int, objectives: int, recorded: int, threads: int = 1) -> int:
    """What a trial takes beside the interpreter itself, by the formula above.

    Args:
        arms, objectives: K, D. recorded: R, rounds. threads: that share the agents.
    """
    N, K, D, E = network.agents, arms, objectives, len(network.edges)
    curves = 16 * recorded * (N if N * recorded <= LARGE_CURVES else 1)
    kept = 8 * N * (7 * K + K * D + 3 * D + 24)
    block = 8 * max(BLOCK_NUMBERS, N * (1 + 2 * D))
    state = state_bytes(algorithm, network, K, D)
    links = 34 * E + (32 * E + 16 * N if threads > 1 else 0)
    return kept + state + links + block + curves + threads * CACHE_POLICIES * (K + 1) * 8


def check(algorithm: Algorithm, network: Network, arms: int, objectives: int, recorded: int, available: float | None = None) -> int:
    """Raise InputError, with the estimate and advice, where a trial does not fit into the memory; else its bytes, all included.

    available: MiB, by default what this machine has to give.
    """
    needed = INTERPRETER + trial_bytes(algorithm, network, arms, objectives, recorded)
    room = SHARE * (available_mib() if available is None else available) * MIB
    if needed > room:
        quadratic = getattr(algorithm, "estimates", "") == "utilities" and not getattr(algorithm, "hops", 0)
        advice = "hops = 1 (the state is agents x agents x arms)" if quadratic else "fewer agents or arms"
        raise InputError(
            f"environment.agents: {network.agents} agents, {arms} arms and {objectives} objectives need about"
            f" {needed / MIB:,.0f} MiB, there is room for {room / MIB:,.0f} MiB; use {advice}"
        )
    return needed
