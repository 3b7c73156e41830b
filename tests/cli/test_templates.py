"""The starters of `gossipmab new`: they run as written, and never take the place of anything."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import gossipmab as gm
from gossipmab.cli import call
from gossipmab.experiments.spec.json_schema import experiment_schema, schema_text
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.experiments.spec.sections import SECTIONS
from tests.tiny import error_of, printed, python

ROOT = Path(__file__).parents[2]
QUICK = ["--set", "experiment.trials=1", "--set", "experiment.horizon=60", "--quiet"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_experiment_runs_as_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_a_starter_never_takes_the_place_of_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
def test_bad_names_are_told_in_one_line(arguments: list[str], word: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
