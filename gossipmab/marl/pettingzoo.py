"""A game as a PettingZoo `ParallelEnv`, and a wrapper that puts the price on unequal outcomes into any `ParallelEnv`.

Departure: PettingZoo lets `reset()` without a seed go on at random. Here it goes on to the next episode, whose numbers the seed
fixes too: 0, 1, 2, ...
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from gossipmab.bridges.extras import library
from gossipmab.bridges.pettingzoo import ParallelGame, spaces
from gossipmab.marl.games.common import Game, check_game, shares
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.types import Floats

BaseParallelWrapper: Any = library("pettingzoo.utils", "pettingzoo").BaseParallelWrapper
Step = tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]


class GameEnv(ParallelGame):
    """A game, played by agents agent_0 .. agent_{N-1}; get one from `parallel_env`.

    An observation is a vector of F numbers in float32. Nobody terminates; after T steps all are truncated. An info has
    "outcome", the agent's mean reward a step so far in the episode.
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "gossipmab_game_v0", "render_modes": ["rgb_array"], "is_parallelizable": True}

    def __init__(self, game: Game, seed: int, render_mode: str | None = "rgb_array") -> None:
        check_game(game)
        stream(seed, purpose=Purpose.GAME)  # refuses what is no seed
        if render_mode not in (None, "rgb_array"):
            raise unknown("render_mode", render_mode, ["rgb_array"])
        low, high = (bound.astype(np.float32) for bound in game.bounds)
        N = game.agents
        super().__init__(
            [spaces.Box(low, high, dtype=np.float32) for _ in range(N)], [spaces.Discrete(game.action_count) for _ in range(N)]
        )
        self.game, self.seed, self.episode, self.render_mode = game, seed, -1, render_mode
        self._paid, self._earned, self._step = np.zeros(N), np.zeros(N), 0
        self._figure: Any = None

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, dict[str, Any]]]:
        """Begin the first episode of `seed`; without one, the next episode of the seed at hand. `options` change nothing."""
        if seed is not None:
            self.seed, self.episode = seed, -1
        self.episode += 1
        self._numbers = stream(self.seed, trial=self.episode, purpose=Purpose.GAME)
        self._state = self.game.reset(self._numbers.random(self.game.reset_numbers))
        self._paid, self._earned = np.zeros((2, self.game.agents))
        self._step, self.agents = 0, self.possible_agents[:]
        return self._observations(), self._infos()

    def step(self, actions: Mapping[str, Any]) -> Step:
        """One step: observations, rewards, terminations, truncations and infos of all agents; empty when all is over.

        Raises:
            InputError: the action of an agent is missing, or none of the game; or `reset` was not called.
        """
        if self.episode < 0:
            raise InputError("step: called before reset")
        if not self.agents:
            return {}, {}, {}, {}, {}
        chosen = self.checked(actions)
        self._state, self._paid = self.game.step(self._state, chosen, self._numbers.random(self.game.step_numbers))
        self._earned, self._step = self._earned + self._paid, self._step + 1
        agents, over = self.agents, self._step >= self.game.steps
        self.agents = [] if over else agents
        rewards = dict(zip(agents, self._paid.tolist(), strict=True))
        return self._observations(), rewards, dict.fromkeys(agents, False), dict.fromkeys(agents, over), self._infos()

    def render(self) -> NDArray[np.uint8] | None:
        """(height, width, 3) a picture of the state; None with `render_mode` None. Raises InputError before `reset`."""
        if self.render_mode is None:
            return None
        if self.episode < 0:
            raise InputError("render: called before reset")
        from gossipmab.analysis.game_plots import GameFigure

        shown, (low, high) = self.game.picture(self._state), self.game.bounds
        if self._figure is None:
            self._figure = GameFigure(self.game.title, self.game.agents, len(shown.goals), low[:2], high[:2], shown.radii is None)
        self._figure.show(self._step, *shown, self._paid, self._outcomes())
        picture: NDArray[np.uint8] = self._figure.image()
        return picture

    def close(self) -> None:
        """Drop the figure."""
        self._figure = None

    def _outcomes(self) -> Floats:
        """(N,) the mean rewards a step so far."""
        return self._earned / max(self._step, 1)

    def _infos(self) -> dict[str, dict[str, Any]]:
        return {agent: {"outcome": x} for agent, x in zip(self.possible_agents, self._outcomes().tolist(), strict=True)}

    def _observations(self) -> dict[str, NDArray[Any]]:
        """The vector of every agent."""
        seen = self.game.observe(self._state)
        if self.game.sees_shares:
            seen = np.concatenate([seen, shares(self._earned, self._step, self.game.share_scale, np)], axis=-1)
        return dict(zip(self.possible_agents, seen.astype(np.float32), strict=True))


def parallel_env(game: Game, seed: int, render_mode: str | None = "rgb_array") -> GameEnv:
    """The game as a PettingZoo `ParallelEnv`.

    >>> env = gm.marl.parallel_env(gm.marl.JobScheduling(), seed=0)
    >>> observations, infos = env.reset()
    >>> observations["agent_0"].shape, infos["agent_0"]
    ((13,), {'outcome': 0.0})

    Args:
        game: such as `gm.marl.JobScheduling()`.
        seed: of the game's random numbers.
        render_mode: "rgb_array", or None for an environment that draws nothing.

    Raises:
        InputError: a setting of the game, a seed or a mode that is not allowed.
    """
    return GameEnv(game, seed, render_mode)


class Price(Protocol):
    """A price on unequal outcomes, such as `gm.marl.EquityPrice`."""

    def last_cost(self, x: Floats) -> Floats:
        """(N,) what each agent pays at the end of an episode with outcomes x (N,)."""

    def observe(self, x: Floats) -> None:
        """Learn the outcomes x (N,) of an episode."""


class EquityPriced(BaseParallelWrapper):  # type: ignore[misc]
    """Any `ParallelEnv` with a price on unequal outcomes, for learners that know nothing of it.

    At the last step of an episode agent i is paid r_i - cost_i, with the costs by the price as it was in the episode, which
    then observes the outcomes x. x_i is infos[agent]["outcome"], or where there is none the mean reward a step. An agent that left
    before the last step counts by what it had then, and pays nothing.

    >>> env = gm.marl.EquityPriced(gm.marl.parallel_env(gm.marl.JobScheduling(), seed=0), gm.marl.EquityPrice())
    >>> observations, infos = env.reset()
    >>> rewards = env.step(dict.fromkeys(env.agents, 0))[1]
    """

    def __init__(self, env: Any, price: Price) -> None:
        """Args: env: the environment. price: `gm.marl.EquityPrice`, or any object with its `last_cost` and `observe`."""
        super().__init__(env)
        self.price, self._step = price, 0
        self._earned: dict[str, float] = {}
        self._outcomes: dict[str, float] = {}

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        """As the environment's."""
        self._step, self._outcomes = 0, {}
        self._earned = dict.fromkeys(self.env.possible_agents, 0.0)
        return self.env.reset(seed=seed, options=options)

    def step(self, actions: Mapping[str, Any]) -> Any:
        """As the environment's, but for the rewards of the last step."""
        seen, rewards, terminated, truncated, infos = self.env.step(actions)
        self._step += 1
        for agent, reward in rewards.items():
            self._earned[agent] += float(reward)
            if "outcome" in infos.get(agent, {}):
                self._outcomes[agent] = float(infos[agent]["outcome"])
        if rewards and not self.env.agents:
            x = np.array([self._outcomes.get(agent, earned / self._step) for agent, earned in self._earned.items()])
            costs = dict(zip(self._earned, self.price.last_cost(x).tolist(), strict=True))
            rewards = {agent: float(reward) - costs[agent] for agent, reward in rewards.items()}
            self.price.observe(x)
        return seen, rewards, terminated, truncated, infos
