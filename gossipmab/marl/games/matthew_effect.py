"""Matthew Effect: agents on a square catch resources, and who has caught more is larger and faster, and catches more.

Source: Jiang and Lu, "Learning fairness in multi-agent systems", 2019 (FEN), and its code; the observation of 18 numbers is that
of the code of Zimmer et al., "Learning fair policies in decentralized cooperative multi-agent reinforcement learning", 2021.

    symbol           name         meaning
    (x, y)           places       the agents' places in the unit square
    s_i              sizes        the reach of agent i: from .01 to .05 at first, .005 more a meal, .15 at most
    v_i = .01 + s_i               the length of its step
                     resources    the places of the K resources, the "ghosts"

All agents move, at the edge clipped. Then, resource by resource, the first agent in the order with dist^2 < s_i^2 eats it: it
grows, and the resource appears anew at random, to be eaten from the next step on. r_i = 1 if agent i ate, also if it ate twice.

An observation is x, y, s, v of the agent, the same of each of the `nearest_agents` nearest others, the nearest first, and x, y of
the nearest resource. Ties: the lower index.

Departure: the ELD paper says that the ghosts move, but nowhere how, and in the code they do not. With `ghost_speed` > 0 each makes a step
of that length before the meals, in one of four directions at random.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.marl.games.common import SHARES, Order, Picture, SeesShares, Steps, goes_before, order_of, with_shares
from gossipmab.marl.xla import jnp
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers, class_attributes

SMALLEST, GROWTH, LARGEST = 0.01, 0.005, 0.15  # of the sizes; SMALLEST is also what a step is longer than the size
HEARD = 3  # nearest agents that an agent hears, as in the code of SOTO


class MatthewState(NamedTuple):
    """places: (N, 2). sizes: (N,). resources: (K, 2). All in [0, 1]."""

    places: Floats
    sizes: Floats
    resources: Floats


@class_attributes(title="Matthew Effect", action_count=5, share_scale=0.15)
class MatthewEffect(NamedTuple):
    """N agents and K resources in the unit square. Actions: 0 stay, 1 x - v, 2 x + v, 3 y - v, 4 y + v.

    >>> game = gm.marl.MatthewEffect(nearest_agents=3)
    >>> state = game.reset(np.linspace(0, 0.99, game.reset_numbers))
    >>> game.observe(state).shape
    (10, 18)
    """

    agents: Annotated[int, Field(ge=1, le=1_000, description="N, how many")] = 10
    resources: Annotated[int, Field(ge=1, le=1_000, description="K, how many")] = 3
    steps: Steps = 1_000
    nearest_agents: Annotated[int, Field(ge=0, description="how many of the nearest agents an agent sees; 3 as in SOTO's code")] = 0
    ghost_speed: Annotated[float, Field(ge=0, le=1, description="the length of a resource's step; 0: it stays")] = 0.0
    order: Order = "index"
    sees_shares: SeesShares = False

    def check(self) -> None:
        """InputError if an agent is to see more others than there are."""
        if self.nearest_agents >= self.agents:
            allowed = f"allowed with agents = {self.agents} is at most {self.agents - 1}"
            raise InputError(f"nearest_agents: got {self.nearest_agents}, {allowed}")

    @property
    def observation_size(self) -> int:
        """F."""
        return 6 + 4 * self.nearest_agents + SHARES * self.sees_shares

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """(F,) each: the least and the largest value of every number of an observation."""
        seen = 1 + self.nearest_agents
        low = [0.0, 0.0, SMALLEST, SMALLEST + SMALLEST] * seen + [0.0] * 2
        high = [1.0, 1.0, LARGEST, SMALLEST + LARGEST] * seen + [1.0] * 2
        return with_shares(np.array(low), np.array(high), self)

    @property
    def reset_numbers(self) -> int:
        """2 K for the resources, 2 N for the agents, N for their sizes, in this order."""
        return 2 * self.resources + 3 * self.agents

    @property
    def step_numbers(self) -> int:
        """2 K for new places; K with moving ghosts, for their directions; N with order = "random"; in this order."""
        each = 3 if self.ghost_speed else 2
        return each * self.resources + (self.agents if self.order == "random" else 0)

    def reset(self, uniforms: Floats) -> MatthewState:
        """Begin an episode by uniforms (2 K + 3 N,)."""
        places = uniforms[: 2 * (self.resources + self.agents)].reshape(-1, 2)
        sizes = first_sizes(uniforms[places.size :])
        return MatthewState(places[self.resources :].copy(), sizes, places[: self.resources].copy())

    def step(self, state: MatthewState, actions: Integers, uniforms: Floats) -> tuple[MatthewState, Floats]:
        """Move by actions (N,), then eat; returns the state, changed in place, and the rewards (N,)."""
        K, rewards = self.resources, np.empty(self.agents)
        new, turns = uniforms[: 2 * K].reshape(K, 2), uniforms[2 * K : 3 * K] if self.ghost_speed else uniforms[:0]
        walk(state.places, state.sizes, actions)
        haunt(state.resources, self.ghost_speed, turns)
        eat(state.places, state.sizes, state.resources, order_of(self, uniforms), new, rewards)
        return state, rewards

    def observe(self, state: MatthewState) -> Floats:
        """(N, 6 + 4 nearest_agents) observations."""
        seen = np.empty((self.agents, 6 + 4 * self.nearest_agents))
        look(state.places, state.sizes, state.resources, np.empty(self.agents), seen)
        return seen

    def picture(self, state: MatthewState) -> Picture:
        """What is drawn of the state."""
        return Picture(state.places, state.resources, state.sizes)

    def traced(self) -> TracedMatthewEffect:
        """The twin in JAX."""
        return TracedMatthewEffect(self)


def first_sizes(uniforms: Any) -> Any:
    """s = .01 + .04 U, so written that a fused multiplication and addition rounds it no otherwise."""
    return (1.0 + 4.0 * uniforms) * SMALLEST


@jit
def clipped(x: float) -> float:
    """The nearest number in [0, 1]."""
    return min(max(x, 0.0), 1.0)


@jit
def walk(places: Floats, sizes: Floats, actions: Integers) -> None:
    """Move all agents."""
    for i in range(places.shape[0]):
        v, a = SMALLEST + sizes[i], actions[i]
        places[i, 0] = clipped(places[i, 0] + v * ((a == 2) - (a == 1)))
        places[i, 1] = clipped(places[i, 1] + v * ((a == 4) - (a == 3)))


@jit
def haunt(resources: Floats, speed: float, turns: Floats) -> None:
    """Move the resources, in directions by uniforms (K,), or (0,) if they stay."""
    for k in range(turns.shape[0]):
        turn = int(4.0 * turns[k])
        resources[k, 0] = clipped(resources[k, 0] + speed * ((turn == 1) - (turn == 0)))
        resources[k, 1] = clipped(resources[k, 1] + speed * ((turn == 3) - (turn == 2)))


@jit
def squared_distance(a: Floats, i: int, b: Floats, j: int) -> float:
    """The square of the distance of places i of a (., 2) and j of b."""
    dx, dy = a[i, 0] - b[j, 0], a[i, 1] - b[j, 1]
    return float(dx * dx + dy * dy)


@jit
def eat(places: Floats, sizes: Floats, resources: Floats, order: Integers, new: Floats, rewards: Floats) -> None:
    """The meals of a step. new: (K, 2) where eaten resources appear. rewards: (N,), written."""
    rewards[:] = 0.0
    for k in range(resources.shape[0]):
        for place in range(order.shape[0]):
            i = order[place]
            if squared_distance(places, i, resources, k) < sizes[i] * sizes[i]:
                rewards[i] = 1.0
                sizes[i] = min(sizes[i] + GROWTH, LARGEST)
                resources[k, 0], resources[k, 1] = new[k, 0], new[k, 1]
                break


@jit
def look(places: Floats, sizes: Floats, resources: Floats, apart: Floats, seen: Floats) -> None:
    """Write the observations (N, 6 + 4 nearest). apart: (N,), scratch."""
    N, last = places.shape[0], seen.shape[1] - 2
    for i in range(N):
        for j in range(N):
            apart[j] = squared_distance(places, i, places, j)
        nearest = i
        for column in range(0, last, 4):
            seen[i, column], seen[i, column + 1] = places[nearest]
            seen[i, column + 2], seen[i, column + 3] = sizes[nearest], SMALLEST + sizes[nearest]
            apart[nearest] = np.inf
            nearest = np.argmin(apart)
        best = 0
        for k in range(1, resources.shape[0]):
            if squared_distance(places, i, resources, k) < squared_distance(places, i, resources, best):
                best = k
        seen[i, last], seen[i, last + 1] = resources[best]


class TracedMatthewState(NamedTuple):
    """x, y, sizes: (B, N). resource_x, resource_y: (B, K)."""

    x: Any
    y: Any
    sizes: Any
    resource_x: Any
    resource_y: Any


class TracedMatthewEffect(NamedTuple):
    """The twin in JAX; loops over agents and resources are unrolled."""

    game: MatthewEffect

    def reset(self, uniforms: Any) -> TracedMatthewState:
        """Begin B episodes by uniforms (B, 2 K + 3 N)."""
        K, N = self.game.resources, self.game.agents
        uniforms = jnp.asarray(uniforms, float)
        goals, places, sizes = jnp.split(uniforms, [2 * K, 2 * (K + N)], axis=1)
        return TracedMatthewState(places[:, ::2], places[:, 1::2], first_sizes(sizes), goals[:, ::2], goals[:, 1::2])

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
        own = [x, y, sizes]
        seen = [x, y, sizes, SMALLEST + sizes]
        others = [[one[:, j : j + 1] for one in own] for j in range(self.game.agents)]
        for ox, oy, size in nearest(x, y, others, self.game.nearest_agents, itself=True):
            seen += [ox, oy, size, SMALLEST + size]
        goals = [[goal_x[:, k : k + 1], goal_y[:, k : k + 1]] for k in range(self.game.resources)]
        return jnp.stack([*seen, *nearest(x, y, goals, 1)[0]], axis=-1)

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
    return dx * dx + dy * dy


def nearest(x: Any, y: Any, things: list[list[Any]], count: int, itself: bool = False) -> list[list[Any]]:
    """The numbers of the `count` things nearest to each place (B, N), the nearest first, ties by index: an insertion sort.

    things: each [x, y, ...] of (B, 1). itself: thing i stands for place i, and is none of its neighbours.
    """
    best = [[jnp.full(x.shape, jnp.inf)] + [jnp.zeros(x.shape, x.dtype)] * len(things[0]) for _ in range(count)]
    for j, thing in enumerate(things):
        apart = squared_length(x - thing[0], y - thing[1])
        apart = jnp.where(np.arange(x.shape[1]) == j, jnp.inf, apart) if itself else apart
        held = [apart, *thing]
        for rank, kept in enumerate(best):
            closer = apart < kept[0]
            best[rank] = [jnp.where(closer, new, old) for new, old in zip(held, kept, strict=True)]
            held = [jnp.where(closer, old, new) for new, old in zip(held, kept, strict=True)]
    return [kept[1:] for kept in best]
