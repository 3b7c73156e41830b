"""A small trial played agent by agent with an algorithm's own methods, so that a check can stand between the calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import networkx
import numpy as np
from numpy.typing import NDArray

from gossipmab.algorithms.base import UNIFORMS, fill_uniforms, uniforms_of
from gossipmab.algorithms.gossip.base import KNOWN, MAILBOX, SCRATCH, exchanged
from gossipmab.engines.common import sample_arm
from gossipmab.engines.gossip.channel import gossip, mix_rows
from gossipmab.engines.gossip.trial import averages_of, blends, problem_info
from gossipmab.environments.environment import Environment
from gossipmab.networks.mixing import weight_of_edge
from gossipmab.networks.network import Network
from gossipmab.utils.rng import Purpose, RandomSource, stream
from gossipmab.utils.types import Floats, Integers

AGENTS, ARMS, OBJECTIVES, ROUNDS, SEED = 6, 4, 3, 40, 7  # sizes that differ, so that axes cannot be confused


def interpreted(function: Any) -> Any:
    """The function in plain Python: compiling takes longer than a small trial."""
    return getattr(function, "py_func", function)


def world(agents: int = AGENTS, arms: int = ARMS, objectives: int = OBJECTIVES) -> tuple[Environment, Network]:
    """Six agents in a ring with a chord, links that come and go: everyone has strangers, and rounds without neighbours."""
    base = networkx.cycle_graph(agents)
    base.add_edge(0, 3)
    return Environment.sample(agents, arms, objectives, seed=SEED), Network(base, agents, link_probability=0.6)


class Fields:
    """Which field of a state is what, by its name and shape; see `gossipmab.algorithms.gossip.base.Algorithm`."""

    def __init__(self, state: Any, preferences: Floats) -> None:
        agents = len(preferences)
        named = state._asdict()
        self.scratch = [name for name in named if name.startswith(SCRATCH)]
        self.known = [
            k for k, v in named.items() if isinstance(v, np.ndarray) and (k.startswith(KNOWN) or np.shares_memory(v, preferences))
        ]
        self.rows = [
            name
            for name, value in named.items()
            if isinstance(value, np.ndarray) and value.ndim and len(value) == agents
            if name not in (*self.scratch, *self.known)
        ]
        self.sent = [name for name in self.rows if name.startswith(MAILBOX)]
        self.boxed = [name.removeprefix(MAILBOX) for name in self.sent]
        self.fixed = [name for name in named if name not in (*self.rows, *self.scratch)]


def copied(value: Any) -> Any:
    """The same, with arrays of its own."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, tuple):
        parts = [copied(item) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def same(one: Any, other: Any) -> bool:
    """Whether both have the same bits; all NaN are alike."""
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return np.array_equal(one, other, equal_nan=isinstance(one, np.ndarray) and one.dtype.kind == "f")


class Stage:
    """A trial of an algorithm, played one round after the other."""

    def __init__(self, algorithm: Any, environment: Environment, network: Network, horizon: int = ROUNDS) -> None:
        self.algorithm, self.environment, self.network = algorithm, environment, network
        self.info = problem_info(environment, network, horizon)
        self.now = algorithm.init(self.info)
        self.after = exchanged(self.now)
        self.fields = Fields(self.now, environment.preferences)
        N, _, D = environment.means.shape
        shapes = {Purpose.ARMS: (N,), Purpose.REWARDS: (N, D), Purpose.POLICY: (N, uniforms_of(self.now))}
        key: dict[str, Any] = {"seed": SEED, "trial": 0, "label": ""}
        self.numbers = RandomSource(key, shapes).block(horizon)
        self.rewards = environment.rewards.prepare(self.numbers[Purpose.REWARDS])
        self.links = network.link_sampler(stream(**key, purpose=Purpose.LINKS))(horizon)
        self.t = 0

    def near(self, i: int, t: int) -> tuple[Integers, Floats]:
        """Agent i's present neighbours in round t, ascending, and their weights."""
        edges = self.network.edges[self.links[t - 1].astype(bool)]
        degrees = np.bincount(edges.ravel(), minlength=self.network.agents)
        found = np.sort(np.concatenate([edges[edges[:, 0] == i, 1], edges[edges[:, 1] == i, 0]]))
        rule, constant = self.network.weight_rule, self.network.constant_weight
        return found, np.array([interpreted(weight_of_edge)(rule, constant, degrees[i], degrees[j]) for j in found], dtype=float)

    def round(self, caller: Any, order: Iterable[int] | None = None) -> Floats:
        """Play a round; (N, K) what the agents played. caller: has the methods `select` and `update`, and is called for all."""
        self.t += 1
        N, K, D = self.environment.means.shape
        averages = averages_of(self.now, self.after, self.algorithm.communicates)
        played, b = np.full((N, K), np.nan), self.t - 1
        for i in range(N) if order is None else order:
            neighbours, weights = self.near(i, self.t)
            fill_uniforms(self.now, self.numbers[Purpose.POLICY][b, i])
            caller.select(self.now, i, self.t, played[i])
            arm, x = interpreted(sample_arm)(played[i], float(self.numbers[Purpose.ARMS][b, i])), np.zeros(D)
            self.environment.rewards.draw(i, arm, self.rewards[b, i], x)
            if self.algorithm.communicates:
                own, sent = averages.own, averages.sent
                if blends(self.algorithm):
                    gossip(self.algorithm, True, self.after, own, sent, i, neighbours, weights)
                else:
                    interpreted(mix_rows)(own, sent, i, neighbours, weights)
            caller.update(self.after, i, self.t, arm, x, neighbours)
        self.now, self.after = self.after, self.now
        return played

    def rows(self) -> dict[str, NDArray[Any]]:
        """The fields that agents have rows of, as they stand, but for mailboxes, which will be written over."""
        return {name: getattr(self.now, name).copy() for name in self.fields.rows if name not in self.fields.sent}


def poisoned(state: Any, fields: Fields, keep: dict[str, list[int]], kind: int) -> Any:
    """A copy of the state in which every row is spoilt but those to keep, by field; numbers stay such as could be indices.

    kind: 0 fills with NaN, whole numbers with 0; 1 adds 1 to floats, and makes whole numbers 1.
    """
    other = copied(state)
    for name in fields.rows:
        array = getattr(other, name)
        kept = {i: array[i].copy() for i in keep.get(name, [])}
        spoil(array, kind)
        for i, row in kept.items():
            array[i] = row
    return other


def spoil(value: Any, kind: int) -> None:
    """Spoil an array, or all of a tuple, as `poisoned` does."""
    if isinstance(value, tuple):
        for item in value:
            spoil(item, kind)
    elif isinstance(value, np.ndarray):
        floats = value.dtype.kind == "f"
        value[...] = (value + 1.0 if kind else np.nan) if floats else kind


def spoil_scratch(state: Any, fields: Fields, kind: int) -> None:
    """Spoil the scratch fields, but for the numbers that the engine fills in."""
    for name in fields.scratch:
        if name != UNIFORMS:
            spoil(getattr(state, name), kind)
