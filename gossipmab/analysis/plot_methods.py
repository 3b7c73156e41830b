"""What the method `plot` of results, traces and networks draws: into given axes, or into a new figure of pyplot.

A new figure has the style and the layout of those that `plots.plot` writes; given axes keep the style that they were made with.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipmab.analysis.charts import Chart, Curve, Panel, charts, stem_of, time_of
from gossipmab.analysis.graph_plots import check_size, draw
from gossipmab.analysis.plot_layout import HEIGHT, WIDTH, end_ticks
from gossipmab.analysis.plot_style import looks, own_style, short
from gossipmab.analysis.plots import draw_chart, in_inches
from gossipmab.analysis.selection import view
from gossipmab.experiments.spec.sweep import columns, kept_apart
from gossipmab.metrics.columns import title_of
from gossipmab.utils.errors import InputError, unknown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gossipmab.experiments.results import Results
    from gossipmab.metrics.trace import TrialRecord
    from gossipmab.networks.network import Network


def plot_results(
    results: Results, metric: str | None, ax: Any, x: str, bound: str | None, width: str | float | None, title: str, chosen: Any
) -> Any:
    """Draw one chart of a run. Arguments and errors: see `Results.plot`."""
    names = columns(list(results.spec.sweep))
    known = ["round", "bytes", *results.keys]
    if (x := names.get(x, x)) not in known:
        raise unknown("x", x, known)
    chart = _chart(results, metric, bound, {"bytes": "_against_bytes", "round": ""}.get(x, f"_against_{kept_apart(x)}"), x, chosen)
    if ax is None:
        with _pyplot() as pyplot:
            drawn = draw_chart(chart, None, in_inches(width), title, pyplot.figure)
        axes = drawn.axes[: len(chart.panels)]
    else:
        axes = np.ravel(ax).tolist()
        draw_chart(chart, axes)
        axes[0].set_title(title or axes[0].get_title())
    return axes[0] if len(axes) == 1 else np.array(axes)


@contextmanager
def _pyplot() -> Iterator[Any]:
    """pyplot with the style of figures here. A notebook shows those of a cell at its end: its backend makes pyplot interactive."""
    from matplotlib import pyplot

    pyplot.draw_if_interactive()  # type: ignore[no-untyped-call]  # loads the backend, before the settings are replaced
    with own_style(interactive=pyplot.isinteractive()):
        yield pyplot


def _chart(results: Results, metric: str | None, bound: str | None, ending: str, x: str, chosen: Any) -> Chart:
    for chart in charts(view(results, **chosen), metric, bound):
        if chart.stem.endswith(ending) if ending else chart.stem in map(stem_of, results.kind.METRICS):
            return chart
    what = "no algorithm sends messages" if x == "bytes" else f"{x} has one value only" if ending else "no metric is defined"
    raise InputError(f"plot: there is nothing to draw against {x}, for {what}")


def plot_trace(trace: TrialRecord, metric: str | None, ax: Axes | None, label: str) -> Axes:
    """Draw one curve. Arguments and errors: see `TrialRecord.plot`."""
    values = trace.per_round()
    known = {short(name): name for name in trace.METRICS if name in values}
    if metric is not None and metric not in known:
        raise unknown("metric", metric, known)
    defined = [name for name, column in known.items() if np.isfinite(values[column]).all()]
    column = known[metric or next(iter(defined or known))]
    if ax is None:
        with _pyplot() as pyplot:
            made = pyplot.subplots(figsize=(WIDTH, HEIGHT), layout="constrained")[1]
            return plot_trace(trace, metric, made, label)
    before = ax.get_xlim()[1] if ax.get_lines() else 0.0
    look = list(looks([str(i) for i in range(len(ax.get_lines()) + 1)]).values())[-1]
    x, y = trace.rounds.astype(np.float64), np.asarray(values[column], np.float64)
    over = ", summed over agents" if trace.SUMMED else ""
    panel = Panel(ax.get_title(), [Curve(label or " ", label, look, x, y, y, y, 1)])
    draw_chart(Chart(column, "", "", [panel], time_of(type(trace)), f"{title_of(type(trace), column)}{over}", ""), ax)
    if before > x[-1]:  # of a longer trace
        ax.set_xlim(right=before)
        end_ticks(ax, before, 5)
    return ax


def plot_network(network: Network, ax: Axes | None) -> Axes:
    """Draw a base graph. Errors: see `Network.plot`."""
    check_size(network)
    if ax is not None:
        return draw(network, ax)
    with _pyplot() as pyplot:
        return draw(network, pyplot.subplots(figsize=(WIDTH, WIDTH), layout="constrained")[1])
