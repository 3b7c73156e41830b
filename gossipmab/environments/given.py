"""Checks of the sizes, ranges and preferences that a user gives an environment."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from gossipmab.environments.logs import Labels
from gossipmab.utils.array_files import load_array
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats
from gossipmab.utils.validation import whole_number

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


def by_name(preferences: object, labels: Labels) -> object:
    """The preferences in the order of the agents, if they are a mapping, name -> weights. Raises InputError unless it has all."""
    if not isinstance(preferences, Mapping):
        return preferences
    if set(preferences) != set(labels.agents):
        odd = sorted(set(map(str, preferences)) ^ set(labels.agents))
        which = f"differs from these at {', '.join(odd[:3])}" if labels.agents else "but the agents have none"
        raise InputError(f"environment.preferences: has names of {len(preferences)} agents, allowed are those of all; {which}")
    return [preferences[name] for name in labels.agents]


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
