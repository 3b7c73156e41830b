"""Numerical methods of the objectives: p*, product plus bonus (global and local), a simplex method, a flow.

Each certifies its value, and tests hold them against other solvers. Start with `nash_optimum.py` and `newton.py`.
"""

from gossipmab.objectives.solvers.bonus_global import maximise_with_bonus, warm_size
from gossipmab.objectives.solvers.bonus_local import climb_with_bonus
from gossipmab.objectives.solvers.nash_optimum import WelfareOptimum, maximise_concave, maximise_nash_welfare
from gossipmab.objectives.solvers.nash_welfare import nash_welfare
from gossipmab.objectives.solvers.nash_workspace import WelfareWorkspace, welfare_workspace

__all__ = [
    "WelfareOptimum",
    "WelfareWorkspace",
    "climb_with_bonus",
    "maximise_concave",
    "maximise_nash_welfare",
    "maximise_with_bonus",
    "nash_welfare",
    "warm_size",
    "welfare_workspace",
]
