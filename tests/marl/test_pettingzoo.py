"""Games as PettingZoo environments, and the price on unequal outcomes around any of them."""

import re
import warnings
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gossipmab import marl
from gossipmab.marl.games.common import shares
from gossipmab.marl.price import EquityPrice
from gossipmab.utils.rng import Purpose, stream
from tests.tiny import refuses

pytest.importorskip("pettingzoo", reason="pettingzoo is not installed")
GAMES = [
    marl.JobScheduling(steps=40),
    marl.JobScheduling(steps=40, order="random", sees_shares=True),
    marl.MatthewEffect(steps=40, nearest_agents=3, ghost_speed=0.1, order="random", sees_shares=True),
    marl.MatthewEffect(steps=40),
]


def quietly(module: str) -> Any:
    """A module of another project; what it warns of while it is imported is that project's affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module(module)


@pytest.mark.parametrize("game", GAMES, ids=str)
def test_pettingzoo_tests_pass_and_a_picture_shows_the_state(game: Any) -> None:
    tests = quietly("pettingzoo.test")
    tests.parallel_api_test(marl.parallel_env(game, 0), num_cycles=100)  # beyond the end
    tests.parallel_api_test(marl.EquityPriced(marl.parallel_env(game, 0), EquityPrice()), num_cycles=100)
    tests.parallel_seed_test(lambda: marl.parallel_env(game, 0), num_cycles=40)
    # a picture shows the state
    env = marl.parallel_env(game, 0)
    env.reset()
    before = env.render()
    assert before.shape == (380, 640, 3) and before.dtype == np.uint8 and np.array_equal(before, env.render())
    env.step(dict.fromkeys(env.agents, 2))
    assert not np.array_equal(env.render(), before)
    env.close()
    assert marl.parallel_env(game, 0, render_mode=None).render() is None


@pytest.mark.parametrize("game", GAMES, ids=str)
def test_it_is_the_game_with_the_numbers_of_the_seed(game: Any) -> None:
    env, rng = marl.parallel_env(game, 7), np.random.default_rng(0)
    for episode in range(2):
        numbers = stream(7, trial=episode, purpose=Purpose.GAME)
        seen, infos = env.reset()
        state, earned = game.reset(numbers.random(game.reset_numbers)), np.zeros(game.agents)
        for t in range(game.steps + 1):
            expected = game.observe(state)
            if game.sees_shares:
                expected = np.concatenate([expected, shares(earned, t, game.share_scale, np)], axis=1)
            for i, agent in enumerate(env.possible_agents):
                assert np.array_equal(seen[agent], expected[i].astype(np.float32)) and env.observation_space(agent).contains(
                    seen[agent]
                )
                assert infos[agent] == {"outcome": earned[i] / max(t, 1)}
            if t < game.steps:
                actions = rng.integers(0, 5, game.agents)
                state, rewards = game.step(state, actions, numbers.random(game.step_numbers))
                seen, paid, ended, cut, infos = env.step(dict(zip(env.agents, actions, strict=True)))
                earned += rewards
                assert list(paid.values()) == rewards.tolist() and not any(ended.values())
                assert set(cut.values()) == {t == game.steps - 1}
        assert env.agents == [] and env.step({}) == ({}, {}, {}, {}, {})


def test_reset_goes_on_to_the_next_episode_or_begins_a_seed() -> None:
    def first(env: Any, **said: Any) -> list[float]:
        return np.concatenate(list(env.reset(**said)[0].values())).tolist()

    env = marl.parallel_env(GAMES[3], 3)
    rows = [first(env) for _ in range(3)]
    assert rows == [first(env, seed=3), first(env), first(env)] and rows[0] != rows[1] and first(env, seed=4) not in rows


@pytest.mark.parametrize(("made", "words"), [
    (lambda: marl.parallel_env(marl.JobScheduling(agents=0), 0), "agents: got 0"),
    (lambda: marl.parallel_env(marl.JobScheduling(agents=26), 0), "agents: got 26, allowed with side = 5 is at most 25"),
    (lambda: marl.parallel_env(GAMES[0], -1), "seed: got -1"),
    (lambda: marl.parallel_env(GAMES[0], 0, render_mode="human"), "render_mode: 'human' is not known"),
    (lambda: marl.parallel_env(GAMES[0], 0).step({}), "step: called before reset"),
    (lambda: marl.parallel_env(GAMES[0], 0).render(), "render: called before reset"),
])  # fmt: skip
def test_what_is_wrong_is_one_line(made: Any, words: str) -> None:
    refuses(f"^{re.escape(words)}", made)


def test_wrong_actions_are_refused() -> None:
    env = marl.parallel_env(GAMES[0], 0)
    env.reset()
    for actions, words in (
        (dict.fromkeys(env.agents, 5), "actions.agent_0: got 5"),
        ({"agent_0": 0}, "actions: there is none for"),
    ):
        refuses(f"^{words}", env.step, actions)


class Ledger:
    """A price of twice the outcomes, which keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[float]]] = []

    def last_cost(self, x: np.ndarray) -> np.ndarray:
        self.asked.append(("last_cost", x.tolist()))
        return 2.0 * x

    def observe(self, x: np.ndarray) -> None:
        self.asked.append(("observe", x.tolist()))


class Errands:
    """Two agents for three steps, paid their action; "b" leaves after step 2, and there are outcomes if it is asked for."""

    possible_agents = ["a", "b"]  # noqa: RUF012
    metadata: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, outcome: float | None) -> None:
        self.outcome, self.agents, self.t = outcome, [], 0

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.agents, self.t = ["a", "b"], 0
        return {}, {}

    def step(self, actions: dict[str, int]) -> Any:
        self.t += 1
        here = self.agents
        self.agents = [] if self.t == 3 else ["a"] if self.t == 2 else here
        infos = {agent: {} if self.outcome is None else {"outcome": self.outcome * self.t} for agent in here}
        return {}, {agent: float(actions[agent]) for agent in here}, {}, {}, infos


def test_the_price_is_paid_at_the_last_step_before_it_learns() -> None:
    for outcome, x in ((None, [2.0, 1.0]), (5.0, [15.0, 10.0])):
        price = Ledger()
        env = marl.EquityPriced(Errands(outcome), price)
        for episode in range(1, 3):
            env.reset()
            paid = [env.step({"a": 2, "b": b})[1] for b in (1, 2, 0)]
            assert paid == [{"a": 2, "b": 1}, {"a": 2, "b": 2}, {"a": 2 - 2 * x[0]}]  # who left pays nothing
            assert price.asked == [("last_cost", x), ("observe", x)] * episode


def test_a_monopoly_pays_what_the_price_says() -> None:
    """Agent 0 stands on the server for all of the episode: by hand s = (.15625, .03125, .03125, .03125), H / N = .09375."""
    env, price = marl.parallel_env(marl.JobScheduling(steps=10), 0), EquityPrice(tau=0.5, budget=0.005, step=5.0, gamma=0.98)
    priced = marl.EquityPriced(env, price)
    for multiplier in (0.0, 5 * (0.09375 - 0.005)):
        assert price.multiplier == pytest.approx(multiplier)
        priced.reset(seed=1)
        state = env._state
        state.cells[:], state.marked[:] = [state.server, [1, 1], [1, 2], [1, 3]], 0
        state.marked[tuple(state.cells.T)] = 1
        paid = [priced.step(dict.fromkeys(env.agents, 0))[1] for _ in range(10)]
        assert paid[:9] == [{"agent_0": 1.0, "agent_1": 0.0, "agent_2": 0.0, "agent_3": 0.0}] * 9
        costs = multiplier * 50 * np.array([0.15625, 0.03125, 0.03125, 0.03125])
        assert list(paid[9].values()) == pytest.approx([1 - costs[0], -costs[1], -costs[2], -costs[3]])
    assert isinstance(priced.observation_space("agent_0"), type(env.observation_space("agent_0"))) and priced.unwrapped is env
    assert SimpleNamespace(**env.metadata).render_modes == ["rgb_array"]
