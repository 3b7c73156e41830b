"""How pulls cover the Pareto front: regret alone is small, too, for whoever pulls one arm of the front all the time.

F is the set of arms whose centred mean vectors no other arm dominates, n_k the pulls of arm k so far.

    share     sum_{k in F} n_k / sum_k n_k
    evenness  -sum_{k in F} q_k log q_k / log |F|,   q_k = n_k / sum_{l in F} n_l     (Pielou's index; 1 where |F| = 1)
    coverage  |{k in F : n_k >= (1/2) sum_l n_l / |F|}| / |F|
    hypervolume regret  HV(all K arms) - HV({k : n_k >= (1/2) sum_l n_l / |F|})

HV is the volume that mean vectors dominate above 0 (Zitzler and Thiele, 1999). The hypervolume regret of Zhang ("Optimal
Scalarizations for Sublinear Hypervolume Regret", 2023) counts every arm pulled once, so among K arms it is 0 from round K on; here
an arm counts while it has half an even share of the pulls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from gossipmab.utils.types import Floats, Integers

FLAGS = 500_000  # of the sets whose areas are computed at a time


class FrontCoverage(NamedTuple):
    """Arrays of one shape: the first three in [0, 1], the last in units of rewards to the power D; NaN where nothing was pulled."""

    share: Floats
    evenness: Floats
    coverage: Floats
    hypervolume_regret: Floats


def hypervolume(values: Floats, sets: NDArray[np.bool_]) -> Floats:
    """(S,) the volume between 0 and the mean vectors (K, D) of each set, given as flags (S, K), in O(S K^(D-1)) steps."""
    return _volumes(values.clip(0.0))(sets)


def _volumes(values: Floats) -> Callable[[NDArray[np.bool_]], Floats]:
    """The function sets (S, K) -> volumes (S,) of vectors (K, D) at or above 0.

    Slices along the last objective, downwards, each with the arms that reach it.
    """
    order = np.argsort(-values[:, -1], kind="stable")
    steps = values[order, -1]
    steps[:-1] -= steps[1:]
    if values.shape[1] == 1:
        return lambda sets: np.asarray((sets * values[:, 0]).max(axis=1))
    if values.shape[1] == 2:
        widths = values[order, 0]
        return lambda sets: np.asarray((np.maximum.accumulate(sets[:, order] * widths, axis=1) * steps).sum(axis=1))
    areas, K = _volumes(values[:, :-1]), len(values)
    reaches = np.argsort(order) <= np.arange(K)[:, None]  # (slices, K)

    def volumes(sets: NDArray[np.bool_]) -> Floats:
        total, several = np.zeros(len(sets)), max(1, FLAGS // max(1, sets.size))
        for first in range(0, K, several):
            reached = sets & reaches[first : first + several, None]
            slices = areas(reached.reshape(-1, K)).reshape(len(reached), -1)
            total += (steps[first : first + several, None] * slices).sum(axis=0)
        return total

    return volumes


def front_coverage(pulls: Integers, front: NDArray[np.bool_], means: Floats) -> FrontCoverage:
    """How pulls (..., K) cover the front of mean vectors (K, D), given as flags (K,), at least one of them set.

    Above four objectives the hypervolume regret is NaN: its cost grows with K^(D-1).
    """
    pulled = np.asarray(pulls, dtype=float)
    on, total, size = pulled[..., front], pulled.sum(axis=-1), int(front.sum())
    met = on.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        q = np.where(met[..., None] > 0, on / met[..., None], 0.0)
        evenness = entr(q).sum(axis=-1) / np.log(size) if size > 1 else np.where(met > 0, 1.0, 0.0)
        covered = 2 * size * pulled >= total[..., None]
        found = (met / total, np.minimum(evenness, 1.0), covered[..., front].mean(axis=-1), _missing(covered, means))
    return FrontCoverage(*(np.where(total > 0, values, np.nan) for values in found))


def _missing(covered: NDArray[np.bool_], means: Floats) -> Floats:
    """The volume that all arms dominate and the flagged ones (..., K) do not; each set of arms worked out once."""
    if means.shape[1] > 4:
        return np.full(covered.shape[:-1], np.nan)
    sets = np.vstack([np.ones((1, len(means)), dtype=bool), covered.reshape(-1, len(means))])
    packed = np.packbits(sets, axis=1)
    _, first, which = np.unique(packed.view(f"S{packed.shape[1]}").ravel(), return_index=True, return_inverse=True)
    volumes = hypervolume(means, sets[first])[which]
    return np.asarray(np.maximum(volumes[0] - volumes[1:], 0.0).reshape(covered.shape[:-1]))
