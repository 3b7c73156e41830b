"""The twin of Matthew Effect in JAX, many environments at once; the rules stand in matthew_effect.py."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gossipmab.marl.games.common import Picture, goes_before
from gossipmab.marl.xla import jnp

SMALLEST, GROWTH, LARGEST = 0.01, 0.005, 0.15  # of the sizes; SMALLEST is also what a step is longer than the size
HEARD = 3  # nearest agents that an agent hears, as in the code of SOTO


def first_sizes(uniforms: Any) -> Any:
    """s = .01 + .04 U, so written that a fused multiplication and addition rounds it the same way."""
    return (1.0 + 4.0 * uniforms) * SMALLEST


class TracedMatthewState(NamedTuple):
    """x, y, sizes: (B, N). resource_x, resource_y: (B, K)."""

    x: Any
    y: Any
    sizes: Any
    resource_x: Any
    resource_y: Any


class TracedMatthewEffect(NamedTuple):
    """The twin in JAX; loops over agents and resources are unrolled."""

    game: Any

    def reset(self, uniforms: Any) -> TracedMatthewState:
        """Begin B episodes by uniforms (B, 2 K + 3 N)."""
        K, N = self.game.resources, self.game.agents
        uniforms = jnp.asarray(uniforms, float)
        goals, places, sizes = jnp.split(uniforms, [2 * K, 2 * (K + N)], axis=1)
        sizes = unfused(first_sizes(sizes))
        return TracedMatthewState(places[:, ::2], places[:, 1::2], sizes, goals[:, ::2], goals[:, 1::2])

    def step(self, state: TracedMatthewState, actions: Any, uniforms: Any) -> tuple[TracedMatthewState, Any]:
        """Move by actions (B, N), then eat; the rewards are (B, N)."""
        K, uniforms = self.game.resources, jnp.asarray(uniforms, float)
        sizes, goal_x, goal_y = state.sizes, state.resource_x, state.resource_y
        x, y = stepped(state.x, state.y, SMALLEST + sizes, actions - 1)
        if self.game.ghost_speed:
            goal_x, goal_y = stepped(goal_x, goal_y, self.game.ghost_speed, (4.0 * uniforms[:, 2 * K : 3 * K]).astype(int))
        ate, gone = jnp.zeros(x.shape, bool), []
        for k in range(K):
            near = squared_length(x - goal_x[:, k : k + 1], y - goal_y[:, k : k + 1]) < sizes * sizes
            eats = near & ~self._preceded(near, uniforms)
            sizes = jnp.where(eats, jnp.minimum(sizes + GROWTH, LARGEST), sizes)
            ate |= eats
            gone.append(near.any(axis=1))
        new, eaten = uniforms[:, : 2 * K], jnp.stack(gone, axis=1)
        goal_x, goal_y = jnp.where(eaten, new[:, ::2], goal_x), jnp.where(eaten, new[:, 1::2], goal_y)
        return TracedMatthewState(x, y, sizes, goal_x, goal_y), ate.astype(float)

    def _preceded(self, near: Any, uniforms: Any) -> Any:
        """(B, N) the agents before which one goes that is near (B, N)."""
        found = jnp.zeros(near.shape, bool)
        for j in range(self.game.agents):
            found |= near[:, j : j + 1] & goes_before(j, self.game, uniforms)
        return found

    def observe(self, state: TracedMatthewState) -> Any:
        """(B, N, 6 + 4 nearest_agents) observations."""
        x, y, sizes, goal_x, goal_y = state
        own = jnp.stack([x, y, sizes, SMALLEST + sizes], axis=-1)
        goal = taken(jnp.stack([goal_x, goal_y], axis=-1), nearest(x, y, goal_x, goal_y, 1))
        if not self.game.nearest_agents:
            return jnp.concatenate([own, goal], axis=-1)
        others = taken(own, nearest(x, y, x, y, self.game.nearest_agents, itself=True))
        return jnp.concatenate([own, others, goal], axis=-1)

    def neighbours(self, state: TracedMatthewState) -> Any:
        """(B, N, N) 1 where agent i hears agent j: the three nearest, and itself; ties by the lower index."""
        apart = squared_length(state.x[:, :, None] - state.x[:, None, :], state.y[:, :, None] - state.y[:, None, :])
        order = jnp.argsort(jnp.argsort(apart - jnp.eye(self.game.agents), axis=-1, stable=True), axis=-1, stable=True)
        return (order <= HEARD).astype(float)

    def picture(self, state: TracedMatthewState) -> Picture:
        """What is drawn of the first environment."""
        places, goals = jnp.stack([state.x[0], state.y[0]], axis=-1), jnp.stack([state.resource_x[0], state.resource_y[0]], axis=-1)
        return Picture(places, goals, state.sizes[0])


def stepped(x: Any, y: Any, length: Any, direction: Any) -> tuple[Any, Any]:
    """Places after a step: x less, x more, y less, y more by `length` for direction 0 .. 3; clipped."""
    x = x + jnp.where(direction == 1, length, 0.0) - jnp.where(direction == 0, length, 0.0)
    y = y + jnp.where(direction == 3, length, 0.0) - jnp.where(direction == 2, length, 0.0)
    return jnp.clip(x, 0.0, 1.0), jnp.clip(y, 0.0, 1.0)


def squared_length(dx: Any, dy: Any) -> Any:
    """The square of the length of (dx, dy)."""
    return unfused(dx * dx) + unfused(dy * dy)


def unfused(product: Any) -> Any:
    """A product >= 0 as it is, rounded before anything is added to it, for XLA fuses no products and sums over a maximum.

    So ties, as in the corners, are those of the kernels.
    """
    return jnp.maximum(product, 0.0)


def nearest(x: Any, y: Any, to_x: Any, to_y: Any, count: int, itself: bool = False) -> Any:
    """(B, N, count) which of M things are nearest to each of the places x, y (B, N), the nearest first, ties by index.

    An insertion sort, with the environments on the last axis, along which the processor works on several at once.

    Args:
        x, y: (B, N) places.
        to_x, to_y: (B, M) of the things.
        count: how many, at most M.
        itself: thing i stands for place i, and is none of its neighbours.
    """
    x, y, to_x, to_y = x.T, y.T, to_x.T, to_y.T
    best = [(jnp.full(x.shape, jnp.inf, x.dtype), jnp.zeros(x.shape, int))] * count
    for j in range(len(to_x)):
        apart = squared_length(x - to_x[j], y - to_y[j])
        if itself:
            apart = jnp.where(np.arange(len(x))[:, None] == j, jnp.inf, apart)
        held = apart, jnp.full(x.shape, j, int)
        for rank, kept in enumerate(best):
            closer = apart < kept[0]
            best[rank] = jnp.where(closer, held[0], kept[0]), jnp.where(closer, held[1], kept[1])
            held = jnp.where(closer, kept[0], held[0]), jnp.where(closer, kept[1], held[1])
    return jnp.stack([which for _, which in best], axis=-1).transpose(1, 0, 2)


def taken(rows: Any, which: Any) -> Any:
    """(B, N, count F) the rows (B, M, F) of numbers that `which` (B, N, count) names, one after the other."""
    batch = np.arange(len(rows))[:, None, None]
    return rows.at[batch, which].get(mode="promise_in_bounds").reshape(*which.shape[:2], -1)
