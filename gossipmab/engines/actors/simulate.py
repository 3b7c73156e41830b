"""Every agent, or block of agents, a Ray actor: the decentralised engine.

The coordinator samples graphs and measures; the actors hold what they learnt and what neighbours told them. What dies is
made anew from its last snapshot and the window replayed: same bits, as for any window, transport or block size.

    transport "direct"   neighbours exchange messages over sockets; the coordinator is not in between
    transport "refs"     one call per actor and round, neighbours' previous results passed as object references
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeVar

from numba import config

from gossipmab.algorithms.gossip.base import Algorithm
from gossipmab.engines.actors.actor import AgentActor
from gossipmab.engines.actors.coordinator import Coordinator
from gossipmab.engines.actors.supervisor import Crew, Note
from gossipmab.engines.limits import TRANSPORTS
from gossipmab.engines.pools.ray_runtime_env import packed
from gossipmab.engines.pools.ray_session import session
from gossipmab.environments.environment import Environment
from gossipmab.metrics.trace import GossipTrace
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError, unknown

__all__ = ["AgentActor", "Coordinator", "run_cells", "simulate_actors"]

C = TypeVar("C")
P = TypeVar("P")


def simulate_actors(
    algorithm: Algorithm,
    environment: Environment,
    network: Network,
    *,
    horizon: int,
    seed: int,
    record: int = 200,
    trial: int = 0,
    label: str = "",
    welfare: str = "product",
    transport: str = "direct",
    agents_per_actor: int = 1,
    window: int | None = None,
    address: str | None = None,
    crew: Crew | None = None,
    poison: bool = False,
    note: Note | None = None,
    progress: Callable[[int], None] | None = None,
) -> GossipTrace:
    """Play one trial with every agent in a process of its own; the bits are those of `rounds.simulate`.

    Args:
        algorithm, environment, network, horizon, seed, record, trial, label, welfare, progress: as in `rounds.simulate`.
        transport: "direct" or "refs".
        agents_per_actor: agents in a process; they exchange messages with other processes only.
        window: rounds between two looks of the coordinator; by default 500, 50 with "refs", fewer where memory asks for it.
        address: the Ray cluster to join, where this process has no Ray yet; by default one of its own.
        crew: actors to use, of the same transport; by default new ones, which end with the trial.
        poison: fill with NaN whatever an actor has not received, to see that nothing reads it.
        note: told in one line of everything that went wrong and what was done about it; by default the logger "gossipmab".

    Raises:
        InputError: an argument out of range, or more actors than fit. ActorsLostError: they died again and again.
    """
    check(algorithm, environment, network, horizon, record, transport, agents_per_actor, window)
    with ExitStack() as stack:
        import ray

        if not ray.is_initialized():
            stack.enter_context(session(address))
        note = note or logging.getLogger("gossipmab").warning
        crew = crew or stack.enter_context(Crew(transport, note))
        played = Coordinator(algorithm, environment, network, horizon, record, welfare, agents_per_actor, window, crew)
        return played.play({"seed": seed, "trial": trial, "label": label}, poison, note, progress)


def check(
    algorithm: Algorithm, environment: Environment, network: Network, horizon: int, record: int, transport: str,
    agents_per_actor: int, window: int | None,
) -> None:  # fmt: skip
    """Raise InputError where a trial cannot be played with actors."""
    if environment.agents != network.agents:
        raise InputError(f"network.base: has {network.agents} agents, the environment has {environment.agents}")
    for name, value in (("horizon", horizon), ("record", record), ("window", 1 if window is None else window)):
        if value != int(value) or value < 1:
            raise InputError(f"{name}: got {value}, allowed is a whole number >= 1")
    if transport not in TRANSPORTS:
        raise unknown("transport", transport, TRANSPORTS)
    for name in ("failures", "communication"):
        if getattr(network, name) is not None and transport != "direct":
            raise InputError(f"transport: got {transport!r}, allowed with network.{name} is 'direct'")
    if agents_per_actor != int(agents_per_actor) or agents_per_actor < 1:
        raise InputError(f"agents_per_actor: got {agents_per_actor}, allowed is a whole number >= 1")
    if getattr(config, "DISABLE_JIT", False):
        raise InputError("engine: actors run compiled code; unset NUMBA_DISABLE_JIT")
    algorithm.check()


def taken(resources: Mapping[str, float], joined: bool) -> dict[str, Any]:
    """What an actor takes, as `ray.remote` has it; on a cluster that was joined, actors go to all its nodes in turn."""
    names = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}
    known: dict[str, Any] = {names[name]: value for name, value in resources.items() if name in names}
    others = {name: value for name, value in resources.items() if name not in names}
    known |= {"resources": others} if others else {}
    return known | ({"scheduling_strategy": "SPREAD"} if joined else {})


def run_cells(
    cells: Sequence[C],
    play: Callable[..., P],
    *,
    steps: Callable[[int], None] | None = None,
    note: Note | None = None,
    address: str | None = None,
    transport: str = "direct",
    agents_per_actor: int = 1,
    window: int | None = None,
    resources: Mapping[str, float] | None = None,
    **options: Any,
) -> Iterator[tuple[C, P | Exception]]:
    """Play the cells one after the other, each by actors; hand each on with its outcome, or its exception.

    Args:
        cells: what to play.
        play: plays one cell, as `play(cell, steps, simulate=...)` with what stands in for `rounds.simulate`.
        steps: told of the agent-steps just played. note: told of failures, in one line each.
        address, transport, agents_per_actor, window: as in `simulate_actors`.
        resources: what an actor takes: "CPU" (0 by default), "GPU", "memory" in bytes, or any that the cluster has.
        options: for the session.
    """
    if not cells:
        return
    note = note or logging.getLogger("gossipmab").warning
    if transport not in TRANSPORTS:
        raise unknown("transport", transport, TRANSPORTS)
    with ExitStack() as stack:
        if address is not None:
            options["runtime_env"] = stack.enter_context(packed(None)).runtime_env
        stack.enter_context(session(address, **options))
        crew = stack.enter_context(Crew(transport, note, **taken(resources or {}, address is not None)))
        simulate = partial(
            simulate_actors, transport=transport, agents_per_actor=agents_per_actor, window=window, crew=crew, note=note
        )
        for cell in cells:
            try:
                outcome: P | Exception = play(cell, steps, simulate=simulate)
            except InputError:
                raise
            except Exception as error:
                outcome = error
            yield cell, outcome
