"""Figures that a paper could print: regret curves, regret against what was swept and against bytes, what estimates lack.

Matplotlib is used without its global state, whatever the user's settings. The colours are those of Okabe and Ito, which the
colour-blind can tell apart; line styles and markers differ as well. Drawn again, a figure has the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from gossipmab.analysis import plot_layout
from gossipmab.analysis.charts import Chart, Panel, charts
from gossipmab.analysis.outcome_plots import outcome_figures
from gossipmab.analysis.plot_layout import PAGE, WIDTH
from gossipmab.analysis.plot_style import FORMATS, legible, log as log_line, metrics_of, own_style, read_style, save
from gossipmab.analysis.pull_plots import pulls
from gossipmab.analysis.regret_bounds import not_known
from gossipmab.analysis.selection import view
from gossipmab.utils.errors import InputError, unknown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gossipmab.experiments.results import Results

WIDTHS = {"column": WIDTH, "page": PAGE}
CM = 2.54  # centimetres an inch


def plot(
    results: Results, band: str | None = None, formats: Sequence[str] = ("png", "svg"), metric: str | None = None,
    bound: str | None = None, out: str | Path | None = None, *, log: str | None = None, width: str | float | None = None,
    where: Mapping[str, Any] | None = None, curves: Sequence[str] = (), title: str = "", style: str | Path | None = None,
    per_agent: bool = False,
) -> list[Path]:  # fmt: skip
    """Draw all figures of a run into files; their paths, the regret curves first.

    >>> [path.name for path in gm.plot(gm.open_run("runs/first"), formats=["png"], out="figures")][:2]
    ['pareto_regret.png', 'pareto_regret_against_link_probability.png']

    Args:
        results: the run.
        band: "ci", "sd" or "quarter-sd"; by default "ci", and "quarter-sd" for the experiments of the paper's two figures.
        formats: some of FORMATS.
        metric: "pareto", "nsw", "both", or what else the protocol measures; None as fits the algorithms.
        bound: the order of a regret bound to draw beside the curves: one of `regret_bounds.ORDERS`, or "auto".
        out: the folder; `figures` in the run folder by default.
        log: the axes that are logarithmic: "x", "y", "both", "none"; by default as fits the data.
        width: "column", "page", or centimetres; as the panels need by default.
        where: column of the sweep -> the value, or values, of the points to draw.
        curves: labels or names of the algorithms to draw.
        title: above every figure.
        style: a matplotlib style file, or the name of one of matplotlib's styles.
        per_agent: whether regrets that are summed over agents are divided by their number.

    Raises:
        InputError: an unknown band, format, metric, order, axis, width, key, value or algorithm, or a style that does not fit.
    """
    for name in formats:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)
    more, inches = read_style(style) if style is not None else {}, in_inches(width)
    cycle = more.get("axes.prop_cycle")
    colours = cycle.by_key().get("color", ()) if cycle is not None else ()
    seen = view(results, band, log, where, curves, per_agent, colours)
    folder = results.path / "figures" if out is None else Path(out)
    drawn_here = {column: name for column, name in metrics_of(results, metric).items() if column in seen.table}
    shown = [one for one in results.spec.algorithms if (seen.table["algorithm"] == one.label).any()]
    if bound == "auto" and (line := not_known(drawn_here, shown)):
        log_line(line)
    with own_style(**more):
        drawn = [(chart.stem, draw_chart(chart, None, inches, title)) for chart in charts(seen, metric, bound)]
        if (of_pulls := pulls(results)) is not None:
            drawn.append(("pulls", of_pulls))
        drawn += [(one.stem, one.figure) for one in outcome_figures(seen)]
        folder.mkdir(parents=out is not None, exist_ok=True)
        try:
            return [path for stem, figure in drawn for path in save(figure, folder / stem, formats)]
        except RuntimeError as error:
            if "tex" not in str(error):
                raise
            raise InputError(f"style {style}: text.usetex needs LaTeX ({error})") from None


def in_inches(width: str | float | None) -> float | None:
    """A figure's width in inches, from "column", "page" or centimetres. Raises InputError."""
    if width is None or width in WIDTHS:
        return None if width is None else WIDTHS[str(width)]
    try:
        found = float(width)
    except ValueError:
        found = np.nan
    if not 4.0 <= found <= 100.0:
        raise InputError(f"width: got {width!r}, allowed is column, page, or centimetres from 4 to 100")
    return found / CM


def draw_chart(
    chart: Chart, axes: Axes | Sequence[Axes] | None = None, width: float | None = None, title: str = "", make: Any = Figure
) -> Figure:
    """Draw a chart, whole, in a figure of its own or into given axes.

    Args:
        chart: as `charts.charts` gives them.
        axes: one for each panel, or a single one; new ones by default.
        width: of a new figure, in inches; as the panels need by default.
        title: above a new figure.
        make: what makes a new figure, such as `pyplot.figure`.

    Raises:
        InputError: another number of axes than panels.
    """
    spare = None
    if axes is None:
        width = width or plot_layout.width_for(chart.ticks, len(chart.panels))
        figure, inside, spare = plot_layout.panels(len(chart.panels), width, make)
    else:
        inside = list(axes) if isinstance(axes, Sequence | np.ndarray) else [axes]
        for ax in inside:
            ax.autoscale(axis="y")  # to what was drawn before, too
        figure = inside[0].get_figure(root=True)  # type: ignore[assignment]
        if len(inside) != len(chart.panels):
            raise InputError(f"axes: got {len(inside)}, allowed are as many as the chart has panels, {len(chart.panels)}")
    keys: dict[tuple[str, str], Any] = {}
    for ax, panel in zip(inside, chart.panels, strict=True):
        keys |= {name: artist for name, artist in draw_panel(chart, panel, ax).items() if name not in keys}
    _scale(chart, inside)
    names = [legible(name) for _, name in keys]
    if axes is None:
        label, handles = legible(chart.ylabel), list(keys.values())
        ticks = [legible(name) for name in chart.ticks]
        plot_layout.finish(figure, inside, chart.xlabel, label, handles, names, spare, chart.corner, legible(title), ticks)
        return figure
    for ax in inside:
        ax.set(xlabel=chart.xlabel, ylabel=legible(chart.ylabel))
        if chart.ticks:
            ax.set_xticks(range(len(chart.ticks)), [legible(name) for name in chart.ticks])
    for artist, name in zip(keys.values(), names, strict=True):
        artist.set_label(name)
    if inside[0].get_legend_handles_labels()[1]:
        inside[0].legend(title=chart.corner, title_fontsize="small")  # of what was drawn before, too
    return figure


def draw_panel(chart: Chart, panel: Panel, ax: Axes) -> dict[tuple[str, str], Any]:
    """Draw the curves of a panel; (label, name) -> the line, for a legend."""
    ax.set_title(legible(panel.title), fontsize=7)
    keys: dict[tuple[str, str], Any] = {}
    curves = panel.curves
    shifts = np.linspace(-0.2, 0.2, len(curves)) if chart.ticks and len(curves) > 1 else np.zeros(len(curves))
    for shift, curve in zip(shifts, curves, strict=True):
        look, line = curve.look, {"linewidth": 0.9} if not curve.label else {}
        style: dict[str, Any] = {"color": look.color, "linestyle": look.linestyle, **line}
        bars = np.stack([np.maximum(curve.mean - curve.low, 0.0), np.maximum(curve.high - curve.mean, 0.0)])
        if chart.marks and bars.any():
            keys[curve.label, curve.name] = ax.errorbar(curve.x + shift, curve.mean, bars, marker=look.marker, markersize=3.5,
                                                        capsize=2, elinewidth=0.8, **style)  # fmt: skip
            continue
        marker = look.marker if chart.marks else ""
        keys[curve.label, curve.name] = ax.plot(curve.x + shift, curve.mean, marker=marker, markersize=3.5, **style)[0]
        if bars.any():
            ax.fill_between(curve.x, curve.low, curve.high, color=look.color, alpha=0.2, linewidth=0)
    return keys


def _scale(chart: Chart, axes: Sequence[Axes]) -> None:
    """The axes' scales, limits and ticks, when all is drawn: panels share their axes."""
    curves = [curve for panel in chart.panels for curve in panel.curves]
    x = np.concatenate([curve.x for curve in curves] or [np.zeros(1)])
    means = np.concatenate([curve.mean for curve in curves] or [np.zeros(1)])
    xlog = chart.log in ("x", "both") and not chart.ticks and (x > 0).any() and (bool(chart.unit) or x.min() > 0)
    ylog = chart.log in ("y", "both") and (means > 0).any()
    for ax in axes:
        if xlog:
            ax.set_xscale("log")
        if ylog:
            ax.set_yscale("log", nonpositive="clip")
        if chart.from_zero and ylog:
            ends = [curve.mean[-1] for curve in curves if len(curve.mean) and curve.mean[-1] > 0]
            ax.set_ylim(bottom=0.8 * max(means[means > 0].min(), min(ends, default=0.0) / 100))
        elif chart.from_zero and all(np.nanmin(curve.low, initial=0.0) >= 0 for curve in curves):
            ax.set_ylim(bottom=0)
        if ylog:
            plot_layout.log_ticks(ax)
        if chart.ticks:
            ax.set_xticks(range(len(chart.ticks)), [""] * len(chart.ticks))
            ax.set_xlim(-0.5, len(chart.ticks) - 0.5)
        elif chart.unit:
            ax.xaxis.set_major_formatter(EngFormatter(unit=chart.unit))
            if xlog:
                plot_layout.log_bytes(ax)
            else:
                ax.set_xlim(left=0)
                ax.xaxis.set_major_locator(MaxNLocator(5))
        elif chart.marks:
            plot_layout.value_ticks(ax, sorted(set(x)))
        else:
            left = x[x > 0].min() if xlog else 0.0 if chart.from_zero else x.min()
            ax.set_xlim(left, max(x.max(), left + 1.0))
            plot_layout.end_ticks(ax, float(x.max()), 5 if len(axes) == 1 else 3)
