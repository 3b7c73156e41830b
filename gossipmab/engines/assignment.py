"""The compiled loop over the rounds of the protocol `assignment`, and the trial that is made of its blocks.

The order within a round: the algorithm chooses the arms to probe; fresh rewards of these arms are shown for all agents; arms are
assigned; every agent draws an arm from its assignment, pulls, and its reward is learnt. An arm's reward is one number a round
and agent, whether probed, pulled or both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gossipmab.algorithms.assignment.base import Assigner, ucb_index
from gossipmab.algorithms.base import ProblemInfo, fill_uniforms, select, uniforms_of, update
from gossipmab.engines.common import TrialSettings, next_block, reward_of, sample_arm
from gossipmab.engines.conformance.compile_errors import explained
from gossipmab.engines.conformance.first_rounds import check_outside
from gossipmab.engines.gossip.channel_state import RandomBlock
from gossipmab.environments.environment import Environment
from gossipmab.metrics.assignment_trace import AssignmentTrace, Truth, truth
from gossipmab.objectives.probing import assignment as assign, terms
from gossipmab.objectives.probing.value import best_outside, distribution_of_best, expected, joint_welfare, joint_welfare_at_random
from gossipmab.utils.distinct import distinct
from gossipmab.utils.jit import is_builtin, jit, jit_uncached
from gossipmab.utils.parameters import check
from gossipmab.utils.rng import Purpose, RandomSource, stream
from gossipmab.utils.types import Floats, Integers
from gossipmab.utils.validation import whole_number

BLOCK_NUMBERS = 1_000_000  # random numbers drawn at a time: 8 MB
ROTATION, PAIRS = "rotation", "pairs"


class Accumulators(NamedTuple):
    """What the loop keeps and records.

    pulls: (N, K). probes: (K,). utility, reward: (N,). sums: (3,) regret, value, arms probed so far. next_record: (1,).
    rounds, regret, value, probed: (R,).
    """

    pulls: Integers
    probes: Integers
    utility: Floats
    reward: Floats
    sums: Floats
    next_record: Integers
    rounds: Integers
    regret: Floats
    value: Floats
    probed: Integers


class Play(NamedTuple):
    """How the rounds go.

    rotation, pairs: rounds of warm start of either kind, 0 where it is the other. at_random: of assignments. overhead: (I + 1,)
    alpha. capacity: c. power: of the welfare.
    """

    rotation: int
    pairs: int
    at_random: bool
    overhead: Floats
    capacity: float
    power: float


class Scratch(NamedTuple):
    """What the loop writes over: probed (K,), values, pi, bounds (N, K), best (L,), x (D,), mean (N,), and `assign`'s."""

    probed: Integers
    values: Floats
    pi: Floats
    bounds: Floats
    best: Floats
    x: Floats
    mean: Floats
    work: assign.Scratch


@jit
def expected_welfare(truth: Truth, play: Play, scratch: Scratch) -> float:
    """E[NSW] over the rewards of the probing set, given how arms are assigned; writes every agent's own expectation into mean (N,).

    Without a capacity agents are independent, or correlated by known rounds, and the expectation is exact. Under a
    capacity it is the welfare at the rewards seen, which has the right mean: assignments are then correlated.
    """
    N, K = truth.means.shape
    product = 1.0
    seen = 0
    for k in range(K):
        seen += scratch.probed[k]
    if seen > 0 and truth.joint.shape[0] > 0 and (play.at_random or play.capacity >= N):
        if play.at_random:
            return joint_welfare_at_random(truth.joint, truth.means, scratch.probed, play.power, scratch.mean)
        return joint_welfare(truth.joint, truth.means, scratch.bounds, scratch.probed, play.power, scratch.mean)
    for j in range(N):
        own, raised = 0.0, 0.0
        other = best_outside(scratch.bounds[j], scratch.probed)
        if play.at_random:
            for k in range(K):
                own += truth.means[j, k] / K
                raised += (truth.powers[j, k] if scratch.probed[k] != 0 else truth.mean_powers[j, k]) / K
        elif play.capacity < N:
            for k in range(K):
                own += scratch.pi[j, k] * (scratch.values[j, k] if scratch.probed[k] != 0 else truth.means[j, k])
            raised = own**play.power
        elif seen == 0:
            own, raised = truth.means[j, other], truth.mean_powers[j, other]
        else:
            threshold, fallback, fallback_raised = -math.inf, 0.0, 0.0
            if other >= 0:
                threshold, fallback = scratch.bounds[j, other], truth.means[j, other]
                fallback_raised = truth.mean_powers[j, other]
            distribution_of_best(truth.cdf[j], scratch.probed, scratch.best)
            own = expected(scratch.best, truth.levels, threshold, fallback, 1.0)
            raised = own
            if play.power != 1.0:
                raised = expected(scratch.best, truth.levels, threshold, fallback_raised, play.power)
        scratch.mean[j] = own
        product *= raised
    return product


def play_rounds(
    algorithm: Any, rewards: Any, truth: Truth, play: Play, state: Any, numbers: RandomBlock, tally: Accumulators, scratch: Scratch,
    t0: int,
) -> None:  # fmt: skip
    """Play the rounds of one block; t0 rounds were played before."""
    N, K = truth.means.shape
    probed, values, pi, bounds = scratch.probed, scratch.values, scratch.pi, scratch.bounds
    for b in range(numbers.arms.shape[0]):
        t = t0 + b + 1
        pairs = t <= play.pairs
        warm = pairs or t <= play.rotation
        if warm:
            for k in range(K):
                probed[k] = 1 if pairs and k == (t - 1) // N else 0
                for j in range(N):
                    pi[j, k] = 1.0 if k == (j + t - 1) % K else 0.0
        else:
            fill_uniforms(state, numbers.own[b])
            select(algorithm, state, t, probed)
        size = 0
        for k in range(K):
            size += probed[k]
            tally.probes[k] += probed[k]
            if probed[k] != 0 and not pairs:
                for j in range(N):
                    values[j, k] = reward_of(rewards, truth.preferences, j, k, numbers.rewards[b, j, k], scratch.x)
                    update(algorithm, state, j, k, values[j, k])
        share = 1.0 - play.overhead[size] if size < play.overhead.shape[0] else 0.0  # beyond the budget all is spent
        welfare = 0.0
        if pairs:
            j, k = (t - 1) % N, (t - 1) // N
            x = reward_of(rewards, truth.preferences, j, k, numbers.rewards[b, j, k], scratch.x)
            update(algorithm, state, j, k, x)
            tally.pulls[j, k] += 1
            tally.reward[j] += share * x
            tally.utility[j] += share * truth.means[j, k]
        else:
            if warm:
                welfare = 1.0
                for j in range(N):
                    scratch.mean[j] = truth.means[j, (j + t - 1) % K]
                    welfare *= truth.mean_powers[j, (j + t - 1) % K]
            else:
                if play.at_random:
                    for j in range(N):
                        for k in range(K):
                            pi[j, k] = 1.0 / K
                else:
                    ucb_index(algorithm, state, t, bounds)
                    for j in range(N):
                        for k in range(K):
                            if probed[k] == 0:
                                values[j, k] = bounds[j, k]
                    if play.capacity < N:
                        assign.assign(values, play.capacity, pi, scratch.work)
                    else:
                        assign.best_arms(values, probed, pi)
                welfare = expected_welfare(truth, play, scratch)
            for j in range(N):
                arm = sample_arm(pi[j], numbers.arms[b, j])
                x = reward_of(rewards, truth.preferences, j, arm, numbers.rewards[b, j, arm], scratch.x)
                if probed[arm] == 0:
                    update(algorithm, state, j, arm, x)
                tally.pulls[j, arm] += 1
                tally.reward[j] += share * x
                tally.utility[j] += share * scratch.mean[j]
        tally.sums[0] += truth.best - share * welfare
        tally.sums[1] += share * welfare
        tally.sums[2] += size
        r = tally.next_record[0]
        if t == tally.rounds[r]:
            tally.regret[r], tally.value[r], tally.probed[r] = tally.sums[0], tally.sums[1], int(tally.sums[2])
            tally.next_record[0] += 1


play_compiled = jit(play_rounds)
play_foreign = jit_uncached(play_rounds)


def simulate_assignment(
    algorithm: Assigner, environment: Environment, *, budget: int | None = None, overhead: str | Sequence[float] = "linear",
    capacity: float | None = None, samples: int = 200, **settings: Any,
) -> AssignmentTrace:  # fmt: skip
    """Play one trial of the protocol `assignment` in this process; the arguments are those of `gossipmab.simulate`.

    Rewards must lie in [0, 1]. welfare: of the regret, and of the choice of probing sets.
    """
    trial = TrialSettings.checked(settings)
    samples = whole_number("samples", samples)
    check(algorithm)
    N, K, D = environment.means.shape
    costs = terms(N, K, budget, overhead, capacity, trial.welfare)
    check_outside(algorithm, environment, costs=costs)
    state = algorithm.init(ProblemInfo(N, K, D, trial.horizon, environment.preferences, costs=costs))
    uniforms = None
    if costs.capacity < N:
        uniforms = stream(trial.seed, trial=trial.trial, purpose=Purpose.SAMPLES).random((samples, N, K))
    known, _best = truth(environment, costs, uniforms)
    rounds, R = trial.rounds, len(trial.rounds)
    tally = Accumulators(
        np.zeros((N, K), np.int64), np.zeros(K, np.int64), np.zeros(N), np.zeros(N), np.zeros(3), np.zeros(1, np.int64),
        np.append(rounds, 0), np.zeros(R), np.zeros(R), np.zeros(R, np.int64),
    )  # fmt: skip
    scratch = Scratch(
        np.zeros(K, np.int64), np.zeros((N, K)), np.zeros((N, K)), np.zeros((N, K)), np.zeros(len(known.levels)), np.zeros(D),
        np.zeros(N), assign.scratch(N, K),
    )  # fmt: skip
    play = Play(
        K if algorithm.warm_start == ROTATION else 0, N * K if algorithm.warm_start == PAIRS else 0,
        algorithm.assigns_at_random, costs.overhead, costs.capacity, costs.power,
    )  # fmt: skip
    played, rewards = algorithm, environment.rewards
    loop = play_rounds if trial.interpreted else play_compiled if is_builtin(algorithm, rewards) else play_foreign
    if not trial.interpreted:
        played, rewards, state = distinct((algorithm, rewards, state))
    source = RandomSource(trial.key, {Purpose.ARMS: (N,), Purpose.REWARDS: (N, K, D), Purpose.POLICY: (uniforms_of(state),)})
    block = max(1, min(1024, BLOCK_NUMBERS // source.numbers_per_round))
    for t0 in range(0, trial.horizon, block):
        numbers = next_block(source, rewards, min(block, trial.horizon - t0))
        with explained(algorithm, rewards):
            loop(played, rewards, known, play, state, numbers, tally, scratch, t0)
        trial.progress(N * len(numbers.arms))
    return AssignmentTrace(rounds, tally.regret, tally.value, tally.probed, tally.probes, tally.pulls, tally.utility, tally.reward)
