"""FEN: a controller that weighs an agent's own earnings against the mean of all picks one of several sub-policies.

Source: Jiang and Lu, "Learning fairness in multi-agent systems", NeurIPS 2019, and its code.

    symbol    name         meaning
    u_i       utility      mean reward a step of agent i, so far in the episode
    ubar      mean         of all u: known, or by gossip over a network
    c         share_scale  the mean that counts as full, of the game
    z         choice       the sub-policy of a segment; 0 earns rewards, the others are there to differ
    phi_i     controller   picks z; its reward is min(1, ubar / c) / (0.1 + |u_i / ubar - 1|), not discounted

Sub-policy 0 learns the agent's rewards, every other the probability p(z | o) that the controller gives to it: it learns to lead
where it is chosen. A price on unequal outcomes is paid by sub-policy 0, the one that earns.

Departure: gossip is dynamic average consensus, m <- W_t m + u(t) - u(t-1), `gossip_rounds` rounds a step over a network of ours;
where none is given, over random matchings. Unless messages are lost one way, it keeps the mean of all m at ubar, where the code's
averages of three others drift.

Departure: a segment's reward takes ubar as it was known before the segment's last reward.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from pydantic import Field

from gossipmab.marl import networks, policy_gradient as pg
from gossipmab.marl.learners import fields
from gossipmab.marl.networks import Trained, picked
from gossipmab.marl.rollouts import Charges, Episodes, View, World
from gossipmab.marl.xla import jax, jnp
from gossipmab.utils.types import class_attributes


class Hierarchy(NamedTuple):
    """Policies and values of the controllers (N, ...) and of the sub-policies (N Z, ...)."""

    controller: Trained
    controller_critic: Trained
    actor: Trained
    critic: Trained


def fair_reward(utility: Any, mean: Any, scale: float) -> Any:
    """min(1, mean / c) / (0.1 + |utility / mean - 1|), 0 where the mean is 0; of arrays of one shape."""
    some = jnp.where(mean > 0, mean, 1.0)
    return jnp.where(mean > 0, jnp.minimum(1.0, mean / scale) / (0.1 + jnp.abs(utility / some - 1.0)), 0.0)


@class_attributes(title="FEN", uniforms=2, default_credit="identity", communicates=True)
class FEN(NamedTuple):
    """Fair-efficient network.

    >>> gm.marl.FEN(fully_decentralised=False).sub_policies
    4
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
    segment: fields.Segment = 25
    sub_policies: Annotated[int, Field(ge=2, le=100, description="Z, the one for rewards among them")] = 4
    fully_decentralised: fields.FullyDecentralised = True
    gossip_rounds: Annotated[int, Field(ge=1, le=1_000, description="rounds of gossip in a step, with fully_decentralised")] = 10

    def inputs(self, agents: int, features: int, actions: int) -> int:
        """Numbers of an observation, repeated for every sub-policy, or of an agent's row of a mixing matrix."""
        return max((features + 2) * self.sub_policies, agents)

    def init(self, world: World, key: Any) -> Hierarchy:
        """Networks at random."""
        one, other = jax.random.split(key)
        controller = pg.actor_critic(one, world.agents, world.features + 2, self.hidden, self.sub_policies)
        policies = world.agents * self.sub_policies
        return Hierarchy(*controller, *pg.actor_critic(other, policies, world.features, self.hidden, world.actions))

    def begin(self, world: World, state: Hierarchy, progress: Any, explore: Any) -> Any:
        """(B, N) each: the choice of the segment, the estimate of ubar, the agent's last utility."""
        nothing = jnp.zeros((world.environments, world.agents))
        return nothing.astype(int), nothing, nothing

    def select(self, world: World, state: Hierarchy, memory: Any, view: View, progress: Any, explore: Any) -> Any:
        """Learn of ubar; choose a sub-policy in the first step of a segment; draw the action from it."""
        choice, mean, last = memory
        utility = view.earned / jnp.maximum(view.step, 1)
        if self.fully_decentralised:
            mean = jnp.einsum("bij,bj->bi", view.mixing, mean) + utility - last
        else:
            mean = jnp.broadcast_to(jnp.mean(utility, axis=-1, keepdims=True), utility.shape)
        relative = jnp.where(mean > 0, utility / jnp.where(mean > 0, mean, 1.0) - 1.0, 0.0)
        full = jnp.minimum(1.0, mean / world.share_scale)
        inputs = jnp.concatenate([view.observation, relative[..., None], full[..., None]], axis=-1)
        preference = pg.logits_of(state.controller, inputs)
        chosen, log_choice = pg.act(preference, view.uniforms[..., 1])
        choice = jnp.where(view.step % self.segment == 0, chosen, choice)
        logits = picked(jnp.moveaxis(self._all(state.actor, view.observation), 2, -1), choice[..., None])
        actions, log_probability = pg.act(logits, view.uniforms[..., 0])
        leads = picked(jax.nn.softmax(preference), choice)
        return (choice, mean, utility), actions, (log_probability, choice, inputs, log_choice, leads, mean)

    def _all(self, net: Trained, x: Any) -> Any:
        """(B, N, Z, H) the outputs of every sub-policy's network for inputs x (B, N, F)."""
        B, N, Z = x.shape[0], x.shape[1], self.sub_policies
        found = networks.forward(net.params, jnp.repeat(jnp.swapaxes(x, 0, 1), Z, axis=0))
        return jnp.moveaxis(found.reshape(N, Z, B, -1), 2, 0)

    def update(self, world: World, state: Hierarchy, episodes: Episodes, charges: Charges, key: Any, progress: Any) -> Hierarchy:
        """PPO of the controllers on their decisions, and of each sub-policy on the steps of the segments that chose it."""
        log_probability, choice, inputs, log_choice, leads, mean = episodes.extras
        T, Z, keys = world.steps, self.sub_policies, jax.random.split(key, 4)
        ends = jnp.minimum(jnp.arange(self.segment, T + self.segment, self.segment), T) - 1
        utility = jnp.cumsum(episodes.rewards, axis=0)[ends] / (ends + 1)[:, None, None]
        fair = pg.by_agent(fair_reward(utility, mean[ends], world.share_scale))
        decided = [pg.by_agent(x[:: self.segment]) for x in (inputs, choice, log_choice)]
        ones = jnp.ones_like(fair)
        gain = fair - networks.forward(state.controller_critic.params, decided[0])[..., 0]
        controller = pg.improved_policy(self, state.controller, pg.Sample._make([*decided, gain, ones]), keys[0])
        judge = pg.improved_critic(self, state.controller_critic, decided[0], fair, ones, keys[1])

        rewards = jnp.where(choice == 0, episodes.rewards, leads)
        seen = episodes.observations.reshape(-1, *episodes.observations.shape[2:])
        values = self._all(state.critic, seen)[..., 0].reshape(T + 1, *episodes.rewards.shape[1:], Z)
        before, after = picked(values[:-1], choice), picked(values[1:], choice)
        advantages = pg.generalised_advantages(rewards, before, after, self.gamma, self.decay, self.segment)
        priced = advantages - jnp.where(choice == 0, charges.advantages, 0.0)
        mine = jnp.moveaxis(jax.nn.one_hot(pg.by_agent(choice), Z), -1, 1).reshape(world.agents * Z, -1)
        played = (episodes.observations[:-1], episodes.actions, log_probability, priced)
        sample = pg.Sample._make([*(jnp.repeat(pg.by_agent(x), Z, axis=0) for x in played), mine])
        actor = pg.improved_policy(self, state.actor, sample, keys[2])
        targets = jnp.repeat(pg.by_agent(advantages + before), Z, axis=0)
        return Hierarchy(controller, judge, actor, pg.improved_critic(self, state.critic, sample.inputs, targets, mine, keys[3]))
