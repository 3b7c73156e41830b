"""What the GPU engine does not play, in one line that names what does."""

from __future__ import annotations

from typing import Any

from gossipmab.environments.environment import Environment
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import is_builtin

OTHERS = "--engine threads, ray or actors"
OUTSIDE = "a class from outside the package may take other logarithms than the package's own"


def check_supported(algorithm: Any, environment: Environment, network: Network) -> None:
    """Raise InputError unless the engine can play a trial with the bits of all engines."""
    for key, thing in (("algorithms", algorithm), ("environment.rewards", environment.rewards)):
        if not is_builtin(thing):
            raise InputError(f"{key}: got {type(thing).__name__} on a GPU, {OUTSIDE}; allowed with {OTHERS}")
    for name in ("failures", "communication"):
        if getattr(network, name) is not None:
            raise InputError(f"network.{name}: not on a GPU, where every message arrives whole; allowed with {OTHERS}")
