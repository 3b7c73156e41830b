"""The bridges to PettingZoo and MOMAland, by hand first, then bit for bit, then their own tests; the page; what is missing."""

import random
import re
import sys
import types
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gossipmab as gm
from gossipmab.bridges.extras import MissingExtraError, library
from gossipmab.bridges.logged_tables import logged_table
from gossipmab.utils.rng import Purpose, stream
from tests.tiny import Patch, refuses, tiny

DOCS = Path(__file__).parents[2] / "docs"
SPEC = tiny(60, 3)
MODELS = ("bernoulli", "beta", "gaussian", "discrete", "deterministic", "table")


@pytest.fixture
def environment_of(tmp_path: Path) -> Callable[[str], gm.Environment]:
    """An environment of 4 agents, 3 arms and 2 objectives with this reward model."""

    def made(model: str) -> gm.Environment:
        if model != "table":
            return gm.Environment.sample(4, 3, 2, rewards=model, seed=1)
        rng = np.random.default_rng(3)
        pairs = [(i, k) for i in range(4) for k in range(3) for _ in range(5)]
        x = rng.normal(0.5, 2.0, (len(pairs), 2))
        table = pd.DataFrame(pairs, columns=["agent", "arm"]).assign(reward_1=x[:, 0], reward_2=x[:, 1])
        table.to_parquet(tmp_path / "table.parquet")
        return gm.Environment.sample(rewards="table", logged_rewards=tmp_path / "table.parquet", seed=1)

    return made


def bandits(environment: gm.Environment, horizon: int, seed: int, **more: Any) -> Any:
    pytest.importorskip("pettingzoo", reason="pettingzoo is not installed")
    return import_module("gossipmab.bridges.pettingzoo").parallel_env(environment, horizon, seed, **more)


def quietly(module: str) -> Any:
    """A module of another project; what it warns of while it is imported is that project's affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module(module)


def test_two_arms_by_hand() -> None:
    means = np.array([[[0.25, 1.0], [0.5, 0.0]], [[0.75, 0.5], [0.5, 0.5]]])  # centred: (0.5, 0.75) and (0.5, 0.25)
    preferences = np.array([[0.5, 0.5], [0.25, 0.75]])
    environment = gm.Environment.sample(rewards="deterministic", means=means, preferences=preferences)
    game = bandits(environment, 2, seed=0)
    seen, infos = game.reset()
    assert [seen[agent].tolist() for agent in ("agent_0", "agent_1")] == [[0.5, 0.5, 0, 0, 0, 0], [0.25, 0.75, 0, 0, 0, 0]]
    assert infos == {"agent_0": {}, "agent_1": {}}
    seen, paid, terminated, truncated, infos = game.step({"agent_0": 0, "agent_1": np.int64(1)})
    assert seen["agent_0"].tolist() == [0.5, 0.5, 1, 0, 0.25, 1.0]
    assert seen["agent_1"].tolist() == [0.25, 0.75, 0, 1, 0.5, 0.5]
    assert {agent: x.tolist() for agent, x in paid.items()} == {"agent_0": [0.25, 1.0], "agent_1": [0.5, 0.5]}
    assert infos == {"agent_0": {"pareto_regret": 0.0}, "agent_1": {"pareto_regret": 0.0}}  # 0.5 = 0.5 in objective 1
    assert set(terminated.values()) == set(truncated.values()) == {False}
    *_, terminated, truncated, _ = game.step({"agent_0": 0, "agent_1": 0})
    assert set(terminated.values()) == {False} and set(truncated.values()) == {True} and game.agents == []
    assert game.step({}) == ({}, {}, {}, {}, {})


@pytest.mark.parametrize("model", MODELS)
def test_rewards_are_those_of_the_simulator(
    model: str, environment_of: Callable[[str], gm.Environment], alone: Callable[..., SimpleNamespace]
) -> None:
    """The arms that an algorithm pulled in the interpreted game, pulled again here: the same bits."""
    environment, network = environment_of(model), gm.Network("complete", agents=4, link_probability=0.5)
    played = alone(gm.ParetoUCBGossip(), environment, network, horizon=40, seed=7, trial=2)
    game = bandits(environment, 40, seed=7, trial=2)
    game.reset()
    for arms, x in zip(played.arms, played.x, strict=True):
        _, paid, *_ = game.step({f"agent_{i}": arm for i, arm in enumerate(arms)})
        assert np.array_equal(np.stack(list(paid.values())), x)
    assert len(np.unique(played.arms)) == 3


def test_rewards_come_from_the_stream_of_the_trial_and_reset_goes_on_to_the_next() -> None:
    environment = gm.Environment.sample(3, 2, 2, seed=4)
    game = bandits(environment, 5, seed=9, trial=1, label="x")
    game.reset()
    numbers = stream(9, trial=1, label="x", purpose=Purpose.REWARDS).random((5, 3, 2))
    for arm, drawn in zip((0, 1, 1, 0, 1), numbers, strict=True):
        _, paid, *_ = game.step(dict.fromkeys(game.agents, arm))
        for i in range(3):
            expected = (drawn[i] < environment.means[i, arm]).astype(float)
            assert paid[f"agent_{i}"].tolist() == expected.tolist()
    # reset goes on to the next trial or begins a seed
    environment = gm.Environment.sample(2, 2, 3, rewards="gaussian", seed=0)

    def first(game: Any, **said: Any) -> list[float]:
        game.reset(**said)
        return np.concatenate(list(game.step({"agent_0": 0, "agent_1": 1})[1].values())).tolist()

    game = bandits(environment, 9, seed=3, trial=4)
    trials = [first(game) for _ in range(3)]
    assert trials == [first(bandits(environment, 9, seed=3, trial=trial)) for trial in (4, 5, 6)]
    assert first(game, seed=8) == first(bandits(environment, 9, seed=8, trial=4))
    assert first(game) == first(bandits(environment, 9, seed=8, trial=5)) and len({tuple(trial) for trial in trials}) == 3


@pytest.mark.parametrize("model", MODELS)
def test_pettingzoo_tests_pass_and_spaces_hold_what_is_seen(model: str, environment_of: Callable[[str], gm.Environment]) -> None:
    pytest.importorskip("pettingzoo", reason="pettingzoo is not installed")
    tests, environment = quietly("pettingzoo.test"), environment_of(model)
    tests.parallel_api_test(bandits(environment, 30, seed=0), num_cycles=100)  # beyond the horizon
    tests.parallel_api_test(bandits(environment, 500, seed=0), num_cycles=30)
    tests.parallel_seed_test(lambda: bandits(environment, 30, seed=0), num_cycles=30)
    game = bandits(environment_of(model), 50, seed=0)
    seen, _ = game.reset()
    while game.agents:
        assert all(game.observation_space(agent).contains(x) for agent, x in seen.items())
        seen, paid, *_ = game.step({agent: game.action_space(agent).sample() for agent in game.agents})
        assert all(game.reward_space(agent).contains(x) and x.dtype == np.float64 for agent, x in paid.items())


def test_wrong_actions_and_numbers_are_refused() -> None:
    game = bandits(gm.Environment.sample(2, 3, 2, seed=0), 5, seed=0)
    refuses("before reset", game.step, {"agent_0": 0, "agent_1": 0})
    game.reset()
    for actions, told in (
        ({"agent_0": 0}, "actions: there is none for 'agent_1'"),
        ({"agent_0": 0, "agent_1": 3}, "actions.agent_1: got 3, allowed is a whole number from 0 to 2"),
        ({"agent_0": 0, "agent_1": -1}, "actions.agent_1: got -1"),
        ({"agent_0": 0.5, "agent_1": 0}, "actions.agent_0: got 0.5"),
        ({"agent_0": 0, "agent_1": 0, "agent_7": 0}, "actions: agent: 'agent_7' is not known"),
    ):
        refuses(re.escape(told), game.step, actions)
    for key, value in (("horizon", 0), ("seed", -1), ("trial", -1)):
        refuses(f"^{key}: got", bandits, gm.Environment.sample(2, 2, 2), **{"horizon": 5, "seed": 0, key: value})


class Crossing:
    """Two drivers and two roads: alone on road k pays (1, k), together (0, k). Begins with the globals' seed, if asked."""

    possible_agents = ("agent_0", "agent_1")

    def __init__(self, actions: int = 2, start: int = 5, steps: int = 1) -> None:
        self.actions, self.start, self.steps = actions, start, steps
        self.seeds: list[int | None] = []

    def action_space(self, agent: str) -> Any:
        return SimpleNamespace(n=self.actions if agent == "agent_1" else 2, start=self.start)

    def reset(self, seed: int | None = None) -> None:
        self.seeds.append(seed)
        if seed is not None:
            np.random.seed(seed)  # noqa: NPY002
            random.seed(seed)
        self.agents, self.left = list(self.possible_agents), self.steps

    def step(self, actions: dict[str, int]) -> Any:
        self.left -= 1
        self.agents = self.agents if self.left else []
        roads = [actions[agent] - self.start for agent in self.possible_agents]
        alone = float(roads[0] != roads[1])
        return ({}, {agent: np.array([alone, road], "f4") for agent, road in zip(actions, roads, strict=True)}, {}, {}, {})


def test_a_logged_game_by_hand() -> None:
    game = Crossing()
    table = logged_table(game, plays=400, seed=1)
    assert list(table.columns) == ["agent", "arm", "reward_1", "reward_2"] and len(table) == 800
    assert game.seeds == [1] + [None] * 399
    assert table.groupby(["agent", "arm"]).size().tolist() == [200] * 4  # equally often
    assert (table["reward_2"] == table["arm"]).all()
    means = table.groupby(["agent", "arm"])["reward_1"].mean()
    # How often both are on road 1, h of 400, is hypergeometric: mean 100, variance 100 * 100 / 399; |h - 100| < 25 but for
    # 6e-7 of the seeds. Each of the four means is then 1/2 to an eighth.
    assert means.between(0.375, 0.625).all() and means.nunique() == 1
    pd.testing.assert_frame_equal(table, logged_table(Crossing(), plays=400, seed=1))
    assert not table.equals(logged_table(Crossing(), plays=400, seed=2))
    # a reward that is no vector is no row
    game = Crossing()
    game.step = lambda actions: ({}, dict.fromkeys(actions, 1.0), {}, {}, setattr(game, "agents", []))  # type: ignore[method-assign]
    refuses("^game: the reward of 'agent_0' is 1.0", logged_table, game, plays=4, seed=0)
    # logging leaves the global generators alone
    before = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    assert logged_table(Crossing(), plays=np.int64(3), seed=9.0).equals(logged_table(Crossing(), plays=3, seed=9))
    assert random.getstate() == before[0] and np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


@pytest.mark.slow
def test_our_own_environment_logged_is_the_environment(tmp_path: Path) -> None:
    """Closed form: deterministic rewards come back as the means, through the file and through an experiment."""
    environment = gm.Environment.sample(4, 3, 2, rewards="deterministic", seed=2)
    logged_table(bandits(environment, 1, seed=0), plays=7, seed=0, file=tmp_path / "logged.parquet")
    logged_table(bandits(environment, 1, seed=0), plays=7, seed=0, file=tmp_path / "logged.csv")
    for name in ("logged.parquet", "logged.csv"):
        again = gm.Environment.sample(rewards="table", logged_rewards=tmp_path / name)
        np.testing.assert_allclose(again.means, environment.means, rtol=1e-15)
    data = {**SPEC, "environment": {"rewards": "table", "logged_rewards": str(tmp_path / "logged.parquet")}}
    results = gm.run(data, out=tmp_path / "run", workers=1)
    given = {**SPEC, "environment": {"rewards": "deterministic", "means": environment.means}}
    wanted = gm.run(given, out=tmp_path / "wanted", workers=1)
    np.testing.assert_allclose(results.table()["pareto_regret"], wanted.table()["pareto_regret"], rtol=1e-12)


@pytest.mark.parametrize(("game", "said", "told"), [
    (Crossing(), {"plays": 1}, "plays: got 1, allowed is a whole number >= 2"),
    (Crossing(), {"seed": -1}, "seed: got -1"),
    (Crossing(), {"file": "x.npy"}, "file: 'x.npy' has suffix '.npy'"),
    (Crossing(actions=3), {}, "game: 'agent_0' has 2 actions and 'agent_1' has 3"),
    (Crossing(steps=2), {}, "game: goes on after one step"),
])  # fmt: skip
def test_what_is_no_table_is_refused(game: Any, said: dict[str, Any], told: str) -> None:
    refuses(f"^{re.escape(told)}", logged_table, game, **{"plays": 4, "seed": 0, **said})


@pytest.fixture
def momaland() -> types.ModuleType:
    """Our bridge, where MOMAland is installed."""
    if find_spec("momaland") is None:
        pytest.skip("momaland is not installed")
    found: types.ModuleType = quietly("gossipmab.bridges.momaland")
    return found


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.filterwarnings("ignore:Agent's (max|min)imum observation space value is -?infinity")  # gaussian: so it is
def test_momaland_tests_pass(model: str, momaland: types.ModuleType, environment_of: Callable[[str], gm.Environment]) -> None:
    tests, environment = quietly("pettingzoo.test"), environment_of(model)
    quietly("momaland.test.api_test").api_test(momaland.env(environment, 30, 0), num_cycles=50)
    tests.parallel_api_test(momaland.parallel_env(environment, 30, 0), num_cycles=50)
    tests.parallel_seed_test(lambda: momaland.parallel_env(environment, 30, 0), num_cycles=30)


def test_momaland_wrappers_take_it(momaland: types.ModuleType) -> None:
    wrappers = quietly("momaland.utils.parallel_wrappers")
    environment = gm.Environment.sample(4, 3, 2, rewards="beta", seed=1)
    plain, ours = bandits(environment, 5, 0), momaland.parallel_env(environment, 5, 0)
    assert isinstance(ours, quietly("momaland.utils.env").MOParallelEnv)
    centre = wrappers.CentraliseAgent(momaland.parallel_env(environment, 5, 0))
    weights = {f"agent_{i}": np.array([0.25, 0.75]) for i in range(4)}
    weighed = wrappers.LinearizeReward(momaland.parallel_env(environment, 5, 0), weights)
    arms = {f"agent_{i}": i % 3 for i in range(4)}
    for game in (plain, ours, centre, weighed):
        game.reset()
    exact, paid = plain.step(arms)[1], ours.step(arms)[1]
    for agent in arms:
        assert paid[agent].dtype == np.float32 and np.array_equal(paid[agent], exact[agent].astype(np.float32))
    assert np.array_equal(centre.step(list(arms.values()))[1], sum(paid.values()))
    assert weighed.step(arms)[1]["agent_2"] == paid["agent_2"] @ np.array([0.25, 0.75])


def test_a_momaland_environment_becomes_a_table(momaland: types.ModuleType, tmp_path: Path) -> None:
    beach = quietly("momaland.envs.beach.beach")

    def game() -> Any:
        return beach.parallel_env(num_agents=4, sections=3, capacity=2, num_timesteps=1)

    file = tmp_path / "beach.parquet"
    table = momaland.logged_table(game(), plays=90, seed=0, file=file)
    pd.testing.assert_frame_equal(table, momaland.logged_table(game(), plays=90, seed=0))
    assert table.groupby(["agent", "arm"]).size().tolist() == [30] * 12
    data = {**SPEC, "environment": {"rewards": "table", "logged_rewards": str(file)}}
    assert gm.run(data, out=tmp_path / "run", workers=1).complete
    means = gm.Environment.sample(rewards="table", logged_rewards=file).means
    wanted = table.groupby(["agent", "arm"]).mean().to_numpy().reshape(4, 3, 2)
    np.testing.assert_allclose(means, wanted, rtol=1e-12)


# The Python of docs/bridges.md, section by section.
PARTS = re.split(r"^## (.*)$", (DOCS / "bridges.md").read_text(encoding="utf-8"), flags=re.M)[1:]
SECTIONS = {title: re.findall(r"```python\n(.*?)```", body, re.S) for title, body in zip(PARTS[::2], PARTS[1::2], strict=True)}
NEEDED = {"PettingZoo": "pettingzoo", "MOMAland": "momaland", "Results in pandas": "duckdb", "Results in xarray": "h5netcdf"}
NEEDED |= {"Optuna": "optuna", "Where you keep results": "mlflow"}  # neither is in the extra `test`


@pytest.mark.parametrize("title", [*NEEDED, "networkx"])
def test_the_examples_run(title: str, tmp_path: Path, monkeypatch: Patch) -> None:
    if title in NEEDED and find_spec(NEEDED[title]) is None:
        pytest.skip(f"{NEEDED[title]} is not installed")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    (blocks,) = [blocks for name, blocks in SECTIONS.items() if name.startswith(title)]
    with warnings.catch_warnings():
        if title in ("MOMAland", "Optuna", "Where you keep results"):  # their imports warn
            warnings.simplefilter("ignore")
        for block in blocks:
            exec(block, names)  # the document's own code


def test_all_examples_are_tried() -> None:
    titles = [*NEEDED, "networkx", "Ray Tune", "RLlib"]
    assert [sum(name.startswith(title) for title in titles) for name, blocks in SECTIONS.items() if blocks] == [1] * len(titles)


@pytest.mark.parametrize(("module", "extra"), [
    ("pettingzoo", "pettingzoo"), ("momaland.utils.env", "momaland"), ("polars", "polars"), ("duckdb", "duckdb"),
    ("ray.tune", "tune"),
])  # fmt: skip
def test_a_missing_library_names_its_extra(module: str, extra: str, monkeypatch: Patch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    if extra in ("pettingzoo", "momaland") and find_spec("gymnasium") is None:
        pytest.skip("gymnasium is not installed")
    line = re.escape(f"pip install 'gossipmab[{extra}]'")
    if extra not in ("polars", "duckdb"):  # whose bridge is that of all tables
        monkeypatch.delitem(sys.modules, f"gossipmab.bridges.{extra}", raising=False)
        with pytest.raises(MissingExtraError, match=line):
            import_module(f"gossipmab.bridges.{extra}")
    refuses(line, library, module, extra)
