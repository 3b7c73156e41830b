"""Numerical methods of the objectives: p*, product plus bonus (global and local), a simplex method, a flow.

Each certifies its value, and tests hold them against other solvers. Start with `nash_optimum.py` and `newton.py`.
"""

from gossipmab.objectives.solvers.bonus_global import maximise_with_bonus as maximise_with_bonus, warm_size as warm_size
from gossipmab.objectives.solvers.bonus_local import climb_with_bonus as climb_with_bonus
from gossipmab.objectives.solvers.linalg import nash_welfare as nash_welfare
from gossipmab.objectives.solvers.nash_optimum import (
    maximise_concave as maximise_concave,
    maximise_nash_welfare as maximise_nash_welfare,
)
from gossipmab.objectives.solvers.nash_workspace import WelfareWorkspace as WelfareWorkspace, welfare_workspace as welfare_workspace
