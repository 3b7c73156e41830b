"""What is kept of a trial and recorded: pulls, messages, regrets. One definition for every gossip engine."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gossipmab.engines.common import policy_unchanged
from gossipmab.engines.conformance.errors import PLAYED, check_played_distribution, class_name
from gossipmab.engines.gossip.channel_state import Averages
from gossipmab.environments.environment import Environment
from gossipmab.metrics.consensus import averages_apart, row_errors
from gossipmab.metrics.front import front_coverage
from gossipmab.metrics.regret import RegretReference, WelfareCache, nsw_regret_of
from gossipmab.metrics.trace import GossipTrace
from gossipmab.networks.communication_budget import CommunicationBudget
from gossipmab.utils.jit import dual, jit
from gossipmab.utils.types import Floats, Integers


class Accumulators(NamedTuple):
    """What is kept of the past, and what is recorded.

    pulls: (N, K). played: (N, K) the last distribution of each agent. round_regret, nsw_regret: (N,) NSW regret of that
    distribution, and so far. messages_sent: (N,). next: (1,) index into rounds. final_pareto: (N,), as last recorded.
    rounds: (R,), recorded: pareto, nsw (R, N) or, summed over the agents, (R, 1); disagreement, messages, drift, sampling (R,);
    arm_pulls (R, K).
    invalid: (2 + K,) index of a recorded round plus 1, agent and what it played, of the first that is no distribution; else 0.
    """

    pulls: Integers
    played: Floats
    round_regret: Floats
    nsw_regret: Floats
    messages_sent: Integers
    final_pareto: Floats
    next: Integers
    rounds: Integers
    pareto: Floats
    nsw: Floats
    disagreement: Floats
    messages: Integers
    drift: Floats
    sampling: Floats
    arm_pulls: Integers
    invalid: Floats


class Tally(NamedTuple):
    """The record of a trial whose agents are all in this process. scratch: utility (N,), means (2, M)."""

    reference: RegretReference
    kept: Accumulators
    cache: WelfareCache
    utility: Floats
    means: Floats

    def keep(self, i: int, b: int, arm: int, p: Floats, sent: int) -> None:
        """Count agent i's arm, its regret and its messages; an arm below 0 is that of an agent that is away."""
        kept = self.kept
        kept.messages_sent[i] += sent
        if arm >= 0:
            kept.pulls[i, arm] += 1
            if not policy_unchanged(p, kept.played[i]):
                kept.round_regret[i] = nsw_regret_of(self.reference, p, self.utility, self.cache)
            kept.nsw_regret[i] += kept.round_regret[i]

    def end_round(self, averages: Averages, b: int, t: int, first: int, last: int) -> None:
        """Record round t if it is one to be recorded and all agents have played it."""
        kept = self.kept
        if last - first == kept.round_regret.shape[0] and t == kept.rounds[kept.next[0]]:
            own = averages.own if averages.own.shape[1] > 0 else averages.local
            record(self, own, averages.local)


@jit
def record(tally: Tally, own: Floats, local: Floats) -> None:
    """Record one round: regrets of every agent, how far the estimates own (N, M) are apart, messages so far."""
    kept, reference = tally.kept, tally.reference
    r = kept.next[0]
    N, K = kept.pulls.shape
    per_agent = kept.pareto.shape[1] == N
    for i in range(N):
        regret, total, least, pulls = 0.0, 0.0, 0.0, 0
        for k in range(K):
            regret += kept.pulls[i, k] * reference.gaps[k]
            kept.arm_pulls[r, k] += kept.pulls[i, k]
            total += kept.played[i, k]
            least = min(least, kept.played[i, k])
            pulls += kept.pulls[i, k]
        if pulls > 0 and not (abs(total - 1.0) <= PLAYED and least >= 0.0) and kept.invalid[0] == 0.0:  # NaN, too
            kept.invalid[0], kept.invalid[1] = r + 1, i
            for k in range(K):
                kept.invalid[2 + k] = kept.played[i, k]
        kept.final_pareto[i] = regret
        kept.pareto[r, i if per_agent else 0] += regret
        kept.nsw[r, i if per_agent else 0] += kept.nsw_regret[i]
        kept.messages[r] += kept.messages_sent[i]
    if reference.members.shape[0] > 0:
        apart = row_errors(own, local, reference.members, reference.utilities, tally.means[0])
    else:
        apart = averages_apart(own, local, reference.estimand, tally.means[0], tally.means[1])
    kept.disagreement[r], kept.drift[r], kept.sampling[r] = apart
    kept.next[0] += 1


@jit
def tally_window(tally: Tally, arms: Integers, p: Floats, sent: Integers, averages: Averages, t0: int) -> None:
    """Take the outcomes of B rounds of all agents, recorded by actors, into the tally.

    Args:
        arms: (B, N), below 0 if an agent is away. p: (B, N, K). sent: (B, N) messages.
        averages: own, local are (r N, M), of the recorded rounds. t0: rounds played before.
    """
    N, recorded = arms.shape[1], 0
    for b in range(arms.shape[0]):
        for i in range(N):
            _keep(tally, i, b, arms[b, i], p[b, i], sent[b, i])
        kept = tally.kept
        if t0 + b + 1 == kept.rounds[kept.next[0]]:
            rows = slice(recorded * N, (recorded + 1) * N)
            record(tally, averages.own[rows], averages.local[rows])
            recorded += 1


_keep = dual(Tally.keep)


def check_played(tally: Tally, algorithm: Any) -> None:
    """Raise InputError if an agent played what is no distribution, at a recorded round so far."""
    r, i, *p = tally.kept.invalid.tolist()
    if r:
        where = f"{class_name(algorithm)}.select, in round {tally.kept.rounds[int(r) - 1]} of agent {int(i)},"
        check_played_distribution(where, p)


def trace_of(tally: Tally, environment: Environment, budget: CommunicationBudget, size: int, flags: int) -> GossipTrace:
    """The trace of a trial whose messages hold `size` entries each, `flags` of them flags, sent within the budget."""
    kept, front, means = tally.kept, tally.reference.gaps == 0, environment.centred_means
    utility, R = (kept.pulls * environment.own_utilities).sum(axis=1), len(kept.rounds)
    coverage = front_coverage(np.concatenate([kept.arm_pulls, kept.pulls]), front, means)
    return GossipTrace(
        kept.rounds, kept.pareto, kept.nsw, kept.disagreement, kept.messages, kept.messages * budget.bytes(size, flags),
        kept.pulls, utility, kept.messages_sent, kept.drift, kept.sampling, kept.messages * budget.floats(size),
        kept.final_pareto, kept.nsw_regret, *(values[:R] for values in coverage), *(values[R:] for values in coverage),
    )  # fmt: skip
