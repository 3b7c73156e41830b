"""Whole batches of episodes in a ring, and transitions drawn from it."""

from __future__ import annotations

from typing import Any, NamedTuple

from gossipmab.marl.rollouts import Episodes, World
from gossipmab.marl.xla import jax, jnp


class Transitions(NamedTuple):
    """observations and next_observations (M, N, F); last_actions (-1 at first) and actions (M, N); team rewards and uneven (M,)."""

    observations: Any
    next_observations: Any
    last_actions: Any
    actions: Any
    rewards: Any
    uneven: Any


class Replay(NamedTuple):
    """C batches: observations (C, T + 1, B, N, F), actions (C, T, B, N), rewards of the team (C, T, B), uneven (C, B).

    batches: how many were ever added.
    """

    observations: Any
    actions: Any
    rewards: Any
    uneven: Any
    batches: Any

    def added(self, episodes: Episodes, uneven: Any) -> Replay:
        """With one more batch, in the place of the oldest."""
        new = (episodes.observations, episodes.actions, jnp.sum(episodes.rewards, axis=-1), uneven)
        place = self.batches % len(self.rewards)
        rings = [old.at[place].set(one) for old, one in zip(self[:4], new, strict=True)]
        return Replay._make([*rings, self.batches + 1])

    def sample(self, key: Any, count: int) -> Transitions:
        """Transitions, each with the same probability."""
        C, T, B = self.rewards.shape
        one, two, three = jax.random.split(key, 3)
        c = jax.random.randint(one, (count,), 0, jnp.minimum(self.batches, C))
        t, b = jax.random.randint(two, (count,), 0, T), jax.random.randint(three, (count,), 0, B)
        last = jnp.where(t[:, None] > 0, self.actions[c, t - 1, b], -1)
        seen, after = self.observations[c, t, b], self.observations[c, t + 1, b]
        return Transitions(seen, after, last, self.actions[c, t, b], self.rewards[c, t, b], self.uneven[c, b])


def empty_replay(world: World, transitions: int) -> Replay:
    """Room for so many transitions, and for one batch at least."""
    T, B, N = world.steps, world.environments, world.agents
    C = max(1, transitions // (T * B))
    observations = jnp.zeros((C, T + 1, B, N, world.features))
    return Replay(observations, jnp.zeros((C, T, B, N), int), jnp.zeros((C, T, B)), jnp.zeros((C, B)), jnp.zeros((), int))
