"""Equity of outcomes: who lies outside a band around the mean, by how much, and how unevenly that is shared.

Nguyen, Pham, Le, Alam, Duong, "Beyond Scalar Welfare: Enforcing Identity-Aware Equity in Multi-Agent Reinforcement
Learning", AAMAS 2026, sections 3.1 to 3.4.

| symbol | meaning | code |
|---|---|---|
| x_i | outcome of agent i: a utility, a sum of rewards, a regret | `x` |
| tau | half width of the band around the mean, in units of the mean | `tau` |
| e_i, E | excess of agent i over the band, and the sum of all | `excess`, `total_excess` |
| q_inc, q_mag | who is outside (equal parts), and who bears the excess (parts of E) | `selection`, `magnitude` |
| u | the uniform distribution over the N agents | 1 / N |
| H | Minimum Reallocation of Excess | `mre` |

What holds and what does not. H is convex in e, and zero exactly when e is uniform. It is not convex in x, and a transfer
from a rich to a poor agent may raise it, against propositions 3 and 4 of the paper: with tau = 0, H(0, 0, 2, 2) = 0 and
H(0, 0.5, 1.5, 2) = 0.5, and two agents always have H = 0. So H never stands alone: E / N, which is convex in x, and
the incidence rate stand beside it. CV, Gini, Theil and Atkinson fall with every such transfer.

Departure: the band is tau |mean| wide, so that outcomes below zero have one too. An excess of less than four units of rounding
of the largest outcome is none, or equal outcomes such as (0.1, 0.1, 0.1) would have one.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats

ROUNDING = 4 * np.finfo(np.float64).eps


class Equity(NamedTuple):
    """All measures of one outcome vector of N agents.

    In units of the outcomes: excess (N,) e; total_excess E; mean_excess E / N; mre H; mean_mre H / N; excess_above and
    excess_below, the parts of E of agents above and below the mean; mre_above and mre_below, the MRE of each part alone (H is
    their sum at most).
    Without unit: incidence, the share of agents outside the band; selection (N,) q_inc; magnitude (N,) q_mag; the
    total-variation distances of both to uniform, selection_distance and magnitude_distance; cv, gini, jain, theil, atkinson.

    >>> gm.equity([1.0, 1.0, 4.0]).excess.tolist()
    [1.0, 1.0, 2.0]
    """

    excess: Floats
    total_excess: float
    mean_excess: float
    incidence: float
    selection: Floats
    magnitude: Floats
    selection_distance: float
    magnitude_distance: float
    mre: float
    mean_mre: float
    excess_above: float
    excess_below: float
    mre_above: float
    mre_below: float
    cv: float
    gini: float
    jain: float
    theil: float
    atkinson: float


def equity(x: ArrayLike, tau: float = 0.0) -> Equity:
    """All measures of the outcomes x (N,) with a band of tau >= 0 around the mean.

    >>> found = gm.equity([1.0, 1.0, 4.0])
    >>> round(found.gini, 6), round(found.jain, 6), found.incidence
    (0.333333, 0.666667, 1.0)

    Raises:
        InputError: x is not a vector of finite numbers, or tau not a finite number >= 0.
    """
    outcomes = _outcomes(x)
    e = excess(outcomes, tau)
    above = np.where(outcomes > _mean(outcomes), e, 0.0)
    below = e - above
    N, E, H = len(e), math.fsum(e), mre(e)
    flagged, shares = selection(e), magnitude(e)
    return Equity(
        excess=e, total_excess=E, mean_excess=E / N, incidence=float(np.count_nonzero(e) / N),
        selection=flagged, magnitude=shares,
        selection_distance=distance_to_uniform(flagged), magnitude_distance=distance_to_uniform(shares),
        mre=H, mean_mre=H / N,
        excess_above=math.fsum(above), excess_below=math.fsum(below), mre_above=mre(above), mre_below=mre(below),
        cv=cv(outcomes), gini=gini(outcomes), jain=jain(outcomes), theil=theil(outcomes), atkinson=atkinson(outcomes),
    )  # fmt: skip


def excess(x: ArrayLike, tau: float = 0.0) -> Floats:
    """(N,) how far each outcome of x (N,) lies outside the band (equation 2).

    e_i = max(0, |x_i - mean| - tau |mean|)
    """
    outcomes = _outcomes(x)
    if not (math.isfinite(tau) and tau >= 0):
        raise InputError(f"tau: got {tau}, allowed is a finite number >= 0")
    found: Floats = outside(outcomes, _mean(outcomes), tau)
    return found


def outside(x: Any, mean: Any, tau: float, xp: Any = np) -> Any:
    """As `excess`, of outcomes x (..., N) of any array library `xp`, with their means (..., 1) given and nothing checked."""
    e = xp.abs(x - mean) - tau * xp.abs(mean)
    least = 4 * xp.finfo(x.dtype).eps * xp.amax(xp.abs(x), -1)[..., None]
    return xp.where(e > least, e, xp.zeros_like(e))


def mean_mre(e: Any, xp: Any = np) -> Any:
    """(...,) H / N of excesses e (..., N) of any array library `xp`: 1/(2N) sum_i |e_i - E/N|."""
    N = e.shape[-1]
    return xp.sum(xp.abs(e - xp.sum(e, -1)[..., None] / N), -1) / (2 * N)


def dual_step(multiplier: Any, violation: Any, step: Any, cap: Any, xp: Any = np) -> Any:
    """The dual variable after a step of ascent along the violation of a budget; of floats or of arrays of `xp`.

    lambda <- clip( lambda + eta violation, 0, cap )
    """
    return xp.clip(multiplier + step * violation, 0.0, cap)


def selection(e: Floats) -> Floats:
    """(N,) who lies outside the band, from the excesses e (N,) (equation 4). Where nobody does: uniform.

    q_inc[i] = 1(e_i > 0) / sum_j 1(e_j > 0)
    """
    outside = np.count_nonzero(e)
    return (e > 0) / outside if outside else np.full(len(e), 1 / len(e))


def magnitude(e: Floats) -> Floats:
    """(N,) who bears the excess, from the excesses e (N,). Where there is none: uniform.

    q_mag[i] = e_i / E
    """
    E = math.fsum(e)
    return e / E if E > 0 else np.full(len(e), 1 / len(e))


def distance_to_uniform(q: Floats) -> float:
    """Total variation between a distribution q (N,) and the uniform one (equations 5 and 6); 0 to 1 - 1/N.

    1/2 sum_i |q_i - 1/N|
    """
    return math.fsum(np.abs(q - 1 / len(q))) / 2


def mre(e: Floats) -> float:
    """The least outcome mass to be moved until the excesses e (N,) are all equal; E times the distance of q_mag to uniform.

    H = 1/2 sum_i |e_i - E/N|
    """
    return math.fsum(np.abs(e - math.fsum(e) / len(e))) / 2


def cv(x: ArrayLike) -> float:
    """Coefficient of variation (7a). Equal outcomes: 0, zeros too. NaN where the mean is 0 and the outcomes differ.

    CV = sqrt( 1/N sum_i (x_i - mean)^2 ) / |mean|
    """
    y, mean = _scaled(x)
    deviation = math.sqrt(math.fsum((y - mean) ** 2) / len(y))
    return _relative(deviation, mean)


def gini(x: ArrayLike) -> float:
    """Gini's index (7b), 0 to 1 - 1/N; above where outcomes are negative. NaN as for `cv`.

    G = sum_ij |x_i - x_j| / (2 N^2 |mean|), which is sum_i (2i - N - 1) x_(i) / (N^2 |mean|) for x_(1) <= x_(2) <= ...
    """
    y, mean = _scaled(x)
    N = len(y)
    ranks = 2 * np.arange(1, N + 1) - N - 1
    return _relative(max(0.0, math.fsum(ranks * np.sort(y))) / N**2, mean)


def jain(x: ArrayLike) -> float:
    """Jain's index (7c), 1 where outcomes are equal, zeros too, and 1/N where one agent has all: the larger the fairer.

    J = (sum_i x_i)^2 / (N sum_i x_i^2)
    """
    y, _ = _scaled(x)
    squares = math.fsum(y * y)
    return math.fsum(y) ** 2 / (len(y) * squares) if squares > 0 else 1.0


def theil(x: ArrayLike) -> float:
    """Theil's T (7d), 0 to ln N, where 0 ln 0 = 0. All zero: 0. NaN where an outcome is negative.

    T = 1/N sum_i (x_i / mean) ln(x_i / mean)
    """
    y, mean = _scaled(x)
    if (y < 0).any():
        return math.nan
    ratios = y[y > 0] / (mean if mean > 0 else 1.0)
    return max(0.0, math.fsum(ratios * np.log(ratios)) / len(y))


def atkinson(x: ArrayLike) -> float:
    """Atkinson's index with aversion 1/2 (7e), 0 to 1 - 1/N. All zero: 0. NaN where an outcome is negative.

    A = 1 - (sum_i sqrt(x_i))^2 / (N^2 mean)
    """
    y, mean = _scaled(x)
    if (y < 0).any():
        return math.nan
    return max(0.0, 1 - math.fsum(np.sqrt(y)) ** 2 / (len(y) ** 2 * mean)) if mean > 0 else 0.0


def _outcomes(x: ArrayLike) -> Floats:
    outcomes = np.asarray(x, dtype=np.float64)
    if outcomes.ndim != 1 or not outcomes.size or not np.isfinite(outcomes).all():
        shown = f"shape {outcomes.shape}" if outcomes.ndim != 1 or not outcomes.size else "nan or inf"
        raise InputError(f"outcomes: got {shown}, allowed is a vector of finite numbers, one an agent")
    return outcomes


def _mean(x: Floats) -> float:
    """The mean, the same in whatever order the agents stand, and exact where they are equal."""
    return min(max(math.fsum(x / len(x)), float(x.min())), float(x.max()))


def _scaled(x: ArrayLike) -> tuple[Floats, float]:
    """Outcomes in units of the largest, whose squares are finite, and their mean."""
    outcomes = _outcomes(x)
    largest = float(np.abs(outcomes).max())
    y = outcomes / largest if largest > 0 else outcomes
    mean = _mean(y)
    return y, mean if abs(mean) > ROUNDING else 0.0


def _relative(spread: float, mean: float) -> float:
    if spread == 0:
        return 0.0
    return spread / abs(mean) if mean else math.nan
