"""Figures of runs of learners: the frontier, shares of the agents, the price over time, films of episodes."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import gossipmab as gm
from gossipmab.analysis.charts import charts
from gossipmab.analysis.outcome_plots import frontier, outcome_figures, outcomes
from gossipmab.analysis.plot_style import looks, names_of
from gossipmab.analysis.selection import View, view
from gossipmab.cli import call
from gossipmab.experiments.spec.loading import load_spec
from tests.tiny import refuses

pytest.importorskip("jax")

RANDOM: dict[str, Any] = {"name": "random", "environments": 2}
GAME: dict[str, Any] = {
    "experiment": {"name": "tiny", "protocol": "marl", "horizon": 80, "trials": 2, "seed": 0, "recorded_rounds": 2},
    "game": {"name": "job_scheduling", "steps": 20},
    "algorithms": [RANDOM],
}
PPO: dict[str, Any] = {"name": "ippo", "environments": 2}
PRICED = {**GAME, "algorithms": [PPO, {"name": "eld_ippo", "environments": 2, "label": "priced"}, RANDOM]}
SWEPT = {**PRICED, "sweep": {"algorithms.priced.cap": [2.0, 15.0]}}
LAST = {  # label -> (mre, utilisation) of trials 0 and 1 at the last evaluation
    "ippo": [(0.08, 1.0), (0.06, 0.9)],
    "priced": [(0.03, 0.8), (0.05, 1.0)],
    "random": [(0.0, 0.2), (0.0, 0.1)],
}


def made(source: dict[str, Any], trials: int = 2) -> View:
    """A view of numbers made by hand: LAST, and nonsense before; at cap 15 the inequality is half of it."""
    spec = load_spec(source)
    rows: list[dict[str, Any]] = []
    for point in spec.points:
        swept = {key.rpartition(".")[2]: value for key, value in point.values.items()}
        for label, values in LAST.items():
            for trial, (mre, utilisation) in enumerate(values[:trials]):
                mine = {**swept, "algorithm": label, "trial": trial, "multiplier": 3.0 + trial if label == "priced" else np.nan}
                half = 0.5 if swept.get("cap") == 15.0 else 1.0
                rows.append({**mine, "round": 40, "mre": 9.0, "utilisation": 9.0})
                rows.append({**mine, "round": 80, "mre": half * mre, "utilisation": utilisation})
    share = np.array([0.1, 0.5, 0.0, 0.3])
    traces = {cell.id: SimpleNamespace(utility=share * (1 + cell.trial)) for cell in spec.cells() if cell.trial < trials}
    names, keys = names_of(spec), ["cap"] if spec.sweep else []
    results: Any = SimpleNamespace(spec=spec, kind=gm.MarlTrace, traces=traces, keys=keys)
    return View(results, pd.DataFrame(rows), looks(list(names), names, ()), "sd", "")


def test_the_frontier_has_the_means_and_the_bands_of_the_last_evaluation() -> None:
    (ax,) = frontier(made(PRICED)).axes
    for found, values in zip(ax.containers, LAST.values(), strict=True):
        line, _, (across, up) = found
        mean, sd = np.mean(values, axis=0), np.std(values, axis=0, ddof=1)
        np.testing.assert_allclose(np.ravel(line.get_data()).astype(float), mean)
        np.testing.assert_allclose(across.get_segments()[0][:, 0], [mean[0] - sd[0], mean[0] + sd[0]], atol=1e-12)
        np.testing.assert_allclose(up.get_segments()[0][:, 1], [mean[1] - sd[1], mean[1] + sd[1]], atol=1e-12)
    (grey,) = [line for line in ax.lines if line.get_color() == "#999999"]
    np.testing.assert_allclose(np.transpose(grey.get_data()), [[0.07, 0.95], [0.04, 0.9]])  # from ippo to its priced self
    assert (ax.get_xlabel(), ax.get_xlim()[0]) == ("inequality of outcomes, H / N", 0.0)
    assert ax.get_ylabel().startswith("utilisation")
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["Independent PPO", "priced", "Random"]
    # a sweep has a point of its own each and a single trial no bars
    (ax,) = frontier(made(SWEPT)).axes
    x = [float(found[0].get_xdata()[0]) for found in ax.containers]
    np.testing.assert_allclose(x, [0.07, 0.04, 0.0, 0.035, 0.02, 0.0])
    assert len([line for line in ax.lines if line.get_color() == "#999999"]) == 2
    (ax,) = frontier(made(PRICED, trials=1)).axes
    assert all(len(set(map(tuple, bar.get_segments()[0]))) == 1 for found in ax.containers for bar in found[2])


def test_shares_stand_on_each_other_in_the_order_of_agents() -> None:
    seen = made(PRICED)
    panels = [ax for ax in outcomes(seen.results, seen).axes if ax.get_visible()]
    assert [ax.get_title() for ax in panels] == ["ippo", "priced", "random"]
    for ax in panels:
        heights = np.array([[bar.get_height() for bar in rank] for rank in ax.containers])
        bottoms = np.array([[bar.get_y() for bar in rank] for rank in ax.containers])
        np.testing.assert_allclose(heights, np.outer([0.1, 0.5, 0.0, 0.3], [1, 2]))
        np.testing.assert_allclose(bottoms, np.cumsum(heights, axis=0) - heights)
        assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "1"]
    swept = made(SWEPT, trials=1)
    panels = [ax for ax in outcomes(swept.results, swept).axes if ax.get_visible()]
    wanted = [f"{label}, cap = {cap}" for cap in (2.0, 15.0) for label in LAST]
    assert sorted(ax.get_title() for ax in panels) == sorted(wanted)
    assert [text.get_text() for text in panels[0].get_xticklabels()] == ["0"]


def test_the_price_is_drawn_of_those_that_pay_one() -> None:
    (chart,) = [one for one in charts(made(PRICED)) if one.stem == "multiplier"]
    (curve,) = chart.panels[0].curves
    assert (curve.label, curve.n, curve.x.tolist(), curve.mean.tolist()) == ("priced", 2, [40, 80], [3.5, 3.5])
    np.testing.assert_allclose([curve.low[0], curve.high[0]], 3.5 + np.array([-1, 1]) / np.sqrt(2))
    assert chart.ylabel == "price on inequality, lambda" and chart.log == "none"


GAMES = {"job": GAME, "matthew": {**GAME, "game": {"name": "matthew_effect", "steps": 20, "agents": 3}}}
GAMES["swept"] = {**GAME, "sweep": {"game.agents": [2, 4]}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, gm.Results]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: gm.run(spec, out=folder / name, workers=1) for name, spec in GAMES.items()}


def test_a_run_without_a_price_has_no_chart_of_it(runs: dict[str, gm.Results]) -> None:
    seen = view(runs["job"])
    assert [one.stem for one in charts(seen)] == ["utilisation", "mre"]
    assert [one.stem for one in outcome_figures(seen)] == ["frontier", "outcomes"]
    names = [path.name for path in gm.plot(runs["swept"], formats=["png"])]
    assert names[-2:] == ["frontier.png", "outcomes.png"] and "multiplier.png" not in names
    # the film of a sweep point
    drawn = gm.animate(str(runs["swept"].path), label="random", where={"agents": 2}, frames=2)
    drawn._init_draw()
    assert len(drawn._fig.axes[1].patches) == 2 and "agents = 2" in drawn._fig.texts[0].get_text()


@pytest.mark.parametrize("name", ["job", "matthew"])
def test_a_film_is_of_the_episode_that_the_cell_has_kept(name: str, runs: dict[str, gm.Results], tmp_path: Path) -> None:
    run = runs[name]
    drawn = gm.animate(run, trial=1, rounds=10, frames=5)
    drawn._init_draw()  # the first frame
    drawn._func(4)
    trace: Any = run.traces["random__trial001"]
    board, bars = drawn._fig.axes
    discs = [patch for patch in board.patches if hasattr(patch, "center")]
    np.testing.assert_array_equal([disc.center for disc in discs], trace.path[10])
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], trace.earned[:10].mean(axis=0))
    np.testing.assert_allclose([disc.radius for disc in discs], trace.radii[10] if name == "matthew" else 0.36)
    assert drawn._fig.texts[0].get_text() == "tiny, random, step 10"
    film = tmp_path / f"{name}.gif"
    assert call(["animate", str(run.path), "--out", str(film), "--frames", "3", "--quiet"]) == 0
    with Image.open(film) as gif:
        assert (gif.n_frames, gif.size) == (3, (640, 380))  # type: ignore[attr-defined]


@pytest.mark.parametrize(("source", "options", "words"), [
    ("job", {"rounds": 21}, "rounds: got 21, allowed are 1 to 20, the steps of an episode"),
    ("job", {"trial": 2}, "trial: got 2, allowed are 0 to 1"),
    ("job", {"label": "rando"}, "algorithm: 'rando' is not known; did you mean 'random'"),
    ("swept", {"where": {"agents": 3}}, "where: agents: '3' is not known"),
    (GAME, {}, "animate: learners of a game are drawn after their training, allowed is a run folder"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_one_line(source: Any, options: dict[str, Any], words: str, runs: dict[str, gm.Results]) -> None:
    refuses(re.escape(words), gm.animate, runs.get(source) if isinstance(source, str) else source, **options)


def test_a_cell_that_is_not_finished_has_no_film(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = gm.run(GAME, out=tmp_path / "run", workers=1)
    (file,) = (run.path / "cells").glob("*trial001*")
    file.unlink()
    assert call(["animate", str(run.path), "--trial", "1", "--out", str(tmp_path / "film.gif")]) == 2
    assert "animate: the cell random__trial001 is not finished; allowed is one that is" in capsys.readouterr().err
