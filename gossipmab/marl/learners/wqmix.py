"""Weighted QMIX: the team's value as a monotone mix of the agents' utilities, which weighs down what lies below a free one.

Source: Rashid, Farquhar, Peng and Whiteson, "Weighted QMIX: expanding monotonic value function factorisation", NeurIPS 2020.

    symbol      name            meaning
    Q_i         utility         values of agent i's actions: from its observation, last action and number
    Q_tot       mixer           w2(s)^T elu(|W1(s)| q + b1(s)) + V(s) with |w2|: grows in every q_i
    Q*          central         unrestricted, of s and utilities of its own
    a*          greedy          every agent's best action by Q_i
    y           targets         r + gamma Q*(s', a*) with the networks that follow slowly
    w           weights         1 or `least_weight`

Departure: utilities are feed-forward networks, for the games' observations are nearly all there is to know; recurrent ones over
1,000 steps cost fifty times as much. Departure: under a price the team pays lambda Hbar in every step, whose discounted sum is the
lambda Hbar / (1 - gamma) that other learners pay; Hbar is stored, and today's lambda multiplies it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from gossipmab.marl import networks
from gossipmab.marl.learners import fields
from gossipmab.marl.learners.replay import Replay, empty_replay
from gossipmab.marl.networks import Trained, forward, picked
from gossipmab.marl.policy_gradient import agent_numbers
from gossipmab.marl.rollouts import Charges, Episodes, View, World
from gossipmab.marl.xla import jax, jnp
from gossipmab.utils.types import class_attributes


class Mixers(NamedTuple):
    """net: parameters of `parts`. target: those that follow. replay: what was played."""

    net: Trained
    target: Any
    replay: Replay


@class_attributes(title="WQMIX", uniforms=2, default_credit="team", team_reward=True)
class WQMIX(NamedTuple):
    """Weighted QMIX, centrally or optimistically weighted.

    >>> gm.marl.WQMIX(weighting="optimistic", least_weight=0.1).buffer
    500000
    """

    environments: fields.Environments = 16
    hidden: fields.Hidden = 64
    central_hidden: fields.Hidden = 128
    gamma: fields.Gamma = 0.98
    learning_rate: fields.LearningRate = 5e-4
    max_norm: fields.MaxNorm = 10.0
    weighting: Annotated[Literal["central", "optimistic"], Field(description="CW or OW: which samples weigh 1")] = "central"
    least_weight: Annotated[float, Field(ge=0, le=1, description="alpha, of the other samples; 1: QMIX")] = 0.5
    updates: Annotated[int, Field(ge=1, le=1_000_000, description="gradient steps a batch")] = 250
    batch_size: Annotated[int, Field(ge=1, le=1_000_000, description="transitions of a gradient step")] = 512
    buffer: Annotated[int, Field(ge=1, description="transitions remembered, at least one batch of episodes")] = 500_000
    target_rate: Annotated[float, Field(gt=0, le=1, description="how fast the targets' networks follow")] = 0.005
    least_exploration: Annotated[float, Field(ge=0, le=1, description="share of random actions in the end")] = 0.05
    exploration_until: Annotated[float, Field(gt=0, le=1, description="share of the training until which it falls from 1")] = 0.25

    def init(self, world: World, key: Any) -> Mixers:
        """Networks at random, nothing remembered."""
        N, F, A, H, C = world.agents, world.features, world.actions, self.hidden, self.central_hidden
        sizes = {
            "utility": (F + A + N, H, H, A), "w1": (N * F, H, N * 32), "b1": (N * F, 32), "w2": (N * F, H, 32), "v": (N * F, 32, 1),
            "central_utility": (F + A + N, H, H, A), "central": (N * F + N, C, C, C, 1), "central_v": (N * F, C, 1),
        }  # fmt: skip
        keys = jax.random.split(key, len(sizes))
        params = {name: networks.layers(one, 1, size, 1.0) for one, (name, size) in zip(keys, sizes.items(), strict=True)}
        return Mixers(networks.trained(params), jax.tree.map(jnp.copy, params), empty_replay(world, self.buffer))

    def begin(self, world: World, state: Mixers, progress: Any, explore: Any) -> Any:
        """The last actions (B, N): none."""
        return jnp.full((world.environments, world.agents), -1)

    def select(self, world: World, state: Mixers, memory: Any, view: View, progress: Any, explore: Any) -> Any:
        """The best action by the agent's utilities, or a random one."""
        epsilon = jnp.maximum(self.least_exploration, 1.0 - progress / self.exploration_until) * explore
        q = utilities(world, state.net.params["utility"], view.observation, memory)
        anything = (view.uniforms[..., 1] * world.actions).astype(int)
        actions = jnp.where(view.uniforms[..., 0] < epsilon, anything, jnp.argmax(q, axis=-1))
        return actions, actions, ()

    def update(self, world: World, state: Mixers, episodes: Episodes, charges: Charges, key: Any, progress: Any) -> Mixers:
        """Remember the episodes, then gradient steps on transitions drawn from all that is remembered."""
        replay = state.replay.added(episodes, charges.uneven)

        def step(carry: Any, key: Any) -> Any:
            net, target = carry
            gradients = jax.grad(self.loss, 1)(world, net.params, target, replay.sample(key, self.batch_size), charges.multiplier)
            net = networks.adam(net, networks.clipped(gradients, self.max_norm), self.learning_rate)
            return (net, jax.tree.map(lambda old, new: old + self.target_rate * (new - old), target, net.params)), None

        (net, target), _ = jax.lax.scan(step, (state.net, state.target), jax.random.split(key, self.updates))
        return Mixers(net, target, replay)

    def loss(self, world: World, params: Any, target: Any, sample: Any, multiplier: Any) -> Any:
        """mean w (Q_tot - y)^2 + mean (Q* - y)^2.

        Weights: optimistic, 1 where Q_tot < y; central, 1 where the actions are greedy or y > Q*(s, a*); else `least_weight`.
        """
        q = utilities(world, params["utility"], sample.observations, sample.last_actions)
        greedy = jnp.argmax(utilities(world, params["utility"], sample.next_observations, sample.actions), axis=-1)
        total = mixed(params, sample.observations, picked(q, sample.actions))
        central = central_value(world, params, sample.observations, sample.last_actions, sample.actions)
        after = central_value(world, target, sample.next_observations, sample.actions, greedy)
        y = jax.lax.stop_gradient(sample.rewards - multiplier * sample.uneven + self.gamma * after)
        if self.weighting == "optimistic":
            full = total < y
        else:
            best = jnp.argmax(q, axis=-1)
            at_best = central_value(world, target, sample.observations, sample.last_actions, best)
            full = jnp.all(sample.actions == best, axis=-1) | (y > at_best)
        weights = jnp.where(full, 1.0, self.least_weight)
        return jnp.mean(jax.lax.stop_gradient(weights) * (total - y) ** 2) + jnp.mean((central - y) ** 2)


def utilities(world: World, params: Any, observations: Any, last_actions: Any) -> Any:
    """(M, N, A) of observations (M, N, F) after the actions (M, N), -1 for none."""
    last = jax.nn.one_hot(last_actions, world.actions)
    x = agent_numbers(world, jnp.concatenate([observations, last], axis=-1))
    return forward(params, x.reshape(1, -1, x.shape[-1])).reshape(*last_actions.shape, -1)


def mixed(params: Any, observations: Any, q: Any) -> Any:
    """(M,) Q_tot of utilities q (M, N): w2(s)^T elu(|W1(s)| q + b1(s)) + V(s), with |w2|."""
    s = observations.reshape(1, len(q), -1)
    first = jnp.abs(forward(params["w1"], s)).reshape(len(q), q.shape[1], -1)
    hidden = jax.nn.elu(jnp.einsum("mn,mne->me", q, first) + forward(params["b1"], s)[0])
    return jnp.sum(hidden * jnp.abs(forward(params["w2"], s)[0]), axis=-1) + forward(params["v"], s)[0, :, 0]


def central_value(world: World, params: Any, observations: Any, last_actions: Any, actions: Any) -> Any:
    """(M,) Q*, of the state and its own utilities of the actions (M, N)."""
    s = observations.reshape(1, len(actions), -1)
    q = picked(utilities(world, params["central_utility"], observations, last_actions), actions)
    return (forward(params["central"], jnp.concatenate([s, q[None]], axis=-1)) + forward(params["central_v"], s))[0, :, 0]
