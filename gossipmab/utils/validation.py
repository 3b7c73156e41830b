"""Checks of single parameters. Each raises InputError naming the key, the value and what is allowed."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np

from gossipmab.utils.errors import InputError


def is_number(value: object) -> TypeGuard[float]:
    """Whether the value is a finite number (and no bool)."""
    return (
        isinstance(value, int | float | np.integer | np.floating)
        and not isinstance(value, bool)
        and bool(np.isfinite(value))
    )


def probability(key: str, value: Any, positive: bool = False) -> float:
    """The parameter as a float in [0, 1], or in (0, 1] if `positive`."""
    if not is_number(value) or not 0.0 <= float(value) <= 1.0 or (positive and value == 0):
        raise InputError(f"{key}: {value!r} is not a number in {'(' if positive else '['}0, 1]")
    return float(value)


def whole_number(key: str, value: Any, least: int = 1) -> int:
    """The parameter as an int in [least, 2**53)."""
    number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not number or not least <= int(value) < 2**53:
        raise InputError(f"{key}: got {value!r}, allowed is a whole number >= {least}")
    return int(value)


def positive_number(key: str, value: Any) -> float:
    """The parameter as a finite float > 0."""
    if not is_number(value) or not float(value) > 0.0:
        raise InputError(f"{key}: got {value!r}, allowed is a number > 0")
    return float(value)
