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

Departure: the ELD paper says that the ghosts move, but not how, and in FEN's code they do not. With `ghost_speed` > 0 each makes
a step of that length before the meals, in one of four directions at random.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.marl.games.common import SHARES, Order, Picture, SeesShares, Steps, order_of, with_shares
from gossipmab.marl.games.matthew_effect_traced import GROWTH, LARGEST, SMALLEST, TracedMatthewEffect, first_sizes
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers, class_attributes


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


@jit
def clipped(x: float) -> float:
    """The nearest number in [0, 1]."""
    return min(max(x, 0.0), 1.0)


@jit
def walk(places: Floats, sizes: Floats, actions: Integers) -> None:
    """Move all agents."""
    for i in range(places.shape[0]):
        v, a = SMALLEST + sizes[i], actions[i]
        places[i, 0] = clipped(places[i, 0] + v * (int(a == 2) - int(a == 1)))
        places[i, 1] = clipped(places[i, 1] + v * (int(a == 4) - int(a == 3)))


@jit
def haunt(resources: Floats, speed: float, turns: Floats) -> None:
    """Move the resources, in directions by uniforms (K,), or (0,) if they stay."""
    for k in range(turns.shape[0]):
        turn = int(4.0 * turns[k])
        resources[k, 0] = clipped(resources[k, 0] + speed * (int(turn == 1) - int(turn == 0)))
        resources[k, 1] = clipped(resources[k, 1] + speed * (int(turn == 3) - int(turn == 2)))


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
            nearest = int(np.argmin(apart))
        best = 0
        for k in range(1, resources.shape[0]):
            if squared_distance(places, i, resources, k) < squared_distance(places, i, resources, best):
                best = k
        seen[i, last], seen[i, last + 1] = resources[best]
