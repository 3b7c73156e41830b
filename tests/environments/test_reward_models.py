"""Reward models: exact values, means and variances against closed forms, and the beta quantile against SciPy.

The statistical tests fix their seeds. Each compares means (and variances) within 4 standard errors: over other seeds one of the
about 60 comparisons of this file would fail in 0.4 % of all cases.
"""

from typing import Any

import numpy as np
import pytest
from scipy.special import betaincinv, gammaln, ndtri

from gossipmab.environments import reward_models as rewards
from gossipmab.environments.reward_models import log_gamma

MEANS = np.array([[[0.34, 0.42], [0.55, 0.61], [0.78, 0.5]]])  # inside what "discrete" reaches; (1 agent, 3 arms, 2 objectives)
DRAWS = 20_000


def moments_of_discrete(mean: float) -> float:
    """Variance of the mixture: the end on the mean's side with mass e = |mean - 0.55| / 0.25, else the six values."""
    end = abs(mean - 0.55) / 0.25
    values = np.arange(3, 9) / 10
    return end * (0.8 if mean > 0.55 else 0.3) ** 2 + (1 - end) * float(np.mean(values**2)) - mean**2


VARIANCES: dict[str, Any] = {
    "bernoulli": lambda m: m * (1 - m), "beta": lambda m: m * (1 - m) / (10.0 + 1.0), "gaussian": lambda m: 0.1**2,
    "discrete": moments_of_discrete, "deterministic": lambda m: 0.0,
}  # fmt: skip
MODELS: dict[str, Any] = {
    "bernoulli": rewards.Bernoulli(MEANS), "beta": rewards.Beta(MEANS, 10.0), "gaussian": rewards.Gaussian(MEANS, 0.1),
    "discrete": rewards.Discrete(MEANS), "deterministic": rewards.Deterministic(MEANS),
}  # fmt: skip


def drawn(model: Any, i: int, arm: int, uniform: np.ndarray) -> np.ndarray:
    """Reward vectors for rows of uniform numbers."""
    prepared, x = model.prepare(uniform.copy()), np.full(uniform.shape, np.nan)
    for row, u in enumerate(prepared):
        model.draw(i, arm, u, x[row])
    return x


@pytest.mark.parametrize("name", MODELS)
def test_means_and_variances_are_those_of_the_closed_form(name: str) -> None:
    generator = np.random.default_rng(3)
    for arm in range(3):
        x = drawn(MODELS[name], 0, arm, generator.random((DRAWS, 2)))
        for d in range(2):
            mean, variance = MEANS[0, arm, d], VARIANCES[name](MEANS[0, arm, d])
            squares = (x[:, d] - mean) ** 2
            assert abs(x[:, d].mean() - mean) <= 4 * np.sqrt(variance / DRAWS) + 1e-12
            assert abs(squares.mean() - variance) <= 4 * squares.std() / np.sqrt(DRAWS) + 1e-12
        if name != "deterministic":  # objectives are drawn on their own
            assert abs(np.corrcoef(x.T)[0, 1]) < 4 / np.sqrt(DRAWS)


def test_values_by_hand() -> None:
    u = np.array([[0.29, 0.43], [0.34, 0.41]])
    np.testing.assert_array_equal(drawn(MODELS["bernoulli"], 0, 0, u), [[1, 0], [0, 1]])  # 1 iff u < (0.34, 0.42)
    np.testing.assert_array_equal(drawn(MODELS["deterministic"], 0, 1, u), [[0.55, 0.61]] * 2)
    np.testing.assert_allclose(drawn(MODELS["gaussian"], 0, 1, u), [0.55, 0.61] + 0.1 * ndtri(u), rtol=1e-14)
    # mean 0.3: always 0.3. Mean 0.42: end 0.52 with 0.3, then six values, 0.08 wide each: 0.43 -> 0.3; 0.61 -> 0.4.
    ends = rewards.Discrete(np.array([[[0.3, 0.42]]]))
    np.testing.assert_allclose(drawn(ends, 0, 0, np.array([[0.99, 0.43], [0.0, 0.61]])), [[0.3, 0.3], [0.3, 0.4]])
    # mean 0.55: the six values alone, a sixth each.
    sixths = np.column_stack([(np.arange(6) + 0.5) / 6, np.zeros(6)])
    np.testing.assert_allclose(drawn(MODELS["discrete"], 0, 1, sixths)[:, 0], [0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    # The least and the largest number that a generator gives, and means of 0 and 1.
    ends, certain = np.array([[0.0, 0.0], [1 - 2.0**-53, 1 - 2.0**-53]]), np.array([[[0.0, 1.0]]])
    for model in (rewards.Bernoulli(certain), rewards.Beta(certain, 10.0), rewards.Deterministic(certain)):
        np.testing.assert_array_equal(drawn(model, 0, 0, ends), [[0, 1], [0, 1]])
    assert np.isfinite(drawn(MODELS["gaussian"], 0, 0, ends)).all()
    discrete = drawn(MODELS["discrete"], 0, 1, ends)
    np.testing.assert_allclose(discrete, [[0.3, 0.8], [0.8, 0.8]])  # mean 0.61 starts with its end, 0.8
    beta = drawn(MODELS["beta"], 0, 1, ends)
    assert (beta >= 0).all() and (beta <= 1).all()


@pytest.mark.parametrize("concentration", [1e-2, 0.3, 2.0, 10.0, 300.0, 1e4, 1e6])
def test_beta_quantile_is_that_of_scipy(concentration: float) -> None:
    """Newton stops at 1e-13; at 1e6 the logarithms of the gamma function leave 1e-11, a ten-millionth of the
    standard deviation there."""
    generator = np.random.default_rng(1)
    for mean, u in generator.random((300, 2)):
        a, b = concentration * mean, concentration * (1 - mean)
        assert rewards.beta_quantile(u, a, b) == pytest.approx(float(betaincinv(a, b, u)), abs=1e-11)


def test_beta_quantile_closed_forms() -> None:
    """Beta(1, 1) is uniform; Beta(a, 1) has u^(1/a); Beta(1, b) has 1 - (1 - u)^(1/b); symmetric ones have median 1/2."""
    for u in (1e-6, 0.1, 0.5, 0.9, 0.999):
        assert rewards.beta_quantile(u, 1.0, 1.0) == pytest.approx(u, abs=1e-12)
        assert rewards.beta_quantile(u, 3.0, 1.0) == pytest.approx(u ** (1 / 3), abs=1e-12)
        assert rewards.beta_quantile(u, 1.0, 4.0) == pytest.approx(1 - (1 - u) ** 0.25, abs=1e-12)
    for shape in (0.2, 1.0, 7.5, 400.0):
        assert rewards.beta_quantile(0.5, shape, shape) == pytest.approx(0.5, abs=1e-12)
    assert rewards.beta_quantile(0.3, 0.0, 10.0) == 0.0 and rewards.beta_quantile(0.3, 10.0, 0.0) == 1.0
    # beta quantile rises with u
    for a, b in ((0.5, 0.5), (2.0, 8.0), (90.0, 10.0)):
        quantiles = [rewards.beta_quantile(u, a, b) for u in np.linspace(0.0, 0.999, 200)]
        assert (np.diff(quantiles) >= 0).all()


def test_a_table_resamples_its_rows() -> None:
    """Rows 0, 1, 2 belong to arm 0 and row 3 to arm 1: floor(u 3) picks; whole vectors, by the first number alone."""
    rows = np.array([[0.1, 0.9], [0.2, 0.8], [0.6, 0.1], [0.5, 0.5]])
    table = rewards.Table(np.array([[[0.3, 0.6], [0.5, 0.5]]]), rows, np.array([0, 3, 4]))
    u = np.array([[0.0, 0.9], [0.33, 0.1], [0.34, 0.5], [0.67, 0.2], [1 - 2.0**-53, 0.0]])
    np.testing.assert_array_equal(drawn(table, 0, 0, u), rows[[0, 0, 1, 2, 2]])
    np.testing.assert_array_equal(drawn(table, 0, 1, u), rows[[3] * 5])
    x = drawn(table, 0, 0, np.random.default_rng(4).random((6000, 2)))
    counts = [(x == row).all(axis=1).sum() for row in rows[:3]]
    assert sum(counts) == 6000 and np.abs(np.array(counts) - 2000).max() <= 4 * np.sqrt(6000 * (1 / 3) * (2 / 3))


def test_the_logarithm_of_gamma_is_scipys() -> None:
    x = np.concatenate([np.geomspace(1e-8, 1e6, 2_000), np.linspace(0.5, 12, 500)])
    mine = np.array([log_gamma(value) for value in x])
    np.testing.assert_allclose(mine, gammaln(x), rtol=5e-14, atol=5e-15)
    plain = getattr(log_gamma, "py_func", log_gamma)
    assert [plain(value) for value in x.tolist()] == mine.tolist()  # to the bit, interpreted too
