"""How sure the numbers are: bootstrap intervals, paired ratios, growth exponents, paired tests with Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from gossipmab.utils.types import Floats, Integers

RESAMPLES = 9_999
ROUNDING = 1e-9  # of the size: what sums of the same numbers in another order may differ by, and far more; no result is as small
FEWEST_PAIRS = 6  # with fewer, the signed-rank test cannot reach 5 % whatever the data


def negligible(value: Any, size: Any) -> Any:
    """Whether a number, or each of an array, is a rounding error beside numbers of this size."""
    return np.abs(value) <= ROUNDING * np.abs(size)


def bootstrap_interval(values: Floats, confidence: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """The bootstrap interval of the mean of values (n,): bias-corrected and accelerated, from a fixed seed.

    If all values are equal but for rounding errors, it is that value; (nan, nan) for fewer than two values, or values that are
    not finite.
    """
    if len(values) < 2 or not np.isfinite(values).all():
        return math.nan, math.nan
    if negligible(np.ptp(values), np.abs(values).max()):
        return float(values[0]), float(values[0])
    return _bootstrap((values,), np.mean, confidence, seed)


class Ratio(NamedTuple):
    """How large the mean of one sample is beside that of another, and the bootstrap interval of this ratio."""

    value: float
    low: float
    high: float


UNDEFINED = Ratio(math.nan, math.nan, math.nan)


def paired_ratio(first: Floats, other: Floats, confidence: float = 0.95, seed: int = 0) -> Ratio:
    """The ratio of the means of pairs, and its bootstrap interval: pairs are drawn together, so what they share cancels.

    mean(other) / mean(first)

    Args:
        first, other: (n,) each, regrets of the same trials, for example.
        confidence: of the interval.
        seed: of the resampling.

    nan if there is no pair, a value is not finite or below 0, or all of `first` are 0; the interval alone is nan for a
    single pair, and is the ratio itself if all pairs have the same one. Rounding errors are no differences, and 0.
    """
    both = np.array([first, other])
    if not both.size or not np.isfinite(both).all():
        return UNDEFINED
    size = np.abs(both).max()
    both[negligible(both, size)] = 0.0
    first, other = both[0], np.where(negligible(both[1] - both[0], size), both[0], both[1])
    if (both < 0.0).any() or not first.any():
        return UNDEFINED
    value = float(other.mean() / first.mean())
    if len(first) < 2:
        return Ratio(value, math.nan, math.nan)
    if negligible(other - value * first, size).all():
        return Ratio(value, value, value)
    found = value, *_bootstrap((first, other), _ratio_of_means, confidence, seed)
    return Ratio(*(1.0 if negligible(one - 1.0, 1.0) else one for one in found))


class Trend(NamedTuple):
    """How steadily a quantity falls (-1) or rises (+1), and the bootstrap interval of this number."""

    value: float
    low: float
    high: float


UNDEFINED_TREND = Trend(math.nan, math.nan, math.nan)


def rank_trend(x: Floats, y: Floats) -> Trend:
    """Spearman's rank correlation of x and y within each trial, the mean over trials, and its 95 % bootstrap interval over trials.

    What makes a trial hard or easy as a whole does not change its ranks. A trial with the same y everywhere has no trend: 0. The
    interval is that of percentiles, from a fixed seed: ranks have ties, which corrections would count by their rounding errors.

    Args:
        x: (P,) different numbers. y: (n, P), a row a trial; differences that are rounding errors are ties.
    """
    from scipy.stats import rankdata

    if not y.size or not np.isfinite(y).all():
        return UNDEFINED_TREND
    a = rankdata(x)
    b = rankdata(np.round(y / (np.abs(y).max() or 1.0) / ROUNDING), axis=1)
    a, b = a - a.mean(), b - b.mean(axis=1, keepdims=True)
    size = np.sqrt((a @ a) * (b * b).sum(axis=1))
    rho = np.divide(b @ a, size, out=np.zeros(len(b)), where=size > 0.0)
    if len(rho) < 2:
        return Trend(float(rho.mean()), math.nan, math.nan)
    low, high = np.quantile(rho[_resamples(len(rho), 0)].mean(axis=1), [0.025, 0.975])
    return Trend(float(rho.mean()), float(low), float(high))


def _ratio_of_means(first: Floats, other: Floats, axis: int = -1) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):  # where only trials without regret are drawn
        return other.mean(axis=axis) / first.mean(axis=axis)


def _bootstrap(samples: tuple[Floats, ...], statistic: Any, confidence: float, seed: int) -> tuple[float, float]:
    """The bias-corrected and accelerated bootstrap interval; percentiles if the corrections are 0/0.

    Efron and Tibshirani, "An introduction to the bootstrap", 1993, equations 14.9 to 14.15. The numbers are those of
    `scipy.stats.bootstrap`, which resamples anew for every call.
    """
    from scipy.special import ndtr, ndtri

    n = len(samples[0])
    drawn = _resamples(n, seed)
    theta = statistic(*(sample[drawn] for sample in samples), axis=-1)
    value = statistic(*samples, axis=-1)
    others = np.arange(n - 1) + (np.arange(n - 1) >= np.arange(n)[:, None])  # row i: all but i
    jackknife = statistic(*(sample[others] for sample in samples), axis=-1)
    tail = ndtri((1 - confidence) / 2)
    with np.errstate(all="ignore"):
        bias = ndtri((np.count_nonzero(theta < value) + np.count_nonzero(theta <= value)) / (2 * RESAMPLES))
        apart = (n - 1) * (jackknife.mean() - jackknife)
        acceleration = (apart**3).sum() / n**3 / (6 * ((apart**2).sum() / n**2) ** 1.5)
        corrected = [ndtr(bias + (bias + z) / (1 - acceleration * (bias + z))) for z in (tail, -tail)]
        for levels in (corrected, [(1 - confidence) / 2, (1 + confidence) / 2]):
            if np.isfinite(levels).all():
                low, high = np.quantile(theta, levels)
                if np.isfinite([low, high]).all():
                    return float(low), float(high)
    return math.nan, math.nan


@lru_cache(16)
def _resamples(n: int, seed: int) -> Integers:
    """(RESAMPLES, n) indices of a sample of size n."""
    return np.random.default_rng(seed).integers(0, n, (RESAMPLES, n))


def growth_exponent(rounds: Integers, regret: Floats) -> float:
    """How regret grows at the end: 1 is linear, 0 has stopped.

    The least-squares slope of ln regret against ln t over the last half of the recorded rounds:
    regret ~ t^exponent

    Args:
        rounds: (R,) recorded rounds t >= 1.
        regret: (R,) cumulative, the mean over trials.

    Returns nan where fewer than two rounds are left, or regret is not above 0 on all of them.
    """
    half = len(rounds) // 2
    t, y = rounds[half:].astype(np.float64), regret[half:]
    if len(t) < 2 or not np.isfinite(y).all() or (y <= 0.0).any():
        return math.nan
    x = np.log(t) - np.log(t).mean()
    slope = float((x * np.log(y)).sum() / (x * x).sum())
    return 0.0 if negligible(slope, 1.0) else slope


def paired_p_value(first: Floats, other: Floats) -> float:
    """Two-sided Wilcoxon signed-rank test of other - first, trial by trial: p-value.

    Regrets of random environments are too skewed for a t-test on few trials. nan for fewer than FEWEST_PAIRS pairs or
    values that are not finite; 1 if all pairs are equal. Differences that are rounding errors are ties and zeros.
    """
    difference = other - first
    if len(difference) < FEWEST_PAIRS or not np.isfinite(difference).all():
        return math.nan
    size = np.abs([first, other]).max()
    difference = np.round(difference / (size or 1.0) / ROUNDING)
    if not difference.any():
        return 1.0
    from scipy.stats import wilcoxon

    return float(wilcoxon(difference, method="auto").pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction of the p-values of one family; nan stays nan and does not count.

    p_(m) -> max over l <= m of min(1, (n - l + 1) p_(l)), p_(1) <= ... <= p_(n)
    """
    corrected = [math.nan] * len(p_values)
    order = sorted((i for i, p in enumerate(p_values) if not math.isnan(p)), key=lambda i: p_values[i])
    largest = 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * p_values[i]))
        corrected[i] = largest
    return corrected


def spread(curves: Floats, band: str) -> tuple[Floats, Floats]:
    """(R,) lower and upper edge of the band around the mean of curves (trials, R); the mean itself for a single trial.

    band: "quarter-sd" (a quarter of the standard deviation on either side, as in the paper), "sd", or "ci" (95 %
    bootstrap percentiles of the mean, the same resampled trials for every round).
    """
    mean = curves.mean(axis=0)
    if len(curves) < 2:
        return mean, mean
    if band == "ci":
        draws = np.random.default_rng(0).integers(0, len(curves), (2_000, len(curves)))
        edges = np.percentile(np.stack([curves[draw].mean(axis=0) for draw in draws]), [2.5, 97.5], axis=0)
        return edges[0], edges[1]
    half = curves.std(axis=0, ddof=1) * (0.25 if band == "quarter-sd" else 1.0)
    return mean - half, mean + half
