"""What a game is, its twin for JAX, and what all games have in common.

A game is a `typing.NamedTuple` of settings. `reset`, `step` and `observe` play one environment; all that is random comes from
uniform numbers in [0, 1) that the caller passes, so that the twin in JAX, which plays B environments at once, can be passed
the same ones. Letters: N agents, F numbers an observation, B environments.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gossipmab.engines.common import check_objects
from gossipmab.utils.errors import InputError
from gossipmab.utils.parameters import check
from gossipmab.utils.types import Floats, Integers

Steps = Annotated[int, Field(ge=1, description="T, steps of an episode")]
Order = Annotated[
    Literal["index", "random"],
    Field(description="who goes first: agents by index, as in the papers, or a new permutation each step"),
]
SeesShares = Annotated[
    bool,
    Field(description="whether observations end with two more numbers: the agent's share of the earnings, and all agents' mean"),
]
SHARES = 2  # numbers that `sees_shares` adds


class Picture(NamedTuple):
    """What is drawn of a state. agents: (N, 2) x, y. goals: (G, 2). radii: (N,) the reach of the agents, None if they have none."""

    agents: NDArray[Any]
    goals: NDArray[Any]
    radii: Floats | None


class TracedGame(Protocol):
    """The twin in JAX: pure functions of B environments at once, in the float type of JAX, for use under `jax.jit`."""

    def reset(self, uniforms: Any) -> Any:
        """Begin episodes by uniforms (B, reset_numbers); returns the state, a NamedTuple of arrays of B rows."""

    def step(self, state: Any, actions: Any, uniforms: Any) -> tuple[Any, Any]:
        """Play actions (B, N) with uniforms (B, step_numbers); returns the new state and the rewards (B, N)."""

    def observe(self, state: Any) -> Any:
        """(B, N, F) observations, without the two numbers of `sees_shares`."""

    def neighbours(self, state: Any) -> Any:
        """(B, N, N) 1 where agent i hears agent j, itself too, else 0: for learners that exchange what they know."""

    def picture(self, state: Any) -> Picture:
        """What is drawn of the first environment."""


class Game(Protocol):
    """The attributes of a game, besides its settings; a game with a twin has `traced()` too, which returns a `TracedGame`."""

    @property
    def title(self) -> str:
        """The name for people."""

    @property
    def agents(self) -> int:
        """N."""

    @property
    def steps(self) -> int:
        """T, the steps of an episode."""

    @property
    def sees_shares(self) -> bool:
        """Whether observations end with the two numbers of `shares`."""

    @property
    def action_count(self) -> int:
        """How many actions an agent has, 0 .. action_count - 1."""

    @property
    def observation_size(self) -> int:
        """F, with the two numbers of `sees_shares`."""

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """(F,) each: the least and the largest value of every number of an observation."""

    @property
    def share_scale(self) -> float:
        """The mean reward a step, of all agents, that counts as full: c in FEN."""

    @property
    def reset_numbers(self) -> int:
        """How many uniform numbers a reset takes."""

    @property
    def step_numbers(self) -> int:
        """How many uniform numbers a step takes."""

    def reset(self, uniforms: Floats) -> Any:
        """Begin an episode by uniforms (reset_numbers,); returns the state, a NamedTuple of arrays."""

    def step(self, state: Any, actions: Integers, uniforms: Floats) -> tuple[Any, Floats]:
        """Play actions (N,) with uniforms (step_numbers,); returns the state, changed in place, and the rewards (N,)."""

    def observe(self, state: Any) -> Floats:
        """(N, F) observations, without the two numbers of `sees_shares`."""

    def picture(self, state: Any) -> Picture:
        """What is drawn of the state."""


def check_game(game: Any) -> None:
    """Raise InputError unless it is a game, an object, whose settings are allowed."""
    check_objects(game, None, game=True)
    check(game)


def traced(game: Any) -> Any:
    """The game's twin in JAX, a `TracedGame`.

    Raises:
        InputError: it has none.
    """
    if not hasattr(game, "traced"):
        raise InputError(
            f"game: {type(game).__name__} has no method `traced`, allowed for learners in JAX is a game that has a twin"
        )
    return game.traced()


def shares(earned: Any, step: Any, scale: float, xp: Any) -> Any:
    """(..., N, 2) what an agent that sees its share is shown after `step` steps: as FEN (Jiang and Lu, 2019).

    (u_i - ubar) / ubar, which is 0 where ubar = 0, and min(1, ubar / c), with u_i = earned_i / step and ubar their mean over i.

    Args:
        earned: (..., N) each agent's sum of rewards in the episode so far.
        step: how many steps were played; before the first all shares are 0.
        scale: c, the game's `share_scale`.
        xp: numpy or jax.numpy.
    """
    u = earned / xp.maximum(step, 1)
    mean = u.mean(axis=-1, keepdims=True)
    relative = (u - mean) / xp.where(mean > 0, mean, 1)
    return xp.stack([relative, xp.broadcast_to(xp.minimum(1, mean / scale), u.shape)], axis=-1)


def with_shares(low: Floats, high: Floats, game: Any) -> tuple[Floats, Floats]:
    """The bounds of the game's own numbers, and those of `shares` after them if it sees them."""
    if not game.sees_shares:
        return low, high
    return np.append(low, [-1.0, 0.0]), np.append(high, [game.agents - 1.0, 1.0])


def order_of(game: Any, uniforms: Floats) -> Integers:
    """(N,) the agents in the order in which they go; a random one is that of the last N uniforms."""
    return np.argsort(uniforms[-game.agents :], kind="stable") if game.order == "random" else np.arange(game.agents)


def goes_before(j: int, game: Any, uniforms: Any) -> Any:
    """In JAX: (N,), or (B, N) with a random order by uniforms (B, step_numbers): the agents that agent j goes before."""
    after = np.arange(game.agents) > j
    if game.order == "index":
        return after
    last = uniforms[:, -game.agents :]
    return (last > last[:, j : j + 1]) | (after & (last == last[:, j : j + 1]))
