"""The compiled loop over rounds and agents, and the trial that is made of its blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gossipmab import metrics
from gossipmab.algorithms.protocol import Algorithm, Integers, Shape
from gossipmab.communication import Communication
from gossipmab.compiled import compiled, compiled_here, ours
from gossipmab.engines.agent_round import MAILBOX as MAILBOX
from gossipmab.engines.agent_round import Base as Base
from gossipmab.engines.agent_round import Mail as Mail
from gossipmab.engines.agent_round import Numbers as Numbers
from gossipmab.engines.agent_round import Scratch as Scratch
from gossipmab.engines.agent_round import Tally as Tally
from gossipmab.engines.agent_round import agent_round as agent_round
from gossipmab.engines.agent_round import arm_from as arm_from
from gossipmab.engines.agent_round import estimates as estimates
from gossipmab.engines.agent_round import exchanged as exchanged
from gossipmab.engines.agent_round import mail as mail
from gossipmab.engines.agent_round import message_size as message_size
from gossipmab.engines.agent_round import mix as mix
from gossipmab.engines.agent_round import record as record
from gossipmab.engines.agent_round import same as same
from gossipmab.engines.message_rounds import (
    MessageRounds,
    play_messages,
    play_messages_compiled,
    play_messages_foreign,
)
from gossipmab.environment import Environment
from gossipmab.errors import InputError
from gossipmab.metrics import Trace, Truth
from gossipmab.network import Network, neighbours_of_round, weight_of_edge
from gossipmab.randomness import Purpose, stream

BLOCK_NUMBERS = 2_000_000  # random numbers drawn at a time: 16 MB
BLOCK_ROWS = (
    40_000  # bound on rounds x numbers in a row: where rows are long, rounds are slow, and progress should show
)


def play(
    algorithm: Any, rewards: Any, truth: Truth, base: Base, now: Any, after: Any, mail: Mail, numbers: Numbers, tally: Tally,
    scratch: Scratch, t0: int, communicates: bool,
) -> None:  # fmt: skip
    """Play the block of rounds t0 + 1 .. t0 + B.

    Args:
        algorithm, rewards: the algorithm and the reward model; their types decide which methods run.
        now, after: the state, and the same state with every field exchanged with its mailbox: what is own in one is sent in
            the other, so that a round reads one buffer, writes the other, and nothing is copied.
        mail: the gossiped averages of both, flat.
        t0: rounds already played. communicates: whether messages are sent.
    """
    sent, own = mail.now, mail.after
    degrees, weights = scratch.degrees, scratch.weights
    for b in range(numbers.arms.shape[1]):
        t = t0 + b + 1
        neighbours_of_round(base.edges, base.offsets, numbers.links[b], scratch.neighbours, degrees)
        for i in range(degrees.shape[0]):
            present = scratch.neighbours[base.offsets[i] : base.offsets[i] + degrees[i]]
            if base.constant == 0.0:
                for n in range(degrees[i]):
                    weights[n] = weight_of_edge(base.rule, base.constant, degrees[i], degrees[present[n]])
            arm = agent_round(
                algorithm, rewards, now, after, own, sent, i, t, present, weights,
                numbers.arms[i, b], numbers.rewards[i, b], scratch.p, scratch.x, communicates,
            )  # fmt: skip
            tally.pulls[i, arm] += 1
            tally.messages_sent[i] += degrees[i] if communicates else 0
            if not same(scratch.p, tally.played[i]):
                tally.gap[i] = truth.best - metrics.nash_welfare_of(truth, scratch.p, scratch.utility)
            tally.nsw_regret[i] += tally.gap[i]
        if t == tally.rounds[tally.next_record[0]]:
            record(own if communicates else mail.local, mail.local, truth, scratch.mean, tally)
        now, after = after, now
        sent, own = own, sent


play_compiled = compiled(play)
play_foreign = compiled_here(play)


def recorded_rounds(horizon: int, record: int) -> Integers:
    """(R,) the rounds round(T m / record), m = 1..record, each once; the last round is always among them."""
    rounds = np.unique([round(horizon * m / record) for m in range(1, record + 1)])
    return rounds[rounds > 0].astype(np.int64)


def shape_of(environment: Environment, network: Network, horizon: int) -> Shape:
    """What the algorithm is told before the first round."""
    return Shape(
        environment.agents, environment.arms, environment.objectives, horizon, network.link_probability,
        network.algebraic_connectivity, environment.preferences,
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
    interpreted: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Trace:
    """Play one trial of one algorithm in this process.

    Args:
        algorithm: a NamedTuple such as `ParetoUCBGossip()`.
        environment, network: they must have the same number of agents.
        horizon: T, rounds.
        seed, trial, label: of the random streams; label "" shares links and reward numbers between algorithms (coupled).
        record: how many rounds to record, evenly spaced; the last is always among them.
        welfare: "product" or "geometric", the Nash social welfare in which regret is measured.
        interpreted: run the very same methods in plain Python, to debug; same bits, a thousand times slower.
        progress: called with the agent-steps just played, about every block; may raise to stop.

    Raises:
        InputError: agents that differ, or a hyperparameter, horizon or record out of range.
    """
    if environment.agents != network.agents:
        raise InputError(f"network.base: has {network.agents} agents, the environment has {environment.agents}")
    for name, value in (("horizon", horizon), ("record", record)):
        if value != int(value) or value < 1:
            raise InputError(f"{name}: got {value}, allowed is a whole number >= 1")
    algorithm.check()
    N, K, D = environment.means.shape
    now = algorithm.init(shape_of(environment, network, horizon))
    after = exchanged(now)
    rounds = recorded_rounds(horizon, record)
    R = len(rounds)
    tally = Tally(
        np.zeros((N, K), np.int64), np.zeros((N, K)), np.zeros(N), np.zeros(N), np.zeros(N, np.int64),
        np.zeros(1, np.int64), rounds, np.zeros((R, N)), np.zeros((R, N)), np.zeros(R), np.zeros(R, np.int64), np.zeros(R),
        np.zeros(R),
    )  # fmt: skip
    source = Source(environment, network, seed=seed, trial=trial, label=label)
    truth = metrics.truth(environment, welfare, metrics.estimand(environment, estimates(algorithm), now.local_mean))
    base = Base(network.edges, network.offsets, network.weight_rule, network.constant_weight)
    shipped = ours(algorithm, environment.rewards)
    loop = play if interpreted else play_compiled if shipped else play_foreign
    slower = None
    if network.failures is not None or network.communication is not None:
        slow_loop = play_messages if interpreted else play_messages_compiled if shipped else play_messages_foreign
        initial = algorithm.init(shape_of(environment, network, horizon))
        slower = MessageRounds(algorithm, network, now, initial, slow_loop)
    block = max(1, min(1024, BLOCK_NUMBERS // source.numbers_per_round, BLOCK_ROWS // max(1, now.local_mean[0].size)))
    scratch = Scratch(
        np.zeros(K), np.zeros(D), np.zeros(N), np.zeros(now.local_mean[0].size), np.full(N, base.constant),
        np.zeros(N, np.int64), np.zeros(2 * len(network.edges), np.int64),
    )  # fmt: skip
    for t0 in range(0, horizon, block):
        numbers = source.block(min(block, horizon - t0))
        if slower is not None:
            slower.play(environment.rewards, truth, base, numbers, source.fate(numbers.links), tally, scratch, t0)
        else:
            loop(
                algorithm, environment.rewards, truth, base, now, after, mail(now, after), numbers, tally, scratch, t0,
                algorithm.communicates,
            )  # fmt: skip
        if numbers.arms.shape[1] % 2:
            now, after = after, now
        if progress is not None:
            progress(N * numbers.arms.shape[1])
    told, each = network.communication or Communication(), message_size(now) if algorithm.communicates else 0
    utility = (tally.pulls * environment.own_utilities).sum(axis=1)
    return Trace(
        rounds, tally.pareto, tally.nsw, tally.disagreement, tally.messages, tally.messages * told.bytes(each), tally.pulls,
        utility, tally.messages_sent, tally.drift, tally.sampling, tally.messages * told.floats(each),
    )  # fmt: skip


class Source:
    """The random numbers of one cell, block after block: every agent's own streams, and the network's."""

    def __init__(self, environment: Environment, network: Network, *, seed: int, trial: int, label: str) -> None:
        """Open the streams of a trial."""
        key = {"seed": seed, "trial": trial, "label": label}
        agents = range(environment.agents)
        self.environment, self.network = environment, network
        self.arms = [stream(**key, agent=i, purpose=Purpose.ARMS) for i in agents]  # type: ignore[arg-type]
        self.rewards = [stream(**key, agent=i, purpose=Purpose.REWARDS) for i in agents]  # type: ignore[arg-type]
        self.links = network.link_sampler(stream(**key, purpose=Purpose.LINKS))  # type: ignore[arg-type]
        self.fate = network.fate_sampler(stream(**key, purpose=Purpose.FAILURES))  # type: ignore[arg-type]

    @property
    def numbers_per_round(self) -> int:
        """How many numbers a round takes."""
        return self.environment.agents * (1 + self.environment.objectives) + len(self.network.edges)

    def block(self, rounds: int) -> Numbers:
        """The numbers of the next rounds; any split into blocks gives the same ones."""
        N, D = self.environment.agents, self.environment.objectives
        arms, rewards = np.empty((N, rounds)), np.empty((N, rounds, D))
        for i in range(N):
            self.arms[i].random(out=arms[i])
            self.rewards[i].random(out=rewards[i])
        return Numbers(arms, self.environment.rewards.prepare(rewards), self.links(rounds))
