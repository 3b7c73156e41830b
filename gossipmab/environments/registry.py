"""Reward models by the names that experiment files use; and how one is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from gossipmab.environments import reward_models as models
from gossipmab.utils import registry as plugins
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats

KEY = "environment.rewards"
MODELS = plugins.Registry(
    plugins.REWARDS,
    {
        "bernoulli": models.Bernoulli,
        "beta": models.Beta,
        "gaussian": models.Gaussian,
        "discrete": models.Discrete,
        "deterministic": models.Deterministic,
        "table": models.Table,
    },
    ("_fields", "prepare", "draw"),
)


class RewardModelChoice(NamedTuple):
    """name: as registered. kind: its class. parameters: beside the means; {} of a shipped one, whose are the environment's."""

    name: str
    kind: Any
    parameters: dict[str, Any]

    @property
    def shipped(self) -> bool:
        """Whether it comes with the package."""
        return MODELS.is_shipped(self.name)

    def of(self, means: Floats) -> Any:
        """The model of a plug-in with these means (N, K, D). InputError where these are outside its `RANGE`, or it refuses."""
        low, high = getattr(self.kind, "RANGE", (-math.inf, math.inf))
        if (means < low - 1e-12).any() or (means > high + 1e-12).any():
            raise InputError(
                f"environment.means: has {means.min():g} to {means.max():g}, allowed with rewards = {self.name!r} is "
                f"[{low:g}, {high:g}]"
            )
        model: Any = plugins.call_plugin(KEY, lambda: self.kind(means, **self.parameters))
        plugins.call_plugin(KEY, getattr(model, "check", lambda: None))
        return model


def resolve_reward_model(rewards: Any) -> RewardModelChoice:
    """The model that `rewards` asks for.

    Args:
        rewards: a name; the class of a model; a table {"model": name or class, its parameters}, of a plug-in's model.

    Raises:
        InputError: unknown name or parameter, a parameter that is missing or of another type, or a class that is no model.
    """
    if isinstance(rewards, str) and MODELS.is_shipped(rewards):
        return RewardModelChoice(rewards, MODELS.shipped[rewards], {})
    table = dict(rewards) if isinstance(rewards, Mapping) else {"model": rewards}
    name = table.pop("model", None)
    if name is None:
        raise InputError(f"{KEY}.model is required and not given (allowed: {', '.join(sorted(MODELS))})")
    if isinstance(name, type):
        name = MODELS.register(name)
    kind: Any = MODELS.get_named(KEY, name)
    if MODELS.is_shipped(name):
        if table or isinstance(rewards, Mapping):
            raise InputError(
                f"{KEY}: {name!r} is asked for by its name alone; its parameters are keys of [environment]"
            )
        return RewardModelChoice(name, kind, {})
    if kind._fields[:1] != ("means",):
        raise InputError(f"{KEY}: the first field of {name!r} is not `means`")
    return RewardModelChoice(name, kind, plugins.arguments(KEY, kind, table, skip=1))
