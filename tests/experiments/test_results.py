"""The cells' files, the tables made of them, and what `Results` hands out; statistics by hand."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

import gossipmab as gm
from gossipmab.analysis.sentences import sentences_of
from gossipmab.analysis.sweep_effects import answers, effects
from gossipmab.experiments.storage.cell_file import KEY, DamagedError, decode, encode, parquet_bytes
from gossipmab.experiments.summary import summarise
from gossipmab.metrics.statistics import bootstrap_interval, growth_exponent, holm, paired_p_value, spread
from gossipmab.metrics.trace import GossipTrace, over_agents
from gossipmab.utils.atomic_write import write_whole
from tests.tiny import module_run, refuses, tiny, world

SPEC = tiny(60, 3, sweep={"network.link_probability": [0.3, 1.0], "network.weights": ["laplacian", "metropolis"]})


def some_trace(seed: int = 0, R: int = 4, N: int = 3, K: int = 2) -> GossipTrace:
    rng = np.random.default_rng(seed)
    regret = rng.random((R, N)).cumsum(axis=0)
    nsw = regret.copy()
    nsw[:, 0] = np.nan
    return GossipTrace(
        np.arange(1, R + 1), regret, nsw, rng.random(R), rng.integers(0, 9, R).cumsum(), rng.integers(0, 9, R).cumsum(),
        rng.integers(0, 9, (N, K)), rng.random(N), rng.integers(0, 9, N), rng.random(R), rng.random(R),
        rng.integers(0, 9, R).cumsum(), regret[-1], nsw[-1], *rng.random((4, R)), *rng.random((4, N)),
    )  # fmt: skip


results = module_run(SPEC)


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 3, 2), (200, 10, 10)])
def test_a_cell_comes_back_bit_for_bit(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    trace, said = some_trace(1, *shape), {"cell": "x", "seconds": 0.25}
    write_whole(tmp_path / "x.parquet", encode(trace, said))
    again, found, _ = decode(tmp_path / "x.parquet", GossipTrace)
    assert gm.same_bits(trace, again) == [] and {key: found[key] for key in said} == said and len(found["sha256"]) == 64
    table = pd.read_parquet(tmp_path / "x.parquet")  # readable by others
    assert table["pareto_regret"].iloc[-1].tolist() == trace.pareto_regret[-1].tolist()


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    good, path = encode(some_trace(2), {"cell": "x"}), tmp_path / "x.parquet"
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 1 << (position % 8)
        path.write_bytes(bytes(bad))
        with pytest.raises(DamagedError):
            decode(path, GossipTrace)
    # a number altered by a good writer is noticed
    path = tmp_path / "x.parquet"
    path.write_bytes(encode(some_trace(4), {"seconds": 1.5}))
    table = parquet.read_table(path)
    messages = table.column("messages").to_pylist()
    column = pa.array([messages[0] + 1, *messages[1:]])
    parquet.write_table(table.set_column(table.schema.get_field_index("messages"), "messages", column), path)
    with pytest.raises(DamagedError, match="altered"):
        decode(path, GossipTrace)
    said = table.schema.metadata[KEY].replace(b"1.5", b"0.5")
    parquet.write_table(table.replace_schema_metadata({KEY: said}), path)
    with pytest.raises(DamagedError, match="altered"):
        decode(path, GossipTrace)


def test_a_file_of_an_older_version_has_no_seal_and_is_read(tmp_path: Path) -> None:
    """As before there were seals: the numbers and the provenance are still compared with their SHA-256."""
    trace, path = some_trace(2), tmp_path / "x.parquet"
    path.write_bytes(encode(trace, {"cell": "x"}))
    table = parquet.read_table(path)
    said = json.loads(table.schema.metadata[KEY])
    del said["sealed"]
    old = table.replace_schema_metadata({KEY: json.dumps(said, sort_keys=True).encode()})
    path.write_bytes(parquet_bytes(old))
    again, found, _ = decode(path, GossipTrace)
    assert gm.same_bits(trace, again) == [] and found == said
    bad = path.read_bytes().replace(b'"cell": "x"', b'"cell": "y"')
    assert bad != path.read_bytes()
    path.write_bytes(bad)
    with pytest.raises(DamagedError):
        decode(path, GossipTrace)


def test_tables_are_tidy_and_in_the_order_of_the_experiment(results: gm.Results) -> None:
    table = results.table()
    assert list(table.columns) == [
        "link_probability", "weights", "algorithm", "trial", "round", "pareto_regret", "nsw_regret", "disagreement", "messages",
        "bytes", "mean_drift", "sampling_error", "scalars_sent", "front_share", "front_evenness", "front_coverage",
        "hypervolume_regret",
    ]  # fmt: skip
    assert len(table) == 4 * 2 * 3 * 6
    cells = table[["link_probability", "weights", "algorithm", "trial"]].drop_duplicates()
    expected = [(*cell.point.values.values(), cell.label, cell.trial) for cell in results.spec.cells()]
    assert list(cells.itertuples(index=False, name=None)) == expected
    cell = results.spec.cells()[5]
    trace = results.traces[cell.id]
    rows = table.iloc[5 * 6 : 6 * 6]
    assert rows["round"].tolist() == trace.rounds.tolist() == [10, 20, 30, 40, 50, 60]
    assert rows["pareto_regret"].tolist() == [float(sum(row.tolist())) for row in trace.pareto_regret]
    assert rows["bytes"].tolist() == trace.bytes.tolist()
    # sums over agents are in ascending order
    assert over_agents(np.array([[1e16, 1.0, -1e16, 1.0]])).tolist() == [((1e16 + 1.0) - 1e16) + 1.0]
    # agents have a row each
    agents = results.agents()
    assert len(agents) == 4 * 2 * 3 * 3
    last = results.table().query("round == 60").reset_index(drop=True)
    sums = agents.groupby(["link_probability", "weights", "algorithm", "trial"], sort=False)["pareto_regret"].sum()
    np.testing.assert_allclose(sums.to_numpy(), last["pareto_regret"], rtol=1e-12)
    silent = agents[agents["algorithm"] == "pareto_ucb"]
    assert (silent["messages_sent"] == 0).all() and (agents["utility"] > 0).all()
    # dataset has named dimensions
    data = results.dataset()
    assert data["pareto_regret"].dims == ("link_probability", "weights", "algorithm", "trial", "round")
    assert data["agent_utility"].dims == ("link_probability", "weights", "algorithm", "trial", "agent")
    assert data["algorithm"].values.tolist() == ["gossip", "pareto_ucb"]
    table = results.table()
    row = table.iloc[17]
    where = {key: row[key] for key in data["pareto_regret"].dims}
    assert float(data["pareto_regret"].sel(where)) == row["pareto_regret"] and not data["pareto_regret"].isnull().any()


def test_a_trace_is_what_simulate_gives(results: gm.Results) -> None:
    place = world(3, 3, 2, "complete", 0.3, "metropolis", seed=5, trial=2)
    trace = gm.simulate(gm.ParetoUCBGossip(), *place, horizon=60, seed=5, trial=2, recorded_rounds=6)
    name = "link_probability=0.3__weights=metropolis__gossip__trial002"
    assert gm.same_bits(trace, results.traces[name]) == []


def test_summary_is_of_the_last_round(results: gm.Results) -> None:
    summary, table = results.summary(), results.table()
    assert len(summary) == 8
    rows = table.query("algorithm == 'gossip' and link_probability == 1.0 and weights == 'laplacian'")
    one = summary.query("algorithm == 'gossip' and link_probability == 1.0 and weights == 'laplacian'").iloc[0]
    assert one["pareto_regret"] == rows[rows["round"] == 60]["pareto_regret"].mean()
    assert one["pareto_regret_low"] < one["pareto_regret"] < one["pareto_regret_high"]
    assert one["messages"] == 60 * 6 and one["bytes"] == 60 * 6 * 8 * 3 * 2
    written = pd.read_csv(results.path / "summary.csv")
    assert written["pareto_regret"].tolist() == summary["pareto_regret"].tolist()


def test_an_unfinished_run_shows_what_is_there(results: gm.Results, tmp_path: Path) -> None:
    path = shutil.copytree(results.path, tmp_path / "run")
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "end": None}))
    for cell in results.spec.cells()[3:]:
        (path / "cells" / f"{cell.id}.parquet").unlink()
    partial = gm.open_run(path)
    assert not partial.complete and results.complete
    pd.testing.assert_frame_equal(partial.table(), results.table().iloc[: 3 * 6])
    assert partial.dataset()["pareto_regret"].isnull().any()


def test_an_altered_experiment_is_refused(results: gm.Results, tmp_path: Path) -> None:
    path = shutil.copytree(results.path, tmp_path / "run")
    text = (path / "spec.toml").read_text()
    (path / "spec.toml").write_text(text.replace("seed = 5", "seed = 6"))
    refuses("altered", gm.open_run, path)
    refuses(r"no manifest\.json", gm.open_run, tmp_path)
    refuses("^run folder: got 3, allowed is a path$", gm.open_run, 3)


def test_growth_exponents_and_p_values_by_hand() -> None:
    """Of a power its own; of the second half of the rounds only."""
    t = np.arange(1, 101)
    for exponent in (0.0, 0.5, 1.0, 2.0):
        assert growth_exponent(t, 3.0 * t**exponent) == pytest.approx(exponent, abs=1e-12)
    assert growth_exponent(t, np.where(t <= 50, 1.0, t.astype(float))) == pytest.approx(1.0, abs=1e-12)
    assert math.isnan(growth_exponent(t, np.zeros(100))) and math.isnan(growth_exponent(t[:1], np.ones(1)))
    # p values
    assert holm([0.01, 0.04, 0.03, math.nan]) == [0.03, 0.06, 0.06, pytest.approx(math.nan, nan_ok=True)]
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []
    first = np.zeros(6)
    # All six differences of one sign: 2 of the 2**6 equally likely signings are as extreme.
    assert paired_p_value(first, np.arange(1.0, 7.0)) == pytest.approx(2 / 64) and paired_p_value(first, first) == 1.0
    assert math.isnan(paired_p_value(first[:5], np.arange(1.0, 6.0)))


def test_intervals_of_the_bootstrap() -> None:
    """Of few numbers, and the bands of curves; all others are compared with SciPy's in test_runner.py."""
    # bootstrap interval of little
    assert all(map(math.isnan, bootstrap_interval(np.array([1.0]))))
    assert all(map(math.isnan, bootstrap_interval(np.array([1.0, math.nan]))))
    assert bootstrap_interval(np.array([2.0, 2.0, 2.0])) == (2.0, 2.0)
    low, high = bootstrap_interval(np.array([1.0, 3.0]))
    assert (low, high) == (1.0, 3.0)
    assert bootstrap_interval(np.array([1.0, 2.0, 9.0])) == bootstrap_interval(np.array([1.0, 2.0, 9.0]))
    # bands by hand
    curves = np.array([[0.0, 1.0], [2.0, 5.0]])  # means 1, 3; standard deviations sqrt(2), sqrt(8)
    low, high = spread(curves, "quarter-sd")
    np.testing.assert_allclose(high - low, [math.sqrt(2) / 2, math.sqrt(8) / 2])
    low, high = spread(curves, "sd")
    np.testing.assert_allclose((low + high) / 2, [1.0, 3.0])
    low, high = spread(curves, "ci")
    assert low.tolist() == [0.0, 1.0] and high.tolist() == [2.0, 5.0]
    assert all(edge.tolist() == [0.0, 1.0] for edge in spread(curves[:1], "sd"))


def test_summary_tests_against_the_baseline_even_where_it_failed() -> None:
    rounds, trials = [1, 2], range(8)
    rows = [
        {"algorithm": name, "trial": trial, "round": t, "pareto_regret": (i + 1.0) * t * (1.0 + trial / 10), "nsw_regret": 0.0,
         **dict.fromkeys(GossipTrace.MEANS, 0.0)}
        for i, name in enumerate(["a", "b", "c"]) for trial in trials for t in rounds
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    speeds = pd.DataFrame([{"algorithm": n, "trial": t, "steps_per_second": 1e6} for n in "abc" for t in trials])
    p = summarise(table, [], "a", speeds, GossipTrace).set_index("algorithm")["pareto_regret_p"]
    assert math.isnan(p["a"]) and p["b"] == p["c"] == pytest.approx(2 * 2 / 2**8)
    without = summarise(table[table["algorithm"] != "a"], [], "a", speeds, GossipTrace)
    assert without["pareto_regret_p"].isna().all() and len(without) == 2


@pytest.mark.parametrize(("welfare", "said"), [("product", True), ("geometric", False)])
def test_a_product_of_many_utilities_is_remarked_upon(welfare: str, said: bool, tmp_path: Path) -> None:
    data = tiny(10, 1, algorithms=[{"name": "simulated_nsw_ucb_gossip", "no_gossip": True}])
    data = {**data, "environment": {**data["environment"], "agents": 300}, "experiment": {**data["experiment"], "welfare": welfare}}
    lines = gm.run(data, out=tmp_path / "run", workers=1).remarks()
    assert (lines != []) == said and all(line.startswith("NSW regret is below 1e-06 a round from the beginning") for line in lines)


def test_where_all_arms_are_on_the_front_one_line_says_so(tmp_path: Path) -> None:
    sweep = {"network.link_probability": [0.3, 1.0]}
    data = tiny(10, 2, environment={"means": [[[0.2, 0.8], [0.8, 0.2]]] * 5}, sweep=sweep)
    results = gm.run(data, out=tmp_path / "run", workers=1)
    lines = [line for line in (*results.remarks(), *sentences_of(results), *answers(effects(results))) if "Pareto regret" in line]
    said = "Pareto regret is 0 in every round: only arms of the Pareto front were pulled, to which perhaps all arms belong"
    assert lines == [said]
