"""Logarithm and exponential with the same bits in every interpreter, compiler, C library and device.

Those of C libraries and of GPUs differ from one another in the last bit, and then so does a result. These are made of tables,
correctly rounded, and of additions and multiplications in a fixed order. Errors in units in the last place: below 1, of `log1p` 2.

A table has a point c near every number: ln x = ln c + ln(1 + r) and e^x = c e^r, with short series in r.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

import numpy as np

from gossipmab.utils.jit import jit, jit_inline
from gossipmab.utils.types import Floats

STEPS, TURN = 128, np.int64(7)  # points of a table, to a number twice as large; 2^TURN
MASK = np.int64(STEPS - 1)
FRACTION, BIAS = np.int64(52), np.int64(1023)  # bits of a float
LEAST_NORMAL, TWO_54 = 2.0**-1022, 2.0**54
NEAR = np.int64(960)  # powers of two that leave room for the parts of a number
LARGEST, SMALLEST = 709.782712893384, -745.1332191019412  # exponents of the largest and of half the smallest number
# As bits: the first point of the table of logarithms, between 1/2 and 1, and half a step below it. 1 is a point.
FIRST = np.float64(0.6875).view(np.int64)
BELOW = FIRST - (np.int64(1) << (FRACTION - TURN - 1))
ROUNDING = 1.5 * 2.0**FRACTION  # added, it rounds to whole numbers, which are then the last bits
WHOLE = np.float64(ROUNDING).view(np.int64)
C, ONE_BY_C, ONE_BY_C_REST, LN_C, LN_C_REST = map(np.uint64, range(5))  # columns of LOGARITHMS
POWER, POWER_REST = map(np.uint64, range(2))  # and of POWERS


def _split(exact: Decimal, digits: int = 0) -> tuple[float, float]:
    """(high, low), whose sum is `exact`; high is a multiple of 2^-digits, if digits are given."""
    high = round(exact * 2**digits) / 2.0**digits if digits else float(exact)
    return high, float(exact - Decimal(high))


def _tables() -> tuple[Floats, Floats, tuple[float, float], float]:
    """(the columns above for each c), (2^(k / STEPS) and its rest for each k), a step ln(2) / STEPS and its rest, steps a unit."""
    with localcontext(prec=40):
        points = [float(np.int64(FIRST + (k << int(FRACTION - TURN))).view(np.float64)) for k in range(STEPS)]
        logarithms = [(c, *_split(1 / Decimal(c)), *_split(Decimal(c).ln(), 42)) for c in points]
        step = Decimal(2).ln() / STEPS
        powers = [_split((k * step).exp()) for k in range(STEPS)]
        return np.array(logarithms), np.array(powers), _split(step, 42), float(1 / step)


LOGARITHMS, POWERS, (STEP, STEP_REST), STEPS_PER_UNIT = _tables()
LN_2, LN_2_REST = STEPS * STEP, STEPS * STEP_REST


@jit_inline
def log_of_normal(x: float) -> float:
    """ln x, 2^-1022 <= x < inf.

    ln x = e ln 2 + ln c + r - r^2 / 2 + r^3 / 3 - ...,  x = 2^e c (1 + r),  |r| <= 1 / 256
    """
    bits = np.float64(x).view(np.int64)
    above = bits - BELOW
    e, k = above >> FRACTION, np.uint64((above >> (FRACTION - TURN)) & MASK)
    away = np.int64(bits - (e << FRACTION)).view(np.float64) - LOGARITHMS[k, C]
    r = away * LOGARITHMS[k, ONE_BY_C]
    w = r * r
    w2 = w * w
    series = (w * (-1 / 2 + r * (1 / 3)) + w2 * (-1 / 4 + r * (1 / 5))) + (w2 * w) * (-1 / 6 + r * (1 / 7))
    large = e * LN_2 + LOGARITHMS[k, LN_C]
    total = large + r
    lost = (large - total) + r  # by that rounding
    rest = (e * LN_2_REST + LOGARITHMS[k, LN_C_REST]) + (away * LOGARITHMS[k, ONE_BY_C_REST] + lost)
    value: float = total + (series + rest)
    return value


@jit
def log(x: float) -> float:
    """ln x: -inf for 0, NaN below."""
    if LEAST_NORMAL <= x < math.inf:
        return log_of_normal(x)
    if 0.0 < x < LEAST_NORMAL:
        return log_of_normal(x * TWO_54) - 54.0 * (LN_2 + LN_2_REST)
    return -math.inf if x == 0.0 else x if x > 0.0 else math.nan


@jit_inline
def power_of_two(n: Any) -> Any:
    """2^n, -1022 <= n <= 1023."""
    return np.int64((n + BIAS) << FRACTION).view(np.float64)


@jit
def exp(x: float) -> float:
    """e^x: inf above 709.78, 0 below -745.13.

    e^x = 2^(n / 128) (1 + r + r^2 / 2! + r^3 / 3! + ...),  x = n ln(2) / 128 + r
    """
    if not SMALLEST <= x <= LARGEST:
        return 0.0 if x < 0.0 else math.inf if x > 0.0 else math.nan
    rounded = x * STEPS_PER_UNIT + ROUNDING
    n = np.float64(rounded).view(np.int64) - WHOLE
    steps = rounded - ROUNDING
    r = (x - steps * STEP) - steps * STEP_REST
    w = r * r
    series = (r + w * (1 / 2 + r * (1 / 6))) + (w * w) * (1 / 24 + r * (1 / 120))
    k = np.uint64(n & MASK)
    n >>= TURN
    near = min(max(n, -NEAR), NEAR)
    scale = power_of_two(near)
    power = scale * POWERS[k, POWER]
    value: float = power + (power * series + scale * POWERS[k, POWER_REST])
    return value if n == near else value * power_of_two(n - near)  # one rounding, of what is below 2^-1022


@jit
def log1p(x: float) -> float:
    """ln(1 + x), by what 1 + x loses to rounding."""
    u = 1.0 + x
    return log(u) - ((u - 1.0) - x) / u if 0.0 < u < math.inf else log(u)
