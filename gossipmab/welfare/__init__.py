"""Nash social welfare and its maximisers: p*, the global maximiser of product plus bonus, the local climb."""

from gossipmab.welfare.climb import climb_with_bonus
from gossipmab.welfare.concave import WelfareOptimum, maximise_concave, maximise_nash_welfare
from gossipmab.welfare.frontier import maximise_with_bonus, warm_size
from gossipmab.welfare.nash import geometric_nash_welfare, log_nash_welfare, nash_welfare
from gossipmab.welfare.workspace import Workspace, workspace

__all__ = [
    "WelfareOptimum",
    "Workspace",
    "climb_with_bonus",
    "geometric_nash_welfare",
    "log_nash_welfare",
    "maximise_concave",
    "maximise_nash_welfare",
    "maximise_with_bonus",
    "nash_welfare",
    "warm_size",
    "workspace",
]
