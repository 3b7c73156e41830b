"""What the engines of all protocols share: random numbers, drawing an arm, recorded rounds, the checks of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from gossipmab.engines.gossip.channel_state import RandomBlock
from gossipmab.environments.environment import Environment
from gossipmab.environments.registry import GAMES
from gossipmab.environments.reward_models import draw
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError, shown
from gossipmab.utils.jit import jit, jit_inline
from gossipmab.utils.rng import Purpose, RandomSource
from gossipmab.utils.types import Floats, Integers
from gossipmab.utils.validation import whole_number


class TrialSettings(NamedTuple):
    """The arguments of `gossipmab.simulate` that the trials of all protocols and engines take."""

    horizon: int
    seed: int
    trial: int = 0
    recorded_rounds: int = 200
    stream_label: str = ""
    welfare: str = "product"
    interpreted: bool = False
    progress: Callable[[int], None] = lambda agent_steps: None

    @classmethod
    def checked(cls, given: dict[str, Any]) -> TrialSettings:
        """The settings, without those that are None. Raises InputError if a count is no whole number, or there is none."""
        known = {"horizon": None, "seed": None} | {name: value for name, value in given.items() if value is not None}
        least = {"horizon": 1, "recorded_rounds": 1, "seed": 0, "trial": 0}
        counts = {name: whole_number(name, known[name], low) for name, low in least.items() if name in known}
        return cls(**(known | counts))

    @property
    def key(self) -> dict[str, Any]:
        """The key of the random streams."""
        return {"seed": self.seed, "trial": self.trial, "label": self.stream_label}

    @property
    def rounds(self) -> Integers:
        """(R,) to be recorded."""
        return recorded_rounds(self.horizon, self.recorded_rounds)


def recorded_rounds(horizon: int, count: int) -> Integers:
    """(R,) the rounds round(T m / count), m = 1..count, each once; the last round is always among them."""
    rounds = np.rint(horizon * np.arange(1.0, count + 1) / count).astype(np.int64)
    new = rounds > 0
    new[1:] &= rounds[1:] > rounds[:-1]
    return rounds[new]


def check_objects(environment: Any, network: Any, game: bool = False) -> None:
    """Raise InputError unless they are objects of their classes, or there is no network. game: whether one is to stand there."""
    if game:
        if isinstance(environment, type) or not all(hasattr(environment, name) for name in GAMES.methods):
            raise InputError(f"game: got {shown(environment)}, allowed is an object, such as gm.marl.JobScheduling()")
    elif not isinstance(environment, Environment):
        raise InputError(f"environment: got {shown(environment)}, allowed is an object, such as Environment.sample(10, 5, 2)")
    if not isinstance(network, Network | None):
        raise InputError(f"network: got {shown(network)}, allowed is an object, such as Network('complete', agents=10)")
    if network is not None and not game:
        check_names(environment, network)


def check_names(environment: Environment, network: Network) -> None:
    """Raise InputError if agents of the same names stand in another order in the network than in the environment."""
    ours, theirs = environment.labels.agents, network.names or ()
    if ours and ours != tuple(theirs) and set(ours) == set(theirs):
        i = next(i for i, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other)
        what = f"agent {i} is {shown(theirs[i])} in the network and {shown(ours[i])} in the environment"
        raise InputError(f"network.base: {what}; allowed is one order of the names")


def next_block(
    source: RandomSource, rewards: Any, rounds: int, pool: ThreadPoolExecutor | None = None, parts: int = 1
) -> RandomBlock:
    """The random numbers of the next rounds, drawn and prepared by the reward model in `parts` at a time by the pool's threads."""
    drawn = source.block(rounds, pool, parts)
    numbers = drawn[Purpose.REWARDS]
    bounds = [rounds * part // parts for part in range(parts + 1)]
    some = list((pool.map if pool else map)(rewards.prepare, [numbers[a:z] for a, z in pairwise(bounds)]))
    prepared = some[0] if parts == 1 else numbers if np.shares_memory(some[-1], numbers) else np.concatenate(some)
    return RandomBlock(0, drawn[Purpose.ARMS], prepared, drawn[Purpose.POLICY])


@jit
def reward_of(rewards: Any, preferences: Floats, j: int, arm: int, numbers: Floats, x: Floats) -> float:
    """Agent j's reward of an arm, w_j . x, with its prepared numbers; writes the reward vector x (D,)."""
    draw(rewards, j, arm, numbers, x)
    total = 0.0
    for d in range(x.shape[0]):
        total += preferences[j, d] * x[d]
    return total


@jit
def sample_arm(p: Floats, u: float) -> int:
    """The arm that the uniform number u draws from the distribution p (K,); never one of probability 0."""
    total = 0.0
    arm = 0
    for k in range(p.shape[0]):
        if p[k] > 0.0:
            total += p[k]
            arm = k
            if u < total:
                break
    return arm


@jit_inline
def policy_unchanged(p: Floats, played: Floats) -> bool:
    """Whether p (K,) equals the previous policy; stores p in `played`. Lets the caller skip recomputing its welfare."""
    equal = True
    for k in range(p.shape[0]):
        equal &= p[k] == played[k]
        played[k] = p[k]
    return equal
