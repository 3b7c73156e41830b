"""The schema of the experiment file says what gossipmab itself says: of all shipped experiments, and of wrong ones.

And the starters of `gossipmab new`: they run as written, fit the schema, and never take the place of anything.
"""

import copy
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import gossipmab as gm
from gossipmab.cli import call
from gossipmab.experiments.spec.json_schema import experiment_schema, schema_text
from gossipmab.experiments.spec.loading import from_dict, load_spec
from gossipmab.experiments.spec.sections import SECTIONS
from gossipmab.utils.resources import shipped_files
from tests.tiny import FOUR, Capsys, Patch, error_of, everyday, printed, python, refusal, tiny

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


def test_installed_plugins_are_named_and_not_loaded(monkeypatch: Patch) -> None:
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


QUICK = ["--set", "experiment.trials=1", "--set", "experiment.horizon=60", "--quiet"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: Patch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_experiment_runs_as_written(here: Path, capsys: Capsys) -> None:
    assert call(["new", "experiment", "mine"]) == 0
    assert capsys.readouterr().out.splitlines() == ["mine.toml", "experiment.schema.json", "next: gossipmab run mine.toml"]
    assert (here / "experiment.schema.json").read_text() == schema_text()
    text = (here / "mine.toml").read_text()
    assert text.startswith("#:schema ./experiment.schema.json\n")
    jsonschema.Draft7Validator(experiment_schema()).validate(tomllib.loads(text))
    assert call(["run", "mine.toml", *QUICK]) == 0 and gm.open_run("runs/mine").complete


def test_what_the_experiment_shows_in_comments_is_there(here: Path) -> None:
    """Every line "# key = value" is uncommented on its own: the key exists, and the file stays valid TOML."""
    assert call(["new", "experiment", "mine", "-q"]) == 0
    lines, section, found = (here / "mine.toml").read_text().splitlines(), "", set()
    validator = jsonschema.Draft7Validator(experiment_schema())
    for number, line in enumerate(lines):
        section = line.strip("[] ") if line.startswith("[") else section
        shown = re.fullmatch(r'# (\w+|"[\w.]+") = .*', line)
        if shown is None:
            continue
        key = shown[1].strip('"')
        others = [one for one in lines if not re.match(rf'"?{key}"? = ', one)]
        at = others.index(line)
        text = "\n".join([*others[:at], line.removeprefix("# "), *others[at + 1 :]])
        validator.validate(tomllib.loads(text))
        if section in SECTIONS:
            assert key in SECTIONS[section].model_fields, lines[number]
        found.add(key)
    assert {"recorded_rounds", "base", "failures", "means", "network.base"} <= found


@pytest.mark.parametrize(("name", "agents"), [("small.toml", 9), ("office.edges", 6)])
def test_the_topology_is_taken_by_an_experiment(name: str, agents: int, here: Path) -> None:
    assert call(["new", "experiment", "mine", "-q"]) == 0 and call(["new", "topology", name, "-q"]) == 0
    spec = load_spec("mine.toml", [f'network.base="{name}"', f"environment.agents={agents}"])
    assert spec.network is not None and spec.network.base == name
    network = gm.Network(name, agents)
    assert network.agents == agents and network.facts().diameter >= 2
    assert gm.Network("office.edges" if name.endswith("edges") else name, agents).facts().degree_max >= 3


def test_a_starter_never_takes_the_place_of_a_file(here: Path, capsys: Capsys) -> None:
    (here / "mine.toml").write_text("mine")
    (here / "experiment.schema.json").write_text("mine too")
    (here / "mine_too").mkdir()
    for arguments in (["experiment", "mine"], ["experiment", "mine.toml"], ["topology", "mine"], ["algorithm", "mine_too"]):
        assert "is there already and stays as it is" in error_of(capsys, ["new", *arguments])
    assert printed(capsys, ["new", "experiment", "other"]).splitlines() == ["other.toml", "next: gossipmab run other.toml"]
    assert (here / "mine.toml").read_text() == "mine" and (here / "experiment.schema.json").read_text() == "mine too"
    assert list((here / "mine_too").iterdir()) == []


@pytest.mark.parametrize(("arguments", "word"), [
    (["experiment", "../mine"], "--out takes a folder"), (["experiment", ""], "allowed are"),
    (["experiment", "my experiment"], "allowed are"), (["topology", "-"], "allowed are"),
    (["topology", "x" * 101], "at most 100"), (["algorithm", "My-Algorithm"], "a module's name"),
    (["algorithm", "class"], "a module's name"), (["algorithm", "1st"], "a module's name"),
    (["algorithm", "numpy"], "the name of a module already"),
    (["algorithm", "pareto_ucb"], "the name of an algorithm already"),
    (["experiment", "mine", "--out", "{file}"], "file"),
    (["algorithm", "quite_new", "--out", "/proc/nothing"], "/proc/nothing"),
])  # fmt: skip
def test_bad_names_are_told_in_one_line(arguments: list[str], word: str, here: Path, capsys: Capsys) -> None:
    (here / "file").write_text("")
    assert word in error_of(capsys, ["new", *(argument.format(file="file") for argument in arguments)])
    assert [path.name for path in here.iterdir()] == ["file"]


@pytest.mark.slow
def test_the_algorithm_is_a_package_whose_own_tests_pass(here: Path) -> None:
    """It is installed from its wheel, beside the package; its tests compare it compiled and interpreted."""
    assert call(["new", "algorithm", "my_rule", "-q"]) == 0
    assert not list((here / "my_rule").glob("*NAME*")) and not list((here / "my_rule").glob("*.txt"))
    run: dict[str, Any] = {"cwd": here / "my_rule", "check": True, "timeout": 200}
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(here)], capture_output=True, **run)
    [wheel], place = here.glob("*.whl"), here / "site"
    install = ["-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(place), str(wheel)]
    subprocess.run([sys.executable, *install], **run)
    assert not (place / "test_my_rule.py").exists()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(place), str(ROOT)])}
    entry = (
        "from importlib.metadata import entry_points;"
        "[one] = [e for e in entry_points(group='gossipmab.algorithms') if e.name == 'my_rule'];"
        "print(one.load().__name__, one.load()().epsilon)"
    )
    assert python(entry, cwd=here, PYTHONPATH=environment["PYTHONPATH"]) == "MyRule 0.05\n"
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_rule.py"]
    ran = ["-m", "gossipmab", "run", "my_rule.toml", "--out", str(here / "run"), *QUICK]
    told, _ = (subprocess.run([sys.executable, *one], env=environment, stdout=subprocess.PIPE, **run) for one in (tests, ran))
    assert b"3 passed" in told.stdout and "my_rule" in (here / "run" / "summary.csv").read_text()
