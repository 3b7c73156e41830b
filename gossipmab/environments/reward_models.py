"""Reward models: NamedTuples that turn uniform numbers into a reward vector, interpreted or compiled.

Every pull gets the same count of uniform numbers, one an objective, whatever the model and the arm: so all algorithms of
a trial, all engines and any block of rounds use the same stream. A model has
    means        (N, K, D), the exact means of its rewards
    RANGE        optional, of plug-ins: a property of the class, the least and the largest mean that it allows
    prepare(u)   a transformation of a whole block of uniform numbers, outside the compiled loop
    draw(i, arm, u, x)   writes the reward vector x (D,) of agent i's pull from its prepared numbers u (D,)
    common_draw  optional, true if `prepare` gives all agents the number of the round's first one
Actors import this file: no pydantic here, whose constraints are those of annotated_types.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le

from gossipmab.utils.elementary import exp, log, log1p
from gossipmab.utils.jit import jit, method
from gossipmab.utils.types import Description, Floats, Integers, class_attributes

DISCRETE_VALUES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
LARGEST_CONCENTRATION = 1e6  # beyond it the beta quantile's series has not converged
draw = method("draw")


def unchanged(self: Any, u: Floats) -> Floats:
    """The numbers as they are."""
    return u


@class_attributes(prepare=unchanged)
class Deterministic(NamedTuple):
    """x = mu."""

    means: Floats

    def draw(self, i: int, arm: int, u: Floats, x: Floats) -> None:
        """x[d] = mu[i, k, d]."""
        for d in range(x.shape[0]):
            x[d] = self.means[i, arm, d]


@class_attributes(prepare=unchanged)
class Bernoulli(NamedTuple):
    """x[d] is 1 with probability mu[d], else 0; each objective on its own."""

    means: Floats

    def draw(self, i: int, arm: int, u: Floats, x: Floats) -> None:
        """x[d] = 1 if u[d] < mu[i, k, d]."""
        for d in range(x.shape[0]):
            x[d] = 1.0 if u[d] < self.means[i, arm, d] else 0.0


class Gaussian(NamedTuple):
    """x[d] = mu[d] + std z, z ~ N(0, 1); not clipped."""

    means: Floats
    std: Annotated[float, Ge(0), Description("standard deviation")] = 0.1

    def prepare(self, u: Floats) -> Floats:
        """Standard normal numbers, by the inverse distribution function."""
        from scipy.special import ndtri  # here: only an actor with gaussian rewards loads it

        return np.asarray(ndtri(np.maximum(u, 2.0**-54)))

    def draw(self, i: int, arm: int, u: Floats, x: Floats) -> None:
        """x[d] = mu[i, k, d] + std z[d]."""
        for d in range(x.shape[0]):
            x[d] = self.means[i, arm, d] + self.std * u[d]


@class_attributes(prepare=unchanged)
class Beta(NamedTuple):
    """x[d] ~ Beta(c mu[d], c (1 - mu[d])) with concentration c; a mean of 0 or 1 gives 0 or 1."""

    means: Floats
    concentration: Annotated[float, Gt(0), Le(LARGEST_CONCENTRATION), Description("a + b of Beta(a, b)")] = 10.0

    def draw(self, i: int, arm: int, u: Floats, x: Floats) -> None:
        """x[d] = the u[d]-quantile."""
        for d in range(x.shape[0]):
            mean = self.means[i, arm, d]
            x[d] = beta_quantile(u[d], self.concentration * mean, self.concentration * (1.0 - mean))


@class_attributes(prepare=unchanged)
class Discrete(NamedTuple):
    """x[d] in {0.3, 0.4, ..., 0.8}: the uniform distribution over the six values (mean 0.55), mixed with 0.3 or 0.8 to the mean.

    "Fair probing" draws from these values without naming the weights; this is the mixture with one free number, the mean.
    """

    means: Floats

    def draw(self, i: int, arm: int, u: Floats, x: Floats) -> None:
        """With probability |mu - 0.55| / 0.25 the end on mu's side, else one of the six values."""
        for d in range(x.shape[0]):
            mean = self.means[i, arm, d]
            end = abs(mean - 0.55) / 0.25
            if u[d] < end:
                x[d] = 0.8 if mean > 0.55 else 0.3
            else:
                x[d] = (3 + min(5, int(6.0 * (u[d] - end) / (1.0 - end)))) / 10.0


@class_attributes(prepare=unchanged)
class Table(NamedTuple):
    """Resampling with replacement of the logged reward vectors of (agent, arm).

    means: (N, K, D), their averages. rows: (M, D) logged rewards sorted by agent and arm. first: (N * K + 1,) the index of
    the first row of each (agent, arm).
    """

    means: Floats
    rows: Floats
    first: Integers

    def draw(self, i: int, arm: int, u: Floats, x: Floats) -> None:
        """The logged vector number floor(u[0] n) of the n of (agent, arm): objectives stay together."""
        begin = self.first[i * self.means.shape[1] + arm]
        count = self.first[i * self.means.shape[1] + arm + 1] - begin
        row = begin + min(count - 1, int(u[0] * count))
        for d in range(x.shape[0]):
            x[d] = self.rows[row, d]


@class_attributes(common_draw=True)
class Rounds(NamedTuple):
    """Resampling with replacement of whole rounds: what all agents could get of all arms at the same time stays together.

    means: (N, K, D), averages over the rounds. rows: (N, M, K, D) the rewards in M logged rounds.
    """

    means: Floats
    rows: Floats

    def prepare(self, u: Floats) -> Floats:
        """The first number of every round, in the place of all of the round's: one draw for all agents and arms."""
        shared = np.empty_like(u)
        shared[...] = u.reshape(len(u), -1)[:, 0].reshape(-1, *[1] * (u.ndim - 1))
        return shared

    def draw(self, i: int, arm: int, u: Floats, x: Floats) -> None:
        """The rewards in round number floor(u[0] M)."""
        count = self.rows.shape[1]
        row = min(count - 1, int(u[0] * count))
        for d in range(x.shape[0]):
            x[d] = self.rows[i, row, arm, d]


@jit
def log_gamma(x: float) -> float:
    """ln Gamma(x), x > 0, to about 1e-15: Stirling's series (DLMF 5.11.1) from x >= 8 on, to which the recurrence leads.

    In place of `math.lgamma`, which is one function in Python and another one in compiled code.
    """
    product = 1.0
    while x < 8.0:
        product *= x
        x += 1.0
    z = 1.0 / (x * x)
    series = 1.0 / 1188.0 + z * (-691.0 / 360360.0 + z / 156.0)
    series = 1.0 / 12.0 + z * (-1.0 / 360.0 + z * (1.0 / 1260.0 + z * (-1.0 / 1680.0 + z * series)))
    return (x - 0.5) * log(x) - x + 0.9189385332046727 + series / x - log(product)


@jit
def beta_tail(x: float, a: float, b: float, front: float) -> float:
    """I_x(a, b), the regularised incomplete beta function, x <= (a + 1) / (a + b + 2): Lentz on DLMF 8.17.22.

    front: x^a (1 - x)^b / B(a, b).
    """
    c = 1.0
    d = 1.0 / max(1e-300, 1.0 - (a + b) * x / (a + 1.0))
    fraction = d
    for m in range(1, 300):
        for step in range(2):
            if step == 0:
                term = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
            else:
                term = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
            d = 1.0 / (1.0 + term * d)
            c = 1.0 + term / c
            fraction *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return front * fraction / a


@jit
def beta_quantile(u: float, a: float, b: float) -> float:
    """x in [0, 1] with I_x(a, b) = u, to 1e-12, by Newton steps that never leave the bracket."""
    if a <= 0.0 or b <= 0.0:
        return 0.0 if a <= 0.0 else 1.0
    low, high = 0.0, 1.0
    x = a / (a + b)
    front = log_gamma(a + b) - log_gamma(a) - log_gamma(b)
    for _ in range(60):
        power = exp(front + a * log(x) + b * log1p(-x))
        density = power / (x * (1.0 - x))
        if x * (a + b + 2.0) <= a + 1.0:
            below = beta_tail(x, a, b, power)
        else:
            below = 1.0 - beta_tail(1.0 - x, b, a, power)
        if below < u:
            low = x
        else:
            high = x
        ahead = x - (below - u) / density if density > 0.0 else -1.0
        if not low < ahead < high:
            ahead = 0.5 * (low + high)
        if abs(ahead - x) < 1e-13 or high - low < 1e-13:
            return ahead
        x = ahead
    return x
