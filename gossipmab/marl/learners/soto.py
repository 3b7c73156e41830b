"""SOTO: every agent has a policy for itself and one for the team, and moves from the first to the second as it learns.

Source: Zimmer, Glanois, Siddique and Weng, "Learning fair policies in decentralized cooperative multi-agent reinforcement
learning", ICML 2021, and its code.

    symbol     name           meaning
    pi^g_i     selfish        improved for the agent's own rewards, as in `ippo`
    pi_i       team           sees pi^g's probabilities and what agents have earned; improved for the welfare of all
    V_i        critic         value of the agent's own rewards
    J          earned         sums of rewards in the episode so far, of the agents it hears, standardised
    beta                      share of segments in which an agent plays pi^g: from 1 to 0 until `selfish_until`
    A_j                       advantages of agent j's own rewards, standardised

Welfare, by its gradient: generalised Gini, sum_j 2^-rank(j) A_j with rank 0 for the least J; alpha-fair, sum_j J_j^-exponent A_j.
Fully decentralised, an agent hears its neighbours alone: A_j and J_j of others are 0 for it, and they have no rank.

Departure: J stands in N places in the agents' order from oneself on, in place of those of a window's cells, with marks of who is
heard.

Departure: neighbours and ranks are those of every step, not of a segment's end, and nothing heard before is kept.

Departure: equal J share the mean of their weights, where the code prefers low indices; a J of 0 counts as half a reward, where
the code's 1e-10 gives such an agent a billion times the weight of one that earned anything.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from gossipmab.marl import networks, policy_gradient as pg
from gossipmab.marl.learners import fields
from gossipmab.marl.networks import TINY, Trained, standardised
from gossipmab.marl.rollouts import Charges, Episodes, View, World
from gossipmab.marl.xla import jax, jnp
from gossipmab.utils.types import class_attributes

LEAST = 0.5  # a J of 0 counts as this


class Policies(NamedTuple):
    """The networks of all agents."""

    selfish: Trained
    team: Trained
    critic: Trained


def gini_weights(earned: Any, heard: Any, exponent: float) -> Any:
    """(..., N, N) weights of agents j for agents i: 2^-rank of J (..., N) among those heard (..., N, N); equal J share theirs."""
    J = earned[..., None, None, :]
    lower = jnp.sum(heard[..., None, :] * (J < earned[..., None, :, None]), axis=-1)
    equal = jnp.maximum(jnp.sum(heard[..., None, :] * (J == earned[..., None, :, None]), axis=-1), 1.0)
    return heard * 0.5**lower * (2.0 - 2.0 * 0.5**equal) / equal  # the mean of 2^-lower, ..., 2^-(lower + equal - 1)


def alpha_weights(earned: Any, heard: Any, exponent: float) -> Any:
    """(..., N, N) weights max(J_j, 1/2)^-exponent of the agents j that agent i hears."""
    return heard * jnp.maximum(earned, LEAST)[..., None, :] ** -exponent


WEIGHTS = {"gini": gini_weights, "alpha_fair": alpha_weights}


@class_attributes(title="SOTO", uniforms=2, default_credit="identity")
class SOTO(NamedTuple):
    """Self-oriented, then team-oriented policies.

    >>> gm.marl.SOTO(welfare="alpha_fair").exponent
    0.9
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
    welfare: Annotated[Literal["gini", "alpha_fair"], Field(description="generalised Gini, or alpha-fair")] = "gini"
    exponent: Annotated[float, Field(ge=0, description="alpha, of alpha-fair welfare; not of gini")] = 0.9
    fully_decentralised: fields.FullyDecentralised = True
    selfish_until: Annotated[float, Field(gt=0, le=1, description="share of the training until which beta falls from 1 to 0")] = 0.5
    selfish_share: Annotated[float | None, Field(ge=0, le=1, description="beta for the whole training; unset: it falls")] = None

    def inputs(self, agents: int, features: int, actions: int) -> int:
        """Numbers that a team-oriented policy sees."""
        return features + actions + 2 * agents

    def init(self, world: World, key: Any) -> Policies:
        """Networks at random; pi^g and the critic as in `ippo`."""
        N, F, A = world.agents, world.features, world.actions
        selfish, critic = pg.actor_critic(key, N, F, self.hidden, A)
        team = networks.layers(jax.random.fold_in(key, 2), N, (self.inputs(N, F, A), self.hidden, self.hidden, A), 0.01)
        return Policies(selfish, networks.trained(team), critic)

    def begin(self, world: World, state: Policies, progress: Any, explore: Any) -> Any:
        """(B, N) whether an agent plays pi^g in this segment; drawn in its first step."""
        return jnp.zeros((world.environments, world.agents))

    def select(self, world: World, state: Policies, memory: Any, view: View, progress: Any, explore: Any) -> Any:
        """Draw the action from pi^g or pi, whichever the agent plays in this segment."""
        beta = jnp.maximum(0.0, 1.0 - progress / self.selfish_until) if self.selfish_share is None else self.selfish_share
        selfish = jnp.where(view.step % self.segment == 0, (view.uniforms[..., 1] < beta).astype(memory.dtype), memory)
        own = pg.logits_of(state.selfish, view.observation)
        everyone = jnp.ones((*view.earned.shape, world.agents))
        heard = world.neighbours(view.state) if self.fully_decentralised else everyone
        inputs = jnp.concatenate([view.observation, jax.nn.softmax(own), standing(view.earned, heard)], axis=-1)
        logits = jnp.where(selfish[..., None] > 0, own, pg.logits_of(state.team, inputs))
        actions, log_probability = pg.act(logits, view.uniforms[..., 0])
        return selfish, actions, (log_probability, selfish, inputs, heard, view.earned)

    def update(self, world: World, state: Policies, episodes: Episodes, charges: Charges, key: Any, progress: Any) -> Policies:
        """Each policy by PPO on the steps in which it was played, on advantages less what the price takes; the critic on all."""
        log_probability, mode, inputs, heard, earned = episodes.extras
        advantages, targets = pg.advantages_and_targets(self, state.critic, episodes)
        seen, selfish = pg.by_agent(episodes.observations[:-1]), pg.by_agent(mode)
        priced = pg.by_agent(advantages - charges.advantages)
        played, everything = (pg.by_agent(episodes.actions), pg.by_agent(log_probability)), jnp.ones_like(selfish)
        one, other = jax.random.split(key)
        own = pg.improved_policy(self, state.selfish, pg.Sample(seen, *played, priced, selfish), one)
        critic = pg.improved_critic(self, state.critic, seen, pg.by_agent(targets), everything, other)
        alone = pg.by_step(standardised(priced, everything), world.steps)
        welfare = jnp.sum(WEIGHTS[self.welfare](earned, heard, self.exponent) * alone[..., None, :], axis=-1)
        sample = pg.Sample(pg.by_agent(inputs), *played, pg.by_agent(welfare), 1.0 - selfish)
        return Policies(own, pg.improved_policy(self, state.team, sample, jax.random.fold_in(key, 2)), critic)


def standing(earned: Any, heard: Any) -> Any:
    """(B, N, 2 N) what agent i knows of J (B, N): standardised over those it hears, 0 for others; and whom it hears."""
    count = jnp.sum(heard, axis=-1, keepdims=True)
    mean = jnp.sum(heard * earned[:, None, :], axis=-1, keepdims=True) / count
    centred = heard * (earned[:, None, :] - mean)
    standing = centred / (jnp.sqrt(jnp.sum(centred**2, axis=-1, keepdims=True) / count) + TINY)
    return jnp.concatenate([from_oneself(standing), from_oneself(heard)], axis=-1)


def from_oneself(x: Any) -> Any:
    """x (B, N, N), each row turned so that agent i stands first in its own."""
    N = x.shape[-1]
    turned = (jnp.arange(N)[:, None] + jnp.arange(N)) % N
    return jnp.take_along_axis(x, jnp.broadcast_to(turned, x.shape), axis=-1)
