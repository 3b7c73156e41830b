"""Numbers as text for tables, progress bars and reports."""

from __future__ import annotations

import math


def format_number(value: float, digits: int = 4) -> str:
    """Format with `digits` significant digits and thousands separators; "-" for nan."""
    if not math.isfinite(value):
        return "-" if math.isnan(value) else "inf"
    if value and abs(value) < 1e-3:
        return f"{value:.{digits - 1}e}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{places}f}"


def format_integer(value: float) -> str:
    """Format a whole number; "-" for nan."""
    return "-" if math.isnan(value) else f"{value:.0f}"


def format_count(number: float) -> str:
    """Format a count with three digits and a unit: 850, 12.3 k, 4.56 M, 7.89 G; "-" for nan."""
    if math.isnan(number):
        return "-"
    for unit in ("", " k", " M", " G"):
        if abs(number) < 999.5:
            return f"{number:.3g}{unit}"
        number /= 1000.0
    return f"{number:,.3g} T"
