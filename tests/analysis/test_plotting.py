"""Figures: which are drawn, that they show what they should, and that they are the same when drawn again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import gossipmab as gm
from gossipmab.analysis import plots as plotting
from gossipmab.analysis.graph_plots import draw_topologies
from gossipmab.analysis.plot_style import COLOURS, legible, logarithmic, looks, own_style, save
from gossipmab.analysis.plots import plot
from gossipmab.analysis.regret_bounds import ORDERS, fitted, guide_for
from gossipmab.cli import call
from gossipmab.experiments.results import Results
from gossipmab.utils.atomic_write import file_hash

SPEC: dict[str, Any] = {
    "experiment": {"name": "tiny", "horizon": 60, "trials": 3, "seed": 5, "recorded_rounds": 6},
    "environment": {"agents": 4, "arms": 3, "objectives": 2},
    "network": {"base": "complete", "link_probability": 0.5},
    "algorithms": [{"name": "pareto_ucb_gossip", "label": "Pareto UCB1 Gossip"}, {"name": "pareto_ucb", "label": "alone"}],
}


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return gm.run(SPEC, out=tmp_path_factory.mktemp("runs") / "single", workers=1)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Results:
    sweep = {"network.link_probability": [0.02, 0.2, 1.0], "network.base": ["complete", "path"]}
    return gm.run({**SPEC, "sweep": sweep}, out=tmp_path_factory.mktemp("runs") / "swept", workers=1)


@pytest.mark.slow
def test_figures_of_a_single_point(single: Results) -> None:
    paths = plot(single, formats=("png", "svg", "pdf"))
    assert [path.name for path in paths] == [
        f"{name}.{suffix}"
        for name in ("pareto_regret", "pareto_regret_against_bytes", "estimation_error", "front_coverage")
        for suffix in ("png", "svg", "pdf")
    ]
    heads = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    assert all(path.read_bytes().startswith(heads[path.suffix]) for path in paths)
    assert all(path.parent == single.path / "figures" for path in paths)


def test_figures_of_a_sweep(swept: Results) -> None:
    names = {path.name for path in plot(swept, formats=["svg"])}
    assert names == {
        "pareto_regret.svg", "pareto_regret_against_link_probability.svg", "pareto_regret_against_base.svg",
        "pareto_regret_against_bytes.svg", "estimation_error.svg", "front_coverage.svg",
    }  # fmt: skip


@pytest.mark.slow
def test_drawn_again_they_are_the_same(single: Results) -> None:
    before = {path: file_hash(path) for path in plot(single, formats=("png", "svg", "pdf"))}
    others: Any = {"text.usetex": True, "font.family": "no such font", "axes.facecolor": "black", "svg.fonttype": "none"}
    with mpl.rc_context(others):  # as a user's matplotlibrc may say
        settings = dict(mpl.rcParams)
        assert {path: file_hash(path) for path in plot(single, formats=("png", "svg", "pdf"))} == before
        assert dict(mpl.rcParams) == settings


def test_curves_show_the_means_and_the_bands(single: Results) -> None:
    table = single.table()
    style = looks(["Pareto UCB1 Gossip", "alone"])
    with own_style():
        figure = plotting.curves(table, [], "pareto_regret", "Pareto regret", "quarter-sd", style)
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Pareto UCB1 Gossip", "alone"]
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


def test_sweeps_have_a_panel_a_point_and_an_axis_a_key(swept: Results) -> None:
    table, style = swept.table(), looks(["Pareto UCB1 Gossip", "alone"])
    figure = plotting.curves(table, swept.keys, "pareto_regret", "Pareto regret", "sd", style)
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert len(shown) == 6 and shown[0].get_title() == "link_probability = 0.02, base = complete"
    ends = ("pareto_regret", "Pareto regret", "ci", style)
    numbers = plotting.against_key(table, "link_probability", ["base"], *ends)
    assert [ax.get_title() for ax in numbers.axes] == ["base = complete", "base = path"]
    assert numbers.axes[0].get_xscale() == "log"
    names = plotting.against_key(table, "base", ["link_probability"], *ends)
    below = [ax for ax in names.axes if ax.get_visible()][-1]
    assert [tick.get_text() for tick in below.get_xticklabels()] == ["complete", "path"]


def test_metrics_follow_the_algorithms(single: Results) -> None:
    assert list(plotting.metrics_of(single, None)) == ["pareto_regret"]
    assert list(plotting.metrics_of(single, "both")) == ["pareto_regret", "nsw_regret"]
    names = {path.name for path in plot(single, formats=["svg"], metric="nsw")}
    assert names == {"nsw_regret.svg", "nsw_regret_against_bytes.svg", "estimation_error.svg", "front_coverage.svg"}


@pytest.mark.slow
def test_nsw_that_is_not_defined_is_not_drawn(tmp_path: Path) -> None:
    means = np.random.default_rng(0).uniform(-1, 0, (4, 3, 2))
    results = gm.run({**SPEC, "environment": {"means": means, "rewards": "gaussian"}}, out=tmp_path / "run", workers=1)
    assert {path.name for path in plot(results, formats=["svg"], metric="both")} == {
        "pareto_regret.svg", "pareto_regret_against_bytes.svg", "estimation_error.svg", "front_coverage.svg",
    }  # fmt: skip


@pytest.mark.slow
def test_a_single_trial_and_a_single_round_can_be_drawn(tmp_path: Path) -> None:
    experiment = {"name": "least", "horizon": 1, "trials": 1, "seed": 0}
    results = gm.run({**SPEC, "experiment": experiment}, out=tmp_path / "run", workers=1)
    assert plot(results, band="ci", metric="both")
    assert np.isnan(results.summary()["pareto_regret_low"]).all()


def test_looks_are_distinct_for_seven_algorithms() -> None:
    found = looks([f"algorithm {i}" for i in range(9)])
    assert len({look.color for look in found.values()}) == len(COLOURS) == 7
    assert len({str(look.linestyle) for look in list(found.values())[:7]}) == 7


def test_logarithmic_axes_where_they_help() -> None:
    assert logarithmic([0.05, 0.1, 1.0]) and logarithmic([1, 10, 100])
    assert not logarithmic([0.1, 0.5, 1.0]) and not logarithmic([0.0, 0.1, 10.0]) and not logarithmic([1, 100])


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_topologies_are_drawn_the_same_every_time(tmp_path: Path, suffix: str) -> None:
    networks = {name: gm.Network(name, agents=n) for name, n in [("petersen", None), ("star", 6), ("complete", 1), ("path", 2)]}
    one = draw_topologies(networks, tmp_path / f"one.{suffix}")
    other = draw_topologies(networks, tmp_path / f"other.{suffix}")
    assert file_hash(one) == file_hash(other) and one.stat().st_size > 3_000
    with pytest.raises(gm.InputError, match=r"\.gif"):
        draw_topologies(networks, tmp_path / "one.gif")


def test_errors_are_drawn_in_two_parts(single: Results) -> None:
    style = looks(["Pareto UCB1 Gossip", "alone"])
    lines = {"disagreement": ("-", "consensus"), "sampling_error": (":", "sampling")}
    figure = plotting.over_time(single.table(), [], style, lines, "error", "log")
    lines = {str(line.get_label()): line for line in figure.axes[0].lines}
    assert set(lines) == {f"{label}, {part}" for label in style for part in ("consensus", "sampling")}
    mean = single.table().query("algorithm == 'alone'").groupby("round")["sampling_error"].mean()
    np.testing.assert_allclose(lines["alone, sampling"].get_ydata(), mean)
    assert lines["alone, sampling"].get_linestyle() == ":" and figure.axes[0].get_yscale() == "log"


def test_a_legend_has_as_many_columns_as_fit() -> None:
    with own_style():
        for words, columns in (("short", 2), ("a label that takes more than half of the width", 1)):
            figure, [ax] = plotting.panels(1)
            for n in range(4):
                ax.plot([0, 1], label=f"{words} {n}")
            plotting.finish(figure, [ax], "x", "y")
            [legend] = figure.legends
            assert legend._ncols == columns and legend.get_window_extent().width <= figure.bbox.width


def test_guides_meet_the_curve_at_the_last_round(single: Results) -> None:
    rounds, regret = np.array([1, 10, 100]), np.array([1.0, 5.0, 8.0])
    for name, expected in [("log", [0, 4, 8]), ("sqrt", [0.8, 0.8 * 10**0.5, 8]), ("linear", [0.08, 0.8, 8])]:
        curve, c = fitted(name, rounds, regret)
        np.testing.assert_allclose(curve, expected, atol=1e-12)
        np.testing.assert_allclose(c * ORDERS[name][1](rounds.astype(float)), expected, atol=1e-12)
    assert np.isnan(fitted("log", np.array([1]), np.array([2.0]))[1])  # ln 1 = 0
    style = looks(["Pareto UCB1 Gossip", "alone"])
    guide = guide_for("auto", "pareto_regret", single.spec.algorithms)
    assert guide == ("Pareto UCB1 Gossip", "log")
    figure = plotting.curves(single.table(), [], "pareto_regret", "Pareto regret", "sd", style, guide=guide)
    (line,) = [line for line in figure.axes[0].lines if "fitted at T" in str(line.get_label())]
    mean = single.table().query("algorithm == 'Pareto UCB1 Gossip'").groupby("round")["pareto_regret"].mean()
    assert line.get_ydata()[-1] == pytest.approx(mean[60])
    assert line.get_ydata()[0] == pytest.approx(mean[60] * np.log(10) / np.log(60))


def test_guides_on_the_command_line(single: Results, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["plot", str(single.path), "--format", "svg", "--bound", "sqrt"]) == 0
    for options, words in [(["--bound", "sqr"], "did you mean 'sqrt'"), (["--metric", "nsw", "--bound", "auto"], "known")]:
        capsys.readouterr()
        assert call(["plot", str(single.path), "--format", "svg", *options]) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize("rising", [True, False])
def test_panels_that_share_their_axes_show_all_of_every_curve(rising: bool) -> None:
    rows = [
        {"key": key, "algorithm": "one", "trial": trial, "round": t * key, "pareto_regret": float(key * (10 * t + trial))}
        for key in ((1, 100) if rising else (100, 1))
        for trial in range(2)
        for t in (1, 2)
    ]
    table = pd.DataFrame(rows)
    style = looks(["one"])
    for figure in (
        plotting.curves(table, ["key"], "pareto_regret", "regret", "sd", style),
        plotting.against_key(table.assign(other=table["key"]), "key", ["other"], "pareto_regret", "regret", "sd", style),
    ):
        for ax in figure.axes:
            low, high = ax.get_ylim()
            assert low == 0 and high >= 2100
    assert all(ax.get_xlim() == (0, 200) for ax in plotting.curves(table, ["key"], "pareto_regret", "", "sd", style).axes)


def test_letters_without_a_font_are_noted_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with own_style():
            figure = Figure()
            figure.text(0.5, 0.5, "基准 \ue123\ue124")
            figure.text(0.5, 0.2, legible("$x_1$ 基准 \ue125"))
            save(figure, tmp_path / "x", ["png", "svg"])
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("figures: no font on this machine has") and line.count("\ue123") == 1
