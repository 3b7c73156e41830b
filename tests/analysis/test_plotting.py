"""Figures: which are drawn, that they show what they should, and that they are the same when drawn again."""

import itertools
from pathlib import Path
from typing import Any

import matplotlib as mpl
import networkx as nx
import numpy as np
import pytest
from matplotlib.figure import Figure

import gossipmab as gm
from gossipmab.algorithms import PROTOCOLS
from gossipmab.analysis.charts import Chart, Curve, Panel, charts, over_rounds
from gossipmab.analysis.graph_plots import draw_topologies, topology_figure
from gossipmab.analysis.plot_layout import end_ticks
from gossipmab.analysis.plot_style import COLOURS, legible, logarithmic, looks, metrics_of, names_of, own_style, save
from gossipmab.analysis.plots import draw_chart, plot
from gossipmab.analysis.regret_bounds import ORDERS, fitted, guide_for
from gossipmab.analysis.selection import view
from gossipmab.cli import call
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.utils.atomic_write import file_hash
from tests.tiny import FOUR, PAIR, Capsys, error_of, module_run, printed, refuses, tiny

SPEC = tiny(60, 3, environment=FOUR, algorithms=[{**PAIR[0], "label": "Pareto UCB1 Gossip"}, PAIR[1]])
single = module_run(SPEC, "single")
SWEEP = {"network.link_probability": [0.02, 0.2, 1.0], "network.base": ["complete", "path"]}
swept = module_run({**SPEC, "sweep": SWEEP}, "swept")
FIGURES = ["pareto_regret", "pareto_regret_against_bytes", "estimation_error", "front_coverage"]


@pytest.mark.slow
def test_figures_of_a_single_point_are_the_same_when_drawn_again(single: gm.Results) -> None:
    heads = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    paths = plot(single, formats=tuple(heads))
    assert paths == [single.path / "figures" / f"{name}.{suffix}" for name in FIGURES for suffix in heads]
    assert all(path.read_bytes().startswith(heads[path.suffix[1:]]) for path in paths)
    # drawn again they are the same
    before = {path: file_hash(path) for path in plot(single, formats=("png", "svg", "pdf"))}
    others: Any = {"text.usetex": True, "font.family": "no such font", "axes.facecolor": "black", "svg.fonttype": "none"}
    with mpl.rc_context(others):  # as a user's matplotlibrc may say
        settings = dict(mpl.rcParams)
        assert {path: file_hash(path) for path in plot(single, formats=("png", "svg", "pdf"))} == before
        assert dict(mpl.rcParams) == settings


def test_curves_show_the_means_and_the_bands(single: gm.Results) -> None:
    table, style = single.table(), ["Pareto UCB1 Gossip", "alone"]
    with own_style():
        figure = draw_chart(next(charts(view(single, "quarter-sd", "none"))))
    (ax,) = figure.axes
    note, legend = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == style and note.get_title().get_text() == "n = 3, ± SD / 4"
    assert ax.get_xlabel() == "round $t$" and ax.get_ylabel() == "cumulative Pareto regret,\nsummed over agents"
    for line, band, label in zip(ax.lines, ax.collections, style, strict=True):
        wide = table[table["algorithm"] == label].pivot(index="round", columns="trial", values="pareto_regret")
        np.testing.assert_array_equal(line.get_xdata(), wide.index)
        np.testing.assert_allclose(line.get_ydata(), wide.mean(axis=1))
        vertices = band.get_paths()[0].vertices
        last = vertices[vertices[:, 0] == 60, 1]
        assert last.max() - last.min() == pytest.approx(wide.loc[60].std(ddof=1) / 2)
    assert len({line.get_color() for line in ax.lines}) == len({line.get_linestyle() for line in ax.lines}) == 2
    assert not ax.spines["top"].get_visible() and not ax.spines["right"].get_visible()


def test_sweeps_have_a_panel_a_point_and_an_axis_a_key(swept: gm.Results) -> None:
    drawn = {chart.stem: draw_chart(chart) for chart in charts(view(swept))}
    titles = [ax.get_title() for ax in drawn["pareto_regret"].axes]
    assert len(titles) == 6 and titles[0] == "link probability = 0.02, base = complete"
    numbers = drawn["pareto_regret_against_link_probability"]
    assert [ax.get_title() for ax in numbers.axes[:2]] == ["base = complete", "base = path"]
    assert numbers.axes[0].get_xscale() == "log"
    names = drawn["pareto_regret_against_base"].axes[0]
    assert [tick.get_text() for tick in names.get_xticklabels()] == ["complete", "path"]
    # figures of a sweep
    against = {f"pareto_regret_against_{key}" for key in ("link_probability", "base")}
    assert {path.stem for path in plot(swept, formats=["svg"])} == {*FIGURES, *against}


def test_metrics_follow_the_algorithms(single: gm.Results) -> None:
    assert list(metrics_of(single, None)) == ["pareto_regret"]
    assert list(metrics_of(single, "both")) == ["pareto_regret", "nsw_regret"]
    names = [path.stem for path in plot(single, formats=["svg"], metric="nsw")]
    assert names == ["nsw_regret", "nsw_regret_against_bytes", *FIGURES[2:]]


@pytest.mark.slow
def test_nsw_that_is_not_defined_is_not_drawn(tmp_path: Path) -> None:
    means = np.random.default_rng(0).uniform(-1, 0, (4, 3, 2))
    results = gm.run({**SPEC, "environment": {"means": means, "rewards": "gaussian"}}, out=tmp_path / "run", workers=1)
    assert results.table()["nsw_regret"].isna().all() and results.summary()["nsw_regret_low"].isna().all()
    assert np.isfinite(results.table()["pareto_regret"]).all()
    assert [path.stem for path in plot(results, formats=["svg"], metric="both")] == FIGURES
    # a single trial and a single round can be drawn
    experiment = {"name": "least", "horizon": 1, "trials": 1, "seed": 0}
    results = gm.run({**SPEC, "experiment": experiment}, out=tmp_path / "least", workers=1)
    assert plot(results, band="ci", metric="both") and np.isnan(results.summary()["pareto_regret_low"]).all()


def test_looks_are_distinct_and_axes_logarithmic_where_it_helps() -> None:
    found = looks([f"algorithm {i}" for i in range(12)])
    assert len({(look.color, str(look.linestyle)) for look in found.values()}) == 12
    assert len({look.color for look in found.values()}) == len(COLOURS) == 7
    assert len({str(look.linestyle) for look in list(found.values())[:7]}) == 7
    # logarithmic axes where they help
    assert logarithmic([0.05, 0.1, 1.0]) and logarithmic([1, 10, 100])
    assert not logarithmic([0.1, 0.5, 1.0]) and not logarithmic([0.0, 0.1, 10.0]) and not logarithmic([1, 100])


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_topologies_are_drawn_the_same_every_time(tmp_path: Path, suffix: str) -> None:
    networks = {name: gm.Network(name, agents=n) for name, n in [("petersen", None), ("star", 6), ("complete", 1), ("path", 2)]}
    one = draw_topologies(networks, tmp_path / f"one.{suffix}")
    other = draw_topologies(networks, tmp_path / f"other.{suffix}")
    assert file_hash(one) == file_hash(other) and one.stat().st_size > 3_000
    refuses(r"\.gif", draw_topologies, networks, tmp_path / "one.gif")


def test_errors_are_drawn_in_two_parts(single: gm.Results) -> None:
    (chart,) = (chart for chart in charts(view(single)) if chart.stem == "estimation_error")
    figure = draw_chart(chart)
    names = [text.get_text() for text in figure.legends[-1].get_texts()]
    assert names == [f"{name}, {part}" for name in ("Pareto UCB1 Gossip", "alone") for part in ("consensus", "sampling")]
    lines = dict(zip(names, figure.axes[0].lines, strict=True))
    mean = single.table().query("algorithm == 'alone'").groupby("round")["sampling_error"].mean()
    np.testing.assert_allclose(lines["alone, sampling"].get_ydata(), mean)
    assert lines["alone, sampling"].get_linestyle() == ":" and figure.axes[0].get_yscale() == "log"


def test_guides_meet_the_curve_at_the_last_round(single: gm.Results) -> None:
    rounds, regret = np.array([1, 10, 100]), np.array([1.0, 5.0, 8.0])
    for name, expected in [("log", [0, 4, 8]), ("sqrt", [0.8, 0.8 * 10**0.5, 8]), ("linear", [0.08, 0.8, 8])]:
        curve, c = fitted(name, rounds, regret)
        np.testing.assert_allclose(curve, expected, atol=1e-12)
        np.testing.assert_allclose(c * ORDERS[name][1](rounds.astype(float)), expected, atol=1e-12)
    assert np.isnan(fitted("log", np.array([1]), np.array([2.0]))[1])  # ln 1 = 0
    guide = guide_for("auto", "pareto_regret", single.spec.algorithms)
    assert guide == ("Pareto UCB1 Gossip", "log")
    (panel,) = over_rounds(view(single), "pareto_regret", guide)
    (line,) = [curve for curve in panel.curves if "fitted at T" in curve.name]
    mean = single.table().query("algorithm == 'Pareto UCB1 Gossip'").groupby("round")["pareto_regret"].mean()
    assert line.mean[-1] == pytest.approx(mean[60]) and line.mean[0] == pytest.approx(mean[60] * np.log(10) / np.log(60))


@pytest.mark.slow
def test_guides_on_the_command_line(single: gm.Results, capsys: Capsys, caplog: pytest.LogCaptureFixture) -> None:
    plotted = ["plot", str(single.path), "--format", "svg"]
    assert "pareto_regret.svg" in printed(capsys, [*plotted, "--bound", "sqrt"])
    assert "bound: 'sqr' is not known; did you mean 'sqrt'" in error_of(capsys, [*plotted, "--bound", "sqr"])
    with caplog.at_level("WARNING"):
        assert call([*plotted, "--metric", "both", "--bound", "auto"]) == 0
    line = "bound: no order is known for the Pareto regret of alone; the NSW regret of Pareto UCB1 Gossip, alone"
    assert caplog.messages == [line]


@pytest.mark.parametrize("rising", [True, False])
@pytest.mark.parametrize("marks", [True, False])
def test_panels_that_share_their_axes_show_all_of_every_curve(rising: bool, marks: bool) -> None:
    sizes = [1.0, 100.0] if rising else [100.0, 1.0]
    panels = [Panel("", [curve("one", size * np.array([1.0, 2.0]), size * np.array([10.0, 20.0]))]) for size in sizes]
    figure = draw_chart(Chart("", "", "", panels, "x", "y", "", marks=marks))
    for ax in figure.axes:
        low, high = ax.get_ylim()
        assert low == 0 and high >= 2100
        assert marks or ax.get_xlim() == (0, 200)


LONG = "an algorithm with a name that takes more than the whole width of the figure, whatever one tries"
VALUES = ["complete", "gilbert_elliott(failure=0.02, recovery=0.005)"]
VALUES += ["crash probability 0.002, recovery probability 0.01, state lost"]


def curve(name: str, x: np.ndarray, mean: np.ndarray) -> Curve:
    return Curve(name, name, looks([name])[name], x, mean, 0.9 * mean, 1.1 * mean, 20)


def chart_of(kind: str, curves: int, panels: int, names: str) -> Chart:
    x = {"rounds": np.linspace(50, 5_000, 20), "numbers": np.array([0.02, 0.1, 0.4, 0.7, 1.0]), "strings": np.arange(9.0),
         "bytes": np.geomspace(1e6, 3e8, 7)}[kind]  # fmt: skip
    all_ = [curve(f"{names} {i}", x, (i + 1.0) * np.linspace(100, 1_000, len(x))) for i in range(curves)]
    title = "links = gilbert_elliott(failure=0.02, recovery=0.005), message loss = 0.3" if panels > 1 else ""
    ticks = [f"{VALUES[i % 3]} {i}" for i in range(9)] if kind == "strings" else ()
    return Chart("", "", "", [Panel(title, all_)] * panels, "round $t$",
                 "cumulative regret of procedural fairness, summed over agents",
                 "n = 20, 95 % CI", {"bytes": "both"}.get(kind, "none"), ticks, kind in ("numbers", "strings"),
                 "B" if kind == "bytes" else "")  # fmt: skip


def assert_whole(figure: Figure) -> None:
    """Every text is inside the figure, none is over another, and no legend is over a panel."""
    figure.draw_without_rendering()
    legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend() is not None)]
    texts = [*figure.texts, *(text for one in legends for text in (*one.get_texts(), one.get_title()))]
    for ax in figure.axes:
        texts += [ax.title, *ax.texts]
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            texts += [axis.label, axis.offsetText, *(label for label in axis.get_ticklabels(which="both") if _inside(axis, label))]
    shown = {text: text.get_window_extent() for text in texts if text.get_visible() and text.get_text().strip()}
    for text, box in shown.items():
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1, text
    for one, other in itertools.combinations(shown, 2):
        if not one.get_rotation() % 90 and not other.get_rotation() % 90:
            a, b = shown[one].padded(-1), shown[other].padded(-1)
            assert not a.overlaps(b), (one, other)
    for legend in figure.legends:
        assert not any(legend.get_window_extent().padded(-1).overlaps(ax.get_window_extent()) for ax in figure.axes)


def _inside(axis: Any, label: Any) -> bool:
    low, high = sorted(axis.get_view_interval())
    slack = 1e-6 * (high - low)
    return bool(low - slack <= label.get_position()["xy".index(axis.axis_name)] <= high + slack)


@pytest.mark.parametrize(("curves", "panels", "names"), [(1, 1, "short"), (3, 7, "Simulated NSW UCB Gossip"), (12, 1, LONG)])
@pytest.mark.parametrize("kind", ["rounds", "numbers", "strings", "bytes"])
def test_nothing_in_a_figure_is_cut_or_overlaps(kind: str, curves: int, panels: int, names: str) -> None:
    with own_style():
        figure = draw_chart(chart_of(kind, curves, panels, names), title="A title")
        assert_whole(figure)
        legend = next(one for one in [*figure.legends, *(ax.get_legend() for ax in figure.axes)] if one and one.get_texts())
        assert [text.get_text().replace("\n", " ") for text in legend.get_texts()] == [f"{names} {i}" for i in range(curves)]


@pytest.mark.parametrize("panels", [5, 7])
def test_panels_leave_no_hole_and_every_outer_axis_has_its_ticks(panels: int) -> None:
    with own_style():
        figure = draw_chart(chart_of("rounds", 2, panels, "short"))
    inside = [ax for ax in figure.axes if ax.axison]
    assert len(inside) == panels and all(ax.get_legend() for ax in figure.axes if not ax.axison)
    across = inside[0].get_gridspec().ncols
    for i, ax in enumerate(inside):
        labels = [label.get_text() for label in ax.get_xticklabels() if label.get_visible()]
        assert any("5000" in label for label in labels) == (i + across >= panels)


@pytest.mark.parametrize(("end", "most", "ticks"), [
    (5000, 5, [0, 1000, 2000, 3000, 4000, 5000]), (5000, 3, [0, 2500, 5000]),
    (1234, 5, [0, 250, 500, 750, 1000, 1234]), (1, 3, [0, 1]),
])  # fmt: skip
def test_the_horizon_has_a_tick(end: int, most: int, ticks: list[float]) -> None:
    ax = Figure().subplots()
    end_ticks(ax, end, most)
    assert list(ax.get_xticks()) == ticks


def test_names_in_legends_are_those_that_people_write() -> None:
    nsw = {"name": "simulated_nsw_ucb_gossip"}
    given = [nsw, {**nsw, "label": "no_sim", "no_sim": True}, {"name": "pareto_ucb", "label": "alone"}, {"name": "pareto_gossip"}]
    names = names_of(load_spec({**SPEC, "algorithms": given}))
    title = "Simulated NSW UCB Gossip"
    assert list(names.values()) == [title, f"{title} (no sim)", "alone", "Pareto Gossip"]
    assert all(kind.title for registry in PROTOCOLS.values() for kind in registry.shipped.values())


def test_curves_far_apart_have_a_logarithmic_axis(single: gm.Results) -> None:
    assert next(charts(view(single))).log == "none"
    seen = view(single)
    table = seen.table.copy()
    table.loc[table["algorithm"] == "alone", "pareto_regret"] *= 100
    assert next(charts(seen._replace(table=table))).log == "y"
    assert next(charts(seen._replace(table=table, log="none"))).log == "none"


def test_what_is_drawn_can_be_chosen(swept: gm.Results, tmp_path: Path, capsys: Capsys) -> None:
    style = tmp_path / "own.mplstyle"
    style.write_text("lines.linewidth: 3\naxes.prop_cycle: cycler('color', ['red', 'blue'])\n")
    chosen = ["--where", "base=path", "--where", "link_probability=1", "--curves", "Pareto UCB1 Gossip", "--per-agent"]
    look = ["--width", "page", "--title", "Mine", "--style", str(style), "--log", "both", "--format", "png"]
    assert call(["plot", str(swept.path), "--out", str(tmp_path / "out"), *chosen, *look]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{name}.png" for name in FIGURES}
    seen = view(swept, where={"base": "path", "network.link_probability": 1.0}, shown=["alone"], per_agent=True)
    (panel,) = over_rounds(seen, "pareto_regret")
    rows = swept.table().query("base == 'path' and link_probability == 1 and algorithm == 'alone'")
    np.testing.assert_allclose(panel.curves[0].mean, rows.groupby("round")["pareto_regret"].mean() / 4)
    style.write_text("lines.linewidht: 3\n")
    for options, words in [
        (["--where", "bas=path"], "where: key: 'bas' is not known; did you mean 'base'"),
        (["--where", "base=rnig"], "(allowed: complete, path)"),
        (["--where", "base"], "allowed is KEY=VALUE"),
        (["--curves", "alon"], "did you mean 'alone'"),
        (["--width", "2"], "column, page, or centimetres from 4 to 100"),
        (["--log", "z"], "(allowed: both, none, x, y)"),
        (["--band", "se"], "(allowed: ci, quarter-sd, sd)"),
        (["--style", str(style)], "did you mean 'lines.linewidth'"),
        (["--style", "none.mplstyle"], "cannot be read"),
    ]:
        capsys.readouterr()
        assert words in error_of(capsys, ["plot", str(swept.path), *options])


def test_charts_are_drawn_into_axes_that_are_given(single: gm.Results) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    chart = next(charts(view(single)))
    assert draw_chart(chart, right) is figure
    assert not left.lines and len(right.lines) == 2 and right.get_legend() is not None
    refuses("as many as the chart has panels, 1", draw_chart, chart, [left, right])


def test_names_of_agents_do_not_overlap() -> None:
    graph = nx.relabel_nodes(nx.complete_graph(30), lambda i: f"agent number {i}")
    with own_style():
        figure = topology_figure({LONG: gm.Network(graph), "ring": gm.Network("ring", agents=5)})
        assert_whole(figure)
    assert any("agent number" in text.get_text() for text in figure.axes[0].texts)


def test_letters_without_a_font_are_noted_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with own_style():
            figure = Figure()
            figure.text(0.5, 0.5, "基准 \ue123\ue124")
            figure.text(0.5, 0.2, legible("$x_1$ 基准 \ue125"))
            save(figure, tmp_path / "x", ["png", "svg"])
    (line,) = caplog.messages
    assert line.startswith("figures: no font on this machine has") and line.count("\ue123") == 1
