"""What a training can do and hold: checked before it begins, without JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError

LARGEST_BATCH = 200_000_000  # numbers of 4 bytes in a batch's largest array; a learner takes a small multiple of it
LARGEST_BUFFER = 1_000_000_000  # and of what is remembered


def check_size(learner: Any, game: Any) -> None:
    """Raise InputError if the episodes of a batch, or those that the learner remembers, are more than a machine should hold."""
    inputs: Callable[[int, int, int], int] | None = getattr(learner, "inputs", None)
    each: int = game.observation_size
    each = max(each, inputs(game.agents, each, game.action_count) if inputs else 0)
    if learner.environments * (game.steps + 1) * game.agents * each > LARGEST_BATCH:
        sizes = f"{learner.environments} x {game.steps + 1} x {game.agents} x {each}"
        what = f"environments x (steps + 1) x agents x numbers of an input = {sizes}"
        raise InputError(f"environments: {what}, allowed are {LARGEST_BATCH} numbers")
    remembered = getattr(learner, "buffer", 0) * game.agents * game.observation_size
    if remembered > LARGEST_BUFFER:
        what = f"buffer x agents x numbers of an observation = {learner.buffer} x {game.agents} x {game.observation_size}"
        raise InputError(f"buffer: {what}, allowed are {LARGEST_BUFFER} numbers")


def check_network(network: Network, agents: int) -> None:
    """Raise InputError unless all that the network does is a mixing matrix, of so many agents."""
    if network.agents != agents:
        raise InputError(f"network: has {network.agents} agents, allowed are {agents}, as the game has")
    failures, budget = network.failures, network.communication
    if failures is not None and failures.delay:
        raise InputError(f"network.failures.delay: got {failures.delay}, allowed with learners is 0")
    for name in ("outages", "partitions"):
        if getattr(failures, name, ()):
            raise InputError(f"network.failures.{name}: planned by rounds, allowed with learners is none: episodes begin anew")
    if failures is not None and not failures.keep_state:
        raise InputError("network.failures.keep_state: got false, allowed with learners is true")
    for name in ("trigger_threshold", "quantization_bits", "top_k"):
        if getattr(budget, name, None) is not None:
            raise InputError(f"network.communication.{name}: got {getattr(budget, name)}, allowed with learners is period alone")
