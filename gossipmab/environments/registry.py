"""Reward models and games by the names that experiment files use, and the construction of models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gossipmab.environments import reward_models as models
from gossipmab.utils import registry as plugins
from gossipmab.utils.errors import InputError
from gossipmab.utils.parameters import coerce
from gossipmab.utils.types import Floats

KEY = "environment.rewards"
RANGES: dict[str, tuple[float, float]] = {
    "bernoulli": (0.0, 1.0),
    "beta": (0.0, 1.0),
    "discrete": (0.3, 0.8),
}  # of the means; other shipped models take any
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
GAMES = plugins.Registry(
    plugins.GAMES,
    "gossipmab.marl.games:SHIPPED",
    ("_fields", "action_count", "observation_size", "bounds", "share_scale", "reset_numbers", "step_numbers")
    + ("reset", "step", "observe", "picture", "agents", "steps", "sees_shares", "title"),
)


class RewardModelChoice(NamedTuple):
    """name: as registered. kind: its class. parameters: besides the means; of a shipped model only those of its table."""

    name: str
    kind: Any
    parameters: dict[str, Any]

    def of(self, means: Floats) -> Any:
        """The model with these means (N, K, D). InputError if they lie outside its `RANGE`, or if a plug-in raises."""
        low, high = RANGES.get(self.name, getattr(self.kind, "RANGE", (-math.inf, math.inf)))
        if (means < low - 1e-12).any() or (means > high + 1e-12).any():
            worst = means.flat[np.argmax(np.maximum(low - means, means - high))]
            raise InputError(f"environment.means: has {worst:g}, allowed with rewards = {self.name!r} is [{low:g}, {high:g}]")
        model: Any = plugins.call_plugin(KEY, lambda: self.kind(means, **self.parameters))
        plugins.call_plugin(KEY, getattr(model, "check", lambda: None))
        return model


def resolve_reward_model(rewards: Any) -> RewardModelChoice:
    """The reward model of an experiment.

    Args:
        rewards: a name; the class of a model; a table {"model": name or class, its parameters}, such as
            {"model": "gaussian", "std": 0.1}.

    Raises:
        InputError: unknown name or parameter, a parameter that is missing or out of range, or a class that is no model.
    """
    table = dict(rewards) if isinstance(rewards, Mapping) else {"model": rewards}
    name = table.pop("model", None)
    if name is None:
        raise InputError(f"{KEY}.model is required and not given (allowed: {', '.join(sorted(MODELS))})")
    if isinstance(name, type):
        name = MODELS.register(name)
    kind: Any = MODELS.get_named(KEY, name)
    if kind._fields[:1] != ("means",):
        raise InputError(f"{KEY}: the first field of {name!r} is not `means`")
    given = ("means", "rows", "first") if name == "table" else ("means",)
    return RewardModelChoice(name, kind, coerce(kind, table, KEY, without=given))
