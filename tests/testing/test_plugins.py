"""Plug-ins: found, loaded, checked and recorded like what is shipped; the example package, installed and run; passed objects."""

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import broken
import numpy as np
import outside
import pytest
import tomli_w

import gossipmab as gm
from gossipmab import testing
from gossipmab.algorithms import PROTOCOLS
from gossipmab.cli import call
from gossipmab.engines.gossip.simulate import simulate_gossip
from gossipmab.experiments.cell_runner import CellRunner
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.experiments.spec.plugins import REGISTRIES, versions
from gossipmab.testing.algorithm import Mute
from gossipmab.utils import registry as plugins
from gossipmab.utils.atomic_write import file_hash
from tests.tiny import Capsys, Patch, cell_times, central, error_of, printed, refuses, tiny, world

EXAMPLE = Path(__file__).parents[2] / "examples" / "my_algorithm"
NAME, GROUP = "pareto_thompson_gossip", "gossipmab.algorithms"
FILE = f"""
[experiment]
name = "mine"
horizon = 200
trials = 2
seed = 4
[environment]
agents = 4
arms = 3
objectives = 2
[network]
base = "complete"
link_probability = 0.5
[[algorithms]]
name = "{NAME}"
scale = 0.3
[[algorithms]]
name = "pareto_ucb_gossip"
[sweep]
"algorithms.{NAME}.scale" = [0.3, 0.6]
"""
SMALL = tiny(40, 2, environment={"agents": 5, "arms": 3, "objectives": 2}, algorithms=[{"name": "pareto_ucb"}])
SMALL["experiment"]["seed"] = 1


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip installed the example, from a copy: no network, and nothing is left in the checkout."""
    place = tmp_path_factory.mktemp("installed")
    shutil.copytree(EXAMPLE, place / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--target", str(place / "site"), str(place / "source")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return place / "site"


@pytest.fixture
def on_path(installed: Path, monkeypatch: Patch) -> Iterator[Path]:
    with site(installed, monkeypatch) as folder:
        yield folder


@contextmanager
def site(folder: Path, monkeypatch: Patch) -> Iterator[Path]:
    """The distributions of a folder are there, and afterwards nothing of them is known."""
    monkeypatch.syspath_prepend(str(folder))
    forget()
    try:
        yield folder
    finally:
        monkeypatch.undo()
        forget()


def forget() -> None:
    plugins._entry_points.cache_clear()
    for registry in REGISTRIES:
        registry._loaded.clear()


def distribution(folder: Path, name: str, entries: dict[str, dict[str, str]], source: str = "") -> None:
    """What pip leaves of a distribution with one module."""
    said = folder / f"{name}-1.2.dist-info"
    said.mkdir(parents=True)
    (said / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n", encoding="utf-8")
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in them.items()) for group, them in entries.items()]
    (said / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    (folder / f"{name}.py").write_text(source, encoding="utf-8")


@pytest.fixture(scope="module")
def played(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the example by the command."""
    folder = tmp_path_factory.mktemp("played")
    (folder / "mine.toml").write_text(FILE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, site(installed, patch):
        assert call(["run", str(folder / "mine.toml"), "--out", str(folder / "run"), "--quiet"]) == 0
    return folder / "run"


@pytest.mark.slow
def test_the_example_runs_and_is_recorded(played: Path, on_path: Path, capsys: Capsys) -> None:
    table = gm.open_run(played).table()
    assert set(table["algorithm"]) == {NAME, "pareto_ucb_gossip"} and set(table["scale"]) == {0.3, 0.6}
    manifest = json.loads((played / "manifest.json").read_text("utf-8"))
    (origin,) = manifest["plugins"]
    assert origin["sources"] == plugins.sources_of(PROTOCOLS["gossip"][NAME]) and len(origin["sources"]) == 64
    del origin["sources"]
    thing = {"object": "my_algorithm:ParetoThompsonGossip", "distribution": "my-algorithm", "version": "0.1.0"}
    assert origin == {"group": GROUP, "name": NAME, **thing}
    assert manifest["versions"]["my-algorithm my_algorithm:ParetoThompsonGossip"].startswith("0.1.0 ")
    assert call(["verify", str(played)]) == 0
    out = printed(capsys, ["list"])
    assert f"gossipmab.algorithms  {NAME}  Gaussian beliefs around the gossip averages." in out and "my-algorithm 0.1.0" in out


@pytest.mark.slow
def test_the_example_passes_the_suite_and_plays_with_failures(on_path: Path) -> None:
    testing.check_algorithm(PROTOCOLS["gossip"][NAME])
    # numbers in the loop with failures
    environment = gm.Environment.sample(4, 3, 2, seed=1)
    network = gm.Network("complete", 4, link_probability=0.5, failures=gm.Failures(message_loss=0.3))
    played, options = PROTOCOLS["gossip"][NAME](), {"horizon": 50, "seed": 1, "recorded_rounds": 5}
    assert not gm.same_bits(*(gm.simulate(played, environment, network, interpreted=how, **options) for how in (False, True)))


@pytest.mark.parametrize(("old", "new", "line"), [
    ("\nscale = 0.3", "\nscael = 0.3", "hyperparameter: 'scael' is not known; did you mean 'scale'"),
    ("\nscale = 0.3", '\nscale = "wide"', f"algorithms.{NAME}.scale: got 'wide', allowed is a number"),
    (f'name = "{NAME}"', 'name = "pareto_thomson_gossip"', f"did you mean '{NAME}'"),
    ("[0.3, 0.6]", "[0.3, -1]", f"algorithms.{NAME}.scale: got -1, allowed is a number > 0"),
])  # fmt: skip
def test_its_parameters_are_checked(on_path: Path, tmp_path: Path, capsys: Capsys, old: str, new: str, line: str) -> None:
    text = FILE if old.startswith("[") else FILE.partition("[sweep]")[0]
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new), encoding="utf-8")
    error = error_of(capsys, ["run", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "run")])
    assert line in error and error.count("\n") == 1


@pytest.mark.slow
def test_a_run_can_be_looked_at_without_its_plug_in_and_not_continued(played: Path, capsys: Capsys) -> None:
    assert NAME not in PROTOCOLS["gossip"]
    results = gm.open_run(played)
    assert len(results.summary()) == 4 and len(results.traces) == 8 and call(["summary", str(played)]) == 0
    capsys.readouterr()
    assert call(["run", str(played / "spec.toml"), "--out", str(played)]) == 2
    assert capsys.readouterr().err.startswith(f"error: algorithms: name: '{NAME}' is not known")


def test_a_broken_plug_in_breaks_its_own_use_only(tmp_path: Path, monkeypatch: Patch, capsys: Capsys) -> None:
    distribution(tmp_path / "a", "torn", {GROUP: {"torn": "torn:Algorithm", "gone": "nowhere:X"}}, "1 / 0\n")
    distribution(tmp_path / "a", "odd", {GROUP: {"number": "odd:NUMBER", "poor": "odd:Poor"}}, "NUMBER = 3\nclass Poor: pass\n")
    with site(tmp_path / "a", monkeypatch):
        assert gm.run(SMALL, out=tmp_path / "run").complete
        for name, line in (
            ("torn", r"^plug-in 'torn': torn 1.2 \(entry point torn = torn:Algorithm\) does not load \(ZeroDivisionError"),
            ("gone", r"^plug-in 'gone': torn 1.2 \(entry point gone = nowhere:X\) does not load \(ModuleNotFoundError"),
            ("number", r"^plug-in 'number': odd 1.2 \(entry point number = odd:NUMBER\) is 3, allowed for .* is a class$"),
            ("poor", r"^plug-in 'poor': odd 1.2 .* is no class for gossipmab.algorithms: it has no _fields and no communicates"),
        ):
            refuses(line, gm.run, {**SMALL, "algorithms": [{"name": name}]}, out=tmp_path / name)
        assert call(["list"]) == 0 and capsys.readouterr().out.count("cannot be used: plug-in") == 4
    # A shipped name means what is shipped; of two plug-ins with one name neither is taken.
    distribution(tmp_path / "b", "thief", {GROUP: {"pareto_ucb": "thief:X", "twice": "thief:X"}}, "1 / 0\n")
    distribution(tmp_path / "b", "other", {GROUP: {"twice": "other:X"}}, "1 / 0\n")
    with site(tmp_path / "b", monkeypatch):
        assert PROTOCOLS["gossip"]["pareto_ucb"] is gm.ParetoUCB
        line = r"^plug-in 'twice': is claimed by other 1.2 .* and thief 1.2 .*uninstall"
        refuses(line, gm.run, {**SMALL, "algorithms": [{"name": "twice"}]}, out=tmp_path / "twice")
        assert "is refused: a shipped one has this name" in " ".join(printed(capsys, ["list"]).split())


@pytest.mark.slow
def test_a_plug_in_that_changed_since_is_told(tmp_path: Path, monkeypatch: Patch, caplog: pytest.LogCaptureFixture) -> None:
    source = "import broken\nMine = broken.Sound\n"
    distribution(tmp_path / "a", "mine", {GROUP: {"mine": "mine:Mine"}}, source)
    data = {**SMALL, "algorithms": [{"name": "mine"}]}
    with site(tmp_path / "a", monkeypatch):
        gm.run(data, out=tmp_path / "run")
        said = tmp_path / "a" / "mine-1.2.dist-info" / "METADATA"
        said.write_text(said.read_text("utf-8").replace("1.2", "1.3"), encoding="utf-8")
        plugins._entry_points.cache_clear()
        gm.run(data, out=tmp_path / "run")
        assert "2 finished cells were computed with other versions (mine broken:Sound)" in caplog.text


def fixed(arm: int) -> Any:
    """Classes of one name."""

    class Fixed(NamedTuple):
        communicates = True
        init = gm.ParetoUCBGossip.init
        update = gm.ParetoUCBGossip.update

        def select(self, state: Any, i: int, t: int, p: Any) -> None:
            p[:] = 0.0
            p[arm] = 1.0

    return Fixed


def test_classes_of_one_name_in_one_experiment() -> None:
    """Each plays its own code, under a name that the next process gives it too; a change of the code is told."""
    first, second = fixed(0), fixed(2)
    data = {**SMALL, "algorithms": [{"name": first, "label": "0"}, {"name": second, "label": "2"}]}
    spec, again = load_spec(data), load_spec(data)
    names = [f"{__name__}:fixed.<locals>.Fixed", f"{__name__}:fixed.<locals>.Fixed#2"]
    assert [one.name for one in spec.algorithms] == names and again.hash == spec.hash
    before, hashes = versions(spec), CellRunner(spec).code_hashes
    assert before[names[0]] != before[names[1]]
    for cell in spec.cells():
        trace = CellRunner(spec)(cell, simulate=partial(simulate_gossip, interpreted=True)).trace
        assert set(np.flatnonzero(trace.pulls.sum(axis=0))) == {int(cell.label)}
    first.select = second.select
    assert [name for name, version in versions(spec).items() if before[name] != version] == names[:1]
    assert hashes[names[0]] != hashes[names[1]] == CellRunner(spec).code_hashes[names[0]]


@pytest.mark.slow
def test_classes_of_one_name_in_every_protocol() -> None:
    environment, network = world(4, 3, 2, "ring")

    def learner(arm: int) -> Any:
        class HossainUCB(NamedTuple):
            objective: str = "nsw"
            init, update = gm.HossainUCB.init, gm.HossainUCB.update

            def select(self, state: Any, t: int, p: Any) -> None:
                p[:] = 0.0
                p[arm] = 1.0

        return HossainUCB

    def objective(arm: int) -> Any:
        class First(outside.First):
            __slots__ = ()

            def value(self, utilities: Any, p: Any, work: Any) -> float:
                return float(p[arm])

        return First

    def assigner(arm: int) -> Any:
        class OFMUP(NamedTuple):
            width: float = 1.0
            warm_start, assigns_at_random = gm.OFMUP().warm_start, False
            init, update, ucb_index = gm.OFMUP.init, gm.OFMUP.update, gm.OFMUP.ucb_index

            def select(self, state: Any, t: int, probed: Any) -> None:
                probed[:] = 0
                probed[arm] = 1

        return OFMUP

    for arm in (0, 1):
        for played, place, options in (
            (fixed(arm)(), (environment, network), {}),
            (learner(arm)(), (environment,), {"extra_objectives": [objective(arm)()]}),
            (assigner(arm)(), (environment,), {}),
        ):
            traces = [gm.simulate(played, *place, horizon=40, seed=0, interpreted=plain, **options) for plain in (True, False)]
            assert not gm.same_bits(*traces)


def outdoors(rewards: Any, links: Any, **more: Any) -> dict[str, Any]:
    """The small experiment with rewards and links from outside."""
    environment = {**SMALL["environment"], "rewards": rewards}
    return {**SMALL, "environment": environment, "network": {"base": "complete", "links": links}, **more}


@pytest.mark.slow
def test_links_rewards_and_objectives_by_name(tmp_path: Path, monkeypatch: Patch) -> None:
    """From a file, with parameters that are swept; the same as passed to `simulate`."""
    entries = {"gossipmab.links": {"every_other": "outside:EveryOther"}, "gossipmab.rewards": {"triangular": "outside:Triangular"}}
    distribution(tmp_path / "a", "outdoors", entries)
    data = outdoors({"model": "triangular", "width": 0.1}, {"process": "every_other"}, sweep={"network.links.rest": [2, 3]})
    with site(tmp_path / "a", monkeypatch):
        results = gm.run(data, out=tmp_path / "run")
        manifest = json.loads((tmp_path / "run" / "manifest.json").read_text("utf-8"))
        origins = {one["name"]: one["distribution"] for one in manifest["plugins"]}
        assert origins == {"every_other": "outdoors", "triangular": "outdoors"}
        drawn = gm.Environment.sample(5, 3, 2, seed=1, rewards=outside.Triangular)
        environment = gm.Environment(drawn.means, drawn.preferences, outside.Triangular(drawn.means, 0.1))
        network = gm.Network("complete", 5, links=outside.EveryOther(3))
        trace = gm.simulate(gm.ParetoUCB(), environment, network, horizon=40, seed=1, recorded_rounds=4)
        assert not gm.same_bits(results.traces["rest=3__pareto_ucb__trial000"], trace)
        plain = gm.simulate(gm.ParetoUCB(), environment, network, horizon=40, seed=1, recorded_rounds=4, interpreted=True)
        assert not gm.same_bits(trace, plain)
        for rewards, line in (
            ({"model": "triangular", "wide": 1}, "environment.rewards: parameter: 'wide' is not known; .*'width'"),
            ({"model": "triangular", "width": "x"}, "environment.rewards.width: got 'x', allowed is a number"),
            ({"model": "beta", "beta_concentration": 2.0}, "environment.rewards: parameter: 'beta_concentration' is not known"),
            ({"width": 0.1}, "environment.rewards.model is required and not given"),
        ):
            refuses(line, gm.run, {**data, "environment": {**SMALL["environment"], "rewards": rewards}}, out=tmp_path / "no")
        for links, line in (
            ({"process": "every_other", "rest": 1.5}, "network.links.rest: got 1.5, allowed is a whole number"),
            ({"process": "every_other", "pause": 1}, "parameter of every_other: 'pause' is not known"),
            ({"process": "every_other", "rest": 0}, "network.links.rest: got 0, allowed is a whole number >= 1"),
        ):
            refuses(line, gm.Network, "complete", 5, links=links)


def test_means_of_a_reward_model_are_those_of_the_environment_in_its_range(tmp_path: Path) -> None:
    line = r"environment.means: has 2, allowed with rewards = .*Triangular' is \[0, 1\]"
    refuses(line, gm.Environment.sample, means=np.full((2, 2, 2), 2.0), rewards=outside.Triangular)
    own = {**SMALL["environment"], "rewards": outside.Triangular(np.zeros((5, 3, 2)))}
    line = "environment.rewards: got a Triangular with means of its own, allowed is the class"
    refuses(line, gm.run, {**SMALL, "environment": own}, out=tmp_path / "run")


@pytest.mark.slow
def test_an_objective_from_outside_as_an_object_and_by_name(tmp_path: Path) -> None:
    """As an object: once every arm was seen, the dictator's best one is played, in plain Python."""
    environment = gm.Environment.sample(5, 3, 2, seed=1, rewards="deterministic")
    learner = gm.ExploreFirst(objective=outside.First(), rounds_per_arm=1)  # type: ignore[arg-type]
    trace = gm.simulate(learner, environment, horizon=10, seed=1, recorded_rounds=10, interpreted=True)
    assert trace.policy[environment.own_utilities[0].argmax()] == 1.0
    dictator = environment.own_utilities[0]
    np.testing.assert_allclose(trace.regret[-1], (dictator.max() - dictator).sum())
    refuses("^objective: got 3, allowed is a string", gm.simulate, learner._replace(objective=3), environment, horizon=4, seed=0)
    # an objective by name
    data = {
        "experiment": {**SMALL["experiment"], "protocol": "central", "extra_objectives": ["nsw", outside.First]},
        "environment": {**SMALL["environment"], "rewards": "deterministic"},
        "algorithms": [{"name": gm.ExploreFirst, "objective": outside.First, "rounds_per_arm": 1}, {"name": "thompson"}],
    }
    results = gm.run(data, out=tmp_path / "run")
    assert results.spec.algorithms[0].params["objective"] == "outside:First" and "regret_outside:First" in results.table()
    learner = gm.ExploreFirst(objective=outside.First(), rounds_per_arm=1)  # type: ignore[arg-type]
    trace = gm.simulate(learner, environment, horizon=40, seed=1, recorded_rounds=4, interpreted=True)
    np.testing.assert_array_equal(trace.regret, results.traces["ExploreFirst__trial000"].regret)


@pytest.mark.slow
def test_objects_stand_where_names_stand(tmp_path: Path) -> None:
    played = [broken.Sound(0.2), {"name": broken.Sound, "label": "wild", "explore": 0.5}, gm.ParetoUCB()]
    data = outdoors({"model": outside.Triangular, "width": 0.1}, outside.EveryOther(3), algorithms=played)
    results = gm.run(data, out=tmp_path / "run", algorithms={"mine": broken.Sound(0.3)})
    found = [(one.label, one.name, dict(one.params)) for one in results.spec.algorithms]
    assert found == [
        ("Sound", "broken:Sound", {"explore": 0.2}),
        ("wild", "broken:Sound", {"explore": 0.5}),
        ("ParetoUCB", "pareto_ucb", {"consensus": 0.0}),
        ("mine", "broken:Sound", {"explore": 0.3}),
    ]
    text = (tmp_path / "run" / "spec.toml").read_text("utf-8")
    assert 'process = "outside:EveryOther"' in text and 'model = "outside:Triangular"' in text
    drawn = gm.Environment.sample(5, 3, 2, seed=1, rewards={"model": outside.Triangular, "width": 0.1})
    network = gm.Network("complete", 5, links=outside.EveryOther(3))
    trace = gm.simulate(broken.Sound(0.3), drawn, network, horizon=40, seed=1, recorded_rounds=4)
    assert not gm.same_bits(results.traces["mine__trial000"], trace)
    cells = cell_times(tmp_path / "run")
    gm.run(data, out=tmp_path / "run", algorithms={"mine": broken.Sound(0.3)})
    assert cells == cell_times(tmp_path / "run")
    line = "holds another experiment; different are: algorithms.mine.explore;"
    refuses(line, gm.run, data, out=tmp_path / "run", algorithms={"mine": broken.Sound(0.4)})


@pytest.mark.slow
def test_a_run_with_objects_goes_on_with_the_same_only(tmp_path: Path) -> None:
    """In another process: what was passed must be passed again."""
    gm.run({**SMALL, "algorithms": [broken.Sound(0.2)]}, out=tmp_path / "run")
    spec, run = str(tmp_path / "run" / "spec.toml"), str(tmp_path / "run")
    command = [sys.executable, "-m", "gossipmab", "run", spec, "--out", run]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stderr.startswith("error: algorithms: name: 'broken:Sound' does not load (")
    assert done.stderr.endswith("; a class that was passed to gossipmab.run is to be passed again, under the same name\n")
    done = subprocess.run([*command[:3], "summary", run], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "Sound" in done.stdout


@pytest.mark.parametrize(("algorithms", "line"), [
    ([object()], "object:object|builtins:object is no class for gossipmab.algorithms: it has no _fields"),
    ([broken.Sound(), broken.Sound()], "algorithms: two are labelled 'Sound'; give each its own label"),
    ([{"name": broken.Sound(), "explore": 0.2}], "algorithms: 'explore' is given beside Sound"),
    (3, "algorithms: got 3, allowed is a list of objects, or label -> object"),
    ([{"name": broken.Sound, "explore": np.zeros(2)}], "algorithms.Sound.explore: got .*, allowed is a number"),
])  # fmt: skip
def test_objects_that_are_refused(tmp_path: Path, algorithms: Any, line: str) -> None:
    refuses(line, gm.run, SMALL, out=tmp_path / "run", algorithms=algorithms)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "options", [{"engine": "ray"}, {"engine": "actors"}, {"engine": "actors", "transport": "refs", "agents_per_actor": 3}]
)
def test_every_engine_plays_what_was_passed(root: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    data = outdoors(outside.Triangular, outside.EveryOther(3))
    own = {"mine": broken.Sound(0.3)}
    here = gm.run(data, out=tmp_path / "here", algorithms=own)
    there = gm.run(data, out=tmp_path / "there", algorithms=own, callbacks=[Mute()], **options)
    for cell, trace in here.traces.items():
        assert not gm.same_bits(trace, there.traces[cell])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_numbers_in_actors(root: Path, on_path: Path) -> None:
    """They need nothing but the machine code: the module is on the coordinator's path only."""
    testing.check_algorithm(PROTOCOLS["gossip"][NAME], engines=("actors",))


FILES: dict[str, Any] = {
    "experiment": {"name": "files", "horizon": 40, "trials": 2, "seed": 4, "recorded_rounds": 4},
    "environment": {"agents": 4, "arms": 3, "objectives": 2, "means": "means.npy"},
    "network": {"base": "base.edges", "links": {"process": "mine.py:EveryOther", "rest": 3}},
    "algorithms": [{"name": "pareto_ucb"}],
}
LEARNER = """

class Greedy(NamedTuple):
    epsilon: float = 0.1
    communicates = True
    init, update, select = gm.ParetoUCBGossip.init, gm.ParetoUCBGossip.update, gm.ParetoUCBGossip.select
    consensus, pooled = 0.0, False
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """An experiment beside its data, links and algorithm."""
    (tmp_path / "mine.py").write_text(Path(outside.__file__).read_text("utf-8") + LEARNER, encoding="utf-8")
    np.save(tmp_path / "means.npy", np.random.default_rng(0).random((4, 3, 2)))
    (tmp_path / "base.edges").write_text("0 1\n1 2\n2 3\n", encoding="utf-8")
    (tmp_path / "study.toml").write_text(tomli_w.dumps(FILES), encoding="utf-8")
    return tmp_path / "study.toml"


def test_a_run_with_classes_from_a_file_stands_on_its_own(study: Path, capsys: Capsys) -> None:
    """It runs again as the report types it, and its spec.toml leads to its own copies, after all that it was made of has gone."""
    run, again, moved = (study.parent / name for name in ("run", "run-again", "moved"))
    assert call(["run", str(study), "--out", str(run), "--quiet"]) == 0
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    assert [one["name"] for one in manifest["plugins"]] == ["mine.py:EveryOther"]
    assert set(manifest["files"]) == {"mine.py", "means.npy", "base.edges"}
    assert manifest["files"]["mine.py"]["sha256"] == file_hash(study.parent / "mine.py")
    for name in ("mine.py", "means.npy", "base.edges", "study.toml"):
        (study.parent / name).unlink()
    assert call(["report", str(run)]) == call(["verify", str(run)]) == 0
    assert call(["run", str(run), "--out", str(again), "--quiet"]) == call(["run", str(run / "spec.toml"), "--out", str(run)]) == 0
    moved.mkdir()
    shutil.copytree(run / "data", moved / "data")
    shutil.copy(run / "spec.toml", moved)
    assert call(["run", str(moved / "spec.toml"), "--out", str(moved / "run"), "--quiet"]) == 0
    for other in (again, moved / "run"):
        assert (other / "results.parquet").read_bytes() == (run / "results.parquet").read_bytes()
    capsys.readouterr()


def test_a_run_folder_is_opened_without_running_its_files(study: Path, capsys: Capsys) -> None:
    (study.parent / "mine.py").write_text((study.parent / "mine.py").read_text("utf-8") + "\nprint('running')\n", encoding="utf-8")
    run = study.parent / "run"
    assert call(["run", str(study), "--out", str(run), "--quiet"]) == 0 and "running" in capsys.readouterr().out
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    (run / "manifest.json").write_text(json.dumps(manifest | {"plugins": []}), encoding="utf-8")  # it could come from anywhere
    command = [sys.executable, "-m", "gossipmab", "summary", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "pareto_ucb" in done.stdout and "running" not in done.stdout


@pytest.mark.parametrize(("name", "line"), [
    ("mine.py:Gredy", r"algorithms: name: class in mine.py: 'Gredy' is not known; did you mean 'Greedy'\? \(allowed: .*\)"),
    ("yours.py:Greedy", r"algorithms: name: there is no file 'yours.py'"),
    ("mine.py:First", r"algorithms: name: mine.py:First is no class for gossipmab.algorithms: it has no communicates and no .*"),
    ("torn.py:Greedy", r"algorithms: name: torn.py does not load \(SyntaxError: .* \(torn.py, line 1\)\)"),
    ("broken:Nothing", r"algorithms: name: 'broken:Nothing' does not load \(AttributeError: .*\); a class that was passed .*"),
])  # fmt: skip
def test_names_of_classes_that_are_not_there(study: Path, monkeypatch: Patch, name: str, line: str) -> None:
    monkeypatch.chdir(study.parent)
    (study.parent / "torn.py").write_text("class Greedy(:\n", encoding="utf-8")
    data = {**FILES, "algorithms": [{"name": name}], "network": {"base": "ring"}, "environment": SMALL["environment"]}
    refuses(f"^{line}$", load_spec, data)


def test_classes_by_file_and_module_in_an_experiment(study: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(study.parent)
    spec = load_spec(FILES | {"algorithms": [{"name": "mine.py:Greedy"}, {"name": "broken:Sound", "explore": 0.3}]})
    assert [one.label for one in spec.algorithms] == ["Greedy", "Sound"]
    assert spec.algorithms[0].params == {"epsilon": 0.1} and load_spec(spec).hash == spec.hash
    before = PROTOCOLS["gossip"]["mine.py:Greedy"]
    (study.parent / "mine.py").write_text((study.parent / "mine.py").read_text("utf-8") + "\n# edited\n", encoding="utf-8")
    edited = load_spec(FILES | {"algorithms": [{"name": "mine.py:Greedy"}]})
    assert PROTOCOLS["gossip"]["mine.py:Greedy"] is not before and edited.file_hashes["mine.py"] != spec.file_hashes["mine.py"]
    there = pickle.loads(pickle.dumps(CellRunner(edited)))
    assert [name for _, name, _ in there._classes] == ["mine.py:Greedy", "mine.py:EveryOther"]


def test_what_stands_in_the_place_of_an_object() -> None:
    """A class or a name means its defaults; what is misspelt is a line with the nearest spelling."""
    world = gm.Environment.sample(5, 3, 2, seed=1), gm.Network("ring", 5)
    traces = [
        gm.simulate(one, *world, horizon=2e1, seed=0, interpreted=True)  # type: ignore[arg-type]
        for one in (gm.ParetoUCB(), gm.ParetoUCB, "pareto_ucb")
    ]
    assert not gm.same_bits(traces[0], traces[1]) + gm.same_bits(traces[0], traces[2])
    for algorithms in (gm.ParetoUCBGossip(), gm.ParetoUCBGossip, "pareto_ucb_gossip", ["pareto_ucb_gossip"]):
        assert [one.name for one in load_spec(SMALL, (), algorithms).algorithms] == ["pareto_ucb", "pareto_ucb_gossip"]
    assert gm.Network("ring", 5, links=gm.RandomMatching).process == gm.RandomMatching()
    for make, line in (
        (lambda: gm.simulate("pareto_ubc", *world, horizon=9, seed=0),
         "algorithm: 'pareto_ubc' is not known; did you mean 'pareto_ucb'"),
        (lambda: gm.ParetoUCBGossip(poled=True), "ParetoUCBGossip: parameter: 'poled' is not known; did you mean 'pooled'"),  # type: ignore[call-arg]
        (lambda: gm.GilbertElliott(0.1, recvery=1), "GilbertElliott: parameter: 'recvery' .* did you mean 'recovery'"),  # type: ignore[call-arg]
        (lambda: gm.Failures(mesage_loss=0.1), "Failures: parameter: 'mesage_loss' .* did you mean 'message_loss'"),  # type: ignore[call-arg]
        (lambda: load_spec(SMALL | {"experiment": SMALL["experiment"] | {"horizon": 1e4}}),
         "horizon: got 10000.0, .* mean 10000[?]$"),
        (lambda: gm.run(SMALL, engin="ray"), "option: 'engin' is not known; did you mean 'engine'"),
    ):  # fmt: skip
        refuses(line, make)


@pytest.mark.slow
def test_an_objective_from_a_file(study: Path, capsys: Capsys) -> None:
    """Opened by a process that has not run the file, and run again from the folder."""
    learner = {"name": "explore_first", "objective": "mine.py:First", "rounds_per_arm": 2}
    data = {**central({**SMALL, **FILES, "environment": SMALL["environment"]}), "algorithms": [learner]}
    study.write_text(tomli_w.dumps(data), encoding="utf-8")
    run = study.parent / "run"
    assert call(["run", str(study), "--out", str(run), "--quiet"]) == 0
    for words in (["summary"], ["verify"], ["run", "--quiet", "--out", str(study.parent / "again")]):
        command = [sys.executable, "-m", "gossipmab", *words, str(run)]
        subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    assert (study.parent / "again" / "results.parquet").read_bytes() == (run / "results.parquet").read_bytes()
    capsys.readouterr()
