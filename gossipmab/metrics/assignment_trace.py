"""What came out of a trial of the protocol `assignment`, and what its regret is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.environments.environment import Environment
from gossipmab.metrics.trace import equity_columns
from gossipmab.objectives.probing import Probing, Terms, best_probing, distributions
from gossipmab.utils.types import Floats, Integers


@dataclass(frozen=True, eq=False)
class AssignmentTrace:
    """What came out of a cell, R recorded rounds of N agents on K arms.

    rounds: (R,). regret, value: (R,), cumulative, in units of welfare: equation (1), and (1 - alpha) E[NSW]. probed: (R,),
    cumulative, arms probed. probes: (K,) how often each was. pulls: (N, K). utility: (N,), the sum over rounds of
    (1 - alpha) times the reward that agent i could expect of its assignment. reward: (N,), the same of the rewards drawn.
    """

    rounds: Integers
    regret: Floats
    value: Floats
    probed: Integers
    probes: Integers
    pulls: Integers
    utility: Floats
    reward: Floats

    AXES: ClassVar[dict[str, str]] = {
        "rounds": "R",
        "regret": "R",
        "value": "R",
        "probed": "R",
        "probes": "K",
        "pulls": "NK",
        "utility": "N",
        "reward": "N",
    }
    METRICS: ClassVar[dict[str, str]] = {"regret": "regret"}
    MEANS: ClassVar[tuple[str, ...]] = ("value", "probed")
    SUMMED: ClassVar[bool] = False

    @property
    def agents(self) -> int:
        """N."""
        return len(self.utility)

    def per_round(self) -> dict[str, NDArray[Any]]:
        """(R,) each: the rows of a cell in results.parquet; cumulative."""
        return {"round": self.rounds, "regret": self.regret, "value": self.value, "probed": self.probed}

    def per_agent(self) -> dict[str, NDArray[Any]]:
        """(N,) each: the rows of a cell in agents.parquet, at the end of the trial; equity is that of `utility`."""
        own = {"agent": np.arange(len(self.utility)), "utility": self.utility, "reward": self.reward}
        return {**own, **equity_columns(self.utility)}


class Truth(NamedTuple):
    """What regret is measured against, and what the loop needs to know of the rewards.

    levels: (L,), cdf: (N, K, L), means: (N, K): the distributions. powers: (N, K) E[R^power]. mean_powers: (N, K)
    E[R]^power. preferences: (N, D). best: the value of the best probing set, known distributions granted.
    """

    levels: Floats
    cdf: Floats
    means: Floats
    powers: Floats
    mean_powers: Floats
    preferences: Floats
    best: float


def truth(environment: Environment, terms: Terms, uniforms: Floats | None = None) -> tuple[Truth, Probing]:
    """The truth of an environment and its best probing set; `uniforms` as in `probing.best_probing`."""
    known = distributions(environment)
    best = best_probing(known, terms, uniforms)
    masses = np.diff(known.cdf, axis=2, prepend=0.0)
    powers = known.means if terms.power == 1 else (masses * known.levels**terms.power).sum(axis=2)
    return Truth(*known, powers, known.means**terms.power, environment.preferences, best.value), best
