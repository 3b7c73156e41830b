"""The schema of the experiment file says what gossipmab itself says: of all shipped experiments, and of wrong ones."""

import copy
import json
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gossipmab.experiments.spec.json_schema import experiment_schema, schema_text
from gossipmab.experiments.spec.loading import from_dict, load_spec
from gossipmab.experiments.spec.sections import SECTIONS
from gossipmab.utils.resources import shipped_files
from tests.tiny import FOUR, everyday, refusal, tiny

ROOT = Path(__file__).parents[2]
SCHEMA = experiment_schema(plugins=False)
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
EXPERIMENTS = shipped_files("experiments", [".toml"])
TINY = tiny(50, 1, environment=FOUR, network={"base": "ring"}, algorithms=[{"name": "pareto_ucb_gossip"}])


def changed(key: str, value: Any) -> dict[str, Any]:
    """TINY with another value at a dotted key; ... takes the key away."""
    data = copy.deepcopy(TINY)
    *path, last = key.split("/")
    here: Any = data
    for step in path:
        here = here[int(step)] if isinstance(here, list) else here.setdefault(step, {})
    if value is ...:
        del here[last]
    else:
        here[last] = value
    return data


def test_it_is_a_schema_and_the_shipped_file_is_up_to_date() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    said = json.loads((ROOT / "docs" / "experiment.schema.json").read_text(encoding="utf-8"))
    assert said == SCHEMA, "gossipmab schema --out docs/experiment.schema.json, where no plug-in is installed"
    assert json.loads(schema_text(plugins=False)) == SCHEMA


@pytest.mark.parametrize("name", everyday(EXPERIMENTS, *(set(EXPERIMENTS) - {"scaling"})))
def test_shipped_experiments_fit_as_written_and_resolved(name: str) -> None:
    VALIDATOR.validate(tomllib.loads(EXPERIMENTS[name].read_text(encoding="utf-8")))
    VALIDATOR.validate(tomllib.loads(load_spec(name).to_toml()))


@pytest.mark.parametrize(("key", "value"), [
    ("experiment/horizn", 50), ("experiment/horizon", ...), ("experiment/horizon", 0), ("experiment/horizon", "long"),
    ("experiment/seed", -1), ("experiment/common_random_numbers", 1), ("experiment/protocol", "gosip"),
    ("experiment/protocol", "central"), ("environment", ...), ("environment/rewards", "bernouli"), ("environment/means", 0.5),
    ("environment/rewards", {"model": "gaussian", "concentration": 1}),
    ("environment/rewards", {"model": "gaussian", "std": -1}), ("network", ...), ("network/base", "rng"),
    ("network/base", {"k": 4}), ("network/link_probability", 0.0), ("network/link_probability", 1.5),
    ("network/weights", "metropolitan"), ("network/links", "gilbert_elliott"),
    ("network/links", {"process": "gilbert_elliott", "failure": 0.1}),
    ("network/links", {"process": "gilbert_elliott", "failure": 0.1, "recovry": 0.1}),
    ("network/failures", {"los": 0.1}), ("network/failures", {"outages": [{"agent": [0]}]}),
    ("network/communication", {"quantization_bits": "eight"}), ("probing", {"budget": 1}), ("algorithms", []),
    ("algorithms/0/name", "pareto_ucb_gosip"), ("algorithms/0/name", "thompson"), ("algorithms/0/pooled", 1),
    ("algorithms/0/poled", True), ("sweep", {"network.link_probability": 0.1}), ("sweep", {"network.link_probability": [0.1, 2]}),
    ("sweep", {"network.link_probabilty": [0.1, 0.2]}), ("sweep", {"experiment.trials": [1, 2]}),
    ("sweep", {"points": [{"network.base": "rng"}]}),
])  # fmt: skip
def test_what_is_refused_by_gossipmab_is_refused_by_the_schema(key: str, value: Any) -> None:
    data = changed(key, value)
    assert refusal(from_dict, data) and not VALIDATOR.is_valid(data)


@pytest.mark.parametrize(("key", "value"), [
    ("network/base", {"generator": "watts_strogatz_graph", "k": 2, "p": 0.1, "seed": 1}),
    ("network/links", "random_matching"),
    ("network/links", {"process": "gilbert_elliott", "failure": 0.1, "recovery": 1}),
    ("network/failures", {"message_loss": 0.1, "outages": [{"agents": [0], "first": 2, "last": 9}]}),
    ("network/communication", {"period": 2, "quantization_bits": 8}),
    ("environment/heterogeneity", 1), ("environment/rewards", {"model": "gaussian", "std": 0.2}),
    ("environment/rewards", {"model": "beta", "concentration": 4}),
    ("algorithms/0/consensus", 1), ("algorithms/0/label", "mine"),
    ("sweep", {"network.base": ["ring", {"generator": "path_graph"}], "algorithms.*.pooled": [True, False]}),
    ("sweep", {"network": {"weights": ["metropolis", "laplacian"]}}),
    ("sweep", {"points": [{"network.base": "ring"}, {"network.base": "path"}]}),
])  # fmt: skip
def test_what_gossipmab_takes_fits(key: str, value: Any) -> None:
    from_dict(changed(key, value))
    VALIDATOR.validate(changed(key, value))


def test_every_key_and_parameter_is_explained() -> None:
    for section, model in SECTIONS.items():
        assert SCHEMA["properties"][section]["description"]
        for key, field in model.model_fields.items():
            schema = SCHEMA["properties"][section]
            one = schema.get("anyOf", [schema])[0]["properties"][key]  # of a game, one table each
            assert field.description and one["description"] == field.description
    # parameters are explained
    known = [one for one in SCHEMA["properties"]["algorithms"]["items"]["anyOf"] if "enum" in one["properties"]["name"]]
    by_name = {one["properties"]["name"]["enum"][0]: one for one in known}
    pooled = by_name["pareto_ucb_gossip"]["properties"]["pooled"]
    assert pooled["type"] == "boolean" and pooled["default"] is False
    assert pooled["description"].startswith("divide the squared radius by N")


def test_installed_plugins_are_named_and_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"algorithms": "mine", "algorithms.central": "central_mine", "links": "radio", "rewards": "skewed"}

    def entries(group: str) -> list[EntryPoint]:
        known = names.get(group.removeprefix("gossipmab."))
        return [EntryPoint(known, "no_such_module:Class", group)] if known else []

    monkeypatch.setattr("gossipmab.experiments.spec.json_schema.entry_points", entries)
    validator = jsonschema.Draft7Validator(experiment_schema())
    for valid, key, values in [
        (True, "algorithms", ([{"name": "mine", "label": "m", "anything": 1}],)),
        (True, "network/links", ("radio", {"process": "radio", "power": 2})),
        (True, "environment/rewards", ("skewed", {"model": "skewed", "by": 2})),
        (False, "algorithms", ([{"name": "central_mine"}], [{"name": "minne"}])),
        (False, "network/links", ({"process": "ratio"},)),
        (False, "environment/rewards", ({"model": "bernoulli"},)),
    ]:
        for value in values:
            assert validator.is_valid(changed(key, value)) == valid and not VALIDATOR.is_valid(changed(key, value)), (key, value)
    validator.validate(changed("algorithms", [{"name": "pareto_ucb", "consensus": 1}]))
