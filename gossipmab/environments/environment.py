"""The environment of a trial: mean reward vectors, preferences, and how rewards are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from gossipmab.environments import reward_models as models
from gossipmab.environments.registry import resolve_reward_model
from gossipmab.utils.array_files import from_zero, load_array, load_columns, numbered, whole
from gossipmab.utils.errors import InputError, shown
from gossipmab.utils.notebook import html_table
from gossipmab.utils.parameters import fit, parameters_of
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.safe_read import is_file
from gossipmab.utils.types import Floats
from gossipmab.utils.validation import whole_number


@dataclass(frozen=True, eq=False, repr=False)
class Environment:
    """The environment of a trial, shared by all its algorithms.

    means: (N, K, D) mean reward vectors mu[i, k]. preferences: (N, D) rows w[j] on the simplex. rewards: the reward model.
    """

    means: Floats
    preferences: Floats
    rewards: Any

    def __repr__(self) -> str:
        sizes = f"agents={self.agents}, arms={self.arms}, objectives={self.objectives}"
        return f"Environment({sizes}, rewards={type(self.rewards).__name__})"

    def _repr_html_(self) -> str:
        rows = ([f"arm {k}", *values] for k, values in enumerate(self.centred_means[:20].tolist()))
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
        logged_rewards: str | Path | None = None,
        seed: int = 0,
        trial: int = 0,
    ) -> Environment:
        """Draw the environment of a trial, but for the arrays given.

        b[k, d] ~ U(0, 1);  m = clip(b[k, d] + heterogeneity eps[i, k, d], 0, 1);  mu[i, k, d] = low + (high - low) m;
        w[j] ~ Dirichlet(1, ..., 1)

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
        fit("environment.heterogeneity_distribution", Literal["normal", "uniform"], heterogeneity_distribution)
        heterogeneity = fit("environment.heterogeneity", Annotated[float, Field(ge=0)], heterogeneity)
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
        logged = None if logged_rewards is None else read_logged_rewards(logged_rewards)
        given = logged.means if logged else None
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
        return cls(truth, weights, logged or choice.of(truth))


SHORT: dict[str, tuple[type, str]] = {"beta_concentration": (models.Beta, "concentration"), "reward_std": (models.Gaussian, "std")}


RANGE = "two numbers 0 <= low < high <= 1"


def is_range(value: Any) -> bool:
    """Whether the value is two numbers 0 <= low < high <= 1."""
    numbers = isinstance(value, list | tuple | np.ndarray) and len(value) == 2 and all(isinstance(x, Real) for x in value)
    return numbers and 0 <= value[0] < value[1] <= 1


def fixed_sizes(given: Floats | None, wanted: dict[str, int | None]) -> tuple[int, int, int]:
    """(N, K, D) from the means if they are given, else the sizes given. Raises InputError if they contradict each other or lack."""
    if given is not None and (given.ndim != 3 or 0 in given.shape):
        raise InputError(f"environment.means: has shape {given.shape}, allowed is (agents, arms, objectives)")
    sizes = []
    for axis, (name, size) in enumerate(wanted.items()):
        if given is not None and size is not None and size != given.shape[axis]:
            raise InputError(f"environment.means: has shape {given.shape}, which contradicts {name} = {size}")
        found = size if given is None else given.shape[axis]
        sizes.append(whole_number(f"environment.{name}", found))
    return sizes[0], sizes[1], sizes[2]


def own_preferences(source: object, sizes: tuple[int, int, int]) -> Floats:
    """(N, D) the user's preference vectors. Raises InputError unless each is on the simplex (to 1e-6)."""
    weights = load_array(source, "environment.preferences", ("agent",), "weight")
    if weights.shape != (sizes[0], sizes[2]):
        raise InputError(
            f"environment.preferences: has shape {weights.shape}, allowed is (agents, objectives) = {(sizes[0], sizes[2])}"
        )
    if (weights < 0).any():
        raise InputError(f"environment.preferences: has {weights.min():g}, allowed are weights >= 0")
    sums = weights.sum(axis=1)
    worst = int(np.argmax(np.abs(sums - 1.0)))
    if abs(sums[worst] - 1.0) > 1e-6:
        raise InputError(f"environment.preferences: the vector of agent {worst} sums to {sums[worst]:g}, allowed is 1")
    return weights


def read_logged_rewards(path: str | Path) -> models.Table:
    """The reward model of a logged table. Raises InputError if an (agent, arm) pair has no row."""
    key = "environment.logged_rewards"
    file = Path(path)
    if file.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"{key}: {str(path)!r} has suffix {file.suffix!r}, allowed are .csv, .parquet")
    if not is_file(file):
        raise InputError(f"{key}: there is no file {str(path)!r}")
    columns = load_columns(file, key)
    agent, arm, logged = whole(columns, "agent", key), whole(columns, "arm", key), numbered(columns, "reward", key)
    if not agent.size:
        raise InputError(f"{key}: {file.name!r} has no rows")
    N, K = int(agent.max()) + 1, int(arm.max()) + 1
    if N * K > agent.size:
        raise InputError(
            f"{key}: {N} agents and {K} arms need at least {N * K} rows, one a pair; got {agent.size}{from_zero(agent, arm)}"
        )
    pair = agent * K + arm
    counts = np.bincount(pair, minlength=N * K)
    if (counts == 0).any():
        missing = int(np.argmin(counts))
        what = f"has no row for arm {missing % K}, each pair needs at least one{from_zero(agent, arm)}"
        raise InputError(f"{key}: agent {missing // K} {what}")
    rows = np.ascontiguousarray(logged[np.argsort(pair, kind="stable")])
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    means = np.add.reduceat(rows, first[:-1], axis=0) / counts[:, None]
    return models.Table(means.reshape(N, K, -1), rows, first)
