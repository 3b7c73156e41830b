"""Two agents, two arms, two objectives, p = 1, rewards without noise: every number derived by hand in the comments.

With N = 2 the link's weight is 1/2, so gossip replaces both agents' averages by their mean, then adds each one's change of its
local average; without noise that changes in the first pull of an arm only. `mu[i][k]` below is agent i's reward vector of arm k.
The uniform numbers that draw the arms are given, so that the games do not hang on a generator: arm 0 iff number < p[0].
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.utils.rng import Purpose, RandomSource

# The numbers that draw the arms, in rounds 1, 2, ...: one row per agent.
Draws = tuple[tuple[float, ...], tuple[float, ...]]
# w_0 = (1, 0) and w_1 = (0, 1) in all games: agent j's utility is objective j.
PREFERENCES = [[1.0, 0.0], [0.0, 1.0]]
# Centred: arm 0 (1/2, 1/4), arm 1 (3/4, 5/8). Arm 1 dominates; Delta_0 = min(1/4, 3/8) = 1/4, Delta_1 = 0.
# U = [[1/2, 3/4], [1/4, 5/8]]: p* = arm 1. NSW(0, 1) = 15/32, NSW(1, 0) = 1/8, NSW(1/2, 1/2) = 5/8 * 7/16 = 35/128.
# So arm 0 costs 11/32 = 0.34375 of welfare, the fair coin 25/128 = 0.1953125.
ONE_GOOD_ARM = [[[1.0, 0.5], [0.5, 0.25]], [[0.0, 0.0], [1.0, 1.0]]]
ARM, COIN = 11 / 32, 25 / 128
# Centred: arm 0 (1/4, 1/8), arm 1 (1/2, 3/4). Delta_0 = min(1/4, 5/8) = 1/4. U = [[1/4, 1/2], [1/8, 3/4]], p* = arm 1:
# NSW 3/8 against 1/32 of arm 0, which costs 11/32 here too.
FAR_APART = [[[0.25, 0.25], [0.25, 0.5]], [[0.25, 0.0], [0.75, 1.0]]]
# Centred: arm 0 (3/4, 1/4), arm 1 (1/4, 3/4): both on the front, Delta = 0. With q = p[1] and U = [[3/4, 1/4], [1/4, 3/4]]
# NSW = (3/4 - q/2)(1/4 + q/2) = 1/4 - (q - 1/2)^2 / 4: p* = (1/2, 1/2), the regret of a round is (q - 1/2)^2 / 4.
CONFLICT = [[[1.0, 0.0], [0.25, 0.5]], [[0.5, 0.5], [0.25, 1.0]]]
# Bonus of arm 1 minus that of arm 0 with alpha = 1/2: sqrt(ln 4t)/2 (1/sqrt(n_1) - 1/sqrt(n_0)).
BONUS_4 = math.sqrt(math.log(16)) / 2 * (1 - 1 / math.sqrt(2))  # t = 4, n = (2, 1): 0.2438496
BONUS_5 = math.sqrt(math.log(20)) / 2 * (1 - 1 / math.sqrt(3))  # t = 5, n = (3, 1): 0.3657650
BONUS_6 = math.sqrt(math.log(24)) / 2 * (1 / math.sqrt(2) - 1 / math.sqrt(3))  # t = 6, n = (3, 2): 0.1156594


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, alone: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Plays a game with the given draws: what `simulate` returns, and the rounds agent by agent."""

    def run(algorithm: Any, means: Any, draws: Draws) -> tuple[Any, Any]:
        environment = gm.Environment.sample(means=means, preferences=PREFERENCES, rewards="deterministic")
        network, horizon = gm.Network("complete", agents=2), len(draws[0])

        def block(self: Any, count: int, *threads: Any) -> dict[Purpose, Any]:
            assert count == horizon
            arms = np.ascontiguousarray(np.transpose(np.array(draws, dtype=float)))
            return {Purpose.ARMS: arms, Purpose.REWARDS: np.full((count, 2, 2), np.nan), Purpose.POLICY: np.zeros((count, 2, 0))}

        monkeypatch.setattr(RandomSource, "block", block)
        trace = gm.simulate(algorithm, environment, network, horizon=horizon, seed=0, recorded_rounds=horizon, interpreted=True)
        return trace, alone(algorithm, environment, network, horizon=horizon, seed=0)

    yield run


def check(
    played: tuple[Any, Any], second: Any, arms: Any, pareto: Any, fair: Any, disagreement: Any, size: int, utility: Any
) -> None:
    """Every number of a game; `second` is p[1] of (agent 0, agent 1) by rounds, `fair` the welfare lost in each round."""
    (trace, game), horizon = played, len(second)
    exactly = {"rtol": 0, "atol": 1e-12}
    np.testing.assert_array_equal(trace.rounds, np.arange(1, horizon + 1))
    # The solver promises its objective to 1e-8; here it is a parabola of curvature >= 1/8, so p is good to 3e-4 at worst.
    np.testing.assert_allclose(game.p[:, :, 1], second, rtol=0, atol=1e-5)
    np.testing.assert_allclose(game.p.sum(axis=2), 1.0, **exactly)
    np.testing.assert_array_equal(game.arms, arms)
    np.testing.assert_array_equal(trace.pulls, [[list(column).count(k) for k in (0, 1)] for column in np.transpose(arms)])
    np.testing.assert_allclose(trace.pareto_regret, pareto, **exactly)
    np.testing.assert_allclose(trace.nsw_regret, np.cumsum(fair, axis=0), rtol=0, atol=1e-6)
    np.testing.assert_allclose(trace.disagreement, disagreement, **exactly)
    messages = 2 * np.arange(1, horizon + 1) if size else np.zeros(horizon)  # both agents send to the other, every round
    np.testing.assert_array_equal(trace.messages, messages)
    np.testing.assert_array_equal(trace.bytes, 8 * size * messages)
    np.testing.assert_array_equal(trace.messages_sent, [horizon if size else 0] * 2)
    np.testing.assert_allclose(trace.utility, utility, **exactly)


def test_pareto_ucb_gossip(play: Callable[..., Any]) -> None:
    """Radii sqrt(2 ln(t 4^(1/4)) / n) = sqrt((2 ln t + ln 2) / n).

    t=3: n = (1,1), equal radii. Agent 0 holds (1/2,1/4) for both arms: equal vectors, both on the front, p = (1/2,1/2);
         it draws 0.75 -> arm 1. Agent 1 holds (1/2,1/4) and (1,1): arm 1.
    t=4: n = (1,2), radii 1.8616, 1.3164; both hold (1/2,1/4), (3/4,5/8): (2.36,2.11) dominates (2.07,1.94): arm 0.
    t=5: n = (2,2), equal radii: arm 1.
    t=6: n = (2,3), radii 1.4623, 1.1940: (1.962,1.712) and (1.944,1.819): both on the front; 0.25 -> arm 0, 0.75 -> arm 1.
    """
    draws = ((0.9, 0.9, 0.75, 0.9, 0.9, 0.25), (0.9, 0.9, 0.25, 0.9, 0.9, 0.75))
    _, game = played = play(gm.ParetoUCBGossip(), ONE_GOOD_ARM, draws)
    check(
        played, second=[(0, 0), (1, 1), (0.5, 1), (0, 0), (1, 1), (0.5, 0.5)],
        arms=[(0, 0), (1, 1), (1, 1), (0, 0), (1, 1), (0, 1)],
        pareto=[(0.25, 0.25), (0.25, 0.25), (0.25, 0.25), (0.5, 0.5), (0.5, 0.5), (0.75, 0.5)],
        fair=[(ARM, ARM), (0, 0), (COIN, 0), (ARM, ARM), (0, 0), (COIN, COIN)],
        disagreement=[0.5, 0.375, 0, 0, 0, 0],  # t=1: arm 0, |1 - 1/2|. t=2: arm 1, |1/4 - 5/8|
        size=4,  # K D numbers in a message
        utility=(3 * 1 + 3 * 0.5, 2 * 0 + 4 * 1),
    )  # fmt: skip
    np.testing.assert_array_equal(game.local[0], [[[1, 0.5], [0, 0]], [[0, 0], [0, 0]]])
    np.testing.assert_array_equal(game.world[0], [[[1, 0.5], [0, 0]], [[0, 0], [0, 0]]])
    np.testing.assert_array_equal(game.world[1], [[[0.5, 0.25], [0.5, 0.25]], [[0.5, 0.25], [1, 1]]])
    np.testing.assert_array_equal(game.local[1:], [ONE_GOOD_ARM] * 5)
    np.testing.assert_array_equal(game.world[2:], [[[[0.5, 0.25], [0.75, 0.625]]] * 2] * 4)


def test_the_pooled_radius(play: Callable[..., Any]) -> None:
    """Radii smaller by sqrt(2). As above up to t=5, where n = (2,3).

    t=4: radii 1.3164, 0.9308: (1.82,1.57) dominates (1.68,1.56): arm 0.
    t=6: radii 1.0340, 0.8443: (1.534,1.284) is dominated by (1.594,1.469): arm 1, where the paper's radius tosses a coin.
    """
    draws = ((0.9, 0.9, 0.75, 0.9, 0.9, 0.25), (0.9, 0.9, 0.25, 0.9, 0.9, 0.75))
    played = play(gm.ParetoUCBGossip(pooled=True), ONE_GOOD_ARM, draws)
    check(
        played, second=[(0, 0), (1, 1), (0.5, 1), (0, 0), (1, 1), (1, 1)],
        arms=[(0, 0), (1, 1), (1, 1), (0, 0), (1, 1), (1, 1)],
        pareto=[(0.25, 0.25), (0.25, 0.25), (0.25, 0.25), (0.5, 0.5), (0.5, 0.5), (0.5, 0.5)],
        fair=[(ARM, ARM), (0, 0), (COIN, 0), (ARM, ARM), (0, 0), (0, 0)], disagreement=[0.5, 0.375, 0, 0, 0, 0], size=4,
        utility=(2 * 1 + 4 * 0.5, 2 * 0 + 4 * 1),
    )  # fmt: skip


def test_the_consensus_term_moves_no_selection(play: Callable[..., Any]) -> None:
    draws = ((0.9, 0.9, 0.75, 0.9, 0.9, 0.25), (0.9, 0.9, 0.25, 0.9, 0.9, 0.75))
    plain, _ = play(gm.ParetoUCBGossip(), ONE_GOOD_ARM, draws)
    wide, _ = play(gm.ParetoUCBGossip(consensus=0.5), ONE_GOOD_ARM, draws)
    np.testing.assert_array_equal(wide.pulls, plain.pulls)
    np.testing.assert_array_equal(wide.nsw_regret, plain.nsw_regret)


def test_pareto_ucb(play: Callable[..., Any]) -> None:
    """The same radii on the agents' own averages: agent 0 has (1,1/2), (1/2,1/4); agent 1 has (0,0), (1,1).

    t=3: equal radii: agent 0 arm 0 -> n = (2,1); agent 1 arm 1 -> (1,2).
    t=4: radii 1.8616 (n=1), 1.3164 (n=2). Agent 0: (2.32,1.82) < (2.36,2.11): arm 1 -> (2,2). Agent 1: 1.86 < 2.32: arm 1 -> (1,3).
    t=5: agent 0 equal radii: arm 0 -> (3,2). Agent 1: 1.9779 + 0 < 1.1419 + 1: arm 1 -> (1,4).
    t=6: agent 0, radii 1.1940, 1.4623: (2.194,1.694), (1.962,1.712): a coin, 0.25 -> arm 0. Agent 1: 2.0680 > 1 + 1.0340: arm 0.
    """
    draws = ((0.9, 0.9, 0.9, 0.9, 0.9, 0.25), (0.9, 0.9, 0.9, 0.9, 0.9, 0.9))
    _, game = played = play(gm.ParetoUCB(), ONE_GOOD_ARM, draws)
    check(
        played, second=[(0, 0), (1, 1), (0, 1), (1, 1), (0, 1), (0.5, 0)],
        arms=[(0, 0), (1, 1), (0, 1), (1, 1), (0, 1), (0, 0)],
        pareto=[(0.25, 0.25), (0.25, 0.25), (0.5, 0.25), (0.5, 0.25), (0.75, 0.25), (1.0, 0.5)],
        fair=[(ARM, ARM), (0, 0), (ARM, 0), (0, 0), (ARM, 0), (COIN, ARM)],
        disagreement=[0.5] * 6,  # of the agents' own averages: arm 0, |1 - 1/2|
        size=0, utility=(4 * 1 + 2 * 0.5, 2 * 0 + 4 * 1),
    )  # fmt: skip
    np.testing.assert_array_equal(game.local[1:], [ONE_GOOD_ARM] * 5)


def test_pareto_gossip_alternates_until_its_intervals_part(play: Callable[..., Any]) -> None:
    """T = 8, S = 0, no sampling term, mixing term x 0.2: tau = 2 ln 8 / 2, c(n) = 0.2 (ln 8 + sqrt 2) / (2n) = 0.34937 / n.

    From t=3 on the arms differ by (1/4, 3/8) for both. Arm 0 goes when c_0 + c_1 <= 1/4: n = (3,2) gives 0.291, (3,3) 0.233.
    Nothing goes earlier: t=1 is before round K; t=2, agent 1: 1/2 < 2 c(1) = 0.699.
    So arms 0,1,0,1,0,1, and at the end of t=6 both drop arm 0.
    """
    draws = ((0.9,) * 8, (0.9,) * 8)
    played = play(gm.ParetoGossip(sampling=0.0, burn_in=0.0, mixing=0.2), ONE_GOOD_ARM, draws)
    check(
        played, second=[(k, k) for k in (0, 1, 0, 1, 0, 1, 1, 1)], arms=[(k, k) for k in (0, 1, 0, 1, 0, 1, 1, 1)],
        pareto=[(r, r) for r in (0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 0.75, 0.75)],
        fair=[(r, r) for r in (ARM, 0, ARM, 0, ARM, 0, 0, 0)],
        disagreement=[0.5, 0.375, 0, 0, 0, 0, 0, 0], size=6,  # K D averages and K flags
        utility=(3 * 1 + 5 * 0.5, 3 * 0 + 5 * 1),
    )  # fmt: skip


def test_pareto_gossip_takes_a_neighbours_word(play: Callable[..., Any]) -> None:
    """T = 4, sampling term x 1/4 alone: c(n) = sqrt(ln 4 / (2n)) / 4, c(1) = 0.2081, c(2) = 0.1472.

    t=1: before round K nothing is dropped.
    t=2: agent 0 holds (1/4,1/8), (1/4,1/2): keeps both. Agent 1 holds (1/4,1/8), (3/4,1): 1/2 and 7/8 > 0.416: drops arm 0.
    t=3: agent 0 pulls arm 0 (lowest of the least pulled), agent 1 arm 1. All hold (1/4,1/8), (1/2,3/4): agent 0 by itself would
         keep arm 0, as 1/4 < c(2) + c(1) = 0.355, but agent 1's message says that it was dropped at the end of t=2.
    t=4: both pull arm 1.
    """
    _, game = played = play(gm.ParetoGossip(sampling=0.25, burn_in=0.0, mixing=0.0), FAR_APART, ((0.9,) * 4, (0.9,) * 4))
    check(
        played, second=[(0, 0), (1, 1), (0, 1), (1, 1)], arms=[(0, 0), (1, 1), (0, 1), (1, 1)],
        pareto=[(0.25, 0.25), (0.25, 0.25), (0.5, 0.25), (0.5, 0.25)], fair=[(ARM, ARM), (0, 0), (ARM, 0), (0, 0)],
        disagreement=[0.125, 0.25, 0, 0],  # t=1: |0 - 1/8|. t=2: |1/4 - 1/2| of arm 1
        size=6, utility=(4 * 0.25, 1 * 0 + 3 * 1),
    )  # fmt: skip
    np.testing.assert_array_equal(game.world[1], [[[0.25, 0.125], [0.25, 0.5]], [[0.25, 0.125], [0.75, 1.0]]])
    np.testing.assert_array_equal(game.world[2:], [[[[0.25, 0.125], [0.5, 0.75]]] * 2] * 2)
    for i in (0, 1):  # at t=4 agent 0's own intervals still overlap: 1/4 < 2 c(2) = 0.294
        np.testing.assert_array_equal(game.states[i].active[i], [0, 1])


def test_pareto_gossip_with_the_papers_constants_explores(play: Callable[..., Any]) -> None:
    """T = 6: S = 2 ln 6 = 3.58, tau = ln 6, m = 2: c = sqrt(ln 6 / 2) + (ln 6 + sqrt 2) / 2 = 2.55: nothing is ever sure."""
    trace, _ = play(gm.ParetoGossip(), ONE_GOOD_ARM, ((0.9,) * 6, (0.9,) * 6))
    np.testing.assert_array_equal(trace.pulls, [[3, 3], [3, 3]])


# q = p[1] throughout. Rows of an estimate: row j = (arm 0, arm 1) to agent j.


def lost(q: float) -> float:
    """The welfare that (1 - q, q) loses in CONFLICT."""
    return (q - 0.5) ** 2 / 4


def test_simulated_nsw_ucb_gossip(play: Callable[..., Any]) -> None:
    """L_0 = [[1, 1/4], [0, 1/2]], L_1 = [[1/2, 1/4], [1/2, 1]], each column from its first pull on.

    t=3: n = (1,1), equal bonuses. Agent 0: (3/4 - q/2)(1/4 + q/4) has slope 1/16 - q/4: q = 1/4.
         Agent 1: (3/4 - q/2)(1/4 + 3q/4) has slope 7/16 - 3q/4: q = 7/12. Draws 0.5: arm 0 and arm 1: n = (2,1), (1,2).
    t=4 on: all hold [[3/4, 1/4], [1/4, 3/4]]: slope 1/4 - q/2 + difference of the bonuses, q = 1/2 + 2 difference.
         t=4: q = 1/2 +- 2 BONUS_4 = 0.9877, 0.0123. t=5: n = (2,2), q = 1/2. t=6: n = (3,2), (2,3): q = 1/2 +- 2 BONUS_6.
    """
    late, last = (0.5 + 2 * BONUS_4, 0.5 - 2 * BONUS_4), (0.5 + 2 * BONUS_6, 0.5 - 2 * BONUS_6)
    second = [(0, 0), (1, 1), (1 / 4, 7 / 12), late, (0.5, 0.5), last]
    draws = ((0.9, 0.1, 0.5, 0.5, 0.25, 0.5), (0.9, 0.1, 0.5, 0.5, 0.75, 0.5))
    _, game = played = play(gm.SimulatedNSWUCBGossip(), CONFLICT, draws)
    check(
        played, second=second, arms=[(0, 0), (1, 1), (0, 1), (1, 0), (0, 1), (1, 0)], pareto=np.zeros((6, 2)),
        fair=[(lost(a), lost(b)) for a, b in second], disagreement=[0.25, 0.25, 0, 0, 0, 0], size=4,  # N K numbers
        utility=(3 * 1 + 3 * 0.25, 3 * 0.5 + 3 * 1),
    )  # fmt: skip
    np.testing.assert_array_equal(game.world[0], [[[1, 0], [0, 0]], [[0.5, 0], [0.5, 0]]])
    np.testing.assert_array_equal(game.world[1], [[[0.75, 0.25], [0.25, 0.5]], [[0.75, 0.25], [0.25, 1]]])
    np.testing.assert_array_equal(game.local[1:], [[[[1, 0.25], [0, 0.5]], [[0.5, 0.25], [0.5, 1]]]] * 5)
    np.testing.assert_array_equal(game.world[2:], [[[[0.75, 0.25], [0.25, 0.75]]] * 2] * 4)
    for i, state in enumerate(game.states):
        np.testing.assert_array_equal(state.counts[i], [[3, 3], [3, 3]])


def test_no_gossip(play: Callable[..., Any]) -> None:
    """The same L, never mixed.

    t=3: agent 0: (1 - 3q/4) q/2 has slope 1/2 - 3q/4: q = 2/3. Agent 1: (1/2 - q/4)(1/2 + q/2) has slope 1/8 - q/4: q = 1/2.
         Draws 0.5, 0.25: arm 1 and arm 0: n = (1,2), (2,1).
    t=4: agent 0: q = (1/2 - BONUS_4) 4/3 = 0.3415. Agent 1: (1/8 + BONUS_4) 4 > 1: q = 1. Arm 0 and arm 1: n = (2,2), (2,2).
    t=5: as t=3: n = (2,3), (3,2).
    t=6: agent 0: q = (1/2 - BONUS_6) 4/3 = 0.5125, 0.25 -> arm 0. Agent 1: q = (1/8 + BONUS_6) 4 = 0.9626, 0.5 -> arm 1.
    """
    second = [
        (0, 0), (1, 1), (2 / 3, 0.5), ((0.5 - BONUS_4) * 4 / 3, 1), (2 / 3, 0.5),
        ((0.5 - BONUS_6) * 4 / 3, (0.125 + BONUS_6) * 4),
    ]  # fmt: skip
    draws = ((0.9, 0.1, 0.5, 0.5, 0.5, 0.25), (0.9, 0.1, 0.25, 0.5, 0.25, 0.5))
    _, game = played = play(gm.SimulatedNSWUCBGossip(no_gossip=True), CONFLICT, draws)
    check(
        played, second=second, arms=[(0, 0), (1, 1), (1, 0), (0, 1), (1, 0), (0, 1)], pareto=np.zeros((6, 2)),
        fair=[(lost(a), lost(b)) for a, b in second], disagreement=[0.25] * 6, size=0,
        utility=(3 * 1 + 3 * 0.25, 3 * 0.5 + 3 * 1),
    )  # fmt: skip
    np.testing.assert_array_equal(game.local[1:], [[[[1, 0.25], [0, 0.5]], [[0.5, 0.25], [0.5, 1]]]] * 5)


def test_no_sim(play: Callable[..., Any]) -> None:
    """L_0 = [[1, 1/4], [0, 0]], L_1 = [[0, 0], [1/2, 1]]: half the truth after mixing.

    t=3: agent 0 holds [[1/2, 1/4], [1/4, 0]]: (1/2 - q/4)(1/4 - q/4) falls: q = 0. Agent 1 holds [[1/2, 0], [1/4, 1]]:
         (1/2 - q/2)(1/4 + 3q/4) has slope 1/4 - 3q/4: q = 1/3, 0.5 -> arm 0. n = (2,1) both.
    t=4: all hold [[1/2, 1/8], [1/4, 1/2]]: (1/2 - 3q/8)(1/4 + q/4) has slope 1/32 - 3q/16: (1/32 + BONUS_4) 16/3 > 1: q = 1.
    t=5: n = (2,2): q = 1/6; draws 0.5, 0.9: arm 0 and arm 1: n = (3,2), (2,3).
    t=6: agent 0: q = (1/32 + BONUS_6) 16/3 = 0.7835, 0.5 -> arm 1. Agent 1: 1/32 < BONUS_6: q = 0.
    """
    second = [(0, 0), (1, 1), (0, 1 / 3), (1, 1), (1 / 6, 1 / 6), ((1 / 32 + BONUS_6) * 16 / 3, 0)]
    draws = ((0.9, 0.1, 0.5, 0.5, 0.5, 0.5), (0.9, 0.1, 0.5, 0.5, 0.9, 0.5))
    _, game = played = play(gm.SimulatedNSWUCBGossip(no_sim=True), CONFLICT, draws)
    check(
        played, second=second, arms=[(0, 0), (1, 1), (0, 0), (1, 1), (0, 1), (1, 0)], pareto=np.zeros((6, 2)),
        fair=[(lost(a), lost(b)) for a, b in second],
        disagreement=[0.5, 0.5, 0, 0, 0, 0],  # t=1: |1 - 1/2|. t=2: |0 - 1/2| of row 1, arm 1, agent 0
        size=4, utility=(3 * 1 + 3 * 0.25, 3 * 0.5 + 3 * 1),
    )  # fmt: skip
    np.testing.assert_array_equal(game.local[1:], [[[[1, 0.25], [0, 0]], [[0, 0], [0.5, 1]]]] * 5)
    np.testing.assert_array_equal(game.world[2:], [[[[0.5, 0.125], [0.25, 0.5]]] * 2] * 4)
    for i, state in enumerate(game.states):
        np.testing.assert_array_equal(state.counts[i], [[3, 3] if j == i else [0, 0] for j in (0, 1)])


def test_no_sim_rescaled(play: Callable[..., Any]) -> None:
    """The same averages times N = 2, then clipped to 1.

    t=3: agent 0 holds [[1, 1/2], [1/2, 0]]: (1 - q/2)(1/2 - q/2) falls: q = 0. Agent 1 holds [[1, 0], [1/2, 2 -> 1]]:
         (1 - q)(1/2 + q/2) = 1/2 - q^2/2: q = 0. n = (2,1) both.
    t=4: all hold [[1, 1/4], [1/2, 1]]: (1 - 3q/4)(1/2 + q/2) has slope 1/8 - 3q/4: q = (1/8 + BONUS_4) 4/3 = 0.4918.
         Draws 0.25, 0.75: arm 0 and arm 1: n = (3,1), (2,2).
    t=5: agent 0: q = (1/8 + BONUS_5) 4/3 = 0.6544, 0.5 -> arm 1. Agent 1: q = 1/6, 0.5 -> arm 0. n = (3,2) both.
    t=6: q = (1/8 + BONUS_6) 4/3 = 0.3209. Draws 0.5, 0.75: arm 0 and arm 1.
    """
    late, last = (0.125 + BONUS_4) * 4 / 3, (0.125 + BONUS_6) * 4 / 3
    second = [(0, 0), (1, 1), (0, 0), (late, late), ((0.125 + BONUS_5) * 4 / 3, 1 / 6), (last, last)]
    draws = ((0.9, 0.1, 0.5, 0.25, 0.5, 0.5), (0.9, 0.1, 0.5, 0.75, 0.5, 0.75))
    played = play(gm.SimulatedNSWUCBGossip(no_sim=True, rescale=True), CONFLICT, draws)
    check(
        played, second=second, arms=[(0, 0), (1, 1), (0, 0), (0, 1), (1, 0), (0, 1)], pareto=np.zeros((6, 2)),
        fair=[(lost(a), lost(b)) for a, b in second], disagreement=[0.5, 0.5, 0, 0, 0, 0], size=4,
        utility=(4 * 1 + 2 * 0.25, 3 * 0.5 + 3 * 1),
    )  # fmt: skip


def test_the_geometric_welfare_and_the_local_solver(play: Callable[..., Any]) -> None:
    """Product^(1/2): at equal bonuses the maximiser is that of the product, q = 1/4 and 7/12 at t=3.

    Where the objective is concave on the segment, a climb finds its top too; not to the global solver's accuracy.
    """
    for option, near in (({"welfare": "geometric"}, 1e-5), ({"solver": "local"}, 1e-3)):
        _, game = play(gm.SimulatedNSWUCBGossip(**option), CONFLICT, ((0.9, 0.1, 0.5), (0.9, 0.1, 0.5)))
        np.testing.assert_allclose(game.p[2, :, 1], (1 / 4, 7 / 12), rtol=0, atol=near)
