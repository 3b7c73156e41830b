"""The compiled loop over the rounds of the protocol `assignment`, and the trial that is made of its blocks.

The order within a round: the algorithm chooses the arms to probe; fresh rewards of these arms are shown for all agents; arms are
assigned; every agent draws an arm from its assignment, pulls, and its reward is learnt. An arm's reward is one number a round
and agent, whether probed, pulled or both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gossipmab.algorithms.assignment.base import Assigner, ucb_index
from gossipmab.algorithms.base import ProblemInfo, fill_uniforms, select, uniforms_of, update
from gossipmab.engines.assignment_value import Play, Scratch, expected_welfare
from gossipmab.engines.common import check_counts, sample_arm
from gossipmab.engines.common import recorded_rounds as rounds_to_record
from gossipmab.environments.environment import Environment
from gossipmab.environments.reward_models import draw
from gossipmab.metrics.assignment_trace import AssignmentTrace, Truth, truth
from gossipmab.objectives.probing import assignment as assign
from gossipmab.objectives.probing import terms
from gossipmab.utils.jit import is_builtin, jit, jit_uncached
from gossipmab.utils.parameters import check
from gossipmab.utils.rng import Purpose, RandomSource, stream
from gossipmab.utils.types import Floats, Integers

BLOCK_NUMBERS = 1_000_000  # random numbers drawn at a time: 8 MB
ROTATION, PAIRS = "rotation", "pairs"


class RandomBlock(NamedTuple):
    """The random numbers of a block of B rounds: arms (B, N), rewards (B, N, K, D) prepared, own (B, M) the algorithm's."""

    arms: Floats
    rewards: Floats
    own: Floats


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


@jit
def reward_of(rewards: Any, truth: Truth, numbers: RandomBlock, b: int, j: int, k: int, x: Floats) -> float:
    """Agent j's reward of arm k in round b of the block: w_j . x."""
    draw(rewards, j, k, numbers.rewards[b, j, k], x)
    total = 0.0
    for d in range(x.shape[0]):
        total += truth.preferences[j, d] * x[d]
    return total


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
                    values[j, k] = reward_of(rewards, truth, numbers, b, j, k, scratch.x)
                    update(algorithm, state, j, k, values[j, k])
        share = 1.0 - play.overhead[size] if size < play.overhead.shape[0] else 0.0  # beyond the budget all is spent
        welfare = 0.0
        if pairs:
            j, k = (t - 1) % N, (t - 1) // N
            x = reward_of(rewards, truth, numbers, b, j, k, scratch.x)
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
                x = reward_of(rewards, truth, numbers, b, j, arm, scratch.x)
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
    algorithm: Assigner,
    environment: Environment,
    *,
    horizon: int,
    seed: int,
    recorded_rounds: int = 200,
    trial: int = 0,
    stream_label: str = "",
    welfare: str = "product",
    budget: int | None = None,
    overhead: str | Sequence[float] = "linear",
    capacity: float | None = None,
    samples: int = 200,
    interpreted: bool = False,
    progress: Callable[[int], None] | None = None,
) -> AssignmentTrace:
    """Play one trial of the protocol `assignment` in this process; the arguments are those of `gossipmab.simulate`.

    Rewards must lie in [0, 1]. welfare: of the regret, and of the choice of probing sets.
    """
    check_counts(horizon=horizon, recorded_rounds=recorded_rounds, samples=samples)
    check(algorithm)
    N, K, D = environment.means.shape
    costs = terms(N, K, budget, overhead, capacity, welfare)
    state = algorithm.init(ProblemInfo(N, K, D, horizon, environment.preferences, costs=costs))
    uniforms = None
    if costs.capacity < N:
        uniforms = stream(seed, trial=trial, purpose=Purpose.SAMPLES).random((samples, N, K))
    known, _best = truth(environment, costs, uniforms)
    rounds = rounds_to_record(horizon, recorded_rounds)
    R = len(rounds)
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
    shipped = is_builtin(algorithm, environment.rewards)
    loop = play_rounds if interpreted else play_compiled if shipped else play_foreign
    key = {"seed": seed, "trial": trial, "label": stream_label}
    shapes = {Purpose.ARMS: (N,), Purpose.REWARDS: (N, K, D), Purpose.POLICY: (uniforms_of(state),)}
    source = RandomSource(key, shapes)
    block = max(1, min(1024, BLOCK_NUMBERS // source.numbers_per_round))
    for t0 in range(0, horizon, block):
        drawn = source.block(min(block, horizon - t0))
        rewards = environment.rewards.prepare(drawn[Purpose.REWARDS])
        numbers = RandomBlock(drawn[Purpose.ARMS], rewards, drawn[Purpose.POLICY])
        loop(algorithm, environment.rewards, known, play, state, numbers, tally, scratch, t0)
        if progress is not None:
            progress(N * len(rewards))
    return AssignmentTrace(rounds, tally.regret, tally.value, tally.probed, tally.probes, tally.pulls, tally.utility, tally.reward)
