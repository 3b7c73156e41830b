"""An environment as a PettingZoo `ParallelEnv` with vector rewards, so that foreign learners can play it.

Rewards are the simulator's own: the agent that pulls the same arms as in `gm.simulate` with the same seed, trial and label
is paid the same bits. Only the rewards are here; messages between agents are left to the algorithms.

The observation of an agent is one vector of 2 D + K numbers: its preferences w[i] (D), its last arm as a vector of zeros
with a one (K; all zeros before the first pull), and the rewards of that pull (D).

Departure: PettingZoo lets `reset()` without a seed go on at random. Here it goes on to the next trial, whose rewards the
seed fixes too: trial, trial + 1, ... The means stay those of the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gossipmab.bridges.extras import library
from gossipmab.environments.environment import Environment
from gossipmab.environments.reward_models import Bernoulli, Beta, Deterministic, Discrete, Table
from gossipmab.objectives import pareto
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.types import Floats, Integers
from gossipmab.utils.validation import whole_number

spaces = library("gymnasium.spaces", "pettingzoo")
ParallelEnv: Any = library("pettingzoo", "pettingzoo").ParallelEnv
LARGEST = 2**53


class ParallelGame(ParallelEnv):  # type: ignore[misc]
    """What our environments have in common: agents agent_0 .. agent_{N-1}, with spaces that stay as they are."""

    def __init__(self, observation_spaces: list[Any], action_spaces: list[Any]) -> None:
        self.possible_agents = [f"agent_{i}" for i in range(len(action_spaces))]
        self.agents: list[str] = []
        self.observation_spaces = dict(zip(self.possible_agents, observation_spaces, strict=True))
        self.action_spaces = dict(zip(self.possible_agents, action_spaces, strict=True))

    def observation_space(self, agent: str) -> Any:
        """Box of the numbers of an observation."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Discrete(K)."""
        return self.action_spaces[agent]

    def checked(self, actions: Mapping[str, Any]) -> Integers:
        """(N,) the actions of all agents. Raises InputError if one is missing, is none of its agent, or of no agent."""
        for agent in actions:
            if agent not in self.action_spaces:
                raise unknown("actions: agent", agent, self.possible_agents)
        for agent in self.agents:
            if agent not in actions:
                raise InputError(f"actions: there is none for {agent!r}; allowed is one for every agent")
            if not self.action_spaces[agent].contains(actions[agent]):
                most = self.action_spaces[agent].n - 1
                raise InputError(f"actions.{agent}: got {actions[agent]!r}, allowed is a whole number from 0 to {most}")
        return np.array([int(actions[agent]) for agent in self.agents])


class ParallelBandits(ParallelGame):
    """The agents of an environment, each with its own bandit, in parallel. Get one from `parallel_env`.

    Agents are called agent_0 .. agent_{N-1}; an action is an arm, 0 .. K - 1. After `horizon` rounds all are truncated.
    A reward is a vector (D,), in float64: the simulator's bits. An info has "pareto_regret", the gap of the arm
    just pulled, to measure with and not to learn from.
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "gossipmab_v0", "render_modes": [], "is_parallelizable": True}
    dtype: ClassVar[type] = np.float64
    render_mode = None

    def __init__(self, environment: Environment, horizon: int, seed: int, trial: int = 0, label: str = "") -> None:
        horizon, trial = whole_number("horizon", horizon, 1, LARGEST), whole_number("trial", trial, 0)
        stream(seed, trial=trial, label=label, purpose=Purpose.REWARDS)  # refuses what is no seed
        N, K, D = environment.means.shape
        self.environment, self.horizon, self.seed, self.trial, self.label = environment, horizon, seed, trial, label
        self.gaps = pareto.gaps(environment.centred_means)
        self._first, self._started = trial, False
        self._streams: list[np.random.Generator] = []
        low, high = reward_range(environment.rewards, D)
        edges = [np.concatenate([np.full(D + K, end), bound]) for end, bound in ((0.0, low), (1.0, high))]
        super().__init__([self._box(*edges) for _ in range(N)], [spaces.Discrete(K) for _ in range(N)])
        self.reward_spaces = {agent: self._box(low, high) for agent in self.possible_agents}

    def _box(self, low: Floats, high: Floats) -> Any:
        return spaces.Box(low.astype(self.dtype), high.astype(self.dtype), dtype=self.dtype)

    def reward_space(self, agent: str) -> Any:
        """Box of D numbers; unbounded if the reward model is."""
        return self.reward_spaces[agent]

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, dict[str, Any]]]:
        """Begin the first trial of `seed`; without one, the next trial of the seed at hand. `options` change nothing."""
        if seed is not None:
            self.seed, self.trial = seed, self._first
        elif self._started:
            self.trial += 1
        N, K, D = self.environment.means.shape
        self._numbers = stream(self.seed, trial=self.trial, label=self.label, purpose=Purpose.REWARDS)
        self._started, self.round, self.agents = True, 0, self.possible_agents[:]
        nothing = self._observations(np.full(N, K), np.zeros((N, D)))
        return nothing, {agent: {} for agent in self.agents}

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One round: observations, rewards, terminations, truncations and infos of all agents; empty when all is over.

        Raises:
            InputError: the action of an agent is missing, or no arm; or `reset` was not called.
        """
        if not self._started:
            raise InputError("step: called before reset")
        if not self.agents:
            return {}, {}, {}, {}, {}
        arms = self.checked(actions)
        N, _, D = self.environment.means.shape
        prepared, x = self.environment.rewards.prepare(self._numbers.random((1, N, D))), np.zeros((N, D))
        for i in range(N):
            self.environment.rewards.draw(i, int(arms[i]), prepared[0, i], x[i])
        self.round += 1
        over = self.round >= self.horizon
        agents, self.agents = self.agents, [] if over else self.agents
        paid: NDArray[Any] = x.astype(self.dtype)
        rewards = dict(zip(agents, paid, strict=True))
        infos = {agent: {"pareto_regret": float(self.gaps[arm])} for agent, arm in zip(agents, arms, strict=True)}
        return self._observations(arms, x), rewards, dict.fromkeys(agents, False), dict.fromkeys(agents, over), infos

    def _observations(self, arms: Integers, x: Floats) -> dict[str, NDArray[Any]]:
        """The vector of every agent; arm K is none."""
        pulled = arms[:, None] == np.arange(self.environment.arms)
        seen: NDArray[Any] = np.concatenate([self.environment.preferences, pulled, x], axis=1).astype(self.dtype)
        return dict(zip(self.possible_agents, seen, strict=True))


def reward_range(model: Any, D: int) -> tuple[Floats, Floats]:
    """(D,) each: bounds of the rewards, [0, 1] at least; infinite for an unknown model."""
    if isinstance(model, Bernoulli | Beta | Discrete):
        return np.zeros(D), np.ones(D)
    if isinstance(model, Deterministic | Table):
        values = model.rows if isinstance(model, Table) else model.means.reshape(-1, D)
        return np.minimum(values.min(axis=0), 0.0), np.maximum(values.max(axis=0), 1.0)
    return np.full(D, -np.inf), np.full(D, np.inf)


def parallel_env(environment: Environment, horizon: int, seed: int, trial: int = 0, label: str = "") -> ParallelBandits:
    """The environment as a PettingZoo `ParallelEnv`.

    Args:
        environment: such as `gm.Environment.sample(...)`.
        horizon: rounds until all agents are truncated.
        seed, trial, label: of the streams of rewards, as `gm.simulate` takes them; `trial` is that of the first `reset`.

    Raises:
        InputError: a horizon, seed or trial out of range.
    """
    return ParallelBandits(environment, horizon, seed, trial, label)
