"""Comparisons in words, the paired ratio behind them, and two runs side by side."""

import html
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr, wilcoxon

import gossipmab as gm
from gossipmab.analysis.compare_runs import versus
from gossipmab.analysis.plot_style import others_of
from gossipmab.analysis.plots import plot
from gossipmab.analysis.report.page import render
from gossipmab.analysis.sentences import Comparison, compare
from gossipmab.analysis.sweep_effects import Effect, answers, effects
from gossipmab.cli import call
from gossipmab.experiments.spec.build import built
from gossipmab.experiments.spec.loading import from_dict
from gossipmab.metrics import statistics
from gossipmab.metrics.statistics import UNDEFINED, Trend, holm, paired_p_value, paired_ratio, rank_trend
from tests.tiny import FOUR, PAIR, Capsys, error_of, module_run, printed, tiny

SPEC = tiny(60, 6, environment=FOUR, algorithms=PAIR)
LISTED = {"points": [{"network.base": "complete", "network.link_probability": 0.2},
                     {"network.base": "path", "network.link_probability": 1.0}]}  # fmt: skip
listed = module_run({**SPEC, "sweep": LISTED}, "listed")


def test_ratio_of_means_by_hand() -> None:
    first, other = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.5, 2.0])
    ratio = paired_ratio(first, other)
    assert ratio.value == 0.5  # 3 / 6
    assert 0.25 <= ratio.low < 0.5 < ratio.high <= 2 / 3  # no mean of pairs lies outside the pairs' own ratios
    assert paired_ratio(first, 0.3 * first) == pytest.approx((0.3, 0.3, 0.3))
    noise = 1.0 + 1e-12 * np.arange(len(first))  # as sums in another order have
    assert paired_ratio(first, first * noise) == (1.0, 1.0, 1.0) and paired_ratio(1e-12 * first, noise) is UNDEFINED
    assert paired_p_value(np.arange(9.0), np.arange(9.0) + 1e-12) == 1.0 and statistics.bootstrap_interval(noise[:3]) == (1.0, 1.0)
    apart = np.array([-1.0, 1, 1, 1, 1, 1, 1, 1])
    assert paired_p_value(np.zeros(8), apart) == paired_p_value(np.zeros(8), apart + 1e-12 * np.arange(8))
    assert statistics.growth_exponent(np.arange(1, 9), 5 + 1e-12 * np.arange(8)) == 0.0
    assert paired_ratio(first[:1], other[:1])[:1] == (0.5,) and math.isnan(paired_ratio(first[:1], other[:1]).low)
    for wrong in ([0.0, 0.0, 0.0], [1.0, math.nan, 1.0], [1.0, -1.0, 2.0]):
        assert paired_ratio(np.array(wrong), other) is UNDEFINED
    assert paired_ratio(np.zeros(0), np.zeros(0)) is UNDEFINED
    assert paired_ratio(np.array([0.0, 2.0, 2.0]), other).value == 0.75  # a trial without regret is a trial


@pytest.mark.parametrize(("figures", "said"), [
    ((0.26, 0.23, 0.29, 0.0001, 15), "a: 74 % less regret than b, 95 % interval 71 to 77 %, n = 15, p < 0.001"),
    ((1.25, 1.081, 1.4, 0.031, 9), "a: 25 % more regret than b, 95 % interval 8.1 to 40 %, n = 9, p = 0.031"),
    ((3.14, 2.5, 4.02, math.nan, 4), "a: 3.14 times the regret of b, 95 % interval 2.5 to 4.02 times, n = 4 (a test needs 6)"),
    ((0.97, 0.9, 1.04, 0.4, 15),
     "a: 3.0 % less regret than b, 95 % interval from 10 % less to 4.0 % more, n = 15, p = 0.4; not distinguishable from "
     "chance"),
    ((0.5, 0.4, 0.6, 0.38, 6),
     "a: 50 % less regret than b, 95 % interval 40 to 60 %, n = 6, p = 0.38; the corrected test is not sure of it"),
    ((1.0, 1.0, 1.0, 1.0, 6), "a: the same regret as b in every trial, n = 6"),
    ((0.5, math.nan, math.nan, math.nan, 1),
     "a: 50 % less regret than b, n = 1 (a test needs 6); not distinguishable from chance"),
    ((math.nan, math.nan, math.nan, math.nan, 3), "a: no ratio to the regret of b is defined, n = 3"),
])  # fmt: skip
def test_sentences(figures: tuple[float, float, float, float, int], said: str) -> None:
    assert Comparison("", "a", "b", "regret", *figures).sentence() == said
    assert Comparison("p = 0.1", "a", "b", "regret", *figures).sentence() == f"p = 0.1: {said}"


def test_a_run_compares_its_algorithms_with_the_first(listed: gm.Results, capsys: Capsys) -> None:
    found = compare(listed.summary(), listed.keys, "gossip", {"pareto_regret": "Pareto regret", "absent": "Absent"})
    assert [(one.where, one.subject, one.reference) for one in found] == [
        (f"base = {base}, link_probability = {p}", "alone", "gossip") for base, p in (("complete", 0.2), ("path", 1.0))
    ]
    table = listed.table()
    for one, base in zip(found, ("complete", "path"), strict=True):
        last = table[table["base"] == base].query("round == 60").pivot(index="trial", columns="algorithm", values="pareto_regret")
        assert one.ratio == pytest.approx(last["alone"].mean() / last["gossip"].mean()) and one.trials == 6
    out = printed(capsys, ["summary", str(listed.path)])
    # summary ends with the sentences
    assert out.count("alone: ") == 2 and "95 % interval" in out and "n = 6" in out


def test_a_run_of_one_algorithm_compares_its_points(tmp_path: Path, capsys: Capsys) -> None:
    sweep: dict[str, list[Any]] = {"network.link_probability": [1.0, 0.1, 0.3]}
    results = gm.run({**SPEC, "algorithms": [{"name": "pareto_ucb_gossip"}], "sweep": sweep}, out=tmp_path / "run", workers=1)
    summary = results.summary()
    found = compare(summary, results.keys, "pareto_ucb_gossip", {"pareto_regret": "Pareto regret"})
    key = "link_probability = "
    assert [(one.subject, one.reference) for one in found] == [(f"{key}{p}", f"{key}1.0") for p in (0.1, 0.3)]
    last = results.table().query("round == 60").pivot(index="trial", columns="link_probability", values="pareto_regret")
    expected = [paired_p_value(last[1.0].to_numpy(), last[p].to_numpy()) for p in (0.1, 0.3)]
    assert summary["pareto_regret_p"].iloc[0] != summary["pareto_regret_p"].iloc[0]
    assert list(summary["pareto_regret_p"].iloc[1:]) == holm(expected)
    # a sweep without an order has its table too
    sweep = {"network.base": ["ring", "complete", "star"]}
    results = gm.run({**SPEC, "algorithms": [{"name": "pareto_ucb_gossip"}], "sweep": sweep}, out=tmp_path / "bases", workers=1)
    assert [(one.begin, one.end) for one in effects(results)] == [("ring", "complete"), ("ring", "star")]
    out = printed(capsys, ["summary", str(results.path)])
    assert "Pareto regret across base, paired by trial" in out and "Pareto regret than base = ring" not in out


def test_the_trend_is_that_of_scipy_and_its_interval_that_of_a_plain_bootstrap() -> None:
    generator, x = np.random.default_rng(3), np.array([0.1, 0.2, 0.4, 0.9])
    y = generator.lognormal(0, 1, (9, 1)) * (2.0 - x + generator.normal(0, 0.4, (9, 4)))
    y[0] = y[0, 0]  # a trial without any trend
    found = rank_trend(x, y)
    rho = np.array([0.0, *(spearmanr(x, row).statistic for row in y[1:])])
    assert found.value == pytest.approx(rho.mean())
    draws = np.random.default_rng(0).integers(0, 9, (9_999, 9))
    theta = np.array([rho[draw].mean() for draw in draws])
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(theta, [2.5, 97.5])))
    assert rank_trend(x, y) == found and rank_trend(x, 3.0 * y + 7.0) == pytest.approx(found)
    assert rank_trend(x, -x * np.ones((6, 1))) == (-1.0, -1.0, -1.0)
    assert rank_trend(x, np.ones((6, 4)) + 1e-13 * generator.normal(size=(6, 4))) == (0.0, 0.0, 0.0)
    assert math.isnan(rank_trend(x, np.full((6, 4), math.nan)).value) and math.isnan(rank_trend(x, x[None]).low)


def test_the_sweep_is_answered_trial_by_trial(tmp_path: Path, capsys: Capsys) -> None:
    results = gm.run({**SPEC, "sweep": {"network.link_probability": [1.0, 0.1, 0.3]}}, out=tmp_path / "run", workers=1)
    found = {one.algorithm: one for one in effects(results) if one.metric == "pareto_regret"}
    last = results.table().query("round == 60")
    expected = []
    for label in ("gossip", "alone"):
        y = last[last["algorithm"] == label].pivot(index="trial", columns="link_probability", values="pareto_regret").to_numpy()
        one = found[label]
        assert (one.begin, one.end, one.points, one.ordered) == ("0.1", "1.0", 3, True)
        assert (one.first, one.last) == pytest.approx((y[:, 0].mean(), y[:, 2].mean()))
        assert one.comparison[4:7] == pytest.approx(tuple(paired_ratio(y[:, 0], y[:, 2])), nan_ok=True)
        expected.append(wilcoxon(y[:, 2] - y[:, 0]).pvalue if label == "gossip" else 1.0)
        assert one.trend == rank_trend(np.array([0.1, 0.3, 1.0]), y)
    assert [one.comparison.p for one in found.values()] == pytest.approx(holm(expected))
    assert found["alone"].words == "no difference" and found["alone"].trend.value == 0.0
    answer = f"Pareto regret from link_probability = 0.1 to 1.0: {found['gossip'].words} for gossip, no difference for alone."
    assert list(answers(list(found.values()))) == [answer] and call(["summary", str(results.path)]) == 0
    out = capsys.readouterr().out
    assert answer in out and "tiny: Pareto regret from link_probability = 0.1 to 1.0, paired by trial" in out
    assert answer in html.unescape(render(results)) and call(["summary", str(results.path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["sentences"][0] == answer and document["sweep"][0]["trend"] == found["gossip"].trend.value


def test_points_without_an_order_stand_beside_the_first_at_the_same_other_values(tmp_path: Path) -> None:
    sweep = {"network.base": ["path", "complete", "ring"], "environment.agents": [3, 5]}
    experiment = {**SPEC["experiment"], "trials": 2}
    results = gm.run({**SPEC, "experiment": experiment, "sweep": sweep}, out=tmp_path, workers=1)
    found = [one for one in effects(results) if one.metric == "pareto_regret" and one.algorithm == "gossip"]
    assert [(one.key, one.where, one.begin, one.end) for one in found] == [
        *(("base", f"agents = {n}", "path", end) for n in (3, 5) for end in ("complete", "ring")),
        *(("agents", f"base = {base}", "3", "5") for base in sweep["network.base"]),
    ]
    last = results.table().query("round == 60 and algorithm == 'gossip'").groupby(["base", "agents"])["pareto_regret"].mean()
    assert (found[1].first, found[1].last) == pytest.approx((last["path", 3], last["ring", 3]))
    assert (found[4].first, found[4].last) == pytest.approx((last["path", 3] / 3, last["path", 5] / 5))  # an agent
    assert found[4].comparison.quantity == "Pareto regret an agent" and math.isnan(found[4].comparison.p)


@pytest.mark.parametrize(("figures", "trend", "words"), [
    ((0.59, 0.5, 0.7, 0.001), (0.0, -0.5, 0.5), "41 % less"), ((3.14, 2.0, 4.0, 0.01), (0.0, -0.5, 0.5), "3.14 times as much"),
    ((0.9, 0.8, 1.1, 0.3), (0.0, -0.5, 0.5), "no clear difference"), ((1.2, 1.1, 1.3, 0.2), (0.0, -0.5, 0.5), "perhaps 20 % more"),
    ((1.0, 0.9, 1.1, 0.4), (0.5, 0.2, 0.7), "no clear difference between the ends, but it rises on the way"),
])  # fmt: skip
def test_the_words_for_an_effect(figures: Any, trend: Any, words: str) -> None:
    comparison = Comparison("", "a", "a", "regret", *figures, 15)
    assert Effect("m", "k", "", "a", "1", "9", True, 5, 1.0, figures[0], comparison, Trend(*trend), "", "").words == words


def test_environments_depend_on_seed_and_trial_only(listed: gm.Results) -> None:
    spec = listed.spec
    for trial in range(3):
        one, other = (built(point, spec.files, trial)[0] for point in spec.points)
        np.testing.assert_array_equal(one.means, other.means)
        np.testing.assert_array_equal(one.preferences, other.preferences)
    far = from_dict({**SPEC, "experiment": {**SPEC["experiment"], "horizon": 7, "recorded_rounds": 3, "trials": 4}})
    np.testing.assert_array_equal(built(far.points[0], far.files, 3)[0].means, built(spec.points[1], spec.files, 3)[0].means)
    assert not np.array_equal(built(far.points[0], far.files, 2)[0].means, built(far.points[0], far.files, 3)[0].means)
    # Rewards too are those of the trial: alone, an agent earns the same at every point, bit for bit.
    alone = listed.table().query("algorithm == 'alone'")
    one, other = (alone[alone["base"] == base]["pareto_regret"].to_numpy() for base in ("complete", "path"))
    np.testing.assert_array_equal(one, other)
    # mu = clip(b + h eps): with h = 0 all agents have b, and other values of h go along the same eps.
    specs = {h: from_dict({**SPEC, "environment": {**SPEC["environment"], "heterogeneity": h}}) for h in (0.0, 0.01, 0.02)}
    at = {h: built(spec.points[0], spec.files, 0)[0].means for h, spec in specs.items()}
    inside = (at[0.02] > 0) & (at[0.02] < 1)
    np.testing.assert_allclose((at[0.02] - at[0.0])[inside], 2 * (at[0.01] - at[0.0])[inside], atol=1e-12)


@pytest.mark.slow
def test_listed_points_are_drawn_along_the_key_that_tells_them_apart(listed: gm.Results) -> None:
    assert others_of(listed, "link_probability") == [] == others_of(listed, "base")
    names = {path.name for path in plot(listed, formats=["svg"])}
    assert {"pareto_regret_against_base.svg", "pareto_regret_against_link_probability.svg"} <= names
    dataset = listed.dataset()["pareto_regret"].sel(algorithm="gossip", trial=0, round=60)
    assert np.isnan(dataset.sel(base="complete", link_probability=1.0)) and dataset.notnull().sum() == 2


def test_a_run_and_itself_and_one_without_a_common_cell(listed: gm.Results, tmp_path: Path, capsys: Capsys) -> None:
    other = gm.run({**SPEC, "sweep": LISTED}, out=tmp_path / "again", workers=1)
    found = versus(listed, other)
    assert (found.differences, found.matching, found.equal, found.unequal) == ([], 24, 24, [])
    assert all(row.comparison.ratio == 1.0 for row in found.finals if row.metric == "pareto_regret")
    out = printed(capsys, ["compare", str(listed.path), str(other.path)])
    assert "All 24 matching cells are equal bit for bit." in out and "what differs" not in out
    assert "the same Pareto regret as the first run in every trial" in out
    # runs without a common cell
    other = gm.run(SPEC, out=tmp_path / "single", workers=1)
    assert versus(listed, other).matching == 0 and call(["compare", str(listed.path), str(other.path)]) == 0
    assert "No cell matches" in capsys.readouterr().out


def test_two_runs_with_other_links(tmp_path: Path, capsys: Capsys) -> None:
    one = gm.run(SPEC, out=tmp_path / "one", workers=1)
    other = gm.run(SPEC, out=tmp_path / "other", workers=1, overrides=["network.link_probability=0.1"])
    found = versus(one, other)
    assert found.differences == [("network.link_probability", "0.5", "0.1")] and found.paired
    assert found.matching == 12 and 6 <= found.equal < 12  # alone is the same, gossip is not
    row = next(row for row in found.finals if (row.algorithm, row.metric) == ("gossip", "pareto_regret"))
    ends = [run.table().query("round == 60 and algorithm == 'gossip'")["pareto_regret"].mean() for run in (one, other)]
    assert (row.first, row.second, row.trials) == (*ends, 6) and row.comparison.ratio == pytest.approx(ends[1] / ends[0])
    out = printed(capsys, ["compare", str(one.path), str(other.path)])
    assert "network.link_probability" in out and f"{found.equal} of 12 matching cells" in out
    assert "gossip in the second run: " in out and "their environments differ" not in out.lower()


def test_two_runs_with_other_environments_share_nothing(tmp_path: Path, capsys: Capsys) -> None:
    one = gm.run(SPEC, out=tmp_path / "one", workers=1)
    renamed = {**SPEC, "algorithms": [SPEC["algorithms"][0], {"name": "pareto_ucb", "label": "solo"}]}
    changes = ["experiment.seed=6", "experiment.trials=2"]
    other = gm.run(renamed, out=tmp_path / "other", workers=1, overrides=changes)
    found = versus(one, other)
    assert not found.paired and found.matching == 2 and found.equal == 0
    assert {key for key, _, _ in found.differences} >= {"experiment.seed", "experiment.trials", "algorithms.alone"}
    assert "Their environments differ" in printed(capsys, ["compare", str(one.path), str(other.path)])
    assert "there is no run" in error_of(capsys, ["compare", str(one.path), str(tmp_path / "nowhere")])


def test_runs_of_other_horizons_meet_at_their_last_common_round(listed: gm.Results, tmp_path: Path, capsys: Capsys) -> None:
    experiment = {**SPEC["experiment"], "horizon": 40, "recorded_rounds": 4}
    other = gm.run({**SPEC, "sweep": LISTED, "experiment": experiment}, out=tmp_path / "short", workers=1)
    common = set(listed.table()["round"]) & set(other.table()["round"])
    assert max(common) == 40
    found = versus(listed, other)
    assert found.horizons == ([60], [40])
    assert all(row.round == 40 and row.comparison.ratio == 1.0 for row in found.finals if row.metric == "pareto_regret")
    out = printed(capsys, ["compare", str(listed.path), str(other.path)])
    assert "The horizons differ (60 rounds in the first, 40 in the second): regrets are those after 40 rounds" in out
    assert versus(listed, listed).horizons is None
