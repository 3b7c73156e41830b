"""MOMAland, multi-objective multi-agent environments: ours as theirs; and theirs as tables of rewards, by `logged_table`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from gossipmab.bridges.extras import library
from gossipmab.bridges.logged_tables import logged_table as logged_table
from gossipmab.bridges.pettingzoo import ParallelBandits
from gossipmab.environments.environment import Environment

MOParallelEnv: Any = library("momaland.utils.env", "momaland").MOParallelEnv


class MOParallelBandits(ParallelBandits, MOParallelEnv):  # type: ignore[misc]
    """As `ParallelBandits`, but a MOMAland `MOParallelEnv`, whose numbers are float32: MOMAland adds rewards up in float32."""

    dtype: ClassVar[type] = np.float32


def parallel_env(environment: Environment, horizon: int, seed: int, trial: int = 0, label: str = "") -> MOParallelBandits:
    """The environment as a MOMAland `MOParallelEnv`; arguments and errors as in `gossipmab.bridges.pettingzoo.parallel_env`."""
    return MOParallelBandits(environment, horizon, seed, trial, label)


def env(environment: Environment, horizon: int, seed: int, trial: int = 0, label: str = "") -> Any:
    """The same, one agent after the other: a MOMAland `MOAECEnv`."""
    conversions = library("momaland.utils.conversions", "momaland")
    return conversions.mo_parallel_to_aec(parallel_env(environment, horizon, seed, trial, label))
