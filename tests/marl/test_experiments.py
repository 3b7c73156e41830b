"""Learners of games in experiment files, in run folders, and wherever a run is looked at."""

import copy
import json
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import numpy as np
import pytest

import gossipmab as gm
from gossipmab.algorithms import PROTOCOLS, protocol_of
from gossipmab.analysis.studies import Study, findings, sentences
from gossipmab.analysis.study_plots import draw_study
from gossipmab.analysis.verify import verify
from gossipmab.cli.main import call
from gossipmab.experiments.spec.json_schema import experiment_schema
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.experiments.storage.run_list import at_a_glance
from gossipmab.marl.games import GAMES, JobScheduling, MatthewEffect
from gossipmab.marl.learners import FEN, IPPO, Random
from tests.tiny import module_run, printed, refuses

pytest.importorskip("jax")

GAME: dict[str, Any] = {
    "experiment": {"name": "tiny game", "protocol": "marl", "horizon": 160, "trials": 2, "seed": 0, "recorded_rounds": 2},
    "game": {"name": "job_scheduling", "steps": 20},
    "algorithms": [
        {"name": "random", "environments": 2},
        {"name": "ippo", "environments": 2, "hidden": 8, "epochs": 1, "minibatches": 1},
    ],
}


def changed(**sections: Any) -> dict[str, Any]:
    """GAME with other keys in some sections; None takes a section away."""
    data = copy.deepcopy(GAME)
    for name, table in sections.items():
        data[name] = {**data.get(name, {}), **table} if isinstance(table, dict) else table
    return {name: table for name, table in data.items() if table is not None}


run = module_run(GAME)
WRONG = [
    ({"game": None}, "game is required and not given"),
    ({"environment": {"agents": 4}}, 'environment: is for protocol = "gossip" or "central" or "assignment" only, got'),
    ({"probing": {}}, 'probing: is for protocol = "assignment" only'),
    ({"network": {"base": "ring"}}, "network: is for learners that communicate, such as fen, and there is none"),
    ({"game": {"name": "job_schedulin"}}, "game.name: 'job_schedulin' is not known; did you mean 'job_scheduling'"),
    ({"game": {"stepz": 3}}, "game: setting: 'stepz' is not known; did you mean 'steps'"),
    ({"game": {"steps": 0}}, "game.steps: got 0, allowed is a whole number >= 1"),
    ({"game": {"tau": -1}}, "game.tau: got -1, allowed is a number >= 0"),
    ({"game": 3}, "game: got 3"),
    ({"experiment": {"horizon": 161}}, "experiment.horizon: got 161, allowed is a multiple of .* = 40, such as 160 or 200"),
    ({"experiment": {"horizon": 30}}, "experiment.horizon: got 30, .*, such as 40$"),
    ({"experiment": {"welfare": "geometric"}}, "experiment.welfare: got 'geometric', allowed in a game is 'product', or nothing"),
    ({"experiment": {"extra_objectives": ["nsw"]}}, 'experiment.extra_objectives: is for protocol = "central" only'),
    ({"algorithms": [{"name": "ipo"}]}, "name with protocol = \"marl\": 'ipo' is not known; did you mean 'ippo'"),
    ({"algorithms": [{"name": "pareto_ucb"}]}, "'pareto_ucb' is not known"),
    ({"sweep": {"game.sidee": [3]}}, "game: setting: 'sidee' is not known; .*at the sweep's point game.sidee = 3"),
    ({"sweep": {"game.side": [1]}}, "game.side: got 1"),
    ({"algorithms": [{"name": "fen", "environments": 2}], "network": {"base": "petersen"}}, "agents"),
]


@pytest.mark.parametrize(("sections", "line"), WRONG)
def test_what_is_wrong_is_named_in_one_line(sections: dict[str, Any], line: str) -> None:
    refuses(line, load_spec, changed(**sections))


def test_games_and_bandits_are_told_apart(tmp_path: Path) -> None:
    gossip = {"experiment": {"protocol": "gossip", "horizon": 10}, "environment": {"agents": 4, "arms": 2, "objectives": 1}}
    with pytest.raises(gm.InputError, match='^game: is for protocol = "marl" only, got protocol = "gossip"$'):
        load_spec(changed(**gossip, network={"base": "ring"}))
    with pytest.raises(gm.InputError, match='^engine: got actors, allowed with protocol = "marl" is threads or ray$'):
        gm.run(GAME, out=tmp_path / "run", engine="actors")
    assert not (tmp_path / "run").exists()
    # learners of games and algorithms of bandits are told apart
    for protocol, registry in PROTOCOLS.items():
        assert {protocol_of(kind) for kind in registry.values()} == {protocol}
    assert "communicates" in dir(FEN) and set(GAMES) == {"job_scheduling", "matthew_effect"}
    for kind, line in ((JobScheduling, "^JobScheduling: parameter: 'stepz' is not"), (IPPO, "^IPPO: parameter: 'stepz' is not")):
        refuses(line, kind, stepz=3)
    refuses("^game: got Environment", gm.simulate, "ippo", gm.Environment.sample(4, 3, 2, seed=0), horizon=10, seed=0)
    refuses("^environment: got JobScheduling", gm.simulate, "pareto_ucb", JobScheduling(), horizon=10, seed=0)


def test_the_resolved_experiment_reads_back_to_the_same_hash(tmp_path: Path) -> None:
    sweep = {"game.side": [5, 6], "algorithms.*.environments": [1, 2], "game.tau": [0, 0.5]}
    spec = load_spec(changed(sweep=sweep), ["experiment.trials=3", "game.sees_shares=true"])
    again = load_spec(tomllib.loads(spec.to_toml()))
    assert (again, again.hash) == (spec, spec.hash) and spec.resolved()["game"]["sees_shares"] is True
    assert len(spec.cells()) == 8 * 2 * 3 and {point.agents for point in spec.points} == {4}
    assert spec.cells()[0].id == "side=5__environments=1__tau=0.0__random__trial000"
    assert len({spec.hash, load_spec(GAME).hash, load_spec(changed(game={"tau": 0.2})).hash}) == 3
    defaults = load_spec(changed(experiment={"recorded_rounds": None}))
    assert defaults.experiment.recorded_rounds == 20 and "environment" not in spec.resolved()
    # a hyperparameter that is unset is left out of the file
    spec = load_spec(changed(algorithms=[{"name": "soto", "environments": 2}]))
    assert "selfish_share" not in spec.to_toml()
    (tmp_path / "again.toml").write_text(spec.to_toml())
    assert load_spec(tmp_path / "again.toml").hash == spec.hash


def test_objects_and_classes_stand_for_names() -> None:
    data = changed(game=None) | {"game": MatthewEffect(agents=3, steps=20), "algorithms": [IPPO(environments=2), Random]}
    spec = load_spec(data | {"experiment": {**GAME["experiment"], "horizon": 320}})
    assert spec.game is not None and spec.game.name == "matthew_effect" and spec.points[0].agents == 3
    assert [one.name for one in spec.algorithms] == ["ippo", "random"]

    class Shorter(NamedTuple):
        """A game of another distribution: the shipped one with other defaults."""

        steps: int = 10
        agents: int = 4
        action_count = observation_size = bounds = share_scale = reset_numbers = step_numbers = sees_shares = title = 0
        reset = step = observe = picture = JobScheduling.reset

    spec = load_spec(changed(game={"name": Shorter, "steps": 20}))
    assert spec.game is not None and spec.game.name.endswith("Shorter") and spec.points[0].agents == 4
    refuses("is no class for gossipmab.marl.games: it has no action_count", load_spec, changed(game={"name": IPPO}))


def test_the_schema_says_of_games_what_the_package_says() -> None:
    check = jsonschema.Draft7Validator(experiment_schema(plugins=False)).is_valid
    assert check(GAME) and check(changed(game={"tau": 0.1, "agents": 3})) and check(changed(sweep={"game.side": [5, 6]}))
    assert check(changed(algorithms=[{"name": "eld_ippo", "cap": 2.0}]))
    for sections in ({"game": None}, {"environment": {"agents": 4}}, {"game": {"stepz": 1}}, {"game": {"name": "matthew"}},
                     {"algorithms": [{"name": "ippo", "hiden": 1}]}, {"algorithms": [{"name": "pareto_ucb"}]}):  # fmt: skip
        assert not check(changed(**sections))


def test_a_run_keeps_every_array_and_plays_again_to_the_same_bits(run: gm.Results) -> None:
    trace: Any = run.traces["ippo__trial001"]
    assert trace.rounds.tolist() == [80, 160] and trace.path.shape == (21, 4, 2) and trace.outcomes.shape == (2, 4)
    alone = gm.simulate(IPPO(environments=2, hidden=8, epochs=1, minibatches=1), JobScheduling(steps=20), horizon=160, seed=0,
                        trial=1, recorded_rounds=2)  # fmt: skip
    assert gm.same_bits(trace, alone) == [] and all(finding.sound for finding in verify(run.path, "all"))
    assert gm.run(GAME, out=run.path, workers=1).table().equals(run.table())  # nothing is computed again
    assert np.allclose(run.agents().groupby("algorithm")["utility"].sum(), run.table().query("round == 160").groupby("algorithm")[
        "utilisation"].sum())  # fmt: skip
    assert "jaxlib" in (json.loads((run.path / "manifest.json").read_text())["sessions"][0]["versions"])


@pytest.mark.slow
def test_processes_give_the_same_bits(run: gm.Results, tmp_path: Path) -> None:
    short = changed(algorithms=[GAME["algorithms"][0], {**GAME["algorithms"][0], "label": "again"}])
    many = gm.run(short, out=tmp_path / "many", workers=2)
    for trial in range(2):
        assert gm.same_bits(many.traces[f"again__trial00{trial}"], run.traces[f"random__trial00{trial}"]) == []


def test_a_run_is_looked_at_in_the_words_of_a_game(run: gm.Results, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = printed(capsys, ["summary", str(run.path)])
    assert "utilisation after 160 steps" in text and "inequality of outcomes" in text
    assert "regret" not in text and "exponent" not in text
    assert not [name for name in run.summary() if "exponent" in name or "regret" in name]
    best = run.summary()["utilisation"].max()
    assert at_a_glance(run.path).headline.startswith(f"largest utilisation {best:.4g}"[:24])
    drawn = gm.plot(run, formats=["png"])
    assert [path.name for path in drawn][:2] == ["utilisation.png", "mre.png"]
    axes = run.plot("mre")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("environment step $t$", "inequality of outcomes, H / N")
    assert run.traces["ippo__trial000"].plot().get_ylabel().startswith("utilisation")
    assert call(["report", str(run.path), "--quiet"]) == 0
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert "Utilisation over time" in page and "job scheduling" in page and "arms it pulled" not in page
    assert "All 4 matching cells are equal bit for bit." in printed(capsys, ["compare", str(run.path), str(run.path)])
    assert repr(run).endswith("4 of 4 cells, 160 steps)") and "MarlTrace(agents=4, steps=160" in repr(run.traces["ippo__trial000"])
    # a study may be of a game
    study = Study("What do they learn?", "none", column="mre", quantity="inequality of outcomes", each="")
    found = findings(run, study)
    means = run.table().query("round == 160").groupby("algorithm", sort=False)["mre"].mean()
    assert found.set_index("algorithm")["value"].to_dict() == pytest.approx(means.to_dict()) and found["drift"].isna().all()
    assert next(sentences(found, study)).startswith(f"random: inequality of outcomes {means['random']:.4g}, 95 % interval ")
    assert [path.name for path in draw_study(found, study, tmp_path / "study", ("png",))] == ["study.png"]


def test_a_network_is_for_learners_that_communicate(tmp_path: Path) -> None:
    fen = {"name": "fen", "environments": 2}
    spec = load_spec(changed(network={"base": "ring", "link_probability": 0.5}, algorithms=[fen, GAME["algorithms"][0]]))
    assert spec.network is not None and spec.resolved()["network"]["link_probability"] == 0.5
    for network, line in (
        ({"base": "rink"}, "network.base: 'rink' is not known"),
        ({"base": "karate_club"}, "network.base: 'karate_club' has 34 agents"),
        ({"base": "ring", "failures": {"delay": 2}}, "network.failures.delay: got 2, allowed with learners is 0"),
        ({"base": "ring", "communication": {"top_k": 2}}, "network.communication.top_k: got 2, allowed with learners is period"),
    ):
        refuses(line, load_spec, changed(network=network, algorithms=[fen]))
    with pytest.raises(gm.InputError, match="network: is for learners that communicate, such as fen, and there is none"):
        load_spec(changed(network={"base": "ring"}, algorithms=[{**fen, "fully_decentralised": False}]))
    with pytest.raises(gm.InputError, match="environments: environments x .steps . 1. x agents"):
        load_spec(changed(experiment={"horizon": 8_000_000}, game={"steps": 4_000_000}, algorithms=[fen]))


def test_a_starter_of_an_experiment_with_a_game_is_valid(tmp_path: Path) -> None:
    assert call(["new", "experiment", "mine", "--protocol", "marl", "--out", str(tmp_path), "--quiet"]) == 0
    spec = load_spec(tmp_path / "mine.toml")
    assert [one.name for one in spec.algorithms] == ["ippo", "eld_ippo", "random"]
    assert call(["new", "experiment", "mine", "--protocol", "mar", "--out", str(tmp_path), "--quiet"]) == 2
