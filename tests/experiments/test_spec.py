"""The experiment file: what is valid, what is refused and how, sweeps, cells, hashes, overrides."""

import copy
import re
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossipmab.algorithms import ALGORITHMS, ORACLES, PROTOCOLS
from gossipmab.engines.simulate import simulator
from gossipmab.experiments.spec.build import built
from gossipmab.experiments.spec.loading import from_dict, load_spec, toml_value
from gossipmab.experiments.spec.sweep import LONGEST_ID
from gossipmab.metrics.columns import TRACES
from tests.tiny import refusal as tiny_refusal, refuses, tiny


def valid() -> dict[str, Any]:
    return tiny(100, 2, algorithms=[{"name": "pareto_ucb_gossip"}, {"name": "pareto_ucb", "label": "alone"}])


def changed(**sections: Any) -> dict[str, Any]:
    """The valid experiment with keys changed: experiment={"seed": 1}; None removes a key."""
    data = valid()
    for section, values in sections.items():
        if section in ("sweep", "algorithms"):
            data[section] = values
            continue
        data[section] |= values
        data[section] = {key: value for key, value in data[section].items() if value is not None}
    return data


BARE = {name: table for name, table in valid().items() if name != "network"}


refusal = partial(tiny_refusal, from_dict)


def test_defaults_are_those_of_the_design() -> None:
    data = valid()
    del data["experiment"]["recorded_rounds"], data["experiment"]["trials"]
    spec = from_dict(data)
    assert (spec.experiment.recorded_rounds, spec.experiment.trials, spec.experiment.common_random_numbers) == (200, 1, True)
    environment = spec.environment
    assert (environment.rewards, environment.heterogeneity, environment.heterogeneity_distribution) == ("bernoulli", 0.2, "normal")
    assert spec.network.weights == "laplacian"
    defaults = {"pareto_ucb_gossip": {"pooled": False, "consensus": 0.0}, "alone": {"consensus": 0.0}}
    assert {one.label: dict(one.params) for one in spec.algorithms} == defaults


def test_every_protocol_has_its_algorithms_and_its_trace() -> None:
    assert PROTOCOLS["gossip"] == {**ALGORITHMS, **ORACLES}
    assert set(TRACES) <= set(PROTOCOLS) and all(PROTOCOLS[name] for name in TRACES)
    for name, trace in TRACES.items():
        assert next(iter(trace.AXES)) == "rounds" and callable(simulator(name))
    silent, said = from_dict(valid()), from_dict(changed(experiment={"protocol": "gossip"}))
    # gossip is what an experiment is where it says nothing
    assert silent.experiment.protocol == "gossip" and silent.hash == said.hash
    assert "protocol" not in silent.to_toml() and "extra_objectives" not in silent.to_toml()


@pytest.mark.parametrize(("data", "words"), [
    (changed(experiment={"seed": None}), ["experiment.seed", "required"]),
    (changed(experiment={"seeed": 3}), ["seeed", "did you mean 'seed'"]),
    (changed(experiment={"horizon": -5}), ["experiment.horizon", "-5", ">= 1"]),
    (changed(experiment={"horizon": 10.5}), ["experiment.horizon", "10.5"]),
    (changed(experiment={"horizon": "10"}), ["experiment.horizon", "'10'"]),
    (changed(experiment={"common_random_numbers": 1}), ["experiment.common_random_numbers", "1"]),
    (changed(experiment={"name": "a\nb"}), ["experiment.name"]),
    (changed(experiment={"welfare": "geometrc"}), ["experiment.welfare", "geometrc", "did you mean 'geometric'"]),
    (changed(network={"link_probability": 1.5}), ["network.link_probability", "1.5", "> 0", "<= 1"]),
    (changed(network={"link_probability": float("nan")}), ["network.link_probability", "nan", "finite"]),
    (changed(network={"base": "petersen"}), ["network.base", "3", "10"]),
    (changed(environment={"agents": 100_000, "arms": 100_000}), ["agents x arms x objectives", "100000 x 100000 x 2"]),
    (changed(environment={"means": [[[1.2, 0.5]] * 3] * 3}), ["environment.means", "1.2", "[0, 1]"]),
    (changed(environment={"preferences": [[0.5, 0.6]] * 3}), ["environment.preferences", "1.1"]),
    (changed(algorithms=[]), ["algorithms", "at least 1"]),
    (changed(algorithms=[{"name": "pareto_uct"}]), ["pareto_uct", "did you mean 'pareto_ucb'"]),
    (changed(algorithms=[{"name": "pareto_ucb"}] * 2), ["'pareto_ucb'", "label"]),
    (changed(algorithms=[{"name": "pareto_ucb_gossip", "poled": True}]), ["poled", "did you mean 'pooled'"]),
    (changed(algorithms=[{"name": "pareto_ucb_gossip", "pooled": 1}]), ["pareto_ucb_gossip.pooled", "true or false"]),
    (changed(algorithms=[{"name": "pareto_ucb", "consensus": -1}]), ["algorithms.pareto_ucb.consensus", "-1"]),
    (changed(algorithms=[{"name": "pareto_ucb", "consensus": "x"}]), ["pareto_ucb.consensus", "'x'", "a number"]),
    (changed(algorithms=[{"name": "simulated_nsw_ucb_gossip", "solver": "globl"}]), ["solver", "'global'"]),
    (changed(sweep={"network.link_probability": 0.3}), ["sweep.network.link_probability", "list"]),
    (changed(sweep={"network.link_probability": []}), ["sweep.network.link_probability", "list"]),
    (changed(sweep={"network.link_probability": [0.3, 0.3]}), ["network.link_probability", "twice"]),
    (changed(sweep={"network.link_probability": [1, 1.0]}), ["network.link_probability", "twice"]),
    (changed(sweep={"network.link_probability": [0.3, 2.0]}), ["network.link_probability", "got 2", "point"]),
    (changed(sweep={"network.link_probabilty": [0.3]}), ["link_probabilty", "did you mean 'link_probability'"]),
    (changed(sweep={"algorithms.alon.consensus": [0.3]}), ["'alon'", "did you mean 'alone'"]),
    (changed(sweep={"algorithms.alone.pooled": [True]}), ["'pooled'", "consensus"]),
    (changed(sweep={"algorithms.*.poled": [True]}), ["'poled'", "did you mean 'pooled'"]),
    (changed(sweep={"points": []}), ["sweep.points", "[[sweep.points]]"]),
    (changed(sweep={"points": [{"network.link_probability": 0.3}, {"network.base": "path"}]}), ["point 2", "same keys"]),
    (changed(sweep={"points": [{"network.link_probability": 0.3}] * 2}), ["sweep.points", "twice"]),
    (changed(sweep={"points": [{"network.link_probability": 1}, {"network.link_probability": 1.0}]}), ["twice"]),
    (changed(sweep={"points": [{"network.link_probability": 2.0}]}), ["link_probability", "got 2", "point"]),
    (changed(sweep={"points": [{"network.link_probabilty": 0.3}]}), ["did you mean 'link_probability'"]),
    (changed(sweep={"points": [{"experiment.trials": 3}]}), ["experiment.trials", "cannot be swept"]),
    (changed(sweep={"points": [{"network.link_probability": 0.3, "network": {"link_probability": 1}}]}), ["twice"]),
    (changed(sweep={"network.link_probability": [0.3], "points": [{"network.link_probability": 0.3}]}), ["[[sweep.points]]"]),
    (changed(sweep={"experiment.trials": [1, 2]}), ["experiment.trials", "cannot be swept"]),
    (changed(sweep={"seed": [1, 2]}), ["'seed'", "dotted"]),
    (changed(experiment={"protocol": "centrall"}), ["experiment.protocol: got 'centrall', allowed is", "'central'"]),
    (BARE, ["network is required and not given"]),
    (changed(experiment={"protocol": "central"}), ['network: is for protocol = "gossip" or "marl" only, got', '"central"']),
    (BARE | {"experiment": valid()["experiment"] | {"protocol": "central"}}, ["algorithms: name", "'pareto_ucb_gossip'"]),
    (changed(experiment={"extra_objectives": ["nsw"]}), ['experiment.extra_objectives: is for protocol = "central" only']),
    (changed(sweep={"experiment.protocol": ["gossip"]}), ["'experiment.protocol' cannot be swept"]),
    (changed(sweep={"environment.agents": [3, 4], "network.base": ["complete", "petersen"]}), ["network.base"]),
    (changed(experiment={"seed": 2**70}), ["experiment.seed", "64 bits"]),
    (changed(experiment={"name": "\ud800"}), ["UTF-8"]),
    ({**valid(), "netwrk": {}}, ["netwrk", "did you mean 'network'"]),
    ({**valid(), "network": 3}, ["network", "3"]), ([1], ["experiment"]), ({}, ["required"]), ({1: 2}, ["1"]),
])  # fmt: skip
def test_bad_input_is_refused_in_one_line_that_names_it(data: Any, words: list[str]) -> None:
    message = refusal(data)
    for word in words:
        assert word in message, message


def test_agents_come_from_the_base_graph_or_the_means() -> None:
    spec = from_dict(changed(environment={"agents": None}, network={"base": "petersen"}))
    assert [part.agents for part in built(spec.points[0], spec.files, 0)] == [10, 10]
    means = np.full((4, 3, 2), 0.5)
    spec = from_dict(changed(environment={"agents": None, "arms": None, "objectives": None, "means": means}))
    environment, network = built(spec.points[0], spec.files, 0)
    assert environment.means.shape == (4, 3, 2) and network.agents == 4


def test_files_lie_beside_the_experiment_and_their_contents_enter_the_hash(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.full((3, 3, 2), 0.5))
    data = changed(environment={"means": "mine.npy"})
    assert "mine.npy" in refusal(data, folder=tmp_path / "elsewhere")
    before = from_dict(data, folder=tmp_path)
    assert (built(before.points[0], before.files, 0)[0].means == 0.5).all()
    np.save(tmp_path / "mine.npy", np.full((3, 3, 2), 0.25))
    after = from_dict(data, folder=tmp_path)
    assert before.to_toml() == after.to_toml() and before.hash != after.hash
    # base graph as a file beside the experiment
    (tmp_path / "mine.edges").write_text("0 1\n1 2\n")
    spec = from_dict(changed(network={"base": "mine.edges"}), folder=tmp_path)
    assert len(built(spec.points[0], spec.files, 0)[1].edges) == 2


def test_the_hash_is_of_what_moves_a_number_and_comes_back_from_toml() -> None:
    base = from_dict(valid()).hash
    assert from_dict(changed(experiment={"description": "other", "name": "other"})).hash == base
    assert from_dict(changed(environment={"heterogeneity": 0.2, "heterogeneity_distribution": "normal"})).hash == base
    assert from_dict(changed(environment={"heterogeneity": 0.3})).hash != base
    assert from_dict(changed(experiment={"seed": 8})).hash != base
    one = changed(sweep={"network.link_probability": [0.1, 0.2]})
    other = changed(sweep={"network.link_probability": [0.2, 0.1]})
    assert from_dict(one).hash != from_dict(other).hash
    # resolved toml reads back to an equal experiment
    sweep = {"network.link_probability": [0.1, 1], "algorithms.*.consensus": [0, 0.5], "experiment.horizon": [10, 20]}
    spec = from_dict(changed(sweep=sweep, experiment={"description": 'of "quotes" and \\'}))
    again = from_dict(tomllib.loads(spec.to_toml()))
    assert again.hash == spec.hash and again.cells() == spec.cells() and again.resolved() == spec.resolved()


def test_sweep_is_the_cross_product_in_file_order() -> None:
    spec = from_dict(changed(sweep={"network.link_probability": [0.3, 1], "algorithms.alone.consensus": [1, 2]}))
    assert from_dict(changed(sweep={"experiment.seed": range(2)})).sweep == {"experiment.seed": (0, 1)}
    keys = ("network.link_probability", "algorithms.alone.consensus")
    points = [tuple(point.values[key] for key in keys) for point in spec.points]
    assert points == [(0.3, 1.0), (0.3, 2.0), (1.0, 1.0), (1.0, 2.0)]
    assert all(isinstance(value, float) for point in points for value in point)
    cells = spec.cells()
    assert len(cells) == 4 * 2 * 2 and len({cell.id for cell in cells}) == 16
    assert cells[0].id == "link_probability=0.3__consensus=1.0__pareto_ucb_gossip__trial000"
    assert [cell.params["consensus"] for cell in cells if cell.label == "alone"] == [1, 1, 2, 2] * 2
    assert {cell.params["consensus"] for cell in cells if cell.label != "alone"} == {0.0}
    assert spec.points[1].network.link_probability == 0.3


POINTS = [{"network.link_probability": 0.3, "experiment.horizon": 20}, {"experiment.horizon": 10, "network.link_probability": 1}]
LISTED: dict[str, Any] = {"points": POINTS, "algorithms.alone.consensus": [1, 2]}


def test_sweep_of_listed_points_times_the_cross_product() -> None:
    spec = from_dict(changed(sweep=LISTED))
    keys = ("network.link_probability", "experiment.horizon", "algorithms.alone.consensus")
    points = [tuple(point.values[key] for key in keys) for point in spec.points]
    assert points == [(0.3, 20, 1.0), (0.3, 20, 2.0), (1.0, 10, 1.0), (1.0, 10, 2.0)]
    assert spec.sweep == {keys[0]: (0.3, 1.0), keys[1]: (20, 10), keys[2]: (1.0, 2.0)}
    assert spec.cells()[0].id == "link_probability=0.3__horizon=20__consensus=1.0__pareto_ucb_gossip__trial000"
    again = from_dict(tomllib.loads(spec.to_toml()), files=spec.files)
    assert again.hash == spec.hash and again.points == spec.points
    nested = copy.deepcopy(LISTED)
    nested["points"][0] = {"network": {"link_probability": 0.3}, "experiment": {"horizon": 20}}
    assert from_dict(changed(sweep=nested)).hash == spec.hash
    assert from_dict(changed(sweep={**LISTED, "points": LISTED["points"][::-1]})).hash != spec.hash


def test_sweep_as_nested_tables_and_over_base_graphs() -> None:
    bases = ["complete", {"generator": "cycle_graph"}]
    quoted = from_dict(changed(sweep={"network.base": bases}))
    assert quoted.hash == from_dict(changed(sweep={"network": {"base": bases}})).hash
    assert [len(built(point, quoted.files, 0)[1].edges) for point in quoted.points] == [3, 3]
    assert quoted.cells()[-1].id == "base=cycle_graph__alone__trial001"
    # swept key may be left out of its section
    spec = from_dict(changed(network={"base": None}, sweep={"network.base": ["complete", "path"]}))
    assert [point.network.base for point in spec.points] == ["complete", "path"]


@pytest.mark.parametrize("labels", [("a b", "a-b"), ("A", "a"), ("../x", "..\\x"), ("é", "ü"), ("x" * 100, "x" * 99 + "y")])
def test_ids_are_unique_and_safe(labels: tuple[str, str]) -> None:
    algorithms = [{"name": "pareto_ucb", "label": label} for label in labels]
    sweep = {"algorithms.*.consensus": [1.0, 2.0]}
    ids = [cell.id for cell in from_dict(changed(algorithms=algorithms, sweep=sweep)).cells()]
    assert len({name.lower() for name in ids}) == len(ids) == 8
    for name in ids:
        assert len(name) <= LONGEST_ID and "trial00" in name and not name.startswith((".", "-"))
        assert not set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._=+-")


def test_overrides(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(from_dict(changed(sweep={"network.link_probability": [0.1, 0.2]})).to_toml())
    spec = load_spec(path, ["experiment.horizon=50", "network.weights=metropolis", "algorithms.alone.consensus = 2"])
    assert (spec.experiment.horizon, spec.network.weights, spec.algorithms[-1].params["consensus"]) == (50, "metropolis", 2)
    assert len(load_spec(path, ["sweep.network.link_probability=[0.5]"]).points) == 1
    for text, word in [("network.link_probability=0.3", "is swept"), ("horizon=3", "KEY=VALUE"), ("x", "KEY=VALUE")]:
        refuses(word, load_spec, path, [text])
    # overrides beside listed points
    data = changed(sweep=LISTED)
    assert len(load_spec(data, ["sweep.algorithms.alone.consensus=[5]"]).points) == 2
    values = load_spec(data, ['sweep.points=[{"network.link_probability" = 0.7}]']).points[0].values
    assert values == {"network.link_probability": 0.7, "algorithms.alone.consensus": 1.0}
    refuses(r"sweep\.points", load_spec, data, ["network.link_probability=0.5"])
    # values are TOML or strings
    values = {"3": 3, "0.5": 0.5, "true": True, '"a"': "a", "a": "a", "[1, 2]": [1, 2], "1\nx = 2": "1\nx = 2", "": ""}
    assert {text: toml_value(text) for text in values} == values


@pytest.mark.parametrize(("old", "said"), [
    ({"environment": {"noise": "normal"}}, "environment.noise is now called environment.heterogeneity_distribution"),
    ({"network": {"failures": {"loss": 0.1}}}, "network.failures.loss is now called network.failures.message_loss"),
    ({"network": {"links": "one_pair"}}, "network.links: 'one_pair' is now called 'randomized_gossip'"),
    ({"sweep": {"network.communication.bits": [4, 8]}}, "is now called network.communication.quantization_bits"),
    ({"sweep": {"network.failures": [{"loss": 0.1}]}}, "is now called network.failures.message_loss"),
])  # fmt: skip
def test_words_of_version_0_1_name_the_new_ones(old: dict[str, Any], said: str) -> None:
    refuses(re.escape(said), load_spec, old)
