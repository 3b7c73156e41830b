"""The figure of a study: regret an agent against the quantity that is studied, or case by case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from gossipmab.analysis.plot_style import legible, logarithmic, looks, own_style, save
from gossipmab.analysis.plots import HEIGHT, WIDTH

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from gossipmab.analysis.studies import Study

REGRET = "Pareto regret an agent"


def draw_study(found: pd.DataFrame, study: Study, stem: Path, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Draw the findings of a study; the paths.

    Args:
        found: as `studies.findings` gives them. stem: path without suffix.
    """
    with own_style():
        figure = _cases(found) if study.x is None else _against(found, study)
        stem.parent.mkdir(parents=True, exist_ok=True)
        return save(figure, stem, formats)


def _against(found: pd.DataFrame, study: Study) -> Figure:
    """Regret against x, with 95 % intervals; points with names if they have any."""
    figure = Figure(figsize=(WIDTH * 1.25, HEIGHT * 1.25), layout="constrained")
    ax = figure.subplots()
    style = looks(list(dict.fromkeys(found["algorithm"])))
    for label, rows in found.groupby("algorithm", sort=False):
        ordered = rows.sort_values("x")
        look = style[str(label)]
        errors = np.abs(ordered[["low", "high"]].to_numpy().T - ordered["regret"].to_numpy())
        line = "none" if study.named else look.linestyle
        ax.errorbar(ordered["x"], ordered["regret"], errors, color=look.color, marker=look.marker, markersize=3.5,
                    linestyle=line, linewidth=1.0, elinewidth=0.8, capsize=2, label=legible(str(label)))  # fmt: skip
    x = found["x"].to_numpy()
    wide = logarithmic(list(x))
    if study.named:
        _name(ax, found, wide)
    if wide:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if x.max() > 100 * x.min() else (1.0, 2.0, 5.0)))
        ax.xaxis.set_minor_formatter(NullFormatter())
    if "bytes" in study.axis:
        ax.xaxis.set_major_formatter(EngFormatter(unit="B"))
    elif wide:
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_ylim(bottom=0)
    ax.set(xlabel=study.axis, ylabel=REGRET)
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1.0)
    return figure


def _name(ax: Axes, found: pd.DataFrame, wide: bool) -> None:
    """Name the points above the highest algorithm, slanted; a name that would run into the one before stands higher.

    wide: whether the axis of x is logarithmic.
    """
    top = found.loc[found.groupby("point", sort=False)["high"].idxmax()].sort_values("x")
    x = top["x"].to_numpy()
    places = np.log(x) if wide else x
    crowded = 0.03 * (places[-1] - places[0])
    before, level = -np.inf, 0
    for name, at, place, high in zip(top["point"], x, places, top["high"], strict=True):
        level = level + 1 if place - before < crowded else 0
        before = place
        ax.annotate(str(name), (at, high), xytext=(2, 4 + 16 * level), textcoords="offset points", fontsize=6,
                    rotation=50, rotation_mode="anchor")  # fmt: skip
    ax.margins(x=0.12)
    ax.set_ylim(top=float(found["high"].max()) * 1.45)


def _cases(found: pd.DataFrame) -> Figure:
    """A row for each case: regret on the left, the drift of the mean on the right."""
    cases = list(dict.fromkeys(found["point"]))
    style = looks(list(dict.fromkeys(found["algorithm"])))
    figure = Figure(figsize=(WIDTH * 1.7, 0.34 * len(cases) + 1.1), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    shifts = np.linspace(-0.15, 0.15, len(style)) if len(style) > 1 else [0.0]
    for shift, (label, rows) in zip(shifts, found.groupby("algorithm", sort=False), strict=True):
        look = style[str(label)]
        y = np.array([cases.index(point) for point in rows["point"]]) + shift
        errors = np.abs(rows[["low", "high"]].to_numpy().T - rows["regret"].to_numpy())
        left.errorbar(rows["regret"], y, xerr=errors, color=look.color, marker=look.marker, markersize=3.5,
                      linestyle="none", elinewidth=0.8, capsize=2, label=legible(str(label)))  # fmt: skip
        right.plot(np.maximum(rows["drift"], 1e-17), y, color=look.color, marker=look.marker, markersize=3.5, linestyle="none")
    left.set_yticks(range(len(cases)), ["nothing" if case == "message loss 0" else case for case in cases])
    left.invert_yaxis()
    left.set_xlim(left=0)
    left.set_xlabel(REGRET)
    right.set_xscale("log")
    right.set_xlabel("drift of the mean (largest)")
    figure.legend(loc="outside upper center", ncols=3)
    return figure
