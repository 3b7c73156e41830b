"""Data of one's own: the recipe of docs/ratings.md, logs whose agents and arms have names, tables of means, pick-ups."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

import gossipmab as gm
from gossipmab.analysis.pull_plots import pulls
from gossipmab.analysis.report.page import render
from gossipmab.experiments.spec.loading import from_dict
from tests.tiny import Patch, refuses

DOCS = Path(__file__).parents[2] / "docs"
PICKUPS = Path(__file__).parents[2] / "experiments" / "pickups.csv"


@pytest.mark.slow
def test_the_recipe_makes_a_table_that_runs(tmp_path: Path, monkeypatch: Patch) -> None:
    text = (DOCS / "ratings.md").read_text(encoding="utf-8")
    *recipe, experiment = re.findall(r"```(?:python|toml)\n(.*?)```", text, re.S)
    monkeypatch.chdir(tmp_path)
    exec("\n".join(recipe), {})  # the document's own code
    table = pd.read_csv("ratings.csv")
    Path("ratings.toml").write_text(experiment, encoding="utf-8")
    results = gm.run("ratings.toml", overrides=["experiment.horizon=400", "experiment.trials=2"], workers=1)
    means = table.pivot_table(index="age", columns="film", values="liked").to_numpy()
    trace = next(iter(results.traces.values()))
    np.testing.assert_allclose(trace.mean_policy_utility, means @ trace.mean_policy, rtol=1e-12)
    assert {"regret", "regret_maximin"} <= set(results.table().columns)


def log_of(rows: int = 1_000) -> pd.DataFrame:
    """A log whose groups and films have names; "Rare" is seen by few."""
    rng = np.random.default_rng(0)
    films = rng.choice(["Alien", "Brazil", "Cube", "Rare"], rows, p=[0.4, 0.3, 0.29, 0.01])
    groups = rng.choice(["young", "old", "10"], rows)
    return pd.DataFrame({"group": groups, "film": films, "stars": rng.integers(0, 5, rows) / 4, "time": rng.random(rows)})


NAMED: dict[str, Any] = {"agent": "group", "arm": "film", "rewards": ["stars", "time"]}


def test_a_log_is_resampled_with_its_names_whatever_holds_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = log_of()
    frame.to_csv(tmp_path / "log.csv", index=False)
    frame.to_parquet(tmp_path / "log.parquet", index=False)
    environment = gm.Environment.from_log(frame, **NAMED)
    assert environment.labels.agents == ("10", "old", "young") and environment.labels.arms == ("Alien", "Brazil", "Cube")
    assert caplog.messages == ["log: 1 of 4 arms left out, with fewer than 20 rows of some agent: Rare"]
    means = frame.groupby(["group", "film"])[["stars", "time"]].mean()
    for (i, group), (k, film) in product(enumerate(environment.labels.agents), enumerate(environment.labels.arms)):
        np.testing.assert_allclose(environment.means[i, k], means.loc[group, film], rtol=1e-12)
    others = [
        polars.from_pandas(frame), pyarrow.Table.from_pandas(frame), frame.to_dict("list"), frame.astype({"group": "category"}),
    ]  # fmt: skip
    for source in (*others, tmp_path / "log.csv", str(tmp_path / "log.parquet")):
        other = gm.Environment.from_log(source, **NAMED)
        assert other.labels == environment.labels
        np.testing.assert_array_equal(other.rewards.rows, environment.rewards.rows)


def test_numbers_in_a_log_are_put_in_order_and_need_no_names(tmp_path: Path) -> None:
    frame = pd.DataFrame({"agent": np.tile([10, 9, 2], 40), "arm": np.repeat([1.0, 0.0], 60), "reward_1": 0.5})
    environment = gm.Environment.from_log(frame)
    assert environment.labels.agents == ("2", "9", "10") and environment.labels.arms == ()
    plain = frame.assign(agent=frame["agent"].map({2: 0, 9: 1, 10: 2}))
    plain.to_csv(tmp_path / "plain.csv", index=False)
    table = gm.Environment.sample(rewards="table", logged_rewards=tmp_path / "plain.csv")
    np.testing.assert_array_equal(gm.Environment.from_log(plain).rewards.first, table.rewards.first)
    np.testing.assert_array_equal(gm.Environment.from_log(plain).rewards.rows, table.rewards.rows)


@pytest.mark.parametrize(("edit", "options", "words"), [
    (lambda f: f.assign(stars=f.stars * 5), {},
     "column 'stars' has 1.25 in row 1, allowed are numbers in \\[0, 1\\], such as x / 5"),
    (lambda f: f.assign(time=f.time.where(f.index != 7)), {}, "column 'time' has no number in row 8"),
    (lambda f: f, {"agent": "grup"}, "'grup' is not known; did you mean 'group'"),
    (lambda f: f.head(0), {}, "the table has no rows"),
    (lambda f: f.set_axis(["group", "film", "stars", "stars"], axis=1), {"rewards": "stars"}, "two columns 'stars'"),
    (lambda f: f.assign(film=f.film.where(f.index != 3)), {}, "column 'film' has nothing in row 4"),
    (lambda f: f.assign(film="a\x1bb"), {}, "allowed are 100 printable characters"),
    (lambda f: f, {"rewards": ["film"]}, "column 'film' cannot be read as numbers"),
    (lambda f: f, {"rewards": None}, "'reward_1' is not known"),
    (lambda f: f, {"least": 900}, "no arm has 900 rows of every agent; the nearest is arm 'Alien', of which agent '.*' has"),
    (lambda f: f, {"least": 20.0}, "did you mean 20"),
    (lambda f: f, {"agnt": "x"}, "Environment.from_log: argument: 'agnt' is not known; did you mean 'agent'"),
    (lambda f: f, {"preferences": {"old": [1, 0]}}, "allowed are those of all; differs from these at 10, young"),
    (lambda f: "log.xlsx", {}, "suffix '.xlsx', allowed are .csv, .parquet"),
    (lambda f: "log.csv", {}, "there is no file 'log.csv'"), (lambda f: 3, {}, "got 3, allowed is a DataFrame"),
])  # fmt: skip
def test_a_log_that_is_refused_is_one_line(edit: Any, options: dict[str, Any], words: str) -> None:
    refuses(words, gm.Environment.from_log, edit(log_of()), **{**NAMED, **options})


def test_means_come_from_arrays_and_tables_with_names() -> None:
    means = [[0.2, 0.7], [0.6, 0.5]]
    environment = gm.Environment.from_arrays(means, agent_names=["bo", "ann"], preferences={"ann": [1.0], "bo": [1.0]})
    assert environment.means.shape == (2, 2, 1) and environment.labels.agents == ("bo", "ann")
    table = {"who": ["bo", "bo", "ann", "ann"], "what": ["x", "y"] * 2, "taste": [0.2, 0.7, 0.6, 0.5]}
    other = gm.Environment.from_dataframe(table, agent="who", arm="what")
    np.testing.assert_array_equal(other.means, environment.means[::-1])
    for wrong, words in (
        (lambda: gm.Environment.from_arrays(means, agent_names=["a"]), "agent_names: got 1 names"),
        (lambda: gm.Environment.from_dataframe({**table, "what": ["x"] * 4}, agent="who", arm="what"), "arm 'x' have 2 rows"),
        (lambda: gm.Environment.from_dataframe({**table, "taste": [0.2, 0.7, 0.6, None]}, agent="who", arm="what"),
         "no number for"),
        (lambda: gm.Environment.sample(agent=5), "'agent' is not known; did you mean 'agents'"),
        (lambda: gm.Network("ring", agent=5), "Network: argument: 'agent' is not known; did you mean 'agents'"),
    ):  # fmt: skip
        refuses(words, wrong)


STUDY: dict[str, Any] = {
    "experiment": {"name": "films", "protocol": "central", "horizon": 60, "trials": 1, "seed": 0},
    "environment": {"log": {"file": "log.csv", **NAMED}},
    "algorithms": [{"name": "explore_first"}],
}


def test_names_stand_in_the_tables_and_the_report_of_a_run(tmp_path: Path) -> None:
    log_of().to_csv(tmp_path / "log.csv", index=False)
    spec = from_dict(STUDY, tmp_path)
    assert spec.environment.rewards == "table" and list(spec.files) == ["log.csv"]
    results = gm.run(spec, out=tmp_path / "run", workers=1)
    (tmp_path / "log.csv").unlink()  # the run has its own copy
    results = gm.open_run(tmp_path / "run")
    assert results.agents()["agent_name"].tolist() == ["10", "old", "young"]
    assert results.dataset()["agent_name"].values.tolist() == ["10", "old", "young"]
    assert results.remarks() == ["log: 1 of 4 arms left out, with fewer than 20 rows of some agent: Rare"]
    page = render(results)
    assert '<th scope="row">young</th>' in page and "Pulls by agent and arm" in page
    figure = pulls(results)
    assert figure is not None and [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["Alien", "Brazil", "Cube"]
    swept = from_dict({**STUDY, "sweep": {"environment.log.least": [1, 20]}}, tmp_path / "run", results.spec.files)
    assert [len(point.labels.arms) for point in swept.points] == [4, 3]


def test_names_of_the_network_in_another_order_are_refused() -> None:
    environment = gm.Environment.from_arrays(np.full((2, 2, 1), 0.5), agent_names=["ann", "bo"])
    line = "^network.base: agent 0 is 'bo' in the network and 'ann' in the environment"
    network = gm.Network(nx.Graph([("bo", "ann")]))
    refuses(line, gm.simulate, gm.ParetoUCBGossip(), environment, network, horizon=1, seed=0)


@pytest.mark.parametrize(("key", "value", "words"), [
    ("log", {"file": "log.csv", "agnt": "x"}, "environment.log: parameter: 'agnt' is not known; did you mean 'agent'"),
    ("log", 3, "environment.log: got 3, allowed is a file, or"), ("log", {"agent": "x"}, "environment.log.file is required"),
    ("log", "no.csv", "there is no file 'no.csv'"),
    ("dataset", {"name": "ridesharin", "file": "x.csv"}, "did you mean 'ridesharing'"),
    ("rewards", "beta", "environment.rewards: got beta, allowed beside log is 'table'"),
    ("means", [[[0.5]]], "environment.log: given beside means"),
])  # fmt: skip
def test_sources_that_are_refused(key: str, value: Any, words: str, tmp_path: Path) -> None:
    environment = {key: value} if key in ("log", "dataset") else {**STUDY["environment"], key: value}
    refuses(words, from_dict, {**STUDY, "environment": environment}, tmp_path)


@pytest.mark.parametrize("names", [
    ("pickup_longitude", "pickup_latitude"), (" pickup_longitude", " pickup_latitude"), ("Pickup_longitude", "Pickup_latitude"),
    ("Start_Lon", "Start_Lat"), ("Pickup Centroid Longitude", "Pickup Centroid Latitude"), ("start_lng", "start_lat"),
    ("Lon", "Lat"),
])  # fmt: skip
def test_pickups_are_found_by_their_columns(names: tuple[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In the words of public trip files."""
    rng = np.random.default_rng(1)
    lon, lat = (centre + rng.normal(0, 0.02, 600) for centre in (-73.98, 40.75))
    lon[:3], lat[3], lat[4] = 0.0, np.nan, 41.9
    trips = {"medallion": "a,b", "End_Lat": 1.0, "dropoff_longitude": 2.0, names[1]: lat, names[0]: lon}
    pd.DataFrame(trips).to_csv(tmp_path / "trips.csv", index=False)
    environment = gm.datasets.ridesharing(tmp_path / "trips.csv", vehicles=5, zones=3, cell=0.02, seed=4)
    assert environment.means.shape == (5, 3, 1) and 0 <= environment.means.min() < environment.means.max() <= 1
    assert caplog.messages == ["ridesharing: 5 of 600 pick-ups left out, without coordinates or far from all others"]
    assert "40.74, -73.98" in environment.labels.arms
    line = r"zones: got 90, but \d+ cells of 0.02 degrees have 20 pick-ups or more"
    refuses(line, gm.datasets.ridesharing, tmp_path / "trips.csv", zones=90, cell=0.02)
    refuses("no column of the longitude of pick-ups", gm.datasets.ridesharing, {"x": [1.0]})


def test_all_vehicles_see_the_same_pickup_whatever_the_block_of_rounds() -> None:
    environment = gm.datasets.ridesharing(PICKUPS, vehicles=4, zones=3)
    model, generator = environment.rewards, np.random.default_rng(2)
    for shape in ((50, 4, 1), (50, 4, 3, 1)):
        u = generator.random(shape)
        prepared = model.prepare(u.copy())
        np.testing.assert_array_equal(prepared, np.concatenate([model.prepare(u[a:z].copy()) for a, z in ((0, 1), (1, 50))]))
        x = np.zeros(1)
        for t in range(50):
            numbers = prepared[t].reshape(4, -1)[:, 0]
            seen = [[model.draw(j, k, numbers[j : j + 1], x) or x[0] for k in range(3)] for j in range(4)]
            row = int(u[t].flat[0] * model.rows.shape[1])
            np.testing.assert_array_equal(seen, model.rows[:, row, :, 0])
