"""The compiled loop of a centre that decides for all, and the trial that is made of its blocks.

The order within a round: the centre chooses a distribution from what it has seen; one arm is drawn from it; every agent sees a
reward of that arm, of its own; the centre takes the rewards in. What the policies of a block are worth is summed up
afterwards, so that regret in any number of objectives costs the loop nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gossipmab.algorithms.base import ProblemInfo, fill_uniforms, select, uniforms_of, update
from gossipmab.algorithms.central.base import Learner
from gossipmab.engines.common import TrialSettings, next_block, policy_unchanged, reward_of, sample_arm
from gossipmab.engines.conformance.compile_errors import explained
from gossipmab.engines.conformance.errors import check_played_distribution, class_name
from gossipmab.engines.conformance.first_rounds import check_outside
from gossipmab.engines.gossip.channel_state import RandomBlock
from gossipmab.environments.environment import Environment
from gossipmab.metrics import equity, policy as policies
from gossipmab.metrics.central_trace import CentralTrace
from gossipmab.objectives import SolverWorkspace, objective, solver_workspace, value
from gossipmab.utils.distinct import distinct
from gossipmab.utils.jit import is_builtin, jit, jit_uncached
from gossipmab.utils.parameters import check
from gossipmab.utils.rng import Purpose, RandomSource, stream
from gossipmab.utils.types import Floats, Integers

BLOCK = 1024  # rounds, at most
BLOCK_NUMBERS = 2_000_000  # random numbers drawn at a time: 16 MB


def play(
    learner: Any, rewards: Any, preferences: Floats, state: Any, numbers: RandomBlock, policies: Floats, pulls: Integers,
    x: Floats, seen: Floats, t0: int,
) -> None:  # fmt: skip
    """Play the block of rounds t0 + 1 .. t0 + B.

    Args:
        learner, rewards: their types decide which methods run.
        preferences: (N, D) w. policies: (B, K), written. pulls: (K,), counted on. x: (D,) and seen: (N,), scratch.
    """
    for b in range(policies.shape[0]):
        t = t0 + b + 1
        p = policies[b]
        fill_uniforms(state, numbers.own[b])
        select(learner, state, t, p)
        arm = sample_arm(p, numbers.arms[b])
        for j in range(preferences.shape[0]):
            seen[j] = reward_of(rewards, preferences, j, arm, numbers.rewards[b, j], x)
        update(learner, state, t, arm, seen)
        pulls[arm] += 1


def sum_regret(
    objective: Any, utilities: Floats, best: float, policies: Floats, before: Floats, last: Floats, work: SolverWorkspace,
    regret: Floats,
) -> None:  # fmt: skip
    """regret (B,) = the cumulative regret after each round of a block; last (2,) = the last round's, and the sum so far.

    sum_t max_p F(p, u) - F(p_t, u)
    """
    for b in range(policies.shape[0]):
        if not policy_unchanged(policies[b], before):
            last[0] = best - value(objective, utilities, policies[b], work)
        last[1] += last[0]
        regret[b] = last[1]


play_compiled = jit(play)
play_foreign = jit_uncached(play)
sum_compiled = jit(sum_regret)
sum_foreign = jit_uncached(sum_regret)


class RegretSum:
    """The regret of a trial in one objective."""

    def __init__(self, wanted: Any, utilities: Floats, interpreted: bool) -> None:
        """Find what the best policy is worth; nan where the objective is not defined."""
        N, K = utilities.shape
        self.wanted, self.utilities, self.work = wanted, utilities, solver_workspace(N, K)
        self.before, self.last = np.zeros(K), np.zeros(2)
        self.sum = sum_regret if interpreted else sum_compiled if is_builtin(wanted) else sum_foreign
        self.best = float("nan")
        if not (wanted.requires_nonnegative and (utilities < 0).any()):
            p = np.zeros(K)
            certificate = wanted.maximise(utilities, self.work, p)[1]
            self.best = float(wanted.value(utilities, p, self.work)) + certificate

    def regret(self, policies: Floats) -> Floats:
        """(B,) the cumulative regret after each round of the next block."""
        regret = np.zeros(len(policies))
        self.sum(self.wanted, self.utilities, self.best, policies, self.before, self.last, self.work, regret)
        return regret


def simulate_central(
    learner: Learner, environment: Environment, *, extra_objectives: Sequence[str] = (), **settings: Any
) -> CentralTrace:
    """Play one trial of a learner with a centre in this process; the arguments are those of `gossipmab.simulate`.

    Agent j's utility of arm k is w[j] . mu[j, k], of its own means. welfare: of the objective nsw.
    """
    trial = TrialSettings.checked(settings)
    check(learner)
    check_outside(learner, environment, extra_objectives=extra_objectives)
    N, K, D = environment.means.shape
    exponent = getattr(learner, "exponent", -1.0)
    wanted = objective(learner.objective, exponent)
    ties = stream(**trial.key, purpose=Purpose.TIES) if is_builtin(wanted) else None  # others may mean certain agents or arms
    state = learner.init(ProblemInfo(N, K, D, trial.horizon, environment.preferences, objective=wanted, ties=ties))
    U = np.ascontiguousarray(environment.own_utilities)
    extra_objectives = [extra_objectives] if isinstance(extra_objectives, str) else extra_objectives
    names = (learner.objective, *extra_objectives)
    sums = [RegretSum(objective(name, exponent, trial.welfare == "geometric"), U, trial.interpreted) for name in names]
    source = RandomSource(trial.key, {Purpose.ARMS: (), Purpose.REWARDS: (N, D), Purpose.POLICY: (uniforms_of(state),)})
    played, rewards = learner, environment.rewards
    loop = play if trial.interpreted else play_compiled if is_builtin(learner, wanted, rewards) else play_foreign
    if not trial.interpreted:
        played, rewards, state = distinct((learner, rewards, state))
    kept = Record(class_name(learner), trial.rounds, len(sums), K, U, getattr(learner, "tau", 0.0))
    pulls, x, seen = np.zeros(K, np.int64), np.zeros(D), np.zeros(N)
    most = max(1, min(BLOCK, BLOCK_NUMBERS // source.numbers_per_round))
    plan: Callable[[Any, int], None] | None = getattr(learner, "plan", None)
    every: int = getattr(learner, "planned_every", trial.horizon)
    t0 = 0
    while t0 < trial.horizon:
        if plan is not None and t0 % every == 0:
            plan(state, t0 + 1)
        size = min(most, trial.horizon - t0, every - t0 % every)
        numbers, chosen = next_block(source, rewards, size), np.zeros((size, K))
        with explained(learner, rewards, wanted):
            loop(played, rewards, environment.preferences, state, numbers, chosen, pulls, x, seen, t0)
        kept.keep(t0, chosen, [one.regret(chosen) for one in sums], getattr(state, "multiplier", None))
        t0 += size
        trial.progress(N * size)
    return kept.trace(pulls, extra_objectives, exponent)


class Record:
    """What is kept of a trial."""

    def __init__(self, name: str, rounds: Integers, sums: int, arms: int, utilities: Floats, tau: float) -> None:
        self.name, R = name, len(rounds)
        self.rounds, self.utilities, self.tau = rounds, utilities, tau
        self.regret, self.multiplier, self.policies = np.zeros((R, sums)), np.full(R, np.nan), np.zeros((R, arms))
        self.total = np.zeros(arms)

    def keep(self, t0: int, played: Floats, regrets: list[Floats], multiplier: Floats | None) -> None:
        """Keep the recorded rounds among t0 + 1 .. t0 + B. Raises InputError if what was played there is no distribution."""
        here = np.flatnonzero((self.rounds > t0) & (self.rounds <= t0 + len(played)))
        at = self.rounds[here] - t0 - 1
        for one, regret in enumerate(regrets):
            self.regret[here, one] = regret[at]
        self.policies[here] = played[at]
        for t, p in zip(self.rounds[here].tolist(), played[at], strict=True):
            check_played_distribution(f"{self.name}.select, in round {t},", p)
        if multiplier is not None:
            self.multiplier[here] = multiplier[0]
        # one by one: the same sum for any block size
        self.total = np.add.accumulate(np.vstack([self.total, played]), axis=0)[-1]

    def trace(self, pulls: Integers, extra: Sequence[str], exponent: float) -> CentralTrace:
        """The trace, with the measures of the mean policy."""
        U = self.utilities
        mean_policy = self.total / self.total.sum()
        uneven = [equity.equity((U * p).sum(axis=1), self.tau) for p in self.policies]
        measures = {"procedural_score": policies.procedural_score(mean_policy, U)}
        measures |= {"core": float("nan"), "core_gain": float("nan")}
        if len(U) <= policies.MOST_AGENTS:
            coalition = policies.blocking_coalition(mean_policy, U)
            measures |= {"core": float(coalition is None), "core_gain": coalition.least_gain if coalition else 0.0}
        for name, welfare in policies.welfare_under(mean_policy, U, exponent).items():
            measures[f"welfare_{name}"] = welfare
        return CentralTrace(
            self.rounds, np.ascontiguousarray(self.regret[:, 0]), np.ascontiguousarray(self.regret[:, 1:]),
            np.array(extra, dtype=np.str_), self.multiplier,
            np.array([one.mean_mre for one in uneven]), np.array([one.mean_excess for one in uneven]),
            pulls, self.policies[-1].copy(), mean_policy, (U * pulls).sum(axis=1),
            policies.expected_utilities(mean_policy, U), policies.decision_shares(mean_policy, U),
            policies.proportional(mean_policy, U).astype(np.float64),
            np.array(list(measures.values())), np.array(list(measures), dtype=np.str_),
        )  # fmt: skip
