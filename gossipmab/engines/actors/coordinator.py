"""The coordinator of a decentralised trial: it knows the network and the truth, and no agent's state.

It samples the graphs G_t of a window of rounds, hands each actor its own part (neighbours and weights), and collects arms and
distributions at the window's end, from which it computes regrets and disagreement by the functions of every engine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from gossipmab.algorithms.gossip.base import Algorithm
from gossipmab.engines import limits as capacity
from gossipmab.engines.actors import block_loop as own_rounds
from gossipmab.engines.actors.actor import Outcome
from gossipmab.engines.actors.agent_block import Common, OwnRows, Snapshot
from gossipmab.engines.actors.halo import Part
from gossipmab.engines.actors.object_code import program, signature_of
from gossipmab.engines.actors.supervisor import SLOW, Crew, Note, routes_of
from gossipmab.engines.actors.unreliable_plan import MessagePlan
from gossipmab.engines.gossip.channel_state import OwnFate
from gossipmab.engines.gossip.simulate import LARGE_CURVES, recorded_rounds, shape_of
from gossipmab.engines.gossip.step import (
    MAILBOX,
    Base,
    Tally,
    estimates,
    exchanged,
    mail,
    message_size,
    new_tally,
    trace_of,
    tracking,
)
from gossipmab.environments.environment import Environment
from gossipmab.environments.reward_models import Table
from gossipmab.metrics import trace as metrics
from gossipmab.metrics.trace import GossipTrace
from gossipmab.networks.communication_budget import CommunicationBudget
from gossipmab.networks.failures import FailureSampler
from gossipmab.networks.network import Network
from gossipmab.utils.jit import is_builtin
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.types import Bytes, Integers

KNOWN = "known_"
WINDOW_BYTES = 32 * 2**20  # of a window's distributions, and of its links
AHEAD = 2  # windows in flight: actors play one while the coordinator collects the one before


class Flight(NamedTuple):
    """A window that is being played: rounds before it, degrees (B, N), or (B, 0) where not they count; what each actor was told."""

    t0: int
    degrees: Integers
    parts: Sequence[Part | OwnFate]
    references: list[Any]


class Coordinator:
    """The coordinator of one trial."""

    def __init__(
        self, algorithm: Algorithm, environment: Environment, network: Network, horizon: int, record: int, welfare: str,
        agents_per_actor: int, window: int | None, crew: Crew,
    ) -> None:  # fmt: skip
        """Cut the agents into actors, and see whether these fit."""
        self.algorithm, self.environment, self.network = algorithm, environment, network
        self.horizon, self.crew = horizon, crew
        N, K, _ = environment.means.shape
        E = len(network.edges)
        self.bounds = np.append(np.arange(0, N, agents_per_actor), N).astype(np.int64)
        self.owner = np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))
        most = max(1, WINDOW_BYTES // (8 * max(N * K, 4 * E)))
        self.window = min(window or min(capacity.TRANSPORTS[crew.transport], most), horizon)
        self.state = algorithm.init(shape_of(environment, network, horizon))
        self.plan = None
        if network.failures is not None or network.communication is not None:
            self.plan = MessagePlan(algorithm, network, self.state, self.state, self.bounds)
        self.rounds = recorded_rounds(horizon, record)
        wanted = metrics.estimand(environment, estimates(algorithm), self.state.local_mean)
        self.truth, self.memo = tracking(metrics.truth(environment, welfare, wanted), self.state), metrics.memo(N, K)
        crossing = network.edges[self.owner[network.edges[:, 0]] != self.owner[network.edges[:, 1]]]
        self.boundary = [np.unique(crossing[self.owner[crossing] == a]) for a in range(len(self.bounds) - 1)]
        pairs = np.unique(np.concatenate([self.owner[crossing], self.owner[crossing][:, ::-1]]), axis=0)
        self.near = [pairs[pairs[:, 0] == a, 1].tolist() for a in range(len(self.bounds) - 1)]
        state = sum(value.nbytes for value in self.state if isinstance(value, np.ndarray)) + 8 * self.window * (K + 8)
        state += self.plan.bytes if self.plan else 0
        processors, available = cluster_room()
        self.needed = capacity.need(len(self.near), state, processors)
        capacity.check(self.needed, N, max(map(len, self.near)) if crew.transport == "direct" else 0, available)

    def play(
        self, key: dict[str, Any], poison: bool, note: Note, progress: Callable[[int], None] | None
    ) -> GossipTrace:
        """Play it, window after window."""
        N = self.environment.agents
        communicates = self.algorithm.communicates
        if self.needed.seconds > SLOW and len(self.crew.handles) < self.needed.actors:
            note(f"starting {self.needed}")
        self._begin(key, poison)
        links = self.network.link_sampler(stream(**key, purpose=Purpose.LINKS))
        fates = self.network.failure_sampler(stream(**key, purpose=Purpose.FAILURES))
        tally = new_tally(N, self.environment.arms, self.rounds, N * len(self.rounds) <= LARGE_CURVES)
        snapshots: list[Snapshot | None] = [None] * len(self.near)
        flying: deque[Flight] = deque()
        crossed, size, t0 = 0, 0, 0
        while t0 < self.horizon or flying:
            while t0 < self.horizon and len(flying) < AHEAD:
                B = min(self.window, self.horizon - t0)
                flying.append(self._launched(t0, *self._sampled(links(B), fates)))
                t0 += B
            flight = flying[0]
            outcomes = self.crew.gather(flight.references)
            if outcomes is None:
                what = f"rounds {flight.t0 + 1} to {flight.t0 + len(flight.degrees)}"
                self.crew.recover(snapshots, what)
                flying = deque(self._launched(*again[:3]) for again in flying)
                continue
            flying.popleft()
            snapshots = [outcome.snapshot for outcome in outcomes]
            for line in (line for outcome in outcomes for line in outcome.notes):
                note(line)
            sent = np.stack([outcome.messages for outcome in outcomes], axis=1)
            crossed, size = crossed + int(sent.sum()), size + sum(outcome.bytes for outcome in outcomes)
            if self.plan is not None:
                sent = np.concatenate([outcome.sent for outcome in outcomes], axis=1)
            elif not communicates or len(self.near) < N:
                sent = flight.degrees
            self._collect(tally, flight, outcomes, sent)
            if progress is not None:
                progress(N * len(flight.degrees))
        return self._trace(tally, crossed, size)

    def _begin(self, key: dict[str, Any], poison: bool) -> None:
        """Tell the actors all that they need, and no more."""
        import ray

        environment, state = self.environment, self.state
        probe = np.full((1, 1, environment.objectives), 0.5)
        prepares = environment.rewards if environment.rewards.prepare(probe) is not probe else None
        degrees, recipe = self.network.degrees, self._recipe()
        plan = self.plan
        common = Common(
            environment.means.shape, self.bounds, self.horizon, self.window, key, tuple(self.algorithm),  # type: ignore[arg-type]
            self.algorithm.communicates, state._fields, tuple(plain(value) for value in state),
            tuple(name for name in state._fields if known_to_all(name, getattr(state, name), environment)), prepares, self.rounds,
            tuple(self.boundary), tuple(int(sum(degrees[a:z])) for a, z in pairwise(self.bounds.tolist())), poison,
            program(plan.function if plan else own_rounds.play_own, *recipe), (ray.put(recipe),), plan.mailing if plan else None,
        )  # fmt: skip
        rewards = [own_rewards(environment.rewards, a, z) for a, z in pairwise(self.bounds.tolist())]
        near = self.near if self.algorithm.communicates else [[] for _ in self.near]
        self.crew.begin(ray.put(common), [ray.put(model) for model in rewards], near)

    def _recipe(self) -> tuple[tuple[Any, ...], bool]:
        """What the actors' code is compiled for: the types of its arguments; and whether to keep it on disk."""
        shipped = is_builtin(self.algorithm, self.environment.rewards)
        if self.plan is not None:
            return self.plan.signature(self.environment), shipped
        now = self.state
        after = exchanged(now)
        N, K, D = self.environment.means.shape
        flat = mail(now, after)
        boxes = tuple(getattr(now, name).reshape(N, -1) for name in now._fields if name.startswith(MAILBOX)) or (
            np.zeros((N, 0)),
        )
        none, empty = np.zeros(0, np.int64), np.zeros((0, 0))
        links = own_rounds.Links(none, none, np.zeros(0))
        rows = own_rounds.Rows(none, none, empty, none, np.zeros((0, 3), np.int64))
        wire = own_rounds.Wire(rows, rows, none, none)
        played = own_rounds.Window(
            empty, np.zeros((0, 0, D)), np.zeros((0, 0), np.int64), np.zeros((0, 0, K)), none, np.zeros((0, 0, 0)),
            np.zeros((0, 0, 0)),
        )  # fmt: skip
        samples = (
            self.algorithm, self.environment.rewards, now, after, flat.now, flat.after, flat.local, boxes, boxes,
            np.zeros(D), 0, True, True, links, wire, played, 0, 0,
        )  # fmt: skip
        return signature_of(own_rounds.play_own, samples), shipped

    def _sampled(self, present: Bytes, fates: FailureSampler) -> tuple[Integers, Sequence[Part | OwnFate]]:
        """Degrees, and every actor's part, in the window with these links."""
        if self.plan is None:
            return self._links(present)
        return np.zeros((len(present), 0), np.int64), self.plan.parts(fates, present)

    def _links(self, present: Bytes) -> tuple[Integers, list[Part]]:
        """Degrees (B, N) in a window, and every actor's part."""
        network = self.network
        B, E = present.shape
        base = Base(network.edges, network.offsets, network.weight_rule, network.constant_weight)
        degrees = np.zeros((B, network.agents), np.int64)
        neighbours, weights = np.zeros((B, 2 * E), np.int64), np.zeros((B, 2 * E))
        own_rounds.links_of_window(base, present, np.zeros(2 * E, np.int64), degrees, neighbours, weights)
        before = np.concatenate([np.zeros((B, 1), np.int64), np.cumsum(degrees, axis=1)], axis=1)
        parts = []
        for a, z in pairwise(self.bounds.tolist()):
            lengths = before[:, z] - before[:, a]
            begins = np.arange(B) * 2 * E + before[:, a]
            places = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
            parts.append(Part(degrees[:, a:z].copy(), neighbours.ravel()[places], weights.ravel()[places]))
        return degrees, parts

    def _launched(self, t0: int, degrees: Integers, parts: Sequence[Part | OwnFate]) -> Flight:
        routes: list[Any] = []
        if self.crew.transport == "refs":
            communicates = self.algorithm.communicates
            routes = [routes_of(p, self.owner, a, communicates) for a, p in enumerate(parts) if isinstance(p, Part)]
        return Flight(t0, degrees, parts, self.crew.submit(t0, parts, routes))

    def _collect(self, tally: Tally, flight: Flight, outcomes: list[Outcome], sent: Integers) -> None:
        N = self.environment.agents
        M = self.state.local_mean[0].size
        arms, p, own, local = (
            np.concatenate([getattr(outcome, name) for outcome in outcomes], axis=1)
            for name in ("arms", "p", "own", "local")
        )
        own_rounds.collect(
            self.truth,
            tally,
            arms,
            p,
            sent,
            own,
            local,
            np.zeros(N),
            self.memo,
            np.zeros((2, M)),
            flight.t0,
            self.algorithm.communicates,
        )

    def _trace(self, tally: Tally, crossed: int, size: int) -> GossipTrace:
        """What came out; RuntimeError where what crossed between actors is not what the links account for."""
        N = self.environment.agents
        each = 8 * message_size(self.state) if self.algorithm.communicates else 0
        told = self.network.communication or CommunicationBudget()
        total = int(tally.messages_sent.sum())
        # By reference a block's whole border travels at once.
        most = total if self.crew.transport == "direct" else np.inf
        if size != crossed * each or crossed > most or (len(self.near) == N and crossed != total):
            raise RuntimeError(
                f"{crossed} messages of {size} bytes were sent, the links account for {total} of {total * each}"
            )
        return trace_of(tally, self.environment, told, each // 8)


def cluster_room() -> tuple[int, float | None]:
    """Processors, and MiB that Ray has to give; None for the latter where Ray is on this machine only, to look for oneself."""
    import ray

    processors = max(1, int(ray.cluster_resources().get("CPU", 1.0)))  # type: ignore[no-untyped-call]
    if len([node for node in ray.nodes() if node["Alive"]]) <= 1:  # type: ignore[no-untyped-call]
        return processors, None
    return processors, float(ray.available_resources().get("memory", 0.0)) / capacity.MIB  # type: ignore[no-untyped-call]


def plain(value: Any) -> Any:
    """Without the classes that only compiled code needs."""
    return tuple(plain(item) for item in value) if isinstance(value, tuple) else value


def known_to_all(name: str, value: Any, environment: Environment) -> bool:
    """Whether a field of a state is what every agent was told beforehand."""
    told = isinstance(value, np.ndarray) and np.shares_memory(value, environment.preferences)
    return told or name.startswith(KNOWN)


def own_rewards(model: Any, first: int, last: int) -> tuple[Any, ...]:
    """The fields of a reward model, with the means (and logged rewards) of the agents first .. last - 1 only."""
    values = model._asdict() | {"means": OwnRows(model.means[first:last])}
    if isinstance(model, Table):
        arms = model.means.shape[1]
        begin, end = model.first[first * arms], model.first[last * arms]
        values |= {"rows": model.rows[begin:end], "first": model.first - begin}
    return tuple(values.values())
