"""The trace of a trial of the protocol `central`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipmab.metrics.trace import TrialRecord, array
from gossipmab.objectives import OBJECTIVES
from gossipmab.utils.types import Floats, Integers


@dataclass(frozen=True, eq=False, repr=False)
class CentralTrace(TrialRecord):
    """R recorded rounds of N agents, K arms and a centre.

    Regrets are cumulative: `regret` in the learner's own objective, other_regrets in those of other_objectives (O,). multiplier
    is NaN of a learner without a dual variable. policy_measures (M,), of the mean policy, have the names policy_measure_names (M,):
    procedural_score, welfare_<objective>, core (1 or 0) and core_gain, what every member of the coalition that can do best for
    itself would gain; both NaN for more than 12 agents.

    >>> trace = gm.simulate(gm.EpsilonGreedy(), environment, horizon=30, seed=0)
    >>> int(trace.pulls.sum()), trace.mean_policy.shape
    (30, (3,))
    """

    rounds: Integers = array("R", "round", "round", name="round")
    regret: Floats = array("R", "cumulative regret", "welfare", metric="regret")
    other_regrets: Floats = array("RO", "cumulative regret in other objectives")
    other_objectives: NDArray[np.str_] = array("O", "names of other objectives")
    multiplier: Floats = array("R", "dual variable", mean=True)
    mre: Floats = array("R", "H / N of the utilities that the policy promises", "reward", mean=True)
    excess: Floats = array("R", "E / N of the utilities that the policy promises", "reward", mean=True)
    pulls: Integers = array("K", "pulls of each arm")
    policy: Floats = array("K", "policy of the last round")
    mean_policy: Floats = array("K", "mean policy over all rounds")
    utility: Floats = array("N", "sum over rounds of what the agent could expect of its arms", "reward")
    mean_policy_utility: Floats = array("N", "utility of the mean policy, a round", "reward")
    decision_share: Floats = array("N", "share of the mean policy on the agent's favourite arms")
    proportional: Floats = array("N", "whether the agent has its proportional share")
    policy_measures: Floats = array("M", "measures of the mean policy")
    policy_measure_names: NDArray[np.str_] = array("M", "names of the measures")

    MORE: ClassVar = {
        "procedural_score": ("procedural score of the mean policy", "1"),
        "core": ("whether the mean policy is in the core", "1"),
        "core_gain": ("what every member of the best coalition would gain", "reward"),
        **{f"regret_{name}": (f"cumulative regret in {name}", f"{name} of utilities") for name in OBJECTIVES},
        **{f"welfare_{name}": (f"{name} of the mean policy", f"{name} of utilities") for name in OBJECTIVES},
    }

    def per_round(self) -> dict[str, NDArray[Any]]:
        """(R,) each: the rows of a cell in results.parquet; regrets cumulative, the rest of the round itself."""
        columns = enumerate(self.other_objectives)
        others = {f"regret_{name}": np.ascontiguousarray(self.other_regrets[:, o]) for o, name in columns}
        return super().per_round() | others

    def per_agent(self) -> dict[str, NDArray[Any]]:
        """(N,) each: the rows of a cell in agents.parquet, at the end; measures of the whole policy say the same of all agents."""
        measures = zip(self.policy_measure_names, self.policy_measures, strict=True)
        return super().per_agent() | {str(name): np.full(self.agents, value) for name, value in measures}


CentralTrace.METRICS |= {f"regret_{name}": f"regret in {name}" for name in OBJECTIVES}
