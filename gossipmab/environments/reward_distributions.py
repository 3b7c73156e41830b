"""The reward distributions of an environment as step functions, from which expectations are exact sums.

An agent's reward of an arm is w_j . x, x the reward vector. Rewards lie in [0, 1], as the paper has it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gossipmab.environments import reward_models as models
from gossipmab.environments.environment import Environment
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats

LARGEST = 512  # levels: more are put on a grid
GRID = 257  # levels of that grid
ATOMS = 4096  # of one (agent, arm)


class Distributions(NamedTuple):
    """levels: (L,) ascending, all values that occur. cdf: (N, K, L), F[j,k](level), 1 at the last. means: (N, K).

    joint: (M, N, K) the rewards in M equally likely rounds, where those of a round are correlated; (0, 0, 0) if independent.
    """

    levels: Floats
    cdf: Floats
    means: Floats
    joint: Floats = np.zeros((0, 0, 0))


def distributions(environment: Environment) -> Distributions:
    """The distributions F[j,k] of the agents' own rewards.

    Exact for rewards of few values. Beta rewards, and any others with more than 512 values in all, lie on a grid of 257
    levels, each value shared between the two levels beside it so that its mean stays.

    Raises:
        InputError: rewards that may lie outside [0, 1].
    """
    check_rewards(environment)
    model = environment.rewards
    N, K, D = environment.means.shape
    atoms = [[_atoms(model, environment.preferences[j], j, k, D) for k in range(K)] for j in range(N)]
    every = np.concatenate([values for row in atoms for values, _ in row])
    levels = np.unique(np.clip(every, 0.0, 1.0).round(12))
    if len(levels) > LARGEST:
        levels = np.linspace(0.0, 1.0, GRID)
    masses = np.zeros((N, K, len(levels)))
    for j in range(N):
        for k in range(K):
            masses[j, k] = on_levels(*atoms[j][k], levels)
    known = from_masses(levels, masses)
    if not isinstance(model, models.Rounds):
        return known
    joint = np.einsum("jmkd,jd->mjk", model.rows, environment.preferences)
    return known._replace(means=joint.mean(axis=0), joint=np.ascontiguousarray(joint))


SUPPORTED_MODELS = (
    models.Bernoulli, models.Beta, models.Discrete, models.Deterministic, models.Gaussian, models.Table, models.Rounds,
)  # fmt: skip


def check_rewards(environment: Environment) -> None:
    """Raise InputError if rewards may lie outside [0, 1], or if their distribution is not known."""
    model = environment.rewards
    if type(model) not in SUPPORTED_MODELS:
        raise InputError(f"environment.rewards: got {type(model).__name__}, allowed for probing are the shipped models")
    known = model.rows if isinstance(model, models.Table | models.Rounds) else environment.means
    if isinstance(model, models.Gaussian) or known.min() < 0 or known.max() > 1:
        name = type(model).__name__.lower()
        raise InputError(f"environment.rewards: got {name} rewards outside [0, 1], allowed for probing are those within")


def from_masses(levels: Floats, masses: Floats) -> Distributions:
    """From probabilities (N, K, L) of the levels (L,)."""
    cdf = np.cumsum(masses, axis=2)
    cdf /= cdf[:, :, -1:]
    return Distributions(levels, cdf, (masses * levels).sum(axis=2) / masses.sum(axis=2))


def on_levels(values: Floats, probabilities: Floats, levels: Floats) -> Floats:
    """(L,) the probabilities of the levels; a value between two levels goes to both, in proportion, so that the mean stays."""
    masses = np.zeros(len(levels))
    right = np.clip(np.searchsorted(levels, values), 1, len(levels) - 1) if len(levels) > 1 else np.zeros(len(values), int)
    left = np.maximum(right - 1, 0)
    width = levels[right] - levels[left]
    share = np.where(width > 0, np.clip((values - levels[left]) / np.where(width > 0, width, 1), 0, 1), 1.0)
    share[share < 1e-9] = 0.0
    share[share > 1 - 1e-9] = 1.0
    np.add.at(masses, right, probabilities * share)
    np.add.at(masses, left, probabilities * (1 - share))
    return masses


def _atoms(model: object, weights: Floats, j: int, k: int, D: int) -> tuple[Floats, Floats]:
    """Values of w_j . x for arm k, and their probabilities: exact but for beta, and for more than ATOMS values."""
    if isinstance(model, models.Table):
        pair = j * model.means.shape[1] + k
        rows = model.rows[model.first[pair] : model.first[pair + 1]]
        return rows @ weights, np.full(len(rows), 1 / len(rows))
    if isinstance(model, models.Rounds):
        rows = model.rows[j, :, k]
        return rows @ weights, np.full(len(rows), 1 / len(rows))
    values, probabilities = np.zeros(1), np.ones(1)
    most = max(2, int(ATOMS ** (1 / D)))
    for d in range(D):
        x, q = _one(model, j, k, d, most)
        values = np.add.outer(values, weights[d] * x).ravel()
        probabilities = np.multiply.outer(probabilities, q).ravel()
        found, place = np.unique(values.round(12), return_inverse=True)
        total = np.zeros(len(found))
        np.add.at(total, place.ravel(), probabilities)
        values, probabilities = found[total > 0], total[total > 0]
        if len(values) > ATOMS:
            grid = np.linspace(0.0, values[-1], GRID)
            values, probabilities = grid, on_levels(values, probabilities, grid)
    return values, probabilities


def _one(model: object, j: int, k: int, d: int, most: int) -> tuple[Floats, Floats]:
    """Values and probabilities of objective d."""
    means: Floats = model.means  # type: ignore[attr-defined]
    mean = float(means[j, k, d])
    if isinstance(model, models.Deterministic | models.Gaussian):
        return np.array([mean]), np.ones(1)
    if isinstance(model, models.Bernoulli):
        return np.array([0.0, 1.0]), np.array([1 - mean, mean])
    if isinstance(model, models.Discrete):
        end = abs(mean - 0.55) / 0.25
        q = np.full(6, (1 - end) / 6)
        q[5 if mean > 0.55 else 0] += end
        return np.array(models.DISCRETE_VALUES), q
    if mean in (0.0, 1.0):
        return np.array([mean]), np.ones(1)
    grid = np.linspace(0.0, 1.0, min(most, GRID))
    return grid, beta_on_grid(mean, model.concentration, grid)  # type: ignore[attr-defined]


def beta_on_grid(mean: float, concentration: float, grid: Floats) -> Floats:
    """(L,) probabilities of evenly spaced levels of [0, 1], a beta reward being shared between the two beside it.

    With G(v) = E[max(0, v - X)] = v I_v(a, b) - mean I_v(a + 1, b), level v has (G(v + h) - 2 G(v) + G(v - h)) / h.
    """
    from scipy.special import betainc  # here: only beta rewards have need of it

    a, b = concentration * mean, concentration * (1 - mean)
    below = grid * betainc(a, b, grid) - mean * betainc(a + 1, b, grid)
    slopes = np.concatenate([[0.0], np.diff(below) / (grid[1] - grid[0]), [1.0]])
    return np.maximum(np.diff(slopes), 0.0)
