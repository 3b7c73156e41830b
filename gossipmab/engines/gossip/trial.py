"""A gossip trial in this process, played by one thread, block of rounds after block; with failures, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gossipmab.algorithms.base import ProblemInfo, uniforms_of
from gossipmab.algorithms.gossip.base import KNOWN, SCRATCH, exchanged
from gossipmab.engines.common import next_block
from gossipmab.engines.gossip.channel import Direct
from gossipmab.engines.gossip.channel_state import Averages, GraphArrays, RandomBlock, RoundEvents
from gossipmab.engines.gossip.step import Scratch
from gossipmab.engines.gossip.tally import Tally
from gossipmab.engines.gossip.unreliable import unreliable
from gossipmab.environments.environment import Environment
from gossipmab.networks.network import Network
from gossipmab.utils.rng import Purpose, RandomSource, stream


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
