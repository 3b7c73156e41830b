"""Charts and networks as numbers for the page, where page.js draws them with BokehJS, which the page holds once.

A static picture of every one stands beside it, for printing and where scripts are off.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from gossipmab.analysis.charts import Chart, Curve, charts
from gossipmab.analysis.selection import BANDS

if TYPE_CHECKING:
    from gossipmab.analysis.selection import View
    from gossipmab.utils.types import Floats

DASHES: dict[Any, list[float]] = {"-": [], "--": [7, 3], "-.": [8, 3, 2, 3], ":": [2, 3]}
MARKERS = dict(zip("os^Dv<>", ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex", "star"), strict=True))
MOST_POINTS, ALL_POINTS, LEAST_POINTS = 200, 6_000, 20  # of a curve, and of all curves of the page


def library() -> Markup:
    """BokehJS, to be put into the page."""
    import bokeh

    folder = Path(bokeh.__file__).parent / "server" / "static" / "js"
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in ("bokeh.min.js", "bokeh-api.min.js")))


def as_json(value: Any) -> Markup:
    """The value as JSON that may stand in a script element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def with_numbers(seen: View, bound: str | None) -> Iterator[tuple[Chart, dict[str, Any]]]:
    """Every chart of `charts`, and what page.js needs of it, with all bands."""
    drawn = list(charts(seen, bound=bound))
    other = {band: list(charts(seen._replace(band=band), bound=bound)) for band in ("ci", "sd") if band != seen.band}
    every = {band: other.get(band, drawn) for band in ("ci", "sd")}
    curves = sum(len(panel.curves) for chart in drawn for panel in chart.panels)
    for charts_of_bands in zip(drawn, every["ci"], every["sd"], strict=True):
        chart, ci, sd = (thinned(one, curves) for one in charts_of_bands)
        yield chart, numbers(chart, {name: [corner, words] for name, (words, corner) in BANDS.items()}, seen.band, ci, sd)


def thinned(chart: Chart, curves: int) -> Chart:
    """The chart with fewer points, the first and the last among them, so that a page of so many curves stays light."""
    most = int(np.clip(ALL_POINTS // max(curves, 1), LEAST_POINTS, MOST_POINTS))
    return chart._replace(
        panels=[panel._replace(curves=[_thinned(curve, most) for curve in panel.curves]) for panel in chart.panels]
    )


def _thinned(curve: Curve, most: int) -> Curve:
    kept = np.unique(np.linspace(0, len(curve.x) - 1, min(most, len(curve.x))).round().astype(int))
    return curve._replace(**{name: getattr(curve, name)[kept] for name in ("x", "mean", "low", "high")})


def numbers(
    chart: Chart, bands: dict[str, list[str]] | None = None, band: str = "", ci: Chart | None = None, sd: Chart | None = None
) -> dict[str, Any]:
    """What page.js needs of a chart.

    Args:
        chart: the chart.
        bands: of BANDS -> how it is named in the page, and in the note. band: the one that is shown first.
        ci: the same chart with the bootstrap interval. sd: with the standard deviation. By default there is the chart's band alone.
    """
    ci = ci or chart
    own = any((curve.low < curve.high).any() for panel in ci.panels for curve in panel.curves)
    x, unit = in_units(ci)
    panels = []
    for place, panel in enumerate(ci.panels):
        curves = []
        for number, curve in enumerate(panel.curves):
            half = None if sd is None else sd.panels[place].curves[number].high - curve.mean
            curves.append(_curve(curve._replace(x=curve.x / unit), half, own))
        panels.append({"title": panel.title, "curves": curves})
    return {
        "name": chart.heading, "x": x, "y": chart.ylabel, "log": chart.log, "marks": chart.marks,
        "ticks": list(chart.ticks), "bytes": chart.unit == "B", "zero": chart.from_zero, "panels": panels,
        "bands": (bands or {"own": ["middle half", ""]}) if own else {}, "band": (band or "own") if own else "none",
    }  # fmt: skip


def in_units(chart: Chart) -> tuple[str, float]:
    """The label of x without signs of formulas, and what its numbers are to be divided by: bytes become kB, MB, GB."""
    label = chart.xlabel.replace("$", "")
    top = max((float(curve.x.max(initial=0.0)) for panel in chart.panels for curve in panel.curves), default=0.0)
    name, unit = next(((name, unit) for name, unit in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if top >= unit), ("B", 1.0))
    return (f"{label}, {name}", unit) if chart.unit == "B" else (label, 1.0)


def _curve(curve: Curve, half: Floats | None, own: bool) -> dict[str, Any]:
    line = curve.look.linestyle
    dash = DASHES.get(line, []) if isinstance(line, str) else [2 * length for length in line[1]]
    found: dict[str, Any] = {
        "name": curve.name, "color": curve.look.color, "dash": dash, "line": line != "none", "guide": not curve.label,
        "marker": MARKERS.get(curve.look.marker, ""), "x": rounded(curve.x), "mean": rounded(curve.mean),
    }  # fmt: skip
    if own and curve.label and (curve.low < curve.high).any():
        found |= {"low": rounded(curve.low), "high": rounded(curve.high)}
        found |= {} if half is None else {"half": rounded(half)}
    return found


def rounded(values: Floats) -> list[float | None]:
    """The numbers with six significant digits; None for those that are none."""
    return [_short(float(f"{value:.6g}")) if np.isfinite(value) else None for value in values]


def _short(value: float) -> float:
    return int(value) if value == int(value) and abs(value) < 1e15 else value
