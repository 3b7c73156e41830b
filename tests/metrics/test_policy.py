"""Measures of a policy: by hand, and against scipy's linear programs."""

from itertools import combinations

import numpy as np
from scipy.optimize import linprog

from gossipmab.metrics import policy as policies
from gossipmab.objectives.best_policy import best_policy
from tests.tiny import refuses

SPLIT = np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 6)  # the example of Hossain et al.: four against six


def test_ten_agents_and_two_arms() -> None:
    p = best_policy("nsw", SPLIT).p
    np.testing.assert_allclose(p, [0.4, 0.6], atol=1e-9)
    np.testing.assert_allclose(policies.expected_utilities(p, SPLIT), [0.4] * 4 + [0.6] * 6, atol=1e-9)
    np.testing.assert_allclose(policies.decision_shares(p, SPLIT), [0.4] * 4 + [0.6] * 6, atol=1e-9)
    fair = best_policy("procedural", SPLIT).p
    np.testing.assert_allclose(policies.voices(fair, SPLIT), 0.1, atol=1e-12)
    assert abs(policies.procedural_score(fair, SPLIT) - 1) < 1e-12
    assert policies.in_core(p, SPLIT) and policies.proportional(p, SPLIT).all()
    # the majority leaves the minority without a voice
    p = best_policy("utilitarian", SPLIT).p
    assert p.tolist() == [0, 1]
    np.testing.assert_allclose(policies.procedural_score(p, SPLIT), 0.6)
    assert policies.proportional(p, SPLIT).tolist() == [False] * 4 + [True] * 6
    blocked = policies.blocking_coalition(p, SPLIT)
    assert blocked is not None and blocked.members == (0, 1, 2, 3)  # with 4/10 of the decision they have 0.4 each
    np.testing.assert_allclose(blocked[1:], (0.4, 1.6))
    # Six of ten could have 0.6 each; half and half gives them 0.5.
    found = policies.blocking_coalition([0.5, 0.5], SPLIT)
    assert found is not None and found.members == (4, 5, 6, 7, 8, 9) and abs(found.least_gain - 0.1) < 1e-12


def blocked_by_programs(p: np.ndarray, U: np.ndarray) -> bool:
    """Whether any coalition blocks: the largest sum of gains subject to no member losing, one program a coalition."""
    N, K = U.shape
    u = U @ p
    for size in range(1, N + 1):
        for S in combinations(range(N), size):
            A = size / N * U[list(S)]
            done = linprog(-A.sum(axis=0), -A, -u[list(S)] + 1e-10, [np.ones(K)], [1.0])
            if done.status == 0 and -done.fun > u[list(S)].sum() + 1e-7:
                return True
    return False


def test_the_core_is_what_linear_programs_say() -> None:
    rng, answers = np.random.default_rng(0), []
    for case in range(24):
        U = np.round(rng.random((4, 3)), 1) if case % 2 else rng.random((4, 3))
        p = best_policy("nsw", U).p if case % 3 == 0 else rng.dirichlet(np.full(3, 0.3))
        answers.append(policies.in_core(p, U))
        assert answers[-1] == (not blocked_by_programs(p, U)), (U, p)
    assert all(answers[::3]) and not all(answers)  # the Nash policy always is in the core
    # Agent 0 cannot do better with half of the decision, but agent 1 could at no cost to agent 0: both together block.
    U = np.array([[1.0, 1.0], [0.5, 1.0]])
    found = policies.blocking_coalition([1.0, 0.0], U)
    assert found is not None and found.members == (0, 1) and found.least_gain == 0 and found.total_gain == 0.5
    assert policies.in_core([0.0, 1.0], U)


def test_scores_and_welfare_by_hand() -> None:
    U = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert policies.decision_shares([0.3, 0.2, 0.5], U).tolist() == [0.5, 0.5]
    assert policies.procedural_score([0.3, 0.2, 0.5], U) == 1.0
    np.testing.assert_allclose(policies.procedural_score([0.6, 0.2, 0.2], U), 0.7)
    # welfare under every objective
    found = policies.welfare_under([0.5, 0.5], [[0.4, 0.8], [0.2, 0.4]], exponent=1.0)
    expected = {"nsw": 0.18, "log_nsw": np.log(0.18), "utilitarian": 0.9, "maximin": 0.3, "equality": -0.3,
                "procedural": 0.5, "p_mean": 0.45}  # fmt: skip
    assert set(found) == set(expected)
    for name, welfare in expected.items():
        np.testing.assert_allclose(found[name], welfare, atol=1e-12, err_msg=name)
    undefined = policies.welfare_under([1.0, 0.0], [[-0.4, 0.8], [0.2, 0.4]])
    assert np.isnan([undefined[name] for name in ("nsw", "log_nsw", "p_mean")]).all()
    assert abs(undefined["utilitarian"] + 0.2) < 1e-15


def test_what_is_not_a_policy_or_a_utility_is_told() -> None:
    for call, line in (
        (lambda: policies.expected_utilities([0.5, 0.6], SPLIT), "policy: got shape .* sum 1.1, allowed are 2 prob"),
        (lambda: policies.decision_shares([1.0], SPLIT), "policy: got shape"),
        (lambda: best_policy("nsw", -SPLIT), "utilities: have -1, allowed with nsw are numbers >= 0"),
        (lambda: best_policy("nsw", [1.0, 2.0]), "utilities: got shape"),
        (lambda: policies.in_core([1.0], np.ones((13, 1))), "core: got 13 agents, allowed are 12"),
    ):
        refuses(line, call)
