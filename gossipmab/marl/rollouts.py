"""Whole episodes of a game, several environments at once, in one `scan` of JAX.

Letters: T steps, B environments, N agents, F numbers of an observation, U uniform numbers an agent and step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gossipmab.marl.games import traced
from gossipmab.marl.games.common import shares
from gossipmab.marl.xla import jax, jnp


class World:
    """What a learner is to know of its game.

    agents N, actions, features F, steps T, environments B; share_scale, what FEN calls c; neighbours(state): (B, N, N), 1 where
    agent i of an environment hears j. steps are those of an episode.
    """

    def __init__(self, game: Any, environments: int) -> None:
        self.game, self.twin = game, traced(game)
        self.agents, self.actions, self.steps, self.environments = game.agents, game.action_count, game.steps, environments
        self.features, self.share_scale = game.observation_size, game.share_scale
        low, high = (np.asarray(bound, np.float64) for bound in game.bounds)
        self._centre, self._half = (low + high) / 2, np.where(high > low, (high - low) / 2, 1.0)

    def observe(self, state: Any, earned: Any, step: Any) -> Any:
        """(B, N, F) what the agents see, every number scaled to [-1, 1] by its bounds."""
        seen = self.twin.observe(state)
        if self.game.sees_shares:
            seen = jnp.concatenate([seen, shares(earned, step, self.share_scale, jnp)], axis=-1)
        return (seen - jnp.asarray(self._centre, seen.dtype)) / jnp.asarray(self._half, seen.dtype)

    def neighbours(self, state: Any) -> Any:
        """(B, N, N) 1 where agent i hears agent j."""
        return self.twin.neighbours(state)


class View(NamedTuple):
    """What is known before an action.

    observation (B, N, F); earned (B, N) rewards so far; step, 0 .. T - 1; uniforms (B, N, U); state of the game; mixing (B, N, N),
    the weights of the network in this step, () without one.
    """

    observation: Any
    earned: Any
    step: Any
    uniforms: Any
    state: Any
    mixing: Any


class Episodes(NamedTuple):
    """B episodes.

    observations (T + 1, B, N, F), the last after the end; actions and rewards (T, B, N); extras: a tree of arrays
    (T, B, N, ...), what `select` returned beside the actions; outcomes (B, N), mean rewards a step.
    """

    observations: Any
    actions: Any
    rewards: Any
    extras: Any
    outcomes: Any


class Charges(NamedTuple):
    """The price on unequal outcomes for the episodes of a batch; all 0 for a learner without one.

    advantages (T, B, N), to subtract from those of every step; multiplier, lambda; uneven (B,), the cost of the team.
    """

    advantages: Any
    multiplier: Any
    uneven: Any


def play(
    world: World, learner: Any, state: Any, progress: Any, explore: Any, game_key: Any, own_key: Any, mixing: Any = ()
) -> tuple[Episodes, Any]:
    """Play an episode in each of B environments; also returns pictures of the first one: agents, goals, radii, T + 1 of each.

    Args:
        world, learner: what is played, by whom. state: the learner's, not changed.
        progress: the share of the training that is done. explore: whether to act as in training.
        game_key, own_key: of the random numbers of the game and of the actions.
        mixing: (T, B, N, N) the weights of a network, if there is one.
    """
    T, B, N, twin = world.steps, world.environments, world.agents, world.twin
    first, later = jax.random.split(game_key)
    began = twin.reset(jax.random.uniform(first, (B, world.game.reset_numbers)))
    xs = (
        jnp.arange(T),
        jax.random.uniform(later, (T, B, world.game.step_numbers)),
        jnp.stack([jax.random.uniform(jax.random.fold_in(own_key, u), (T, B, N)) for u in range(learner.uniforms)], axis=-1),
        mixing,
    )

    def step(carry: Any, x: Any) -> Any:
        game, earned, memory = carry
        t, game_numbers, own_numbers, weights = x
        observation = world.observe(game, earned, t)
        view = View(observation, earned, t, own_numbers, game, weights)
        memory, actions, extras = learner.select(world, state, memory, view, progress, explore)
        after, rewards = twin.step(game, actions, game_numbers)
        return (after, earned + rewards, memory), (observation, actions, rewards, extras, twin.picture(game))

    memory = learner.begin(world, state, progress, explore)
    (end, earned, _), (observations, actions, rewards, extras, pictures) = jax.lax.scan(
        step, (began, jnp.zeros((B, N)), memory), xs
    )
    last = world.observe(end, earned, T)
    pictures = jax.tree.map(lambda some, one: jnp.concatenate([some, one[None]]), pictures, twin.picture(end))
    return Episodes(jnp.concatenate([observations, last[None]]), actions, rewards, extras, earned / T), pictures
