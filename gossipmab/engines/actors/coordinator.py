"""The coordinator of a decentralised trial: it knows the network and the true means, and no agent's state.

It samples the graphs G_t of a window of rounds, sends each actor its own part (neighbours and weights), and collects arms and
distributions at the window's end, from which it computes regrets and disagreement by the functions of every engine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.algorithms.base import uniforms_of
from gossipmab.algorithms.gossip.base import MAILBOX, Algorithm, exchanged, mailboxes, message_size
from gossipmab.engines import limits
from gossipmab.engines.actors.actor import Outcome
from gossipmab.engines.actors.agent_block import OwnRows, Snapshot, TrialInfo, WindowGraph
from gossipmab.engines.actors.epochs import SLOW, Epochs
from gossipmab.engines.actors.object_code import program, signature_of
from gossipmab.engines.actors.supervisor import ActorPool, Note
from gossipmab.engines.actors.unreliable_block import ActorEvents, far_agents
from gossipmab.engines.common import TrialSettings
from gossipmab.engines.conformance.compile_errors import explained
from gossipmab.engines.gossip.channel_state import Averages, GraphArrays, RandomBlock, RoundEvents, Rows, Wire
from gossipmab.engines.gossip.halo import Halo, WindowRecord
from gossipmab.engines.gossip.loop import play_here
from gossipmab.engines.gossip.simulate import tally_of
from gossipmab.engines.gossip.step import Scratch
from gossipmab.engines.gossip.tally import check_played, tally_window, trace_of
from gossipmab.engines.gossip.trial import averages_of, blends, own_rows, problem_info
from gossipmab.engines.gossip.unreliable import message_info, unreliable
from gossipmab.environments.environment import Environment
from gossipmab.environments.reward_models import Rounds, Table
from gossipmab.metrics.trace import GossipTrace
from gossipmab.networks.communication_budget import UNLIMITED
from gossipmab.networks.failures import FailureSampler
from gossipmab.networks.mixing import neighbours_of_round, weight_of_edge
from gossipmab.networks.network import Network
from gossipmab.utils.class_files import modules, source_of
from gossipmab.utils.distinct import distinct
from gossipmab.utils.jit import is_builtin, jit
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.types import Integers

WINDOW_BYTES = 32 * 2**20  # of a window's distributions, and of its links
AHEAD = 2  # windows in flight: actors play one while the coordinator collects the one before
SECONDS = 2.0  # that a window should take
ENOUGH = 1.0  # seconds of a window, to see how busy it keeps the processors
FIRST = 16  # rounds of the first window, before it is known how many take so long


class InFlightWindow(NamedTuple):
    """A window that is being played: the rounds before it, its own rounds, what was sent to each actor, and its outcomes."""

    t0: int
    rounds: int
    parts: Sequence[WindowGraph | ActorEvents]
    references: list[Any]


class Coordinator:
    """The coordinator of one trial."""

    def __init__(
        self, algorithm: Algorithm, environment: Environment, network: Network, pool: ActorPool, trial: TrialSettings
    ) -> None:
        """Cut the agents into actors, and check whether these fit. InputError if they do not."""
        self.algorithm, self.environment, self.network = algorithm, environment, network
        self.trial, self.horizon, self.pool = trial, trial.horizon, pool
        N, K, _ = environment.means.shape
        E = len(network.edges)
        self.bounds = np.append(np.arange(0, N, pool.agents_per_actor), N).astype(np.int64)
        self.owner = np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))
        most = max(1, WINDOW_BYTES // (8 * max(N * K, 4 * E)))
        self.most = min(pool.window or min(limits.TRANSPORTS[pool.transport], most), trial.horizon)
        self.state = algorithm.init(problem_info(environment, network, trial.horizon))
        unreliable_channel = network.failures is not None or network.communication is not None
        self.messages = message_info(algorithm, network, self.state) if unreliable_channel else None
        self.tally = tally_of(algorithm, environment, self.state, trial)
        crossing = network.edges[self.owner[network.edges[:, 0]] != self.owner[network.edges[:, 1]]]
        self.boundary = [np.unique(crossing[self.owner[crossing] == a]) for a in range(len(self.bounds) - 1)]
        pairs = np.unique(np.concatenate([self.owner[crossing], self.owner[crossing][:, ::-1]]), axis=0)
        self.near = [pairs[pairs[:, 0] == a, 1].tolist() for a in range(len(self.bounds) - 1)]
        state = sum(value.nbytes for value in self.state if isinstance(value, np.ndarray)) + 8 * self.most * (K + 8)
        if self.messages is not None:  # inbox, memory, what was spoken, and with top_k what is known on every arc
            numbers, known = message_size(algorithm, self.state)[0], 2 * E if self.messages.rules.top_k else 0
            state += 8 * numbers * (N * (2 + self.messages.depth) + known)
            sender, arcs = self.messages.sender, self.network.offsets[self.bounds].tolist()
            blocks = zip(pairwise(arcs), pairwise(self.bounds.tolist()), strict=True)
            self.far = [far_agents(sender[slice(*here)], *agents) for here, agents in blocks]
        self.needed = limits.need(len(self.near), state)
        self.most_near = max(map(len, self.near)) if pool.transport == "direct" else 0
        pool.placement.check(self.needed, N, self.most_near)

    def play(self, note: Note) -> GossipTrace:
        """Play the trial, window after window."""
        with self.pool.lane() as lane:
            return self._play(lane, note)

    def _play(self, lane: int, note: Note) -> GossipTrace:
        N, pool, key = self.environment.agents, self.pool, self.trial.key
        seconds = self.needed.seconds(pool.placement.processors)
        if seconds > SLOW and len(pool.handles) < self.needed.actors:
            note(f"starting {self.needed}, {seconds:.0f} s to start")
        self._begin(lane)
        links = self.network.link_sampler(stream(**key, purpose=Purpose.LINKS))
        failures = self.network.failure_sampler(stream(**key, purpose=Purpose.FAILURES))
        snapshots: list[Snapshot | None] = [None] * len(self.near)
        flying: deque[InFlightWindow] = deque()
        B, size, t0 = self.most if pool.window else min(FIRST, self.most), 0, 0
        while t0 < self.horizon or flying:
            while t0 < self.horizon and len(flying) < AHEAD:
                rounds = min(B, self.horizon - t0)
                flying.append(self._launched(t0, rounds, self._parts(links(rounds), failures)))
                t0 += rounds
            window = flying[0]
            outcomes = self._epochs.gather(window.references)
            if outcomes is None:
                self._epochs.recover(snapshots, f"rounds {window.t0 + 1} to {window.t0 + window.rounds}")
                flying = deque(self._launched(*again[:3]) for again in flying)
                continue
            flying.popleft()
            seconds = max(outcome.seconds for outcome in outcomes)
            B = self._next_window(window.rounds, seconds)
            if pool.at_once == 1 < pool.lanes and seconds > ENOUGH:
                most = min(pool.lanes, pool.placement.lanes(self.needed, self.most_near))
                busy = sum(outcome.at_work for outcome in outcomes) / seconds
                pool.at_once = trials_at_once(pool.placement.processors, busy, most)
            snapshots = [outcome.snapshot for outcome in outcomes]
            pool.count_refused([outcome.refused for outcome in outcomes])
            size += sum(outcome.bytes for outcome in outcomes)
            self._collect(window.t0, outcomes)
            check_played(self.tally, self.algorithm)
            self.trial.progress(N * window.rounds)
        return self._trace(size)

    def _next_window(self, rounds: int, seconds: float) -> int:
        """How many rounds take SECONDS, where so many took so long: at most four times as many, at least a quarter."""
        wanted = int(rounds * min(4.0, max(0.25, SECONDS / max(seconds, 1e-9))))
        return max(1, min(wanted, self.most))

    def _begin(self, lane: int) -> None:
        """Send the actors all that they need, and no more."""
        import ray

        environment, state, algorithm = self.environment, self.state, self.algorithm
        for module in modules():  # no other process can import these
            ray.cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]
        probe = np.full((1, 1, environment.objectives), 0.5)
        prepares = environment.rewards if environment.rewards.prepare(probe) is not probe else None
        if prepares is not None and source_of(type(prepares)):  # by value, and no more of the class than this
            prepares = SimpleNamespace(prepare=partial(type(prepares).prepare, SimpleNamespace(**prepares._asdict())))
        recipe = self._recipe()
        with explained(algorithm, environment.rewards):
            code = program(play_here, *recipe)
        if prepares is not None and getattr(prepares, "common_draw", False):  # its rewards are not what it prepares by
            prepares = prepares._replace(means=prepares.means[:0], rows=prepares.rows[:0])
        rows = own_rows(state, environment.agents).items()
        info = TrialInfo(
            environment.means.shape, uniforms_of(state), self.bounds, self.trial.key, tuple(algorithm),  # type: ignore[arg-type]
            algorithm.communicates, blends(algorithm), state._fields, tuple(plain_tuple(value) for value in state),
            {name: MAILBOX + name for name in mailboxes(state)},
            tuple(name for name, value in rows if not np.shares_memory(value, environment.preferences)), prepares,
            self.tally.kept.rounds,
            tuple(self.boundary), self.pool.poison, code, (ray.put(recipe),), self.messages,
        )  # fmt: skip
        rewards = [own_rewards(environment.rewards, a, z) for a, z in pairwise(self.bounds.tolist())]
        near = self.near if algorithm.communicates else [[] for _ in self.near]
        self._epochs = Epochs(self.pool, lane, ray.put(info), [ray.put(model) for model in rewards], near)

    def _recipe(self) -> tuple[tuple[Any, ...], bool]:
        """What the actors' code is compiled for: the types of its arguments; and whether to keep it on disk."""
        N, K, D = self.environment.means.shape
        algorithm, now, after = self.algorithm, self.state, exchanged(self.state)
        averages, none, empty = averages_of(now, after, algorithm.communicates), np.zeros(0, np.int64), np.zeros((0, 0))
        record = WindowRecord(0, np.zeros((0, N), np.int64), np.zeros((0, N, K)), np.zeros((0, N), np.int64), none, none,
                              *np.zeros((2, 0, 0, 0)))  # fmt: skip
        numbers = RandomBlock(0, empty, np.zeros((0, 0, D)), np.zeros((0, 0, 0)))
        channel: Any
        if self.messages is not None:
            channel, now, after = unreliable(algorithm, self.network, now, averages, True, False)
        else:
            boxes = tuple(getattr(now, name).reshape(N, -1) for name in mailboxes(now)) or (np.zeros((N, 0)),)
            rows = Rows(none, none, empty, none, np.zeros((0, 3), np.int64))
            wire = Wire(rows, rows, none, none)
            channel = Halo(averages, boxes, boxes, none, none, np.zeros(0), wire, 0, 0, True, True, True)
        rewards = self.environment.rewards
        played = distinct((algorithm, rewards, now, after))
        samples = (*played, channel, record, numbers, Scratch(np.zeros(K), np.zeros(D)), 0)
        return signature_of(play_here, samples), is_builtin(algorithm, rewards)

    def _parts(self, present: NDArray[np.uint8], failures: FailureSampler) -> Sequence[WindowGraph | ActorEvents]:
        """Every actor's part of the next rounds, of which `present` (B, E) are the links."""
        if self.messages is None:
            return self._links(present)
        fate, parts = failures(present), []
        arrived = arrivals_of(fate.age, self.network.offsets)
        for (a, z), far in zip(pairwise(self.bounds.tolist()), self.far, strict=True):
            arcs = slice(*self.network.offsets[[a, z]].tolist())
            up, cold, sent = fate.up[:, a:z].copy(), fate.cold[:, a:z].copy(), fate.sent[:, arcs].copy()
            events = RoundEvents(a, arcs.start, up, cold, sent, fate.age[:, arcs].copy())
            parts.append((events, failures.arrivals.takes[:, arcs].copy(), arrived[:, far]))
        return parts

    def _links(self, present: NDArray[np.uint8]) -> list[WindowGraph]:
        network, (B, E) = self.network, present.shape
        graph = GraphArrays(network.edges, network.offsets, network.weight_rule, network.constant_weight)
        degrees = np.zeros((B, network.agents), np.int64)
        neighbours, weights = np.zeros(2 * B * E, np.int64), np.zeros(2 * B * E)
        links_of_window(graph, present, np.zeros(2 * E, np.int64), degrees, neighbours, weights)
        reader = np.repeat(np.tile(self.owner.astype(np.min_scalar_type(len(self.near))), B), degrees.ravel())  # few bits sort fast
        places = np.split(np.argsort(reader, kind="stable"), np.cumsum(np.bincount(reader, minlength=len(self.near)))[:-1])
        blocks = zip(pairwise(self.bounds.tolist()), places, strict=True)
        return [WindowGraph(degrees[:, a:z].copy(), neighbours[place], weights[place]) for (a, z), place in blocks]

    def _launched(self, t0: int, rounds: int, parts: Sequence[WindowGraph | ActorEvents]) -> InFlightWindow:
        peers: list[list[list[int]]] = []
        if self.pool.transport == "refs":
            sent = [part for part in parts if isinstance(part, WindowGraph)] if self.algorithm.communicates else []
            peers = [part.peers(self.owner, a) for a, part in enumerate(sent)] or [[[]] * rounds] * len(parts)
        return InFlightWindow(t0, rounds, parts, self._epochs.submit(t0, parts, peers))

    def _collect(self, t0: int, outcomes: list[Outcome]) -> None:
        windows = [outcome.window for outcome in outcomes]
        arms, p, sent, own, local = (
            np.concatenate([getattr(window, name) for window in windows], axis=1) for name in ("arms", "p", "sent", "own", "local")
        )
        own, local = (array.reshape(-1, array.shape[2]) for array in (own, local))
        tally_window(self.tally, arms, p, sent, Averages(own, own, local, local), t0)

    def _trace(self, size: int) -> GossipTrace:
        """The trace; RuntimeError if the bytes that crossed between actors are not what the links account for."""
        numbers, flags = message_size(self.algorithm, self.state)
        accounted = 8 * numbers * int(self.tally.kept.messages_sent.sum())
        torn = size % (8 * numbers) if numbers else size  # bytes that are no whole message
        # By reference a block's whole border travels at once.
        most = accounted if self.pool.transport == "direct" else np.inf
        if torn or size > most or (len(self.near) == self.environment.agents and size != accounted):
            raise RuntimeError(f"{size} bytes were sent, the links account for {accounted}")
        return trace_of(self.tally, self.environment, self.network.communication or UNLIMITED, numbers, flags)


@jit
def links_of_window(
    graph: GraphArrays, present: NDArray[np.uint8], row: Integers, degrees: Integers, neighbours: Integers,
    weights: NDArray[np.float64],
) -> None:  # fmt: skip
    """The neighbours and weights of all agents in B rounds, one agent after the other in each.

    Args:
        present: (B, E). row: (2E,) scratch. degrees: (B, N) out. neighbours, weights: (2 B E,) out, the lists without gaps.
    """
    at = 0
    for b in range(present.shape[0]):
        neighbours_of_round(graph.edges, graph.offsets, present[b], row, degrees[b])
        for i in range(degrees.shape[1]):
            for n in range(degrees[b, i]):
                j = row[graph.offsets[i] + n]
                neighbours[at] = j
                weights[at] = weight_of_edge(graph.rule, graph.constant, degrees[b, i], degrees[b, j])
                at += 1


def arrivals_of(age: NDArray[np.int16], offsets: Integers) -> Integers:
    """(B, N) how many messages arrive at an agent, of those on the arcs (B, 2E) by receiver, at `offsets` (N + 1,)."""
    counts = np.zeros((len(age), age.shape[1] + 1), np.int64)
    np.cumsum(age >= 0, axis=1, out=counts[:, 1:])
    return np.diff(counts[:, offsets], axis=1)


def trials_at_once(processors: float, busy: float, most: int) -> int:
    """How many trials keep the processors at work, where one keeps `busy` of them at work: one at least, `most` at most."""
    return max(1, min(most, int(processors / max(busy, 1e-9))))


def plain_tuple(value: Any) -> Any:
    """Without the classes that only compiled code needs."""
    return tuple(plain_tuple(item) for item in value) if isinstance(value, tuple) else value


def own_rewards(model: Any, first: int, last: int) -> tuple[Any, ...]:
    """The fields of a reward model, with the means (and logged rewards) of the agents first .. last - 1 only."""
    values = model._asdict() | {"means": OwnRows(model.means[first:last])}
    if isinstance(model, Table):
        arms = model.means.shape[1]
        begin, end = model.first[first * arms], model.first[last * arms]
        values |= {"rows": model.rows[begin:end], "first": model.first - begin}
    elif isinstance(model, Rounds):
        values["rows"] = OwnRows(model.rows[first:last])
    return tuple(values.values())
