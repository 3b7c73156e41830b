"""The round of one agent, and what the loops over rounds and agents are given, keep and record.

The order within a round (all engines keep it): G_t is sampled; every agent selects from what it held at the end of round
t-1, pulls, and sees a reward vector; it averages the messages of its present neighbours, which carry what they held at
the end of round t-1; it adds its own local change.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from gossipmab import metrics
from gossipmab.algorithms.own_numbers import hand_numbers
from gossipmab.algorithms.protocol import Floats, Integers, learn, select
from gossipmab.compiled import compiled
from gossipmab.metrics import Truth
from gossipmab.rewards import draw

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
    rounds: (R,), recorded: pareto (R, N), nsw (R, N), disagreement (R,), messages (R,), drift (R,), sampling (R,).
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
    drift: Floats
    sampling: Floats


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


def exchanged(state: Any) -> Any:
    """The same arrays with every field exchanged with its mailbox."""
    boxes = [name for name in state._fields if name.startswith(MAILBOX)]
    return state._replace(**{box: getattr(state, box.removeprefix(MAILBOX)) for box in boxes},
                          **{box.removeprefix(MAILBOX): getattr(state, box) for box in boxes})  # fmt: skip


def estimates(algorithm: Any) -> str:
    """What its averages estimate: "means" of the arms (K, D) unless it says `estimates = "utilities"`, (N, K)."""
    return str(getattr(algorithm, "estimates", "means"))


def message_size(state: Any) -> int:
    """Numbers in one message: the rows of all mailboxes."""
    return sum(getattr(state, name)[0].size for name in state._fields if name.startswith(MAILBOX))


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
    tally.drift[r] = metrics.drift(own, local)
    tally.sampling[r] = metrics.sampling_error(local, truth.estimand, mean)
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
