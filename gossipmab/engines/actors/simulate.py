"""Every agent, or block of agents, a Ray actor: the decentralised engine.

The bits are the same for any window, transport or block size, whatever dies.

    transport "direct"   neighbours exchange messages over sockets; the coordinator is not in between
    transport "refs"     one call per actor and round, neighbours' previous results passed as object references
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeVar

from numba import config

from gossipmab.algorithms import instance_of
from gossipmab.algorithms.gossip.base import Algorithm
from gossipmab.engines.actors.coordinator import Coordinator
from gossipmab.engines.actors.supervisor import ActorPool, Note
from gossipmab.engines.common import TrialSettings, check_objects
from gossipmab.engines.gossip.simulate import check_problem
from gossipmab.engines.pools.ray_runtime_env import packed
from gossipmab.engines.pools.ray_session import ray_options, session
from gossipmab.environments.environment import Environment
from gossipmab.metrics.trace import GossipTrace
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError

log = logging.getLogger("gossipmab").warning
AT_ONCE = 16  # cells
LOOK = 0.2  # seconds between looks whether more cells are worth while
C = TypeVar("C")
P = TypeVar("P")


def simulate_actors(
    algorithm: Algorithm, environment: Environment, network: Network, *, horizon: int, seed: int, trial: int = 0,
    recorded_rounds: int = 200, stream_label: str = "", welfare: str = "product", pool: ActorPool | None = None,
    address: str | None = None, note: Note | None = None, progress: Callable[[int], None] | None = None,
) -> GossipTrace:  # fmt: skip
    """Play one trial with every agent, or block of agents, in a process of its own; the bits are those of `simulate`.

    >>> gm.simulate_actors(gm.ParetoUCBGossip(), environment, network, horizon=30, seed=0)  # doctest: +SKIP
    GossipTrace(agents=4, rounds=30, recorded=30, pareto_regret=29.6, nsw_regret=1.2)

    Args:
        algorithm, environment, network, horizon to welfare, progress: as in `gossipmab.simulate`.
        pool: the actors to use; by default one agent an actor over "direct", started now and ended with the trial.
        address: the Ray cluster to join, if this process has no Ray yet; by default a new one on this machine.
        note: called with one line about everything that failed and what was done about it; by default it is logged.

    Raises:
        InputError: an argument out of range, or more actors than fit. ActorsLostError: they died again and again.
    """
    with ExitStack() as stack:
        import ray

        note, algorithm = note or log, instance_of(algorithm)
        check(algorithm, environment, network, pool or ActorPool())
        settings = {"horizon": horizon, "seed": seed, "trial": trial, "recorded_rounds": recorded_rounds, "progress": progress}
        checked = TrialSettings.checked({**settings, "stream_label": stream_label, "welfare": welfare})
        if not ray.is_initialized():
            stack.enter_context(session(address))
        pool = pool or stack.enter_context(ActorPool(note=note))
        return Coordinator(algorithm, environment, network, pool, checked).play(note)


def check(algorithm: Algorithm, environment: Environment, network: Network, pool: ActorPool) -> None:
    """Raise InputError if a trial cannot be played by actors."""
    check_objects(environment, network)
    check_problem(algorithm, environment, network)
    for name in ("failures", "communication"):
        if getattr(network, name) is not None and pool.transport != "direct":
            raise InputError(f"transport: got {pool.transport!r}, allowed with network.{name} is 'direct'")
    if getattr(config, "DISABLE_JIT", False):
        raise InputError("engine: actors run compiled code; unset NUMBA_DISABLE_JIT")


def run_cells(
    cells: Sequence[C], play: Callable[..., P], *, steps: Callable[[int], None] | None = None, note: Note | None = None,
    address: str | None = None, transport: str = "direct", agents_per_actor: int = 1, window: int | None = None,
    listen: str | None = None, workers: int | None = None,
    resources: Mapping[str, float] | None = None, **options: Any,
) -> Iterator[tuple[C, P | Exception]]:  # fmt: skip
    """Play the cells by actors, several side by side where processors would wait for messages; yield each with its outcome.

    The outcome of a cell that failed is its exception.

    Args:
        play: plays one cell, as `play(cell, steps, simulate=...)` with a function that takes the place of `simulate`.
        steps: called with the agent-steps just played. note: called with a line about each failure.
        address, transport, agents_per_actor, window, listen: of `ActorPool`. options: for the session.
        workers: cells side by side; by default as many as keep the processors busy, found in the first one, and at most AT_ONCE.
        resources: of an actor: "CPU" (0 by default), "GPU", "memory" in bytes, or any that the cluster has.
    """
    if not cells:
        return
    note = note or log
    pool = ActorPool(transport, agents_per_actor, window, listen=listen, note=note, **ray_options(resources or {}))
    pool.side_by_side(min(workers or (AT_ONCE if transport == "direct" else 1), len(cells)))
    pool.at_once = pool.lanes if workers else 1
    with ExitStack() as stack:
        if address is not None:
            options["runtime_env"] = stack.enter_context(packed(None)).runtime_env
        stack.enter_context(session(address, **options))
        threads = stack.enter_context(ThreadPoolExecutor(pool.lanes, "trial"))
        simulate = partial(simulate_actors, pool=stack.enter_context(pool), note=note)
        waiting = iter(cells)
        flying: dict[Future[P], C] = {}
        while True:
            while len(flying) < pool.at_once and (cell := next(waiting, None)) is not None:
                flying[threads.submit(play, cell, steps, simulate=simulate)] = cell
            if not flying:
                return
            for future in wait(flying, LOOK, FIRST_COMPLETED).done:
                error = future.exception()
                if error is not None and (isinstance(error, InputError) or not isinstance(error, Exception)):
                    raise error
                yield flying.pop(future), future.result() if error is None else error
