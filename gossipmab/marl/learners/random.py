"""Uniformly random actions, as in the "Random" row of the ELD paper: what an agent earns that learns nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

from gossipmab.marl.learners import fields
from gossipmab.marl.rollouts import Charges, Episodes, View, World
from gossipmab.utils.types import class_attributes


@class_attributes(title="Random", uniforms=1, gamma=0.0, default_credit="identity")
class Random(NamedTuple):
    """Every action with the same probability.

    >>> gm.marl.Random().title
    'Random'
    """

    environments: fields.Environments = 16

    def init(self, world: World, key: Any) -> Any:
        """Nothing to learn."""
        return ()

    def begin(self, world: World, state: Any, progress: Any, explore: Any) -> Any:
        """Nothing to remember within an episode."""
        return ()

    def select(self, world: World, state: Any, memory: Any, view: View, progress: Any, explore: Any) -> Any:
        """Draw an action for each agent."""
        return memory, (view.uniforms[..., 0] * world.actions).astype(int), ()

    def update(self, world: World, state: Any, episodes: Episodes, charges: Charges, key: Any, progress: Any) -> Any:
        """Learn nothing."""
        return state
