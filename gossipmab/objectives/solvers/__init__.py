"""Nash social welfare and its maximisers: p*, the global maximiser of product plus bonus, the local climb."""

from gossipmab.objectives.solvers.bonus_global import maximise_with_bonus, warm_size
from gossipmab.objectives.solvers.bonus_local import climb_with_bonus
from gossipmab.objectives.solvers.nash_optimum import WelfareOptimum, maximise_concave, maximise_nash_welfare
from gossipmab.objectives.solvers.nash_welfare import geometric_nash_welfare, log_nash_welfare, nash_welfare
from gossipmab.objectives.solvers.nash_workspace import WelfareWorkspace, welfare_workspace

__all__ = [
    "WelfareOptimum",
    "WelfareWorkspace",
    "climb_with_bonus",
    "geometric_nash_welfare",
    "log_nash_welfare",
    "maximise_concave",
    "maximise_nash_welfare",
    "maximise_with_bonus",
    "nash_welfare",
    "warm_size",
    "welfare_workspace",
]
