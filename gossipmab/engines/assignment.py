"""The compiled loop over the rounds of the protocol `assignment`, and the trial that is made of its blocks.

The order within a round: the algorithm chooses the arms to probe; fresh rewards of these arms are shown for all agents; arms are
assigned; every agent draws an arm from its assignment, pulls, and its reward is learnt. An arm's reward is one number a round
and agent, whether probed, pulled or both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gossipmab.algorithms.assignment.base import Assigner, Task, believe, learn, probe
from gossipmab.engines.assignment_value import Play, Scratch, expected_welfare
from gossipmab.engines.gossip.simulate import recorded_rounds
from gossipmab.engines.gossip.step import arm_from
from gossipmab.environments.environment import Environment
from gossipmab.environments.reward_models import draw
from gossipmab.metrics.assignment_trace import AssignmentTrace, Truth, truth
from gossipmab.objectives.probing import assignment as assign
from gossipmab.objectives.probing import terms
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import is_builtin, jit, jit_uncached
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.types import Floats, Integers

BLOCK_NUMBERS = 1_000_000  # random numbers drawn at a time: 8 MB
ROTATION, PAIRS = "rotation", "pairs"


class Numbers(NamedTuple):
    """The random numbers of a block of B rounds: arms (N, B), rewards (N, B, K, D) prepared, probes (B, K)."""

    arms: Floats
    rewards: Floats
    probes: Floats


class Tally(NamedTuple):
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
def reward_of(rewards: Any, truth: Truth, numbers: Numbers, b: int, j: int, k: int, x: Floats) -> float:
    """Agent j's reward of arm k in round b of the block: w_j . x."""
    draw(rewards, j, k, numbers.rewards[j, b, k], x)
    total = 0.0
    for d in range(x.shape[0]):
        total += truth.preferences[j, d] * x[d]
    return total


def play_rounds(
    algorithm: Any, rewards: Any, truth: Truth, play: Play, state: Any, numbers: Numbers, tally: Tally, scratch: Scratch,
    t0: int,
) -> None:  # fmt: skip
    """Play the rounds of one block; t0 rounds were played before."""
    N, K = truth.means.shape
    probed, values, pi, believed = scratch.probed, scratch.values, scratch.pi, scratch.believed
    for b in range(numbers.probes.shape[0]):
        t = t0 + b + 1
        pairs = t <= play.pairs
        warm = pairs or t <= play.rotation
        if warm:
            for k in range(K):
                probed[k] = 1 if pairs and k == (t - 1) // N else 0
                for j in range(N):
                    pi[j, k] = 1.0 if k == (j + t - 1) % K else 0.0
        else:
            probe(algorithm, state, t, numbers.probes[b], probed)
        size = 0
        for k in range(K):
            size += probed[k]
            tally.probes[k] += probed[k]
            if probed[k] != 0 and not pairs:
                for j in range(N):
                    values[j, k] = reward_of(rewards, truth, numbers, b, j, k, scratch.x)
                    learn(algorithm, state, j, k, values[j, k])
        share = 1.0 - play.overhead[size] if size < play.overhead.shape[0] else 0.0  # beyond the budget all is spent
        welfare = 0.0
        if pairs:
            j, k = (t - 1) % N, (t - 1) // N
            x = reward_of(rewards, truth, numbers, b, j, k, scratch.x)
            learn(algorithm, state, j, k, x)
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
                    believe(algorithm, state, t, believed)
                    for j in range(N):
                        for k in range(K):
                            if probed[k] == 0:
                                values[j, k] = believed[j, k]
                    if play.capacity < N:
                        assign.assign(values, play.capacity, pi, scratch.work)
                    else:
                        assign.best_arms(values, probed, pi)
                welfare = expected_welfare(truth, play, scratch)
            for j in range(N):
                arm = arm_from(pi[j], numbers.arms[j, b])
                x = reward_of(rewards, truth, numbers, b, j, arm, scratch.x)
                if probed[arm] == 0:
                    learn(algorithm, state, j, arm, x)
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
    record: int = 200,
    trial: int = 0,
    label: str = "",
    welfare: str = "product",
    budget: int | None = None,
    overhead: str | Sequence[float] = "linear",
    capacity: float | None = None,
    samples: int = 200,
    interpreted: bool = False,
    progress: Callable[[int], None] | None = None,
) -> AssignmentTrace:
    """Play one trial of one algorithm of the protocol `assignment` in this process.

    Args:
        algorithm: a NamedTuple such as `OFMUP()`.
        environment: rewards must lie in [0, 1].
        horizon, seed, record, trial, label, interpreted, progress: as in `simulate`.
        welfare: "product" or "geometric", in which regret is measured and probing sets are chosen.
        budget: I, the most arms probed in a round; by default as a table of overheads says, else all.
        overhead: alpha, a name ("linear", "quadratic", "square_root", "free") or the numbers alpha(0), ..., alpha(I).
        capacity: the most agents an arm is given, in expectation; by default none. It binds the best assignments and the uniform
            one; a rotation gives an arm ceil(N / K) agents for a round.
        samples: draws of the rewards over which the best value is averaged, under a capacity.

    Raises:
        InputError: a hyperparameter, horizon, record or term out of range; a capacity too small; rewards outside [0, 1].
    """
    for name, value in (("horizon", horizon), ("record", record), ("samples", samples)):
        if value != int(value) or value < 1:
            raise InputError(f"{name}: got {value}, allowed is a whole number >= 1")
    algorithm.check()
    N, K, D = environment.means.shape
    agreed = terms(N, K, budget, overhead, capacity, welfare)
    state = algorithm.init(Task(N, K, horizon, agreed))
    uniforms = None
    if agreed.capacity < N:
        uniforms = stream(seed, trial=trial, agent=1, purpose=Purpose.PROBES).random((samples, N, K))
    known, _best = truth(environment, agreed, uniforms)
    rounds = recorded_rounds(horizon, record)
    R = len(rounds)
    tally = Tally(
        np.zeros((N, K), np.int64), np.zeros(K, np.int64), np.zeros(N), np.zeros(N), np.zeros(3), np.zeros(1, np.int64),
        np.append(rounds, 0), np.zeros(R), np.zeros(R), np.zeros(R, np.int64),
    )  # fmt: skip
    scratch = Scratch(
        np.zeros(K, np.int64), np.zeros((N, K)), np.zeros((N, K)), np.zeros((N, K)), np.zeros(len(known.levels)), np.zeros(D),
        np.zeros(N), assign.scratch(N, K),
    )  # fmt: skip
    play = Play(
        K if algorithm.warm_start == ROTATION else 0, N * K if algorithm.warm_start == PAIRS else 0,
        algorithm.assigns_at_random, agreed.overhead, agreed.capacity, agreed.power,
    )  # fmt: skip
    shipped = is_builtin(algorithm, environment.rewards)
    loop = play_rounds if interpreted else play_compiled if shipped else play_foreign
    source = Source(environment, seed=seed, trial=trial, label=label)
    block = max(1, min(1024, BLOCK_NUMBERS // (N * K * D + N + K)))
    for t0 in range(0, horizon, block):
        numbers = source.block(min(block, horizon - t0))
        loop(algorithm, environment.rewards, known, play, state, numbers, tally, scratch, t0)
        if progress is not None:
            progress(N * numbers.probes.shape[0])
    return AssignmentTrace(
        rounds, tally.regret, tally.value, tally.probed, tally.probes, tally.pulls, tally.utility, tally.reward
    )


class Source:
    """The random numbers of one cell, block after block: every agent's own streams, and the centre's."""

    def __init__(self, environment: Environment, *, seed: int, trial: int, label: str) -> None:
        """Open the streams of a trial."""
        key = {"seed": seed, "trial": trial, "label": label}
        agents = range(environment.agents)
        self.environment = environment
        self.arms = [stream(**key, agent=j, purpose=Purpose.ARMS) for j in agents]  # type: ignore[arg-type]
        self.rewards = [stream(**key, agent=j, purpose=Purpose.REWARDS) for j in agents]  # type: ignore[arg-type]
        self.probes = stream(**key, purpose=Purpose.PROBES)  # type: ignore[arg-type]

    def block(self, rounds: int) -> Numbers:
        """The numbers of the next rounds; any split into blocks gives the same ones."""
        N, K, D = self.environment.means.shape
        arms, rewards = np.empty((N, rounds)), np.empty((N, rounds, K, D))
        for j in range(N):
            self.arms[j].random(out=arms[j])
            self.rewards[j].random(out=rewards[j])
        return Numbers(arms, self.environment.rewards.prepare(rewards), self.probes.random((rounds, K)))
