"""The round of one agent, and what the loops over rounds and agents are given, keep and record.

The order within a round (all engines keep it): G_t is sampled; every agent selects from what it held at the end of round
t-1, pulls, and sees a reward vector; it averages the messages of its present neighbours, which carry what they held at
the end of round t-1; it adds its own local change.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from gossipmab.algorithms.gossip.base import blend, learn, select
from gossipmab.algorithms.gossip.uniforms import hand_numbers
from gossipmab.environments.environment import Environment
from gossipmab.environments.reward_models import draw
from gossipmab.metrics import trace as metrics
from gossipmab.metrics.consensus import row_errors
from gossipmab.metrics.trace import GossipTrace, Memo, Truth
from gossipmab.networks.communication_budget import CommunicationBudget
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Bytes, Floats, Integers

MAILBOX, SCRATCH = "sent_", "scratch_"


class Base(NamedTuple):
    """The network as the loop needs it: edges (E, 2), offsets (N + 1,), the weight rule and its constant."""

    edges: Integers
    offsets: Integers
    rule: int
    constant: float


class Numbers(NamedTuple):
    """The random numbers of a block of B rounds: arms (N, B), rewards (N, B, D) prepared; links (B, E) 0 or 1.

    Where links are few, links is (B, 0) and they are listed: those of round b are listed[first[b] : first[b + 1]], ascending;
    else first is (0,).
    """

    arms: Floats
    rewards: Floats
    links: Bytes
    first: Integers = np.zeros(0, np.int64)
    listed: Integers = np.zeros(0, np.int64)


class Mail(NamedTuple):
    """Averages, flat, (N, M): `global_mean` of the states now and after (M = 0 where there is none), and `local_mean`."""

    now: Floats
    after: Floats
    local: Floats


class Tally(NamedTuple):
    """What the loop keeps of the past, and what it records.

    pulls: (N, K). played: (N, K) the last distribution of each agent. gap: (N,) its NSW regret. nsw_regret: (N,) so far.
    messages_sent: (N,). next_record: (1,) index into rounds.
    final_pareto: (N,), as last recorded.
    rounds: (R,), recorded: pareto, nsw (R, N) or, summed over the agents, (R, 1); disagreement, messages, drift, sampling (R,).
    """

    pulls: Integers
    played: Floats
    gap: Floats
    nsw_regret: Floats
    messages_sent: Integers
    final_pareto: Floats
    next_record: Integers
    rounds: Integers
    pareto: Floats
    nsw: Floats
    disagreement: Floats
    messages: Integers
    drift: Floats
    sampling: Floats


class Scratch(NamedTuple):
    """What the loop writes over: p (K,), x (D,), utility (N,), memo, means (2, M), weights, degrees (N,), neighbours (2E,).

    weights: as many as the largest degree of the base graph.
    """

    p: Floats
    x: Floats
    utility: Floats
    memo: Memo
    means: Floats
    weights: Floats
    degrees: Integers
    neighbours: Integers


def new_tally(agents: int, arms: int, rounds: Integers, by_agent: bool) -> Tally:
    """Nothing played yet; `rounds` (R,) will be recorded."""
    N, R = agents, len(rounds)
    curves = np.zeros((2, R, N if by_agent else 1))
    return Tally(
        np.zeros((N, arms), np.int64), np.zeros((N, arms)), np.zeros(N), np.zeros(N), np.zeros(N, np.int64), np.zeros(N),
        np.zeros(1, np.int64), rounds, curves[0], curves[1], np.zeros(R), np.zeros(R, np.int64), np.zeros(R), np.zeros(R),
    )  # fmt: skip


def mail(now: Any, after: Any) -> Mail:
    """The flat views of two states."""
    N = len(now.local_mean)
    if not hasattr(now, "global_mean"):
        return Mail(np.zeros((N, 0)), np.zeros((N, 0)), now.local_mean.reshape(N, -1))
    return Mail(now.global_mean.reshape(N, -1), after.global_mean.reshape(N, -1), now.local_mean.reshape(N, -1))


def exchanged(state: Any) -> Any:
    """The same arrays with every field exchanged with its mailbox."""
    boxes = [name for name in state._fields if name.startswith(MAILBOX)]
    return state._replace(**{box: getattr(state, box.removeprefix(MAILBOX)) for box in boxes},
                          **{box.removeprefix(MAILBOX): getattr(state, box) for box in boxes})  # fmt: skip


def estimates(algorithm: Any) -> str:
    """What its averages estimate: "means" of the arms (K, D) unless it says `estimates = "utilities"`, (N, K)."""
    return str(getattr(algorithm, "estimates", "means"))


def tracking(truth: Truth, state: Any) -> Truth:
    """The truth, told whose rows the agents track where these are not everybody's."""
    return truth._replace(members=state.known_members) if hasattr(state, "known_members") else truth


def message_size(state: Any) -> int:
    """Numbers in one message: the rows of all mailboxes."""
    return sum(getattr(state, name)[0].size for name in state._fields if name.startswith(MAILBOX))


@jit
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


@jit
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


def gossip(
    algorithm: Any, state: Any, own: Floats, sent: Floats, i: int, neighbours: Integers, weights: Floats
) -> None:  # fmt: skip
    """The gossip of one agent: `mix`, or message by message where the algorithm has a `blend` of its own."""
    if hasattr(algorithm, "blend"):
        _blended(algorithm, state, own, sent, i, neighbours, weights)
    else:
        mix(own, sent, i, neighbours, weights)


def _blended(
    algorithm: Any, state: Any, own: Floats, sent: Floats, i: int, neighbours: Integers, weights: Floats
) -> None:  # fmt: skip
    for m in range(own.shape[1]):
        own[i, m] = sent[i, m]
    for n in range(neighbours.shape[0]):
        blend(algorithm, state, own[i], sent[i], sent[neighbours[n]], i, neighbours[n], weights[n])


def _mixed(
    algorithm: Any, state: Any, own: Floats, sent: Floats, i: int, neighbours: Integers, weights: Floats
) -> None:  # fmt: skip
    mix(own, sent, i, neighbours, weights)


@overload(gossip, strict=False, jit_options={"forceinline": True})
def _gossip(algorithm: Any, state: Any, own: Any, sent: Any, i: Any, neighbours: Any, weights: Any) -> Any:
    return _blended if hasattr(algorithm.instance_class, "blend") else _mixed


@jit
def same(p: Floats, played: Floats) -> bool:
    """Whether p (K,) was played last, too; keeps it in `played`. Policies settle, and their welfare need not be summed again."""
    equal = True
    for k in range(p.shape[0]):
        equal &= p[k] == played[k]
        played[k] = p[k]
    return equal


@jit
def record(own: Floats, local: Floats, truth: Truth, means: Floats, tally: Tally) -> None:
    """Record one round: regrets of every agent, what the estimates own (N, M) are apart, messages so far. means: (2, M) scratch."""
    r = tally.next_record[0]
    N, K = tally.pulls.shape
    each = tally.pareto.shape[1] == N
    for i in range(N):
        regret = 0.0
        for k in range(K):
            regret += tally.pulls[i, k] * truth.gaps[k]
        tally.final_pareto[i] = regret
        tally.pareto[r, i if each else 0] += regret
        tally.nsw[r, i if each else 0] += tally.nsw_regret[i]
        tally.messages[r] += tally.messages_sent[i]
    if truth.members.shape[0] > 0:
        apart = row_errors(own, local, truth.members, truth.utilities, means[0])
    else:
        apart = metrics.spreads(own, local, truth.estimand, means[0], means[1])
    tally.disagreement[r], tally.drift[r], tally.sampling[r] = apart
    tally.next_record[0] += 1


def agent_round(
    algorithm: Any, rewards: Any, now: Any, after: Any, own: Floats, sent: Floats, i: int, t: int,
    neighbours: Integers, weights: Floats, u_arm: float, u_reward: Floats, p: Floats, x: Floats, communicates: bool,
) -> int:  # fmt: skip
    """The round of one agent: select, pull, see x, mix the messages, add the own change; returns the arm."""
    hand_numbers(now, u_arm)
    select(algorithm, now, i, t, p)
    arm = arm_from(p, u_arm)
    draw(rewards, i, arm, u_reward, x)
    if communicates:
        gossip(algorithm, after, own, sent, i, neighbours, weights)
    learn(algorithm, after, i, t, arm, x, neighbours)
    return arm


@overload(agent_round, strict=False, jit_options={"forceinline": True})
def _agent_round(
    algorithm: Any, rewards: Any, now: Any, after: Any, own: Any, sent: Any, i: Any, t: Any,
    neighbours: Any, weights: Any, u_arm: Any, u_reward: Any, p: Any, x: Any, communicates: Any,
) -> Any:  # fmt: skip
    # Compiled as it stands; called from plain Python it stays plain, so that methods can be debugged.
    return agent_round


def trace_of(tally: Tally, environment: Environment, told: CommunicationBudget, each: int) -> GossipTrace:
    """What came out of a trial whose messages hold `each` numbers, sent by the rules `told`."""
    utility = (tally.pulls * environment.own_utilities).sum(axis=1)
    return GossipTrace(
        tally.rounds, tally.pareto, tally.nsw, tally.disagreement, tally.messages, tally.messages * told.bytes(each),
        tally.pulls, utility, tally.messages_sent, tally.drift, tally.sampling, tally.messages * told.floats(each),
        tally.final_pareto, tally.nsw_regret,
    )  # fmt: skip
