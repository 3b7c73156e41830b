"""How pulls cover the Pareto front: regret alone is small, too, for whoever pulls one arm of the front all the time.

F is the set of arms whose centred mean vectors no other arm dominates, n_k the pulls of arm k so far.

    share     sum_{k in F} n_k / sum_k n_k
    evenness  -sum_{k in F} q_k log q_k / log |F|,   q_k = n_k / sum_{l in F} n_l     (Pielou's index; 1 where |F| = 1)
    coverage  |{k in F : n_k >= (1/2) sum_l n_l / |F|}| / |F|
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from gossipmab.utils.types import Floats, Integers


class FrontCoverage(NamedTuple):
    """Arrays of one shape, each in [0, 1]; NaN where nothing was pulled."""

    share: Floats
    evenness: Floats
    coverage: Floats


def front_coverage(pulls: Integers, front: NDArray[np.bool_]) -> FrontCoverage:
    """How pulls (..., K) cover the front, given as flags (K,), at least one of them set."""
    pulled = np.asarray(pulls, dtype=float)
    on, total, size = pulled[..., front], pulled.sum(axis=-1), int(front.sum())
    met = on.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        q = np.where(met[..., None] > 0, on / met[..., None], 0.0)
        evenness = entr(q).sum(axis=-1) / np.log(size) if size > 1 else np.where(met > 0, 1.0, 0.0)
        covered = (2 * size * on >= total[..., None]).mean(axis=-1)
        found = (met / total, np.minimum(evenness, 1.0), covered)
    return FrontCoverage(*(np.where(total > 0, values, np.nan) for values in found))
