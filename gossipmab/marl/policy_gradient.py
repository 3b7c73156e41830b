"""Advantages, and proximal policy optimisation of the stacked networks of all agents.

Source: Schulman et al., "High-dimensional continuous control using generalized advantage estimation", 2016; "Proximal policy
optimization algorithms", 2017. Arrays are (N, M, ...): agents, then the samples of all steps and environments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from gossipmab.marl import networks
from gossipmab.marl.networks import Trained, improved, picked, standardised
from gossipmab.marl.rollouts import Episodes, World
from gossipmab.marl.xla import jax, jnp


class Sample(NamedTuple):
    """Of a policy: inputs (N, M, F), actions, log_probability under the policy that played, advantages, weights: (N, M) each."""

    inputs: Any
    actions: Any
    log_probability: Any
    advantages: Any
    weights: Any


def actor_critic(key: Any, agents: int, features: int, hidden: int, actions: int) -> tuple[Trained, Trained]:
    """A policy and a value of two hidden layers each, for every agent."""
    inside = (features, hidden, hidden)
    actor = networks.layers(jax.random.fold_in(key, 0), agents, (*inside, actions), 0.01)
    critic = networks.layers(jax.random.fold_in(key, 1), agents, (*inside, 1), 1.0)
    return networks.trained(actor), networks.trained(critic)


def by_agent(x: Any) -> Any:
    """(N, T B, ...) of an array (T, B, N, ...)."""
    moved = jnp.moveaxis(x, 2, 0)
    return moved.reshape(moved.shape[0], -1, *moved.shape[3:])


def by_step(x: Any, steps: int) -> Any:
    """(T, B, N, ...) of an array (N, T B, ...)."""
    return jnp.moveaxis(x.reshape(x.shape[0], steps, -1, *x.shape[2:]), 0, 2)


def logits_of(net: Trained, inputs: Any) -> Any:
    """(B, N, A) the policies' logits for inputs (B, N, F)."""
    return jnp.swapaxes(networks.forward(net.params, jnp.swapaxes(inputs, 0, 1)), 0, 1)


def act(logits: Any, uniforms: Any) -> tuple[Any, Any]:
    """(B, N) actions drawn from logits (B, N, A) by uniforms (B, N), and the logarithms of their probabilities."""
    actions = networks.drawn(logits, uniforms)
    return actions, picked(jax.nn.log_softmax(logits), actions)


def values_of(critic: Trained, inputs: Any) -> Any:
    """(T, B, N) the values of inputs (T, B, N, F)."""
    return by_step(networks.forward(critic.params, by_agent(inputs))[..., 0], len(inputs))


def generalised_advantages(rewards: Any, values: Any, after: Any, gamma: float, decay: float, cut: int = 0) -> Any:
    """(T, B, N) advantages of rewards (T, B, N), from the values before and after every step, (T, B, N) each.

    A_t = sum_k (gamma decay)^k delta_{t+k},   delta_t = r_t + gamma V(after t) - V(before t)

    An episode ends by truncation, so the value after its end counts. cut: the sum ends after every `cut` steps, too.
    """
    deltas = rewards + gamma * after - values
    T = len(rewards)
    goes_on = (jnp.arange(1, T + 1) % cut != 0) if cut else jnp.ones(T, bool)

    def back(later: Any, x: Any) -> Any:
        delta, more = x
        advantage = delta + gamma * decay * more * later
        return advantage, advantage

    return jax.lax.scan(back, jnp.zeros_like(deltas[0]), (deltas, goes_on.astype(deltas.dtype)), reverse=True)[1]


def surrogate(clip: float, entropy: float) -> Callable[[Any, Sample], Any]:
    """The loss of a policy, summed over agents, each the mean over its samples by weight.

    - min( rho A, clip(rho, 1 - clip, 1 + clip) A ) - entropy H(pi),   rho = pi(a) / pi_old(a)
    """

    def loss(params: Any, sample: Sample) -> Any:
        log_pi = jax.nn.log_softmax(networks.forward(params, sample.inputs))
        rho = jnp.exp(picked(log_pi, sample.actions) - sample.log_probability)
        gain = jnp.minimum(rho * sample.advantages, jnp.clip(rho, 1.0 - clip, 1.0 + clip) * sample.advantages)
        spread = -jnp.sum(jnp.exp(log_pi) * log_pi, axis=-1)
        return -jnp.sum(weighted_mean(gain + entropy * spread, sample.weights))

    return loss


def squared_error(params: Any, sample: Any) -> Any:
    """The loss of a critic for a sample of inputs (N, M, F), targets and weights (N, M): half the mean square, over all agents."""
    inputs, targets, weights = sample
    return jnp.sum(weighted_mean((networks.forward(params, inputs)[..., 0] - targets) ** 2, weights)) / 2


def weighted_mean(x: Any, weights: Any) -> Any:
    """(N,) the means of x (N, M) by weights (N, M); 0 where all are 0."""
    return jnp.sum(weights * x, axis=1) / jnp.maximum(jnp.sum(weights, axis=1), 1.0)


def improved_policy(settings: Any, actor: Trained, sample: Sample, key: Any) -> Trained:
    """The policy after PPO on the sample, its advantages standardised for each agent; settings: a learner's hyperparameters."""
    sample = sample._replace(advantages=standardised(sample.advantages, sample.weights))
    return improved(actor, surrogate(settings.clip, settings.entropy), sample, key, **passes(settings))


def improved_critic(settings: Any, critic: Trained, inputs: Any, targets: Any, weights: Any, key: Any) -> Trained:
    """The critic after regression of the targets (N, M) on the inputs (N, M, F)."""
    return improved(critic, squared_error, (inputs, targets, weights), key, **passes(settings))


def passes(settings: Any) -> dict[str, Any]:
    """How a learner goes over a batch."""
    return {name: getattr(settings, name) for name in ("epochs", "minibatches", "learning_rate", "max_norm")}


def advantages_and_targets(settings: Any, critic: Trained, episodes: Episodes) -> tuple[Any, Any]:
    """(T, B, N) each: the advantages of the agents' own rewards by their observations, and the critic's targets."""
    values = values_of(critic, episodes.observations)
    advantages = generalised_advantages(episodes.rewards, values[:-1], values[1:], settings.gamma, settings.decay)
    return advantages, advantages + values[:-1]


def agent_numbers(world: World, x: Any) -> Any:
    """(..., N, F + N) the array x (..., N, F), with the number of the agent as zeros with a one."""
    return jnp.concatenate([x, jnp.broadcast_to(jnp.eye(world.agents), (*x.shape[:-1], world.agents))], axis=-1)
