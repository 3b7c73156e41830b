"""Logarithm and exponential: against decimal arithmetic of 40 digits, at the edges, and compiled as interpreted."""

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

from gossipmab.utils.elementary import exp, log, log1p

NORMAL = np.random.default_rng(0)
EDGES = [math.nextafter(0.6875, 0.0), 0.6875, 1.0 - 2.0**-53, 1.0 + 2.0**-52, 255 / 256, 257 / 256, 5e-324, 2.0**-1022, 1.7e308]
CASES: list[tuple[Any, Callable[[Decimal], Decimal], list[float], float]] = [
    (log, Decimal.ln, [*NORMAL.random(2_000) * 2, *np.exp(NORMAL.uniform(-744, 709, 1_000)), *EDGES], 1.0),
    (log, Decimal.ln, [*(1 + NORMAL.normal(size=2_000) * 10 ** NORMAL.uniform(-16, -1, 2_000))], 1.0),
    (exp, Decimal.exp, [*NORMAL.normal(size=2_000), *NORMAL.uniform(-745, 709.78, 2_000), 709.782712893384, 1e-20], 1.0),
    (log1p, lambda x: (1 + x).ln(), [*NORMAL.uniform(-1, 1, 2_000) * 10 ** NORMAL.uniform(-17, 0, 2_000)], 2.0),
]


@pytest.mark.parametrize(("function", "exact", "numbers", "units"), CASES)
def test_errors_in_units_of_the_last_place(
    function: Any, exact: Callable[[Decimal], Decimal], numbers: list[float], units: float
) -> None:
    with localcontext(prec=40):
        for x in map(float, numbers):
            true = exact(Decimal(x))
            assert abs(Decimal(function(x)) - true) <= Decimal(units * math.ulp(float(true))), x


def test_what_has_no_series() -> None:
    assert [log(0.0), log(math.inf), log(1.0)] == [-math.inf, math.inf, 0.0] and math.isnan(log(-1.0)) and math.isnan(log(math.nan))
    assert [exp(x) for x in (0.0, 709.79, math.inf, -745.14, -math.inf)] == [1.0, math.inf, math.inf, 0.0, 0.0]
    assert math.isnan(exp(math.nan)) and exp(-745.13) == 5e-324
    assert [log1p(0.0), log1p(-1.0), log1p(1e-300)] == [0.0, -math.inf, 1e-300] and math.isnan(log1p(-2.0))


@pytest.mark.parametrize("function", [log, exp, log1p])
def test_compiled_and_interpreted_have_the_same_bits(function: Any) -> None:
    plain = getattr(function, "py_func", function)
    numbers = [*NORMAL.uniform(-700, 700, 500), *NORMAL.random(500)]
    np.testing.assert_array_equal([plain(abs(x)) for x in numbers], [function(abs(x)) for x in numbers])
