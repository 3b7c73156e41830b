"""The compiled loop of a centre that decides for all, and the trial that is made of its blocks.

The order within a round: the centre chooses a distribution from what it has seen; one arm is drawn from it; every agent sees a
reward of that arm, of its own; the centre takes the rewards in. What the policies of a block are worth is summed up
afterwards, so that regret in any number of objectives costs the loop nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gossipmab.algorithms.central.base import Centre, Learner, choose, observe
from gossipmab.engines.gossip.simulate import recorded_rounds
from gossipmab.engines.gossip.step import arm_from, same
from gossipmab.environments.environment import Environment
from gossipmab.environments.reward_models import draw
from gossipmab.metrics import equity
from gossipmab.metrics import policy as policies
from gossipmab.metrics.central_trace import CentralTrace
from gossipmab.objectives import SolverWorkspace, objective, solver_workspace, value
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import is_builtin, jit, jit_uncached
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.types import Floats, Integers

BLOCK = 1024  # rounds, at most
BLOCK_NUMBERS = 2_000_000  # random numbers drawn at a time: 16 MB


class Numbers(NamedTuple):
    """The random numbers of a block of B rounds: arms (B,), rewards (N, B, D) prepared, own (B, M) the learner's."""

    arms: Floats
    rewards: Floats
    own: Floats


def play(
    learner: Any, objective: Any, rewards: Any, preferences: Floats, state: Any, work: SolverWorkspace, numbers: Numbers,
    policies: Floats, pulls: Integers, x: Floats, seen: Floats, t0: int,
) -> None:  # fmt: skip
    """Play the block of rounds t0 + 1 .. t0 + B.

    Args:
        learner, objective, rewards: their types decide which methods run.
        preferences: (N, D) w. policies: (B, K), written. pulls: (K,), counted on. x: (D,) and seen: (N,), scratch.
    """
    for b in range(policies.shape[0]):
        t = t0 + b + 1
        p = policies[b]
        choose(learner, objective, state, t, numbers.own[b], work, p)
        arm = arm_from(p, numbers.arms[b])
        for j in range(preferences.shape[0]):
            draw(rewards, j, arm, numbers.rewards[j, b], x)
            seen[j] = 0.0
            for d in range(x.shape[0]):
                seen[j] += preferences[j, d] * x[d]
        observe(learner, state, t, arm, seen, numbers.own[b])
        pulls[arm] += 1


def sum_regret(
    objective: Any, utilities: Floats, best: float, policies: Floats, before: Floats, last: Floats,
    work: SolverWorkspace, regret: Floats,
) -> None:  # fmt: skip
    """regret (B,) = the cumulative regret after each round of a block; last (2,) = the last round's, and the sum so far.

    sum_t max_p F(p, u) - F(p_t, u)
    """
    for b in range(policies.shape[0]):
        if not same(policies[b], before):
            last[0] = best - value(objective, utilities, policies[b], work)
        last[1] += last[0]
        regret[b] = last[1]


play_compiled = jit(play)
play_foreign = jit_uncached(play)
sum_compiled = jit(sum_regret)
sum_foreign = jit_uncached(sum_regret)


class Ledger:
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

    def take_in(self, policies: Floats) -> Floats:
        """(B,) the cumulative regret after each round of the next block."""
        regret = np.zeros(len(policies))
        self.sum(self.wanted, self.utilities, self.best, policies, self.before, self.last, self.work, regret)
        return regret


class Source:
    """The random numbers of one cell, block after block: every agent's rewards, the centre's arms and its own numbers."""

    def __init__(self, environment: Environment, own: int, *, seed: int, trial: int, label: str) -> None:
        """Open the streams of a trial; `own` numbers a round are the learner's."""
        key: dict[str, Any] = {"seed": seed, "trial": trial, "label": label}
        self.environment, self.own_numbers = environment, own
        self.rewards = [stream(**key, agent=j, purpose=Purpose.REWARDS) for j in range(environment.agents)]
        self.arms = stream(**key, purpose=Purpose.ARMS)
        self.own = stream(**key, purpose=Purpose.POLICY)

    @property
    def numbers_per_round(self) -> int:
        """How many numbers a round takes."""
        return self.environment.agents * self.environment.objectives + 1 + self.own_numbers

    def block(self, rounds: int) -> Numbers:
        """The numbers of the next rounds; any split into blocks gives the same ones."""
        rewards = np.empty((self.environment.agents, rounds, self.environment.objectives))
        for agent, generator in enumerate(self.rewards):
            generator.random(out=rewards[agent])
        own = self.own.random((rounds, self.own_numbers))
        return Numbers(self.arms.random(rounds), self.environment.rewards.prepare(rewards), own)


def simulate_central(
    learner: Learner,
    environment: Environment,
    *,
    horizon: int,
    seed: int,
    record: int = 200,
    trial: int = 0,
    label: str = "",
    welfare: str = "product",
    measure: Sequence[str] = (),
    interpreted: bool = False,
    progress: Callable[[int], None] | None = None,
) -> CentralTrace:
    """Play one trial of one learner in this process.

    Args:
        learner: a NamedTuple such as `UCBInside()`.
        environment: what the agents face; agent j's utility of arm k is w[j] . mu[j, k], of its own means.
        horizon: T, rounds.
        seed, trial, label: of the random streams; label "" shares the reward numbers between learners (coupled).
        record: how many rounds to record, evenly spaced; the last is always among them.
        welfare: "product" or "geometric": in which the regret of the objective nsw is measured.
        measure: names of other objectives to measure regret in.
        interpreted: run the very same methods in plain Python, to debug; same bits, a thousand times slower.
        progress: called with the agent-steps just played, about every block; may raise to stop.

    Raises:
        InputError: a hyperparameter, horizon, record or objective that is not allowed.
    """
    for name, number in (("horizon", horizon), ("record", record)):
        if number != int(number) or number < 1:
            raise InputError(f"{name}: got {number}, allowed is a whole number >= 1")
    learner.check()
    N, K = environment.agents, environment.arms
    centre = Centre(N, K, horizon)
    state = learner.init(centre)
    exponent = getattr(learner, "exponent", -1.0)
    wanted = objective(learner.objective, exponent)
    U = np.ascontiguousarray(environment.own_utilities)
    ledgers = [
        Ledger(objective(name, exponent, welfare == "geometric"), U, interpreted)
        for name in (learner.objective, *measure)
    ]
    source = Source(environment, learner.numbers(centre), seed=seed, trial=trial, label=label)
    loop = play if interpreted else play_compiled if is_builtin(learner, wanted, environment.rewards) else play_foreign
    rounds = recorded_rounds(horizon, record)
    kept = Record(rounds, len(ledgers), K, U, getattr(learner, "tau", 0.0))
    pulls, x, seen, work = np.zeros(K, np.int64), np.zeros(environment.objectives), np.zeros(N), solver_workspace(N, K)
    most = max(1, min(BLOCK, BLOCK_NUMBERS // source.numbers_per_round))
    plan: Callable[[Any, int], None] | None = getattr(learner, "plan", None)
    every: int = getattr(learner, "planned_every", horizon)
    t0 = 0
    while t0 < horizon:
        if plan is not None and t0 % every == 0:
            plan(state, t0 + 1)
        size = min(most, horizon - t0, every - t0 % every)
        played = np.zeros((size, K))
        loop(
            learner, wanted, environment.rewards, environment.preferences, state, work, source.block(size), played, pulls,
            x, seen, t0,
        )  # fmt: skip
        kept.take_in(t0, played, [ledger.take_in(played) for ledger in ledgers], getattr(state, "multiplier", None))
        t0 += size
        if progress is not None:
            progress(N * size)
    return kept.trace(pulls, measure, exponent)


class Record:
    """What is kept of a trial."""

    def __init__(self, rounds: Integers, ledgers: int, arms: int, utilities: Floats, tau: float) -> None:
        """Nothing yet."""
        R = len(rounds)
        self.rounds, self.utilities, self.tau = rounds, utilities, tau
        self.regret, self.multiplier, self.policies = np.zeros((R, ledgers)), np.full(R, np.nan), np.zeros((R, arms))
        self.total = np.zeros(arms)

    def take_in(self, t0: int, played: Floats, regrets: list[Floats], multiplier: Floats | None) -> None:
        """Keep the recorded rounds among t0 + 1 .. t0 + B."""
        here = np.flatnonzero((self.rounds > t0) & (self.rounds <= t0 + len(played)))
        at = self.rounds[here] - t0 - 1
        for ledger, regret in enumerate(regrets):
            self.regret[here, ledger] = regret[at]
        self.policies[here] = played[at]
        if multiplier is not None:
            self.multiplier[here] = multiplier[0]
        # one by one: the same sum for any block size
        self.total = np.add.accumulate(np.vstack([self.total, played]), axis=0)[-1]

    def trace(self, pulls: Integers, asked: Sequence[str], exponent: float) -> CentralTrace:
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
            np.array(asked, dtype=np.str_), self.multiplier,
            np.array([one.mean_mre for one in uneven]), np.array([one.mean_excess for one in uneven]),
            pulls, self.policies[-1].copy(), mean_policy, (U * pulls).sum(axis=1),
            policies.expected_utilities(mean_policy, U), policies.decision_shares(mean_policy, U),
            policies.proportional(mean_policy, U).astype(np.float64),
            np.array(list(measures.values())), np.array(list(measures), dtype=np.str_),
        )  # fmt: skip
