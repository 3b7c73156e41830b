"""The scratch of the maximisers, made once per cell so that the hot loop allocates nothing.

One table of rows instead of an array per vector: what is passed from function to function stays small, which at
(N,K) = (4,4) is most of the time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from gossipmab.utils.types import Floats, Integers

# Rows of `table`: vectors over the arms, but for WEIGHT, which is over the agents.
WEIGHT = 0  # 1/u[j], u = gains @ p
P = 1  # the current point
BONUS = 2  # b, the linear reward of each arm
SLOPE = 3  # gradient of h(p) = s sum_j ln u[j]
TOWARD = 4  # Newton direction of h
ALONG = 5  # Newton direction of b: dp/dlam
ROW = 6
DUAL = 7  # interior point: multipliers of p >= 0
STEP = 8  # interior point: change of p
CHANGE = 9  # interior point: change of the multipliers
BACKUP = 10  # interior point: the best p so far
BEST = 11  # the best p of the global search
CURVE = 12  # the families of tangents (`curves.py`): CURVES times CURVE_ROWS rows
CURVES = 8
CURVE_ROWS = 6
MATRIX = CURVE + CURVES * CURVE_ROWS  # the K last rows: Cholesky factor of the Newton matrix

# Rows of `play`.
SUPPORT = 0  # the arms in play
INSIDE = 1  # 1 if an arm is in play


class WelfareWorkspace(NamedTuple):
    """Scratch for N agents and K arms. Nothing in it carries over from one call to the next.

    gains (N,K): the rows of the product, clipped or scaled; table (MATRIX + K, max(N,K,4)): the rows named above;
    play (2,K): SUPPORT and INSIDE.
    """

    gains: Floats
    table: Floats
    play: Integers


@register_jitable
def welfare_workspace(agents: int, arms: int) -> WelfareWorkspace:
    """Scratch for problems with `agents` rows and `arms` columns; callable from compiled code too."""
    width = max(agents, arms, 4)
    return WelfareWorkspace(np.zeros((agents, arms)), np.zeros((MATRIX + arms, width)), np.zeros((2, arms), np.int64))
