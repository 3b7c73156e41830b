"""The figure of a study: its metric against the quantity that is studied, or case by case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from gossipmab.analysis.plot_layout import HEIGHT, PAGE, WIDTH, legend_above, note_corner, wrapped
from gossipmab.analysis.plot_style import Look, legible, logarithmic, looks, own_style, save

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from gossipmab.analysis.studies import Study


def draw_study(
    found: pd.DataFrame, study: Study, stem: Path, formats: Sequence[str] = ("png", "svg"), names: Mapping[str, str] | None = None
) -> list[Path]:
    """Draw the findings of a study into files; the paths. stem: path without suffix. For the others see `study_figure`."""
    with own_style():
        figure = study_figure(found, study, names)
        stem.parent.mkdir(parents=True, exist_ok=True)
        return save(figure, stem, formats)


def study_figure(found: pd.DataFrame, study: Study, names: Mapping[str, str] | None = None) -> Figure:
    """The figure of a study.

    Args:
        found: as `studies.findings` gives them. study: the question.
        names: label of an algorithm -> its name in the legend; the label itself by default.
    """
    style = looks(list(dict.fromkeys(found["algorithm"])), names)
    figure, keys = _cases(found, study, style) if study.x is None else _against(found, study, style)
    trials = sorted(set(found["trials"]))
    note = f"n = {trials[0]}" + (f" to {trials[-1]}" if len(trials) > 1 else "") + (", 95 % CI" if trials[-1] > 1 else "")
    high = legend_above(figure, list(keys.values()), list(keys)) + note_corner(figure, note)
    figure.set_figheight(figure.get_figheight() + high)
    return figure


def _against(found: pd.DataFrame, study: Study, style: Mapping[str, Look]) -> tuple[Figure, dict[str, Any]]:
    """The metric against x, with 95 % intervals; points with names if they have any."""
    figure = Figure(figsize=(WIDTH * 1.25, HEIGHT * 1.1), layout="constrained")
    ax, keys = figure.subplots(), {}
    for label, rows in found.groupby("algorithm", sort=False):
        ordered = rows.sort_values("x")
        look = style[str(label)]
        errors = np.abs(ordered[["low", "high"]].to_numpy().T - ordered["value"].to_numpy())
        line = "none" if study.named else look.linestyle
        keys[legible(look.name)] = ax.errorbar(
            ordered["x"], ordered["value"], errors, color=look.color, marker=look.marker, markersize=3.5, linestyle=line,
            linewidth=1.0, elinewidth=0.8, capsize=2,
        )  # fmt: skip
    x = found["x"].to_numpy()
    wide = logarithmic(list(x))
    if wide:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if x.max() > 100 * x.min() else (1.0, 2.0, 5.0)))
        ax.xaxis.set_minor_formatter(NullFormatter())
    if "bytes" in study.axis:
        ax.xaxis.set_major_formatter(EngFormatter(unit="B"))
    elif wide:
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_ylim(bottom=0)
    ax.set(xlabel=study.axis, ylabel=study.quantity + study.each)
    if study.named:
        _name(ax, found, wide)
        figure.set_figheight(figure.get_figheight() + 0.05 * max(map(len, found["point"])))
    return figure, keys


def _name(ax: Axes, found: pd.DataFrame, wide: bool) -> None:
    """Name the points in a slanted row above the axes, each joined to its highest algorithm; no two names share a place.

    wide: whether the axis of x is logarithmic.
    """
    top = found.loc[found.groupby("point", sort=False)["high"].idxmax()].sort_values("x")
    ends = np.log(ax.get_xlim()) if wide else np.array(ax.get_xlim())
    wanted = ((np.log(top["x"]) if wide else top["x"]).to_numpy() - ends[0]) / (ends[1] - ends[0])
    gap = min(0.06, 1.0 / len(top))  # of the width: room for a slanted line
    places = list(wanted)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    for i in range(len(places) - 1, -1, -1):
        places[i] = min(places[i], 1.0 - gap * (len(places) - 1 - i))
    for name, x, high, place in zip(top["point"], top["x"], top["high"], places, strict=True):
        ax.annotate(legible(str(name)), (x, high), xytext=(place, 1.02), textcoords="axes fraction", fontsize=6, rotation=50,
                    rotation_mode="anchor", arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "#999999", "relpos": (0, 0),
                                                        "shrinkA": 0, "shrinkB": 1})  # fmt: skip


def _cases(found: pd.DataFrame, study: Study, style: Mapping[str, Look]) -> tuple[Figure, dict[str, Any]]:
    """A row for each case: the metric on the left, the drift of the mean on the right."""
    cases = list(dict.fromkeys(found["point"]))
    figure = Figure(figsize=(PAGE, 0.34 * len(cases) + 0.8), layout="constrained")
    drifts = bool(found["drift"].notna().any())
    left, *right = figure.subplots(1, 2 if drifts else 1, sharey=True, squeeze=False, width_ratios=(3, 2)[: 1 + drifts])[0]
    side_by_side = len(style) > 1 and len(found) > len(cases)
    shifts, keys = np.linspace(-0.15, 0.15, len(style)) if side_by_side else np.zeros(len(style)), {}
    for shift, (label, rows) in zip(shifts, found.groupby("algorithm", sort=False), strict=True):
        look = style[str(label)]
        y = np.array([cases.index(point) for point in rows["point"]]) + shift
        errors = np.abs(rows[["low", "high"]].to_numpy().T - rows["value"].to_numpy())
        keys[legible(look.name)] = left.errorbar(
            rows["value"], y, xerr=errors, color=look.color, marker=look.marker, markersize=3.5, linestyle="none",
            elinewidth=0.8, capsize=2, clip_on=False,
        )  # fmt: skip
        for ax in right:
            ax.plot(np.maximum(rows["drift"], 1e-17), y, color=look.color, marker=look.marker, markersize=3.5, linestyle="none")
    names = ["nothing" if case == "message loss 0" else legible(case) for case in cases]
    left.set_yticks(range(len(cases)), [wrapped(figure, name, 8, 2.2) for name in names])
    left.invert_yaxis()
    left.set_xlim(left=0)
    left.set_xlabel(study.quantity + study.each)
    for ax in right:
        ax.set_xscale("log")
        ax.set_xlabel("largest drift of the mean")
    return figure, keys
