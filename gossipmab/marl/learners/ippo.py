"""Independent PPO: every agent improves its own policy for its own rewards, and takes the others for a part of the world.

Source: Schulman et al., "Proximal policy optimization algorithms", 2017; de Witt et al., "Is independent learning all you need
in the StarCraft multi-agent challenge?", 2020. The "Independent" row of the ELD paper.

    symbol      name           meaning
    pi_i        actor          the policy of agent i, from its own observation
    V_i         critic         its value
    gamma       gamma          discount
    lambda_GAE  decay          of generalised advantages

Departure: whole episodes, several at once, 4 passes over them and a common learning rate, where the code of FEN and SOTO makes one
gradient step a segment of 25 steps. In the ELD paper the rows of trained learners stand for single runs of an unknown length.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gossipmab.marl import policy_gradient as pg
from gossipmab.marl.learners import fields
from gossipmab.marl.networks import Trained
from gossipmab.marl.rollouts import Charges, Episodes, View, World
from gossipmab.marl.xla import jax, jnp
from gossipmab.utils.types import class_attributes


class ActorCritic(NamedTuple):
    """The networks of all agents."""

    actor: Trained
    critic: Trained


@class_attributes(title="Independent PPO", uniforms=1, default_credit="identity")
class IPPO(NamedTuple):
    """Independent proximal policy optimisation.

    >>> gm.marl.IPPO(hidden=32).gamma
    0.98
    """

    environments: fields.Environments = 16
    hidden: fields.Hidden = 64
    gamma: fields.Gamma = 0.98
    decay: fields.Decay = 0.95
    clip: fields.Clip = 0.2
    entropy: fields.Entropy = 0.003
    learning_rate: fields.LearningRate = 1e-3
    max_norm: fields.MaxNorm = 0.5
    epochs: fields.Epochs = 4
    minibatches: fields.Minibatches = 8

    def init(self, world: World, key: Any) -> ActorCritic:
        """Networks at random."""
        return ActorCritic(*pg.actor_critic(key, world.agents, world.features, self.hidden, world.actions))

    def begin(self, world: World, state: ActorCritic, progress: Any, explore: Any) -> Any:
        """Nothing to remember within an episode."""
        return ()

    def select(self, world: World, state: ActorCritic, memory: Any, view: View, progress: Any, explore: Any) -> Any:
        """Draw each agent's action from its policy; with it goes the logarithm of the action's probability."""
        actions, log_probability = pg.act(pg.logits_of(state.actor, view.observation), view.uniforms[..., 0])
        return memory, actions, log_probability

    def update(
        self, world: World, state: ActorCritic, episodes: Episodes, charges: Charges, key: Any, progress: Any
    ) -> ActorCritic:
        """PPO on the advantages less what the price takes; the critic learns the rewards alone."""
        advantages, targets = pg.advantages_and_targets(self, state.critic, episodes)
        inputs, weights = pg.by_agent(episodes.observations[:-1]), jnp.ones((world.agents, targets[..., 0].size))
        sample = pg.Sample(
            inputs, pg.by_agent(episodes.actions), pg.by_agent(episodes.extras),
            pg.by_agent(advantages - charges.advantages), weights,
        )  # fmt: skip
        one, other = jax.random.split(key)
        actor = pg.improved_policy(self, state.actor, sample, one)
        return ActorCritic(actor, pg.improved_critic(self, state.critic, inputs, pg.by_agent(targets), weights, other))
