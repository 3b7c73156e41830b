"""The round of one agent, the compiled loop over rounds and agents, and the trial that is made of its blocks.

The order within a round (all engines keep it): G_t is sampled; every agent selects from what it held at the end of round
t-1, pulls, and sees a reward vector; it averages the messages of its present neighbours, which carry what they held at
the end of round t-1; it adds its own local change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from gossipmab import metrics
from gossipmab.algorithms.protocol import Algorithm, Floats, Integers, Shape, learn, select
from gossipmab.compiled import compiled, compiled_here
from gossipmab.environment import Environment
from gossipmab.errors import InputError
from gossipmab.metrics import Trace, Truth
from gossipmab.network import Network, neighbours_of_round, weight_of_edge
from gossipmab.randomness import Purpose, stream
from gossipmab.rewards import draw

BLOCK_NUMBERS = 2_000_000  # random numbers drawn at a time: 16 MB
BLOCK_ROWS = (
    40_000  # bound on rounds x numbers in a row: where rows are long, rounds are slow, and progress should show
)
MAILBOX = "sent_"


class Base(NamedTuple):
    """The network as the loop needs it: edges (E, 2), offsets (N + 1,), the weight rule and its constant."""

    edges: Integers
    offsets: Integers
    rule: int
    constant: float


class Numbers(NamedTuple):
    """The random numbers of a block of B rounds: arms (N, B), rewards (N, B, D) prepared, links (B, E) 0 or 1."""

    arms: Floats
    rewards: Floats
    links: NDArray[np.uint8]


class Mail(NamedTuple):
    """Averages, flat, (N, M): `global_mean` of the states now and after (M = 0 where there is none), and `local_mean`."""

    now: Floats
    after: Floats
    local: Floats


class Tally(NamedTuple):
    """What the loop keeps of the past, and what it records.

    pulls: (N, K). played: (N, K) the last distribution of each agent. gap: (N,) its NSW regret. nsw_regret: (N,) so far.
    messages_sent: (N,). next_record: (1,) index into rounds.
    rounds: (R,), recorded: pareto (R, N), nsw (R, N), disagreement (R,), messages (R,).
    """

    pulls: Integers
    played: Floats
    gap: Floats
    nsw_regret: Floats
    messages_sent: Integers
    next_record: Integers
    rounds: Integers
    pareto: Floats
    nsw: Floats
    disagreement: Floats
    messages: Integers


class Scratch(NamedTuple):
    """What the loop writes over: p (K,), x (D,), utility (N,), mean (M,), weights (N,), degrees (N,), neighbours (2E,)."""

    p: Floats
    x: Floats
    utility: Floats
    mean: Floats
    weights: Floats
    degrees: Integers
    neighbours: Integers


def mail(now: Any, after: Any) -> Mail:
    """The flat views of two states."""
    N = len(now.local_mean)
    if not hasattr(now, "global_mean"):
        return Mail(np.zeros((N, 0)), np.zeros((N, 0)), now.local_mean.reshape(N, -1))
    return Mail(now.global_mean.reshape(N, -1), after.global_mean.reshape(N, -1), now.local_mean.reshape(N, -1))


@compiled
def arm_from(p: Floats, u: float) -> int:
    """The arm that the uniform number u draws from the distribution p (K,); never one of probability 0."""
    total = 0.0
    arm = 0
    for k in range(p.shape[0]):
        if p[k] > 0.0:
            total += p[k]
            arm = k
            if u < total:
                break
    return arm


@compiled
def mix(own: Floats, sent: Floats, i: int, neighbours: Integers, weights: Floats) -> None:
    """The gossip of one agent: own[i] from the messages of the present neighbours, in ascending order.

    G_i <- G_i(t-1) + sum_{j in N_i(t)} w_ij ( G_j(t-1) - G_i(t-1) )

    Args:
        own: (N, M), row i is written. sent: (N, M) the messages, what all held at the end of round t-1.
        neighbours: (n,) ascending. weights: (n,) w_ij.
    """
    mine, before = own[i], sent[i]
    for m in range(before.shape[0]):
        mine[m] = before[m]
    # Four at a time, for `mine` is then read and written a quarter as often; the order of the sum stays.
    fours = neighbours.shape[0] - neighbours.shape[0] % 4
    for n in range(0, fours, 4):
        a, b, c, d = sent[neighbours[n]], sent[neighbours[n + 1]], sent[neighbours[n + 2]], sent[neighbours[n + 3]]
        w_a, w_b, w_c, w_d = weights[n], weights[n + 1], weights[n + 2], weights[n + 3]
        for m in range(before.shape[0]):
            sum_ab = (mine[m] + w_a * (a[m] - before[m])) + w_b * (b[m] - before[m])
            mine[m] = (sum_ab + w_c * (c[m] - before[m])) + w_d * (d[m] - before[m])
    for n in range(fours, neighbours.shape[0]):
        a, w_a = sent[neighbours[n]], weights[n]
        for m in range(before.shape[0]):
            mine[m] += w_a * (a[m] - before[m])


@compiled
def same(p: Floats, played: Floats) -> bool:
    """Whether p (K,) was played last, too; keeps it in `played`. Policies settle, and their welfare need not be summed again."""
    equal = True
    for k in range(p.shape[0]):
        equal &= p[k] == played[k]
        played[k] = p[k]
    return equal


@compiled
def record(own: Floats, local: Floats, truth: Truth, mean: Floats, tally: Tally) -> None:
    """Record one round: regrets of every agent, disagreement of the estimates own (N, M), messages so far."""
    r = tally.next_record[0]
    N, K = tally.pulls.shape
    for i in range(N):
        regret = 0.0
        for k in range(K):
            regret += tally.pulls[i, k] * truth.gaps[k]
        tally.pareto[r, i] = regret
        tally.nsw[r, i] = tally.nsw_regret[i]
        tally.messages[r] += tally.messages_sent[i]
    tally.disagreement[r] = metrics.disagreement(own, local, mean)
    tally.next_record[0] += 1


def agent_round(
    algorithm: Any, rewards: Any, now: Any, after: Any, own: Floats, sent: Floats, i: int, t: int,
    neighbours: Integers, weights: Floats, u_arm: float, u_reward: Floats, p: Floats, x: Floats, communicates: bool,
) -> int:  # fmt: skip
    """The round of one agent: select, pull, see x, mix the messages, add the own change; returns the arm."""
    select(algorithm, now, i, t, p)
    arm = arm_from(p, u_arm)
    draw(rewards, i, arm, u_reward, x)
    if communicates:
        mix(own, sent, i, neighbours, weights)
    learn(algorithm, after, i, t, arm, x, neighbours)
    return arm


@overload(agent_round, strict=False, jit_options={"forceinline": True})
def _agent_round(
    algorithm: Any, rewards: Any, now: Any, after: Any, own: Any, sent: Any, i: Any, t: Any,
    neighbours: Any, weights: Any, u_arm: Any, u_reward: Any, p: Any, x: Any, communicates: Any,
) -> Any:  # fmt: skip
    # Compiled as it stands; called from plain Python it stays plain, so that methods can be debugged.
    return agent_round


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


def exchanged(state: Any) -> Any:
    """The same arrays with every field exchanged with its mailbox."""
    boxes = [name for name in state._fields if name.startswith(MAILBOX)]
    return state._replace(**{box: getattr(state, box.removeprefix(MAILBOX)) for box in boxes},
                          **{box.removeprefix(MAILBOX): getattr(state, box) for box in boxes})  # fmt: skip


def message_size(state: Any) -> int:
    """Numbers in one message: the rows of all mailboxes."""
    return sum(getattr(state, name)[0].size for name in state._fields if name.startswith(MAILBOX))


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
        np.zeros(1, np.int64), rounds, np.zeros((R, N)), np.zeros((R, N)), np.zeros(R), np.zeros(R, np.int64),
    )  # fmt: skip
    source = Source(environment, network, seed=seed, trial=trial, label=label)
    truth = metrics.truth(environment, welfare)
    base = Base(network.edges, network.offsets, network.weight_rule, network.constant_weight)
    ours = type(algorithm).__module__.startswith("gossipmab.")
    loop = play if interpreted else play_compiled if ours else play_foreign
    block = max(1, min(1024, BLOCK_NUMBERS // source.numbers_per_round, BLOCK_ROWS // max(1, now.local_mean[0].size)))
    scratch = Scratch(
        np.zeros(K), np.zeros(D), np.zeros(N), np.zeros(now.local_mean[0].size), np.full(N, base.constant),
        np.zeros(N, np.int64), np.zeros(2 * len(network.edges), np.int64),
    )  # fmt: skip
    for t0 in range(0, horizon, block):
        numbers = source.block(min(block, horizon - t0))
        loop(
            algorithm, environment.rewards, truth, base, now, after, mail(now, after), numbers, tally, scratch, t0,
            algorithm.communicates,
        )  # fmt: skip
        if numbers.arms.shape[1] % 2:
            now, after = after, now
        if progress is not None:
            progress(N * numbers.arms.shape[1])
    size = 8 * message_size(now) if algorithm.communicates else 0
    utility = (tally.pulls * environment.own_utilities).sum(axis=1)
    return Trace(
        rounds, tally.pareto, tally.nsw, tally.disagreement, tally.messages, tally.messages * size, tally.pulls, utility,
        tally.messages_sent,
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
