"""What comes out of a cell of the protocol `central`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipmab.metrics.trace import equity_columns
from gossipmab.objectives import OBJECTIVES
from gossipmab.utils.types import Floats, Integers


@dataclass(frozen=True, eq=False)
class CentralTrace:
    """R recorded rounds of N agents, K arms and a centre.

    rounds: (R,). regret: (R,), cumulative, in the learner's own objective. others: (R, O), cumulative, in the objectives that
    were asked for, whose names are asked: (O,). multiplier: (R,) the dual variable of a learner that has one, else NaN.
    mre, excess: (R,) H / N and E / N of the utilities that the policy of the round promises.
    At the end: pulls (K,) of every arm; policy (K,) of the last round; mean_policy (K,) over all rounds. utility: (N,), the sum
    over rounds of u[j, arm], what agent j could expect of the arms drawn. Of the mean policy: expected (N,) utilities a round,
    decision_share (N,), proportional (N,) 1 where agent j has its proportional share; measures (M,), of the names
    measured (M,): procedural_score, welfare_<objective>, core (1 or 0) and core_gain, what every member of the
    coalition that can do best for itself would gain; both NaN for more than 12 agents.
    """

    rounds: Integers
    regret: Floats
    others: Floats
    asked: NDArray[np.str_]
    multiplier: Floats
    mre: Floats
    excess: Floats
    pulls: Integers
    policy: Floats
    mean_policy: Floats
    utility: Floats
    expected: Floats
    decision_share: Floats
    proportional: Floats
    measures: Floats
    measured: NDArray[np.str_]

    AXES: ClassVar[dict[str, str]] = {
        "rounds": "R", "regret": "R", "others": "RO", "asked": "O", "multiplier": "R", "mre": "R", "excess": "R",
        "pulls": "K", "policy": "K", "mean_policy": "K", "utility": "N", "expected": "N", "decision_share": "N",
        "proportional": "N", "measures": "M", "measured": "M",
    }  # fmt: skip
    METRICS: ClassVar[dict[str, str]] = {
        "regret": "regret",
        **{f"regret_{name}": f"regret in {name}" for name in OBJECTIVES},
    }
    MEANS: ClassVar[tuple[str, ...]] = ("mre", "excess", "multiplier")
    SUMMED: ClassVar[bool] = False

    @property
    def agents(self) -> int:
        """N."""
        return len(self.utility)

    def per_round(self) -> dict[str, NDArray[Any]]:
        """(R,) each: the rows of a cell in results.parquet; regrets cumulative, the rest of the round itself."""
        others = {f"regret_{name}": np.ascontiguousarray(self.others[:, o]) for o, name in enumerate(self.asked)}
        return {
            "round": self.rounds, "regret": self.regret, **others,
            "mre": self.mre, "excess": self.excess, "multiplier": self.multiplier,
        }  # fmt: skip

    def per_agent(self) -> dict[str, NDArray[Any]]:
        """(N,) each: the rows of a cell in agents.parquet, at the end; measures of the whole policy say the same of all agents."""
        N = self.agents
        return {
            "agent": np.arange(N), "utility": self.utility, "expected": self.expected,
            "decision_share": self.decision_share, "proportional": self.proportional, **equity_columns(self.utility),
            **{str(name): np.full(N, value) for name, value in zip(self.measured, self.measures, strict=True)},
        }  # fmt: skip
