"""The checks of numbers."""

from __future__ import annotations

import operator
from typing import Any, TypeGuard

import numpy as np

from gossipmab.utils.errors import InputError


def is_number(value: object) -> TypeGuard[float]:
    """Whether the value is a finite number (and no bool)."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool) and bool(np.isfinite(value))


def whole_number(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """The value as Python's int; integers of NumPy and floats that are whole are whole numbers, too, and no bool is one.

    Raises:
        InputError: it is no whole number from `least` to `most`.
    """
    try:
        found = least - 1 if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        found = int(value) if is_number(value) and float(value).is_integer() else least - 1
    if found < least or (most is not None and found > most):
        allowed = f">= {least}" if most is None else f"from {least} to {most}"
        raise InputError(f"{name}: got {value!r}, allowed is a whole number {allowed}")
    return found
