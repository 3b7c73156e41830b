"""The trial that is made of blocks of rounds, and its random numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from gossipmab.algorithms.gossip.base import Algorithm, Shape
from gossipmab.engines.gossip import synchronous as plain
from gossipmab.engines.gossip.step import Base, Numbers, Scratch, estimates, message_size, new_tally, trace_of, tracking
from gossipmab.engines.gossip.synchronous import (
    PlainRounds,
    SharedRounds,
    bounds_of,
    divisible,
    part_compiled,
    part_foreign,
    play_compiled,
    play_foreign,
)
from gossipmab.engines.gossip.unreliable import (
    MessageRounds,
    play_messages,
    play_messages_compiled,
    play_messages_foreign,
)
from gossipmab.engines.limits import SHARED_AGENTS
from gossipmab.environments.environment import Environment
from gossipmab.metrics import trace as metrics
from gossipmab.metrics.trace import GossipTrace
from gossipmab.networks.communication_budget import CommunicationBudget
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import is_builtin
from gossipmab.utils.provenance import available_processors
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.rng_batch import Streams
from gossipmab.utils.types import Integers

LARGE_CURVES = 2_000_000  # numbers: above, curves are kept as sums over the agents
BLOCK_NUMBERS = 4_000_000  # random numbers drawn at a time: 32 MB
BLOCK_ROWS = (
    40_000  # bound on rounds x numbers in a row: where rows are long, rounds are slow, and progress should show
)


def recorded_rounds(horizon: int, record: int) -> Integers:
    """(R,) the rounds round(T m / record), m = 1..record, each once; the last round is always among them."""
    rounds = np.unique([round(horizon * m / record) for m in range(1, record + 1)])
    return rounds[rounds > 0].astype(np.int64)


def shape_of(environment: Environment, network: Network, horizon: int) -> Shape:
    """What the algorithm is told before the first round."""
    return Shape(
        environment.agents, environment.arms, environment.objectives, horizon, network.link_probability,
        lambda: network.algebraic_connectivity, environment.preferences, network.edges,
    )  # fmt: skip


def simulate(
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
    threads: int | None = None,
    by_agent: bool | None = None,
    interpreted: bool = False,
    progress: Callable[[int], None] | None = None,
) -> GossipTrace:
    """Play one trial of one algorithm in this process.

    Args:
        algorithm: a NamedTuple such as `ParetoUCBGossip()`.
        environment, network: they must have the same number of agents.
        horizon: T, rounds.
        seed, trial, label: of the random streams; label "" shares links and reward numbers between algorithms (coupled).
        record: how many rounds to record, evenly spaced; the last is always among them.
        welfare: "product" or "geometric", the Nash social welfare in which regret is measured. With many agents the product
            is less than the least number, and its regret 0.
        threads: share the agents of a round among so many; same bits. None: as many as processors from 8,192 agents on, else 1.
        by_agent: keep the regrets of every agent in every recorded round, (R, N); else their sums, (R, 1). None: up to
            2,000,000 numbers.
        interpreted: run the very same methods in plain Python, to debug; same bits, a thousand times slower.
        progress: called with the agent-steps just played, about every block; may raise to stop.

    Raises:
        InputError: agents that differ, or a hyperparameter, horizon, record or threads out of range.
    """
    if environment.agents != network.agents:
        raise InputError(f"network.base: has {network.agents} agents, the environment has {environment.agents}")
    for name, value in (("horizon", horizon), ("record", record), ("threads", 1 if threads is None else threads)):
        if value != int(value) or value < 1:
            raise InputError(f"{name}: got {value}, allowed is a whole number >= 1")
    algorithm.check()
    N, K, D = environment.means.shape
    now = algorithm.init(shape_of(environment, network, horizon))
    rounds = recorded_rounds(horizon, record)
    each = N * len(rounds) <= LARGE_CURVES if by_agent is None else by_agent
    tally = new_tally(N, K, rounds, each)
    source = Source(environment, network, seed=seed, trial=trial, label=label)
    wanted = metrics.estimand(environment, estimates(algorithm), now.local_mean)
    truth = tracking(metrics.truth(environment, welfare, wanted), now)
    base = Base(network.edges, network.offsets, network.weight_rule, network.constant_weight)
    M, widest = now.local_mean[0].size, max(1, int(network.degrees.max()))
    scratch = Scratch(
        np.zeros(K), np.zeros(D), np.zeros(N), metrics.memo(N, K), np.zeros((2, M)), np.full(widest, base.constant),
        np.zeros(N, np.int64), np.zeros(2 * len(network.edges), np.int64),
    )  # fmt: skip
    shipped = is_builtin(algorithm, environment.rewards)
    shared = 1 if interpreted or not divisible(now, N, environment.preferences) else _threads(threads, N)
    parts = (algorithm, environment.rewards, truth, base, now, tally, scratch)
    play: Callable[[Numbers, int], None]
    with ThreadPoolExecutor(shared, thread_name_prefix="agents") as pool:
        if network.failures is not None or network.communication is not None:
            loop = play_messages if interpreted else play_messages_compiled if shipped else play_messages_foreign
            initial = algorithm.init(shape_of(environment, network, horizon))
            messages, shared = MessageRounds(algorithm, network, now, initial, loop), 1

            def play(numbers: Numbers, t0: int) -> None:
                fate = source.fate(numbers.links)
                messages.play(environment.rewards, truth, base, numbers, fate, tally, scratch, t0)

        elif shared > 1:
            play = SharedRounds(*parts, part_compiled if shipped else part_foreign, shared, pool).play
        else:
            play = PlainRounds(*parts, plain.play if interpreted else play_compiled if shipped else play_foreign).play
        block = max(1, min(1024, BLOCK_NUMBERS // source.numbers_per_round, BLOCK_ROWS // max(1, M)))
        for t0 in range(0, horizon, block):
            numbers = source.block(min(block, horizon - t0), pool if shared > 1 else None, bounds_of(N, shared))
            play(numbers, t0)
            if progress is not None:
                progress(N * numbers.arms.shape[1])
    each_message = message_size(now) if algorithm.communicates else 0
    return trace_of(tally, environment, network.communication or CommunicationBudget(), each_message)


def _threads(wanted: int | None, agents: int) -> int:
    if wanted is None:
        wanted = available_processors() if agents >= SHARED_AGENTS else 1
    return min(wanted, agents)


class Source:
    """The random numbers of one cell, block after block: every agent's own streams, and the network's."""

    def __init__(self, environment: Environment, network: Network, *, seed: int, trial: int, label: str) -> None:
        """Open the streams of a trial."""
        key: dict[str, Any] = {"seed": seed, "trial": trial, "label": label}
        self.environment, self.network = environment, network
        self.arms = Streams(**key, agents=environment.agents, purpose=Purpose.ARMS)
        self.room = np.empty((0, 0)), np.empty((0, 0, 0))  # of the last block, written over by the next
        self.rewards = Streams(**key, agents=environment.agents, purpose=Purpose.REWARDS)
        plain = network.failures is None and network.communication is None
        generator = stream(**key, purpose=Purpose.LINKS)
        self.listed = network.sparse_link_sampler(generator) if plain else None
        self.links = network.link_sampler(generator)  # of which nothing is drawn where links are listed
        if not plain:
            self.fate = network.failure_sampler(stream(**key, purpose=Purpose.FAILURES))

    @property
    def numbers_per_round(self) -> int:
        """How many numbers a round takes."""
        links = 0 if self.listed else len(self.network.edges)
        return self.environment.agents * (1 + self.environment.objectives) + links

    def block(self, rounds: int, pool: ThreadPoolExecutor | None = None, bounds: Sequence[int] = ()) -> Numbers:
        """The numbers of the next rounds; any split into blocks, or of the agents among the pool's threads, gives the same."""
        N, D = self.environment.agents, self.environment.objectives
        if self.room[0].shape[1] != rounds:
            self.room = np.empty((N, rounds)), np.empty((N, rounds, D))
        arms, rewards = self.room

        def part(h: int) -> Any:
            mine = slice(bounds[h], bounds[h + 1])
            self.arms.draw(arms[mine], bounds[h])
            self.rewards.draw(rewards[mine], bounds[h])
            return self.environment.rewards.prepare(rewards[mine])

        links = None
        if pool is None:
            bounds = 0, N
            prepared = part(0)
        else:
            links = pool.submit(self.links, rounds) if self.listed is None else None
            parts = list(pool.map(part, range(len(bounds) - 1)))
            prepared = rewards if np.shares_memory(parts[0], rewards) else np.concatenate(parts)
        if self.listed is not None:
            return Numbers(arms, prepared, np.zeros((rounds, 0), np.uint8), *self.listed(rounds))
        return Numbers(arms, prepared, self.links(rounds) if links is None else links.result())
