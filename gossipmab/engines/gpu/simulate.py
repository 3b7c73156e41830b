"""One trial by the GPU engine, and its check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gossipmab.algorithms import instance_of, protocol_of
from gossipmab.engines.common import TrialSettings, check_objects
from gossipmab.engines.gpu.batch import begun
from gossipmab.engines.gpu.compiling import check_device, on_one_line
from gossipmab.engines.gpu.playing import BLOCK_AGENTS, play
from gossipmab.environments.environment import Environment
from gossipmab.metrics.trace import GossipTrace
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError


def simulate_gpu(
    algorithm: Any, environment: Environment, network: Network, *, per_agent_curves: bool | None = None,
    block_agents: int = BLOCK_AGENTS, progress: Callable[[int], None] | None = None, **settings: Any,
) -> GossipTrace:  # fmt: skip
    """Play one trial on a GPU; the bits are those of `gossipmab.simulate`, whose arguments these are.

    block_agents: from more agents on, a round is a launch, and threads of many blocks take the agents.

    Raises:
        InputError: no GPU to be used, or a trial that the engine does not play.
    """
    algorithm = instance_of(algorithm)
    check_objects(environment, network)
    if protocol_of(algorithm) != "gossip":
        raise InputError(f"algorithm: {type(algorithm).__name__} does not gossip; allowed with the GPU is a gossip algorithm")
    trial = begun(algorithm, environment, network, TrialSettings.checked(settings), per_agent_curves)
    check_device()
    with on_one_line():
        outcome = play([trial], progress or (lambda agent_steps: None), block_agents)[0]
    if outcome.trace is None:
        assert outcome.error is not None
        raise outcome.error
    return outcome.trace
