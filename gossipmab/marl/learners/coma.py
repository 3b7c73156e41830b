"""COMA: one policy for all agents, and a central critic that asks what an agent's own action changed for the team.

Source: Foerster et al., "Counterfactual multi-agent policy gradients", AAAI 2018, algorithm 1; hyperparameters of PyMARL and of
the code of SOTO.

    symbol              name     meaning
    pi                  actor    the shared policy, from an agent's observation and number
    Q(s, i, a_-i, a)    critic   value of each action a of agent i, the others' actions being what they were
    y                   targets  TD(lambda) returns of the team's reward, sum_i r_i
    A_i                          Q(s, i, a_-i, a_i) - sum_a pi_i(a) Q(s, i, a_-i, a)

Departure: the policy is improved by the clipped surrogate of PPO, as in the code of SOTO, in place of one plain gradient step;
critic and targets are those before the batch, in place of a target network.

Departure: advantages are multiplied by 1 - gamma, to
the scale of a step's reward, and not standardised, which would make noise as large as a signal once the team earns all that it can;
`entropy` weighs against that scale.

Departure: after the end of an episode no action is drawn, and its value is the baseline of
the last state.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gossipmab.marl import networks, policy_gradient as pg
from gossipmab.marl.learners import fields
from gossipmab.marl.networks import Trained
from gossipmab.marl.rollouts import Charges, Episodes, View, World
from gossipmab.marl.xla import jax, jnp
from gossipmab.utils.types import class_attributes


class SharedActorCritic(NamedTuple):
    """One policy and one critic; the first axis of their arrays is 1."""

    actor: Trained
    critic: Trained


def all_in_one(x: Any) -> Any:
    """(1, T B N, ...) of an array (T, B, N, ...)."""
    return x.reshape(1, -1, *x.shape[3:])


@class_attributes(title="COMA", uniforms=1, default_credit="team")
class COMA(NamedTuple):
    """Counterfactual multi-agent policy gradients.

    >>> gm.marl.COMA().decay
    0.8
    """

    environments: fields.Environments = 16
    hidden: fields.Hidden = 64
    critic_hidden: fields.Hidden = 128
    gamma: fields.Gamma = 0.98
    decay: fields.Decay = 0.8
    clip: fields.Clip = 0.2
    entropy: fields.Entropy = 0.001
    learning_rate: fields.LearningRate = 1e-3
    max_norm: fields.MaxNorm = 0.5
    epochs: fields.Epochs = 4
    minibatches: fields.Minibatches = 8
    critic_epochs: fields.Epochs = 12

    def inputs(self, agents: int, features: int, actions: int) -> int:
        """Numbers that the critic sees of an agent's situation."""
        return agents * features + agents + agents * actions

    def init(self, world: World, key: Any) -> SharedActorCritic:
        """Networks at random."""
        N, F, A = world.agents, world.features, world.actions
        one, other = jax.random.split(key)
        actor = networks.layers(one, 1, (F + N, self.hidden, self.hidden, A), 0.01)
        critic = networks.layers(other, 1, (self.inputs(N, F, A), self.critic_hidden, self.critic_hidden, A), 1.0)
        return SharedActorCritic(networks.trained(actor), networks.trained(critic))

    def begin(self, world: World, state: SharedActorCritic, progress: Any, explore: Any) -> Any:
        """Nothing to remember within an episode."""
        return ()

    def select(self, world: World, state: SharedActorCritic, memory: Any, view: View, progress: Any, explore: Any) -> Any:
        """Draw each agent's action from the shared policy; with it goes the logarithm of the action's probability."""
        B, N = view.earned.shape
        inputs = pg.agent_numbers(world, view.observation).reshape(B * N, 1, -1)
        actions, log_probability = pg.act(pg.logits_of(state.actor, inputs), view.uniforms[..., 0].reshape(B * N, 1))
        return memory, actions.reshape(B, N), log_probability.reshape(B, N)

    def situations(self, world: World, observations: Any, actions: Any) -> Any:
        """(T, B, N, G) the critic's inputs: all observations, the agent's number, the actions of the others."""
        N = world.agents
        others = jax.nn.one_hot(actions, world.actions)[..., None, :, :] * (1.0 - jnp.eye(N))[..., None]
        everything = jnp.broadcast_to(
            observations.reshape(*observations.shape[:2], 1, -1), (*observations.shape[:3], N * observations.shape[3])
        )
        return jnp.concatenate([pg.agent_numbers(world, everything), others.reshape(*actions.shape, -1)], axis=-1)

    def advantages(self, world: World, state: SharedActorCritic, episodes: Episodes) -> tuple[Any, Any, Any]:
        """The critic's inputs (T, B, N, G), the counterfactual advantages and the critic's targets (T, B, N)."""
        inputs = self.situations(world, episodes.observations[:-1], episodes.actions)
        q = networks.forward(state.critic.params, all_in_one(inputs)).reshape(*inputs.shape[:-1], world.actions)
        seen = all_in_one(pg.agent_numbers(world, episodes.observations[:-1]))
        pi = jax.nn.softmax(networks.forward(state.actor.params, seen)).reshape(q.shape)
        chosen = networks.picked(q, episodes.actions)
        team = jnp.broadcast_to(jnp.sum(episodes.rewards, axis=-1, keepdims=True), episodes.rewards.shape)
        baseline = jnp.sum(pi * q, axis=-1)
        after = jnp.concatenate([chosen[1:], baseline[-1:]])  # after the end nobody acts: the baseline of the last state
        return inputs, chosen - baseline, chosen + pg.generalised_advantages(team, chosen, after, self.gamma, self.decay)

    def update(
        self, world: World, state: SharedActorCritic, episodes: Episodes, charges: Charges, key: Any, progress: Any
    ) -> SharedActorCritic:
        """PPO on the counterfactual advantages less what the price takes; then regression of the critic."""
        inputs, advantages, targets = self.advantages(world, state, episodes)
        weights = jnp.ones((1, targets.size))
        sample = pg.Sample(
            all_in_one(pg.agent_numbers(world, episodes.observations[:-1])), all_in_one(episodes.actions),
            all_in_one(episodes.extras), (1.0 - self.gamma) * all_in_one(advantages - charges.advantages), weights,
        )  # fmt: skip
        one, other = jax.random.split(key)
        actor = networks.improved(state.actor, pg.surrogate(self.clip, self.entropy), sample, one, **pg.passes(self))
        data = all_in_one(inputs), all_in_one(episodes.actions), all_in_one(targets)
        often = pg.passes(self) | {"epochs": self.critic_epochs}
        return SharedActorCritic(actor, networks.improved(state.critic, critic_loss, data, other, **often))


def critic_loss(params: Any, sample: Any) -> Any:
    """Half the mean square of Q(s, i, a_-i, a_i) - y, for a sample of inputs (1, M, G), actions and targets (1, M)."""
    inputs, actions, targets = sample
    return jnp.mean((networks.picked(networks.forward(params, inputs), actions) - targets) ** 2) / 2
