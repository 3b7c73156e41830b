"""What the columns of a run's tables are called at length, and in which units they are: attributes of `Results.dataset`.

"reward" and "welfare" are the units of the environment's rewards and of the welfare or objective that is maximised; "1" is none.
"""

from __future__ import annotations

from collections.abc import Mapping

from gossipmab.objectives import OBJECTIVES

SAID = {
    "round": ("round", "round"),
    "trial": ("trial", "1"),
    "agent": ("agent", "1"),
    "algorithm": ("label of the algorithm", "1"),
    "pareto_regret": ("cumulative Pareto regret", "reward"),
    "nsw_regret": ("cumulative NSW regret", "welfare"),
    "disagreement": ("largest distance of an estimate from the mean of all local averages", "reward"),
    "sampling_error": ("largest distance of the mean of all local averages from the truth", "reward"),
    "drift": ("largest distance of the mean estimate from the mean of all local averages", "reward"),
    "messages": ("messages sent so far", "message"),
    "floats": ("numbers in the messages sent so far", "1"),
    "bytes": ("bytes sent so far", "byte"),
    "regret": ("cumulative regret", "welfare"),
    "value": ("cumulative value", "welfare"),
    "probed": ("arms probed so far", "arm"),
    "multiplier": ("dual variable", "1"),
    "mre": ("H / N of the utilities that the policy promises", "reward"),
    "excess": ("E / N of the utilities that the policy promises", "reward"),
    "agent_excess": ("distance of the utility from the mean of its cell", "reward"),
    "utility": ("sum over rounds of what the agent could expect of its arms", "reward"),
    "reward": ("sum of the rewards drawn", "reward"),
    "messages_sent": ("messages that the agent sent", "message"),
    "expected": ("utility of the mean policy, a round", "reward"),
    "decision_share": ("share of the mean policy on the agent's favourite arms", "1"),
    "proportional": ("whether the agent has its proportional share", "1"),
    "procedural_score": ("procedural score of the mean policy", "1"),
    "core": ("whether the mean policy is in the core", "1"),
    "core_gain": ("what every member of the best coalition would gain", "reward"),
    "equity_mre": ("Minimum Reallocation of Excess of the utilities", "reward"),
    "equity_excess": ("mean excess of the utilities", "reward"),
    "equity_incidence": ("share of agents with excess", "1"),
    "equity_cv": ("coefficient of variation of the utilities", "1"),
    "equity_gini": ("Gini coefficient of the utilities", "1"),
    "equity_jain": ("Jain's index of the utilities", "1"),
    "equity_theil": ("Theil's T of the utilities", "1"),
    "equity_atkinson": ("Atkinson's index of the utilities", "1"),
    **{f"regret_{name}": (f"cumulative regret in {name}", f"{name} of utilities") for name in OBJECTIVES},
    **{f"welfare_{name}": (f"{name} of the mean policy", f"{name} of utilities") for name in OBJECTIVES},
}


def attributes(name: str, swept: Mapping[str, str]) -> dict[str, str]:
    """long_name and units of an array or a coordinate. `swept`: its name -> the dotted key, for those of the sweep.

    What is not known here, such as a column of a foreign trace, goes by its own name.
    """
    if name in swept:
        return {"long_name": swept[name], "units": "1"}
    plain = name.removeprefix("agent_")
    said, units = SAID.get(name) or SAID.get(plain) or (plain.replace("_", " "), "1")
    return {"long_name": said if plain == name else f"{said}, at the last round", "units": units}
