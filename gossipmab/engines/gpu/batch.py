"""Trials of one kind side by side, as arrays of the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gossipmab.algorithms.gossip.base import SCRATCH, message_size
from gossipmab.engines.common import TrialSettings
from gossipmab.engines.gossip.simulate import check_problem, tally_of
from gossipmab.engines.gossip.tally import Tally, check_played, trace_of
from gossipmab.engines.gossip.trial import problem_info
from gossipmab.engines.gpu.arrays import ALWAYS, DRAWN, GIVEN, LINKS_OF_LANE, Batch, Buffers, Graphs, Records, Streams, flat_of
from gossipmab.engines.gpu.kinds import Kind, layout_of
from gossipmab.engines.gpu.pcg64 import along, jump, start_of, words
from gossipmab.engines.gpu.refusals import check_supported
from gossipmab.environments.environment import Environment
from gossipmab.environments.reward_models import unchanged
from gossipmab.metrics.trace import GossipTrace
from gossipmab.networks.communication_budget import UNLIMITED
from gossipmab.networks.failures import arcs_of
from gossipmab.networks.links import ErdosRenyi
from gossipmab.networks.links.base import IndependentLinks
from gossipmab.networks.network import Network
from gossipmab.utils.rng import Purpose, stream

PURPOSES = (Purpose.ARMS, Purpose.REWARDS, Purpose.LINKS)  # in the order of the streams in arrays.py


class Trial(NamedTuple):
    """A trial before its first round."""

    algorithm: Any
    environment: Environment
    network: Network
    state: Any
    tally: Tally
    settings: TrialSettings

    @property
    def kind(self) -> Kind:
        """What its rounds are compiled for."""
        rewards = self.environment.rewards
        shared = bool(getattr(rewards, "common_draw", False))
        given = not shared and getattr(type(rewards), "prepare", None) is not unchanged
        layouts = layout_of(self.algorithm), layout_of(rewards), layout_of(self.state)
        blends = bool(getattr(self.algorithm, "blends", False))
        return Kind(*layouts, bool(self.algorithm.communicates), blends, given, shared)

    @property
    def key(self) -> tuple[Any, ...]:
        """What trials side by side have in common."""
        shapes = shapes_of((self.state, self.environment.rewards, self.tally.kept, self.tally.reference.members))
        return self.kind, shapes, self.settings.horizon, self.settings.rounds.tobytes()

    def trace(self) -> GossipTrace:
        """Its trace, when it has been played. Raises InputError if an agent played what is no distribution."""
        check_played(self.tally, self.algorithm)
        budget = self.network.communication or UNLIMITED
        return trace_of(self.tally, self.environment, budget, *message_size(self.algorithm, self.state))


def begun(
    algorithm: Any, environment: Environment, network: Network, settings: TrialSettings, per_agent: bool | None = None
) -> Trial:
    """A checked trial. Raises InputError if the engine cannot play it."""
    check_problem(algorithm, environment, network)
    check_supported(algorithm, environment, network)
    state = algorithm.init(problem_info(environment, network, settings.horizon))
    tally = tally_of(algorithm, environment, state, settings, per_agent)
    return Trial(algorithm, environment, network, state, tally, settings)


def shapes_of(value: Any) -> Any:
    """The shapes of all arrays in a tuple of tuples of them."""
    return tuple(map(shapes_of, value)) if isinstance(value, tuple) else np.shape(value)


def batch_of(trials: Sequence[Trial]) -> Batch:
    """The arrays of trials that have the same key."""
    first = trials[0]
    N, K, D = first.environment.means.shape
    kind, C = first.kind, len(trials)
    algorithm = _stacked([one.algorithm for one in trials])
    state = _state([one.state for one in trials], N)
    graphs, tallies = _graphs([one.network for one in trials]), [one.tally for one in trials]
    U = N if any(one.reference.best > 0.0 for one in tallies) else 1
    reference = _stacked([one.reference for one in tallies])
    kept = _stacked([one.kept for one in tallies])._replace(rounds=tallies[0].kept.rounds)
    means = np.zeros((C, *first.tally.means.shape))
    records = Records(**reference._asdict(), kept=kept, utility=np.zeros((C, U, N)), means=means)
    E, ends = graphs.probability.shape[1], graphs.near.shape[1]
    buffers = Buffers(
        np.zeros((C, E), np.uint8), np.zeros((C, N), np.int64), np.zeros((C, ends), np.int64), np.zeros((C, ends)),
        np.zeros((C, 1, N)), np.zeros((C, 1, N, D)), np.zeros((C, 1, N, 1)), np.zeros((C, N, K)), np.zeros((C, N, D)),
    )  # fmt: skip
    rewards = _stacked([one.environment.rewards for one in trials])
    streams = _streams(trials, kind.shared, E)
    return Batch(algorithm, rewards, state, flat_of(state), graphs, streams, buffers, records)


def _stacked(objects: Sequence[Any]) -> Any:
    """The NamedTuple of them all, every field with the trial as its first axis; 0 in the place of names, which are alike."""
    first = objects[0]
    if isinstance(first, tuple):
        return type(first)(*map(_stacked, zip(*objects, strict=True)))
    if isinstance(first, str):
        return np.zeros(1)
    return np.asarray(first)[None] if len(objects) == 1 else np.stack(objects)


def _repeated(value: Any, agents: int) -> Any:
    """The same arrays with another axis behind the first, one for every agent."""
    if isinstance(value, tuple):
        return type(value)(*(_repeated(one, agents) for one in value))
    return np.repeat(value[:, None], agents, axis=1)


def _state(states: Sequence[Any], agents: int) -> Any:
    """The states of all trials; every agent has scratch of its own."""
    stacked = _stacked(states)
    scratch = {name: value for name, value in stacked._asdict().items() if name.startswith(SCRATCH)}
    return stacked._replace(**{name: _repeated(value, agents) for name, value in scratch.items()})


def _graphs(networks: Sequence[Network]) -> Graphs:
    """Each network once."""
    found = {id(one): one for one in networks}
    place = {key: g for g, key in enumerate(found)}
    distinct = list(found.values())
    E = max(1, *(len(one.edges) for one in distinct))
    G = len(distinct)
    probability, near, link = np.ones((G, E)), np.zeros((G, 2 * E), np.int64), np.zeros((G, 2 * E), np.int64)
    for g, one in enumerate(distinct):
        count = len(one.edges)
        if source_of(one) == DRAWN:
            probability[g, :count] = one.process.probabilities(one.graph)  # type: ignore[attr-defined]
        arcs = arcs_of(one.edges)
        near[g, : 2 * count], link[g, : 2 * count] = arcs.sender, arcs.link
    return Graphs(
        np.array([place[id(one)] for one in networks]), np.array([source_of(one) for one in distinct]),
        np.array([len(one.edges) for one in distinct]), np.array([one.weight_rule for one in distinct]),
        np.array([one.constant_weight for one in distinct]), probability, np.stack([one.offsets for one in distinct]), near, link,
    )  # fmt: skip


def source_of(network: Network) -> int:
    """Where its links come from: on the device are drawn those that are independent and take a number each."""
    process = network.process
    independent = getattr(type(process), "sampler", None) in (IndependentLinks.sampler, ErdosRenyi.sampler)
    if not independent or network.sparse_link_sampler(np.random.default_rng(0)) is not None:
        return GIVEN
    return ALWAYS if (process.probabilities(network.graph) == 1.0).all() else DRAWN  # type: ignore[attr-defined]


def _streams(trials: Sequence[Trial], shared: bool, most_links: int) -> Streams:
    """The states of all streams before the first round."""
    N, _, D = trials[0].environment.means.shape
    C, L = len(trials), -(-most_links // LINKS_OF_LANE)
    constants = np.zeros((C, 3, 2, 4), np.uint64)
    agents, lanes = np.zeros((C, 2, N, 2), np.uint64), np.zeros((C, L, 2), np.uint64)
    for c, one in enumerate(trials):
        strides = (1, N), (0 if shared else D, N * D), (LINKS_OF_LANE, len(one.network.edges))
        for place, (purpose, (stride, a_round)) in enumerate(zip(PURPOSES, strides, strict=True)):
            start, increment = start_of(stream(**one.settings.key, purpose=purpose))
            constants[c, place] = jump(increment, 1), jump(increment, a_round)
            states = lanes[c] if purpose == Purpose.LINKS else agents[c, place]
            along(np.array(words(start), np.uint64), np.array(jump(increment, stride), np.uint64), states)
    return Streams(constants, agents, lanes, np.zeros((1, 1, 1), np.uint8), np.zeros((1, 1, 1, 1)))


class Given:
    """What the host samples for the trials of a batch, block of rounds after block: links, rewards' numbers, or neither."""

    def __init__(self, trials: Sequence[Trial], graphs: Graphs) -> None:
        """graphs: of the batch."""
        self._links = graphs.probability.shape[1]
        self._samplers: dict[int, Callable[[int], Any]] = {}
        self._numbers: list[tuple[Any, np.random.Generator]] = []
        for c, one in enumerate(trials):
            if graphs.source[graphs.which[c]] == GIVEN:
                self._samplers[c] = one.network.link_sampler(stream(**one.settings.key, purpose=Purpose.LINKS))
        if trials[0].kind.given:
            self._numbers = [(t.environment.rewards, stream(**t.settings.key, purpose=Purpose.REWARDS)) for t in trials]
        self._trials, (self._agents, _, self._objectives) = len(trials), trials[0].environment.means.shape

    @property
    def bytes_per_round(self) -> int:
        """Of what `block` returns."""
        links = self._trials * self._links if self._samplers else 0
        return int(links + 8 * len(self._numbers) * self._agents * self._objectives)

    def block(self, rounds: int) -> dict[str, Any]:
        """links: (B, C, E), rewards: (B, C, N, D) of the next rounds, if the host samples them."""
        found: dict[str, Any] = {}
        if self._samplers:
            found["links"] = np.zeros((rounds, self._trials, self._links), np.uint8)
            for c, sample in self._samplers.items():
                present = sample(rounds)
                found["links"][:, c, : present.shape[1]] = present
        if self._numbers:
            shape = rounds, self._agents, self._objectives
            drawn = [model.prepare(generator.random(shape)) for model, generator in self._numbers]
            found["rewards"] = np.stack(drawn, axis=1)
        return found
