"""Fronts against moocore and the definition; gaps against brute force."""

import moocore
import numpy as np
import pytest
import twins
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gossipmab.objectives import pareto

# Coarse values make ties and duplicates; fine ones make fronts of all sizes.
coarse = arrays(
    np.float64, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])
)
fine = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9), elements=st.floats(-2, 2, width=16))


def uniform(values: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
    p = np.full(len(values), np.nan)
    pareto.uniform_on_front(values.copy(), np.arange(len(values)) if order is None else order, p)
    return p


def check_front(values: np.ndarray, order: np.ndarray | None = None) -> None:
    expected = moocore.is_nondominated(values, maximise=True, keep_weakly=True)
    np.testing.assert_array_equal(twins.front(values), expected)
    arranged = values if order is None else values[order]
    p = uniform(arranged, None if order is None else order.copy())
    np.testing.assert_array_equal(p, expected / expected.sum())


@given(st.one_of(coarse, fine), st.randoms(use_true_random=False))
def test_fronts_are_those_of_moocore(values: np.ndarray, random: object) -> None:
    check_front(values)
    order = np.arange(len(values))
    random.shuffle(order)  # type: ignore[attr-defined]
    check_front(values, order)


@pytest.mark.parametrize("objectives", [1, 2, 3, 4, 6])
def test_large_fronts(objectives: int) -> None:
    generator = np.random.default_rng(objectives)
    for arms in (1, 2, 3, 20, 60):
        check_front(generator.random((arms, objectives)))
        check_front(generator.integers(0, 3, (arms, objectives)).astype(float))
        sphere = np.abs(generator.standard_normal((arms, objectives)))
        check_front(sphere / np.linalg.norm(sphere, axis=1, keepdims=True))  # everything on the front


@pytest.mark.parametrize(("values", "p"), [
    ([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.5, 0.4], [0.5, 0.5], [0.0, 0.9]], [0.25, 0.25, 0.25, 0, 0.25, 0]),
    ([[1.0, 2.0], [1.0, 1.0], [1.0, 2.0]], [0.5, 0, 0.5]),  # equal vectors do not dominate each other
    ([[0.0, 0.0]] * 4, [0.25] * 4),
    ([[0.3], [0.7], [0.7], [0.1]], [0, 0.5, 0.5, 0]),  # one objective: the maximum
    ([[0.2, 0.1]], [1.0]),
])  # fmt: skip
def test_fronts_by_hand(values: list[list[float]], p: list[float]) -> None:
    np.testing.assert_array_equal(uniform(np.array(values)), p)


def test_the_order_is_kept_as_a_permutation() -> None:
    """The caller's array goes on naming the arms, sorted so that the next search is quick."""
    generator = np.random.default_rng(1)
    order = generator.permutation(12)
    for _ in range(20):
        arms = generator.random((12, 3)).round(1)
        np.testing.assert_array_equal(uniform(arms[order], order) > 0, twins.front(arms))
        np.testing.assert_array_equal(np.sort(order), np.arange(12))
        ranked = arms[order].tolist()
        assert ranked == sorted(ranked, reverse=True)


@given(st.one_of(coarse, fine))
def test_gaps_are_those_of_the_definition(values: np.ndarray) -> None:
    gap = pareto.gaps(values)
    np.testing.assert_array_equal(gap, twins.gaps(values))
    assert (gap[twins.front(values)] == 0).all()
    for k in np.flatnonzero(gap > 0):
        # The least that must be added to every coordinate so that no arm dominates k: a little less does not do.
        for share, dominated in ((1 + 1e-9, False), (1 - 1e-9, True)):
            moved = values[k] + gap[k] * share + (1e-12 if not dominated else -1e-12)
            others = np.delete(values, k, axis=0)
            assert any(twins.dominates(v, moved) for v in others) == dominated


def test_gaps_by_hand() -> None:
    """(0.2,0.3) below (0.5,0.4) by (0.3,0.1) and below (0.3,0.9) by (0.1,0.6): 0.1. Weakly dominated arms have gap 0."""
    values = np.array([[0.5, 0.4], [0.3, 0.9], [0.2, 0.3], [0.5, 0.1], [0.1, 0.1]])
    np.testing.assert_allclose(pareto.gaps(values), [0, 0, 0.1, 0, 0.3], atol=1e-15)
    np.testing.assert_array_equal(pareto.gaps(values[:1]), [0.0])
