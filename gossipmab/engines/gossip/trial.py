"""A gossip trial in this process, block of rounds after block: serial, with failures, or shared by several threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from itertools import pairwise
from typing import Any

import numpy as np

from gossipmab.algorithms.base import ProblemInfo, uniforms_of
from gossipmab.algorithms.gossip.base import KNOWN, SCRATCH, exchanged
from gossipmab.engines.common import next_block
from gossipmab.engines.gossip.channel import Direct, begin_round
from gossipmab.engines.gossip.channel_state import Averages, GraphArrays, RandomBlock, RoundEvents
from gossipmab.engines.gossip.step import Scratch
from gossipmab.engines.gossip.tally import Tally
from gossipmab.engines.gossip.unreliable import unreliable
from gossipmab.environments.environment import Environment
from gossipmab.networks.network import Network
from gossipmab.utils.jit import jit
from gossipmab.utils.rng import Purpose, RandomSource, stream
from gossipmab.utils.types import Floats

PARTS = 4  # of the agents for each thread: a thread whose processor is taken by others leaves parts to the rest


def problem_info(environment: Environment, network: Network, horizon: int) -> ProblemInfo:
    """What a gossip algorithm knows before round 1."""
    return ProblemInfo(
        environment.agents, environment.arms, environment.objectives, horizon, environment.preferences,
        network.link_probability, network.edges, lambda: network.algebraic_connectivity,
    )  # fmt: skip


def averages_of(now: Any, after: Any, communicates: bool) -> Averages:
    """The flat views of two states."""
    N = len(now.local_mean)
    sent, own = (s.global_mean.reshape(N, -1) if communicates else np.zeros((N, 0)) for s in (now, after))
    return Averages(own, sent, after.local_mean.reshape(N, -1), now.local_mean.reshape(N, -1))


def blends(algorithm: Any) -> bool:
    """Whether the algorithm mixes messages by its own `blend`."""
    return bool(getattr(algorithm, "blends", hasattr(algorithm, "blend")))


class DirectTrial:
    """A trial played by one thread, compiled or interpreted."""

    def __init__(
        self, algorithm: Any, rewards: Any, environment: Environment, network: Network, state: Any, tally: Tally,
        loop: Callable[..., int], key: dict[str, Any],
    ) -> None:  # fmt: skip
        """`state` will be played on. key: of the random streams."""
        self.algorithm, self.rewards, self.network, self.tally, self.loop = (algorithm, rewards, network, tally, loop)
        N, K, D = environment.means.shape
        shapes = {Purpose.ARMS: (N,), Purpose.REWARDS: (N, D), Purpose.POLICY: (N, uniforms_of(state))}
        self.source, links = RandomSource(key, shapes), stream(**key, purpose=Purpose.LINKS)
        self.listed, self.links = network.sparse_link_sampler(links), network.link_sampler(links)  # few are listed, many marked
        self.now, self.after, self.scratch, self.N = state, exchanged(state), Scratch(np.zeros(K), np.zeros(D)), N
        self.channel = self._channel(key)

    def _channel(self, key: dict[str, Any]) -> Any:
        network, algorithm, integers = self.network, self.algorithm, np.zeros(0, np.int64)
        graph = GraphArrays(network.edges, network.offsets, network.weight_rule, network.constant_weight)
        widest = max(1, int(network.degrees.max()))
        return Direct(
            averages_of(self.now, self.after, algorithm.communicates), graph, np.zeros((0, 0), np.uint8), integers, integers,
            np.zeros(1, np.int64), np.zeros(self.N, np.int64), np.zeros(2 * len(network.edges), np.int64),
            np.full(widest, graph.constant), algorithm.communicates, blends(algorithm),
        )  # fmt: skip

    def play(self, t0: int, rounds: int) -> None:
        """Play the next block."""
        self._links(rounds)
        self._play(next_block(self.source, self.rewards, rounds), t0, 0, rounds)

    def _links(self, rounds: int) -> None:
        if self.listed is not None:
            first, listed = self.listed(rounds)
            self.channel = self.channel._replace(first=first, listed=listed)
        else:
            self.channel = self.channel._replace(links=self.links(rounds))

    def _play(self, numbers: RandomBlock, t0: int, begin: int, stop: int) -> None:
        self.loop(
            self.algorithm, self.rewards, self.now, self.after, self.channel, self.tally, numbers, self.scratch, t0, begin,
            stop, 0, self.N,
        )  # fmt: skip
        if (stop - begin) % 2:
            self.now, self.after, self.channel = self.after, self.now, self.channel.turned()


class UnreliableTrial(DirectTrial):
    """A trial with failures or a communication budget."""

    def _channel(self, key: dict[str, Any]) -> Any:
        self.listed, self.failures = None, self.network.failure_sampler(stream(**key, purpose=Purpose.FAILURES))
        self.rows = own_rows(self.now, self.N)
        self.initial = {name: value.copy() for name, value in self.rows.items()}
        averages = averages_of(self.now, self.after, self.algorithm.communicates)
        channel, self.now, self.after = unreliable(self.algorithm, self.network, self.now, averages, blends(self.algorithm))
        return channel

    def play(self, t0: int, rounds: int) -> None:
        """Play a block; the state of an agent that comes back knowing nothing is made anew before the round."""
        numbers, fate = next_block(self.source, self.rewards, rounds), self.failures(self.links(rounds))
        events = RoundEvents(0, 0, *fate)
        self.channel = self.channel._replace(events=events)
        for begin, stop in events.cold_starts():
            for i in np.flatnonzero(fate.cold[begin]).tolist():
                self.channel.arcs.clock[i] = 0
                for name, value in self.rows.items():
                    value[i] = self.initial[name][i]
            self._play(numbers, t0, begin, stop)


def own_rows(state: Any, agents: int) -> dict[str, Any]:
    """The fields of a state that have a row for each agent, but for mailboxes, scratch, and what is known to all."""
    return {
        name: value
        for name, value in state._asdict().items()
        if isinstance(value, np.ndarray) and value.ndim and len(value) == agents and not name.startswith((SCRATCH, KNOWN))
    }


class SharedTrial(DirectTrial):
    """A trial played by several threads, which take parts of the agents as they are free, and meet after every round.

    While they play a round, one of them already lists the neighbours of the next.
    """

    def share(self, pool: ThreadPoolExecutor, threads: int) -> None:
        """Share the agents of each round among the threads of the pool."""
        self.pool, self.threads = pool, threads
        self.parts = list(pairwise(self.N * part // (PARTS * threads) for part in range(PARTS * threads + 1)))
        self.other = self.channel._replace(
            met=self.channel.met.copy(), degrees=self.channel.degrees.copy(), neighbours=self.channel.neighbours.copy()
        )
        self.private = [self._private() for _ in range(threads)]

    def _private(self) -> tuple[Any, Any, Floats, Tally, Scratch]:
        """One thread's state, before and after, with scratch of its own; its weights, tally and working memory."""
        mine = {name: deepcopy(getattr(self.now, name)) for name in self.now._fields if name.startswith(SCRATCH)}
        tally = self.tally._replace(utility=self.tally.utility.copy(), cache=deepcopy(self.tally.cache))
        return (self.now._replace(**mine), self.after._replace(**mine), self.channel.weights.copy(), tally, deepcopy(self.scratch))

    def play(self, t0: int, rounds: int) -> None:
        """Play the next block, round by round."""
        numbers = next_block(self.source, self.rewards, rounds, self.pool, self.threads)
        self._links(rounds)
        links = {name: getattr(self.channel, name) for name in ("links", "first", "listed")}
        channel, ahead = self.channel, self.other._replace(**links)
        turn = t0 % 2

        def part(h: int) -> None:
            private = self.private.pop()
            now, after, weights, tally, scratch = private
            if turn:
                now, after = after, now
            self.loop(
                self.algorithm, self.rewards, now, after, channel._replace(weights=weights), tally, numbers, scratch, t0, b,
                b + 1, *self.parts[h],
            )  # fmt: skip
            self.private.append(private)

        list_neighbours(channel, 0, t0 + 1, self.N)
        for b in range(rounds):
            listing = None
            if b + 1 < rounds:
                listing = self.pool.submit(list_neighbours, ahead, b + 1, t0 + b + 2, self.N)
            for _ in self.pool.map(part, range(len(self.parts))):
                pass
            if listing is not None:
                listing.result()
            self.tally.end_round(channel.averages, b, t0 + b + 1, 0, self.N)
            turn = 1 - turn
            channel, ahead = ahead._replace(averages=channel.turned().averages), channel
        self.channel, self.other = channel, ahead


@jit
def list_neighbours(channel: Direct, b: int, t: int, agents: int) -> None:
    """List the neighbours of all agents in round t, the b-th of the block."""
    begin_round(channel, b, t, 0, agents)


def divisible(state: Any, agents: int, known: Any) -> bool:
    """Whether threads may share the agents: every array is by agent, scratch, or known to all beforehand."""
    arrays = [value for name, value in state._asdict().items() if not name.startswith((SCRATCH, KNOWN))]
    return all(
        np.isscalar(value) or (isinstance(value, np.ndarray) and (len(value) == agents or np.shares_memory(value, known)))
        for value in arrays
    )
