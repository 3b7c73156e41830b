"""Job Scheduling: agents on a grid share one server, and only the one that stands on it is paid.

Source: Jiang and Lu, "Learning fairness in multi-agent systems", 2019 (FEN), and its code; Zimmer et al., "Learning fair
policies in decentralized cooperative multi-agent reinforcement learning", 2021 (SOTO), whose code draws distinct first cells.

    symbol        name       meaning
    (x, y)        cells      the agents' cells, 1 .. side each
                  server     the server's cell, never on the rim, the same for the episode
                  marked     cells nobody may enter in this step
    r_i           rewards    1 if agent i stands on the server after the move, else 0

All agents move at once, but a cell left in a step stays marked until its end: nobody swaps, nobody enters a cell vacated in the
same step, and of two agents that want a free cell the first in the order gets it. Handing the server over costs an idle step.

An observation is x, y, server_x - x, server_y - y, and the 3 x 3 cells around the agent, 1 if occupied (the centre is): whole
numbers, dx outer, dy inner. Walls read as free cells.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.marl.games.common import SHARES, Order, Picture, SeesShares, Steps, goes_before, order_of, with_shares
from gossipmab.marl.xla import jnp
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Bytes, Floats, Integers, class_attributes

SEEN = 13  # numbers of an observation


class JobState(NamedTuple):
    """cells: (N, 2). server: (2,). marked: (side + 2, side + 2), 1 where an agent stands, with an empty border."""

    cells: Integers
    server: Integers
    marked: Bytes


@class_attributes(title="Job Scheduling", action_count=5, share_scale=0.25)
class JobScheduling(NamedTuple):
    """N agents and one server on a grid. Actions: 0 stay, 1 x - 1, 2 x + 1, 3 y - 1, 4 y + 1.

    >>> game = gm.marl.JobScheduling()
    >>> state = game.reset(np.linspace(0, 0.99, game.reset_numbers))
    >>> game.observe(state).shape
    (4, 13)
    """

    agents: Annotated[int, Field(ge=1, le=1_000, description="N, how many")] = 4
    side: Annotated[int, Field(ge=3, le=100, description="cells along a side of the grid")] = 5
    steps: Steps = 1_000
    order: Order = "index"
    sees_shares: SeesShares = False

    def check(self) -> None:
        """InputError if the grid has fewer cells than there are agents."""
        if self.agents > self.side**2:
            raise InputError(f"agents: got {self.agents}, allowed with side = {self.side} is at most {self.side**2}, the cells")

    @property
    def observation_size(self) -> int:
        """F."""
        return SEEN + SHARES * self.sees_shares

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """(F,) each: the least and the largest value of every number of an observation."""
        far = self.side - 2.0
        low = np.array([1.0, 1.0, -far, -far] + [0.0] * 9)
        return with_shares(low, np.array([self.side, self.side, far, far] + [1.0] * 9), self)

    @property
    def reset_numbers(self) -> int:
        """Two for the server, and one a cell: agents start on the cells of the least, in this order."""
        return 2 + self.side**2

    @property
    def step_numbers(self) -> int:
        """None; with order = "random" one an agent."""
        return self.agents if self.order == "random" else 0

    def reset(self, uniforms: Floats) -> JobState:
        """Begin an episode by uniforms (2 + side^2,): distinct cells, perhaps the server's too."""
        side = self.side
        server = np.minimum((uniforms[:2] * (side - 2)).astype(np.int64), side - 3) + 2
        first = np.argsort(uniforms[2:], kind="stable")[: self.agents]
        state = JobState(np.stack([first // side, first % side], axis=1) + 1, server, np.zeros((side + 2, side + 2), np.uint8))
        state.marked[state.cells[:, 0], state.cells[:, 1]] = 1
        return state

    def step(self, state: JobState, actions: Integers, uniforms: Floats) -> tuple[JobState, Floats]:
        """Move the agents by actions (N,); returns the state, changed in place, and the rewards (N,)."""
        rewards = np.empty(self.agents)
        move(state.cells, state.server, state.marked, order_of(self, uniforms), actions, rewards)
        return state, rewards

    def observe(self, state: JobState) -> Floats:
        """(N, 13) observations."""
        seen = np.empty((self.agents, SEEN))
        look(state.cells, state.server, state.marked, seen)
        return seen

    def picture(self, state: JobState) -> Picture:
        """What is drawn of the state."""
        return Picture(state.cells, state.server[None], None)

    def traced(self) -> TracedJobScheduling:
        """The twin in JAX."""
        return TracedJobScheduling(self)


@jit
def move(cells: Integers, server: Integers, marked: Bytes, order: Integers, actions: Integers, rewards: Floats) -> None:
    """Move all agents, first those first in the order (N,), and write who stands on the server then."""
    N, side = cells.shape[0], marked.shape[0] - 2
    for place in range(N):
        i = order[place]
        x = cells[i, 0] + int(actions[i] == 2) - int(actions[i] == 1)
        y = cells[i, 1] + int(actions[i] == 4) - int(actions[i] == 3)
        if 1 <= x <= side and 1 <= y <= side and marked[x, y] == 0:
            marked[x, y] = 1
            cells[i, 0], cells[i, 1] = x, y
    marked[:] = 0
    for i in range(N):
        marked[cells[i, 0], cells[i, 1]] = 1
        rewards[i] = 1.0 if cells[i, 0] == server[0] and cells[i, 1] == server[1] else 0.0


@jit
def look(cells: Integers, server: Integers, marked: Bytes, seen: Floats) -> None:
    """Write the observations (N, 13)."""
    for i in range(cells.shape[0]):
        x, y = cells[i]
        seen[i, 0], seen[i, 1], seen[i, 2], seen[i, 3] = x, y, server[0] - x, server[1] - y
        for dx in range(3):
            for dy in range(3):
                seen[i, 4 + 3 * dx + dy] = marked[x + dx - 1, y + dy - 1]


class TracedJobState(NamedTuple):
    """x, y: (B, N) the agents' cells. server_x, server_y: (B, 1)."""

    x: Any
    y: Any
    server_x: Any
    server_y: Any


class TracedJobScheduling(NamedTuple):
    """The twin in JAX, without a loop over the agents.

    Who wants a cell that was free moves unless one before it wants the same: the others find it marked.
    """

    game: JobScheduling

    def reset(self, uniforms: Any) -> TracedJobState:
        """Begin B episodes by uniforms (B, 2 + side^2)."""
        side = self.game.side
        server = jnp.minimum((uniforms[:, :2] * (side - 2)).astype(int), side - 3) + 2
        first = jnp.argsort(uniforms[:, 2:], axis=1, stable=True)[:, : self.game.agents]
        return TracedJobState(first // side + 1, first % side + 1, server[:, :1], server[:, 1:])

    def step(self, state: TracedJobState, actions: Any, uniforms: Any) -> tuple[TracedJobState, Any]:
        """Move the agents by actions (B, N); the rewards are (B, N)."""
        N, side = self.game.agents, self.game.side
        x = state.x + (actions == 2) - (actions == 1)
        y = state.y + (actions == 4) - (actions == 3)
        cell, target = self._code(state.x, state.y), self._code(x, y)
        free = (x >= 1) & (x <= side) & (y >= 1) & (y <= side)
        for j in range(N):
            free &= target != cell[:, j : j + 1]
            free &= ~(goes_before(j, self.game, uniforms) & (target == target[:, j : j + 1]))
        x, y = jnp.where(free, x, state.x), jnp.where(free, y, state.y)
        rewards = ((x == state.server_x) & (y == state.server_y)).astype(float)
        return TracedJobState(x, y, state.server_x, state.server_y), rewards

    def observe(self, state: TracedJobState) -> Any:
        """(B, N, 13) observations."""
        cell = self._code(state.x, state.y)
        apart = [cell[:, j : j + 1] - cell for j in range(self.game.agents)]
        around = [self._code(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        occupied = [reduce(or_, [one == code for one in apart]) for code in around]
        numbers = [state.x, state.y, state.server_x - state.x, state.server_y - state.y, *occupied]
        return jnp.stack([one.astype(float) for one in numbers], axis=-1)

    def neighbours(self, state: TracedJobState) -> Any:
        """(B, N, N) 1 where agent i hears agent j: within the 3 x 3 cells around it, itself too."""
        near = [jnp.abs(one[:, :, None] - one[:, None, :]) <= 1 for one in (state.x, state.y)]
        return (near[0] & near[1]).astype(float)

    def picture(self, state: TracedJobState) -> Picture:
        """What is drawn of the first environment."""
        server = jnp.concatenate([state.server_x[0], state.server_y[0]])
        return Picture(jnp.stack([state.x[0], state.y[0]], axis=-1), server[None], None)

    def _code(self, x: Any, y: Any) -> Any:
        """A number for each cell, the border's too, and for each step between cells."""
        return x * (self.game.side + 2) + y
