"""Logarithm and exponential with the same bits in every interpreter, compiler, library and device.

Those of C libraries and of GPUs differ from one another in the last bit, and then so does a result. These are made of additions,
multiplications, divisions and exact scalings, in a fixed order. Errors: below 1 unit in the last place.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gossipmab.utils.jit import jit, jit_inline

LN2_HIGH, LN2_LOW = float.fromhex("0x1.62e42fefap-1"), float.fromhex("0x1.cf79abc9e3b3ap-40")  # their sum is ln 2; 33 bits are zero
LOG2_E = 1.4426950408889634
FRACTION, BIAS = np.int64(52), np.int64(1023)  # bits of a float
SQRT_HALF = np.float64(0.7071067811865476).view(np.int64)
LEAST_NORMAL, TWO_54 = 2.0**-1022, 2.0**54
LARGEST, SMALLEST = 709.782712893384, -745.1332191019412  # exponents of the largest and of half the smallest number


@jit
def log(x: float) -> float:
    """ln x: -inf for 0, NaN below.

    With x = (1 + f) 2^e, 1/sqrt(2) <= 1 + f < sqrt(2), and s = f / (2 + f):

        ln x = e ln 2 + 2 artanh s,   2 artanh s = f - f^2 / 2 + s (f^2 / 2 + 2 s^2 / 3 + 2 s^4 / 5 + ...)
    """
    if not 0.0 < x < math.inf:
        return -math.inf if x == 0.0 else x if x > 0.0 else math.nan
    short = x < LEAST_NORMAL
    bits = np.float64(x * TWO_54 if short else x).view(np.int64)
    e = (bits - SQRT_HALF) >> FRACTION
    f = np.int64(bits - (e << FRACTION)).view(np.float64) - 1.0
    e -= 54 if short else 0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = z * (2.0 / 3.0 + w * (2.0 / 7.0 + w * (2.0 / 11.0 + w * (2.0 / 15.0 + w * (2.0 / 19.0)))))
    even = w * (2.0 / 5.0 + w * (2.0 / 9.0 + w * (2.0 / 13.0 + w * (2.0 / 17.0 + w * (2.0 / 21.0)))))
    half = 0.5 * f * f
    value: float = e * LN2_HIGH - ((half - (s * (half + (odd + even)) + e * LN2_LOW)) - f)
    return value


@jit_inline
def power_of_two(n: Any) -> float:
    """2^n, -1022 <= n <= 1023."""
    return np.int64((n + BIAS) << FRACTION).view(np.float64)


@jit
def exp(x: float) -> float:
    """e^x: inf above 709.78, 0 below -745.13.

    With x = n ln 2 + r, |r| <= ln(2) / 2: e^x = 2^n (1 + r + r^2 / 2! + r^3 / 3! + ...).
    """
    if not SMALLEST <= x <= LARGEST:
        return 0.0 if x < 0.0 else math.inf if x > 0.0 else math.nan
    n = np.int64(math.floor(x * LOG2_E + 0.5))
    high, low = x - n * LN2_HIGH, n * LN2_LOW
    r = high - low
    rest = (high - r) - low
    w = r * r
    even = 1 / 2 + w * (1 / 24 + w * (1 / 720 + w * (1 / 40320 + w * (1 / 3628800 + w / 479001600))))
    odd = 1 / 6 + w * (1 / 120 + w * (1 / 5040 + w * (1 / 362880 + w * (1 / 39916800 + w / 6227020800))))
    value = 1.0 + (r + (rest + w * (even + r * odd)))
    half = n // 2
    return (value * power_of_two(half)) * power_of_two(n - half)  # one rounding, of what is below 2^-1022


@jit
def log1p(x: float) -> float:
    """ln(1 + x), exact where 1 + x is not."""
    u = 1.0 + x
    return log(u) - ((u - 1.0) - x) / u if 0.0 < u < math.inf else log(u)
