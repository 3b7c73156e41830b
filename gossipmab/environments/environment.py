"""The environment of a trial: mean reward vectors, preferences, and how rewards are drawn."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from gossipmab.environments import reward_models as models
from gossipmab.environments.given import RANGE, by_name, fixed_sizes, is_range, own_preferences
from gossipmab.environments.logs import Labels, Log, Logged, means_of, read_logged_rewards
from gossipmab.environments.registry import resolve_reward_model
from gossipmab.utils.array_files import load_array
from gossipmab.utils.errors import InputError, shown
from gossipmab.utils.notebook import html_table
from gossipmab.utils.parameters import coerce, fit, parameters_of, suggesting, suggesting_arguments
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.types import Floats

# Once: a constraint that is made anew is another one, whose validator would be, too.
DISTRIBUTIONS, SCALE = Literal["normal", "uniform"], Annotated[float, Field(ge=0)]


@suggesting
@dataclass(frozen=True, eq=False, repr=False)
class Environment:
    """The environment of a trial, shared by all its algorithms.

    means: (N, K, D) mean reward vectors mu[i, k]. preferences: (N, D) rows w[j] on the simplex. rewards: the reward model.
    labels: the names of agents and arms, if they have any.

    >>> gm.Environment.from_arrays([[0.2, 0.7, 0.4], [0.6, 0.5, 0.1]])
    Environment(agents=2, arms=3, objectives=1, rewards=Bernoulli)
    """

    means: Floats
    preferences: Floats
    rewards: Any
    labels: Labels = Labels()

    def __repr__(self) -> str:
        sizes = f"agents={self.agents}, arms={self.arms}, objectives={self.objectives}"
        return f"Environment({sizes}, rewards={type(self.rewards).__name__})"

    def _repr_html_(self) -> str:
        names = self.labels.arms or [f"arm {k}" for k in range(self.arms)]
        rows = ([name, *values] for name, values in zip(names, self.centred_means[:20].tolist(), strict=False))
        more = ["first 20 arms"] if self.arms > 20 else []
        return html_table(f"{self!r}, means over the agents", [*rows, more])

    @property
    def agents(self) -> int:
        """N."""
        return int(self.means.shape[0])

    @property
    def arms(self) -> int:
        """K."""
        return int(self.means.shape[1])

    @property
    def objectives(self) -> int:
        """D."""
        return int(self.means.shape[2])

    @cached_property
    def centred_means(self) -> Floats:
        """(K, D) average over agents, the reference of regret: mu_bar[k] = (1/N) sum_i mu[i, k]."""
        return np.asarray(self.means.mean(axis=0))

    @cached_property
    def utilities(self) -> Floats:
        """(N, K) U[j, k] = w[j] . mu_bar[k]."""
        return np.asarray(np.einsum("jd,kd->jk", self.preferences, self.centred_means))

    @cached_property
    def own_utilities(self) -> Floats:
        """(N, K) w[i] . mu[i, k]: the utility of arm k by agent i's own means."""
        return np.asarray(np.einsum("id,ikd->ik", self.preferences, self.means))

    @classmethod
    @suggesting_arguments
    def sample(
        cls,
        agents: int | None = None,
        arms: int | None = None,
        objectives: int | None = None,
        *,
        heterogeneity: float = 0.2,
        heterogeneity_distribution: str = "normal",
        mean_range: Sequence[float] | None = None,
        rewards: Any = "bernoulli",
        beta_concentration: float = 10.0,
        reward_std: float = 0.1,
        means: object = None,
        preferences: object = None,
        logged_rewards: str | Path | Logged | None = None,
        seed: int = 0,
        trial: int = 0,
    ) -> Environment:
        """Draw the environment of a trial, but for the arrays given.

        b[k, d] ~ U(0, 1);  m = clip(b[k, d] + heterogeneity eps[i, k, d], 0, 1);  mu[i, k, d] = low + (high - low) m;
        w[j] ~ Dirichlet(1, ..., 1)

        >>> gm.Environment.sample(agents=4, arms=3, objectives=2, heterogeneity=0.1, seed=0).means.shape
        (4, 3, 2)

        Args:
            agents, arms, objectives: N, K, D; may be left out if `means` or `logged_rewards` fixes them.
            heterogeneity: scale of the agents' differences, >= 0.
            heterogeneity_distribution: eps ~ N(0, 1) for "normal", U(-1, 1) for "uniform".
            mean_range: low < high in [0, 1]; (0, 1) by default, with "discrete" rewards (0.3, 0.8), the range of their values.
            rewards: a name, table or class, see `resolve_reward_model`.
            beta_concentration, reward_std: of beta and gaussian rewards without a table: concentration, standard deviation.
            means: (N, K, D) inline or a file with columns agent, arm, mean_1..mean_D.
            preferences: (N, D) inline or a file with columns agent, weight_1..weight_D.
            logged_rewards: a .csv or .parquet file with columns agent, arm, reward_1..reward_D, for rewards = "table".
            seed, trial: of the stream.

        Raises:
            InputError: anything missing, of the wrong shape or out of range.
        """
        choice = resolve_reward_model(rewards)
        for name, value in (("beta_concentration", beta_concentration), ("reward_std", reward_std)):
            model, field = SHORT[name]
            value = fit(f"environment.{name}", parameters_of(model)[field].hint, value)
            if rewards == choice.name and choice.kind is model:
                choice.parameters[field] = value
        fit("environment.heterogeneity_distribution", DISTRIBUTIONS, heterogeneity_distribution)
        heterogeneity = fit("environment.heterogeneity", SCALE, heterogeneity)
        if (logged_rewards is not None) != (choice.name == "table"):
            raise InputError(
                f"environment.logged_rewards: got {logged_rewards}, allowed is a file, with rewards = 'table' and only with it"
            )
        if logged_rewards is not None and means is not None:
            raise InputError("environment.means: given beside a table, whose averages are the means; allowed is one of them")
        if mean_range is not None and not is_range(mean_range):
            raise InputError(f"environment.mean_range: got {shown(mean_range)}, allowed is {RANGE}")
        low, high = mean_range if mean_range is not None else ((0.3, 0.8) if choice.name == "discrete" else (0.0, 1.0))
        if mean_range is not None and (means is not None or logged_rewards is not None):
            raise InputError("environment.mean_range: given beside means, allowed is one of them")
        data = Logged(read_logged_rewards(logged_rewards)) if isinstance(logged_rewards, str | Path) else logged_rewards
        given = data.model.means if data else None
        if means is not None:
            given = load_array(means, "environment.means", ("agent", "arm"), "mean")
        sizes = fixed_sizes(given, {"agents": agents, "arms": arms, "objectives": objectives})
        generator = stream(seed, trial=trial, purpose=Purpose.ENVIRONMENT)
        base = generator.random(sizes[1:])
        if heterogeneity_distribution == "normal":
            drawn = generator.standard_normal(sizes)
        else:
            drawn = generator.uniform(-1.0, 1.0, sizes)
        drawn *= heterogeneity  # in place, for it may be most of the memory
        drawn += base
        np.clip(drawn, 0.0, 1.0, out=drawn)
        if (low, high) != (0.0, 1.0):
            drawn *= high - low
            drawn += low
        truth = drawn if given is None else given
        if preferences is None:
            weights = generator.dirichlet(np.ones(sizes[2]), sizes[0])
        else:
            weights = own_preferences(preferences, sizes)
        return cls(truth, weights, data.model, data.labels) if data else cls(truth, weights, choice.of(truth))

    @classmethod
    @suggesting_arguments
    def from_arrays(
        cls,
        means: object,
        preferences: object = None,
        *,
        rewards: Any = "bernoulli",
        agent_names: Sequence[str] = (),
        arm_names: Sequence[str] = (),
        seed: int = 0,
        trial: int = 0,
    ) -> Environment:
        """An environment of these means.

        >>> Environment.from_arrays([[0.2, 0.7], [0.6, 0.5]], arm_names=["tea", "coffee"]).labels.arms
        ('tea', 'coffee')

        Args:
            means: (N, K, D), or (N, K) for one objective; nested lists, an array, or a file, see `sample`.
            preferences: (N, D); drawn by default. With names of agents also a mapping, name -> weights.
            rewards: as in `sample`.
            agent_names, arm_names: N and K names; numbers by default.
            seed, trial: of the stream.

        Raises:
            InputError: a wrong shape, a value that is not allowed, or another number of names.
        """
        array = load_array(means, "environment.means", ("agent", "arm"), "mean")
        array = array[:, :, np.newaxis] if array.ndim == 2 else array
        labels = Labels(tuple(map(str, agent_names)), tuple(map(str, arm_names)))
        for axis, (name, names) in enumerate((("agent_names", labels.agents), ("arm_names", labels.arms))):
            if names and (array.ndim != 3 or len(set(names)) != len(names) or len(names) != array.shape[axis]):
                raise InputError(f"{name}: got {len(set(names))} names, allowed is one for each of means {array.shape}")
        drawn = cls.sample(means=array, preferences=by_name(preferences, labels), rewards=rewards, seed=seed, trial=trial)
        return replace(drawn, labels=labels)

    @classmethod
    @suggesting_arguments
    def from_dataframe(
        cls,
        frame: Any,
        *,
        agent: str = "agent",
        arm: str = "arm",
        means: Sequence[str] | None = None,
        preferences: object = None,
        rewards: Any = "bernoulli",
        seed: int = 0,
        trial: int = 0,
    ) -> Environment:
        """An environment of a table of means: a row for every agent and arm, a column for every objective.

        >>> drinks = {"agent": ["ann", "ann", "bo", "bo"], "arm": ["tea", "mate"] * 2, "taste": [0.2, 0.7, 0.6, 0.5]}
        >>> environment = Environment.from_dataframe(drinks)
        >>> environment.labels.arms, environment.means[0, :, 0].tolist()
        (('mate', 'tea'), [0.7, 0.2])

        Args:
            frame: a DataFrame of pandas, polars or another library, a mapping of columns, or a .csv or .parquet file.
            agent, arm: the columns of their names, which are put in the order of numbers or of the alphabet.
            means: the columns of means; by default all others.
            preferences, rewards, seed, trial: as in `from_arrays`.

        Raises:
            InputError: no such column, a row missing or twice, or anything that `sample` refuses.
        """
        array, labels = means_of(frame, agent, arm, means)
        return cls.from_arrays(
            array, preferences, agent_names=labels.agents, arm_names=labels.arms, rewards=rewards, seed=seed, trial=trial
        )

    @classmethod
    @suggesting_arguments
    def from_log(
        cls,
        frame: Any,
        *,
        agent: str = "agent",
        arm: str = "arm",
        rewards: str | Sequence[str] | None = None,
        least: int = 20,
        preferences: object = None,
        seed: int = 0,
        trial: int = 0,
    ) -> Environment:
        """An environment that resamples a log of pulls: a row for every pull, with its agent, its arm and its rewards.

        >>> log = {"who": ["ann", "bo"] * 20, "film": ["Alien"] * 40, "stars": [0.0, 1.0, 0.5, 0.75] * 10}
        >>> environment = Environment.from_log(log, agent="who", arm="film", rewards=["stars"])
        >>> environment.labels.agents, environment.means[:, 0, 0].tolist()
        (('ann', 'bo'), [0.25, 0.875])

        Args:
            frame: a DataFrame of pandas, polars or another library, a mapping of columns, or a .csv or .parquet file.
            agent, arm: the columns of their names, which are put in the order of numbers or of the alphabet.
            rewards: the columns of rewards in [0, 1], one an objective; reward_1, reward_2, ... by default.
            least: an arm is left out if some agent has fewer rows of it; a line to the log of `gossipmab` names those that are.
            preferences, seed, trial: as in `from_arrays`.

        Raises:
            InputError: a column is missing or is there twice, a name is missing, a reward is missing or outside [0, 1], or no arm
                has enough rows of every agent.
        """
        given = {"agent": agent, "arm": arm, "rewards": rewards, "least": least}
        data = Log("", **coerce(Log, given, "environment.log", without=("file",))).logged(frame)
        return cls.from_data(data, preferences, seed, trial)

    @classmethod
    def from_data(cls, data: Logged, preferences: object = None, seed: int = 0, trial: int = 0) -> Environment:
        """The environment of rewards that were read; a note on what was left out of the data goes to the log of `gossipmab`."""
        if data.labels.note:
            logging.getLogger("gossipmab").warning(data.labels.note)
        preferences = by_name(preferences, data.labels)
        return cls.sample(rewards="table", logged_rewards=data, preferences=preferences, seed=seed, trial=trial)


SHORT: dict[str, tuple[type, str]] = {"beta_concentration": (models.Beta, "concentration"), "reward_std": (models.Gaussian, "std")}
