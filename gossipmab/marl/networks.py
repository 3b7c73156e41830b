"""Neural networks of all agents at once, and Adam: pure functions of JAX on arrays whose first axis is the agent.

A network is a list of layers (weights (N, F, H), biases (N, H)). Nothing couples the agents: gradients are clipped for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from gossipmab.marl.xla import jax, jnp

TINY = 1e-8


class Trained(NamedTuple):
    """Parameters, and the state of Adam: first and second moments of the gradients, steps so far."""

    params: Any
    first: Any
    second: Any
    steps: Any


def trained(params: Any) -> Trained:
    """Parameters before the first step."""
    zeros = jax.tree.map(jnp.zeros_like, params)
    return Trained(params, zeros, zeros, jnp.zeros((), int))


def layers(key: Any, agents: int, sizes: tuple[int, ...], last_gain: float) -> Any:
    """Normal weights of variance 2 / fan-in, of the last layer last_gain^2 / fan-in; biases 0. sizes: of layers, input first."""
    # Not orthogonal: batched QR decompositions of LAPACK can wait for ever for the threads of XLA's pool on two cores.
    gains = [2.0**0.5] * (len(sizes) - 2) + [last_gain]
    keys = jax.random.split(key, len(gains))
    return [
        (gain / fan_in**0.5 * jax.random.normal(one, (agents, fan_in, fan_out)), jnp.zeros((agents, fan_out)))
        for one, gain, fan_in, fan_out in zip(keys, gains, sizes[:-1], sizes[1:], strict=True)
    ]


def forward(params: Any, x: Any, activation: Callable[[Any], Any] | None = None) -> Any:
    """(N, M, H) the outputs for inputs x (N, M, F); tanh between the layers unless another activation is given."""
    for i, (weights, biases) in enumerate(params):
        x = jnp.einsum("nmf,nfh->nmh", x, weights) + biases[:, None]
        if i < len(params) - 1:
            x = (activation or jnp.tanh)(x)
    return x


def clipped(gradients: Any, most: float) -> Any:
    """The gradients, for each agent no longer than `most`."""

    def scaled(one: Any) -> Any:
        return one * scale.reshape(-1, *[1] * (one.ndim - 1))

    leaves = jax.tree.leaves(gradients)
    length = jnp.sqrt(sum(jnp.sum(one.reshape(len(one), -1) ** 2, axis=1) for one in leaves))
    scale = jnp.minimum(1.0, most / (length + TINY))
    return jax.tree.map(scaled, gradients)


def adam(net: Trained, gradients: Any, learning_rate: float) -> Trained:
    """One step of Adam (Kingma and Ba, 2015) with its usual constants .9, .999."""
    steps = net.steps + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, net.first, gradients)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, net.second, gradients)
    size = learning_rate * jnp.sqrt(1.0 - 0.999**steps) / (1.0 - 0.9**steps)
    params = jax.tree.map(lambda p, m, v: p - size * m / (jnp.sqrt(v) + TINY), net.params, first, second)
    return Trained(params, first, second, steps)


def improved(
    net: Trained, loss: Callable[..., Any], data: Any, key: Any, *, epochs: int, minibatches: int, learning_rate: float,
    max_norm: float,
) -> Trained:  # fmt: skip
    """The net after `epochs` passes over the data in minibatches, all agents in the same random order.

    loss: of (params, minibatch), summed over the agents. data: a tree of arrays (N, M, ...); of M samples, those that
    fill no minibatch are left out of an epoch.
    """
    samples = jax.tree.leaves(data)[0].shape[1]
    size = max(1, samples // minibatches)

    def order(epoch: Any) -> Any:
        shuffled = jax.random.permutation(jax.random.fold_in(key, epoch), samples)
        return shuffled[: samples // size * size].reshape(-1, size)

    def step(net: Trained, chosen: Any) -> tuple[Trained, None]:
        some = jax.tree.map(lambda one: one[:, chosen], data)
        return adam(net, clipped(jax.grad(loss)(net.params, some), max_norm), learning_rate), None

    chosen = jax.vmap(order)(jnp.arange(epochs))
    return jax.lax.scan(step, net, chosen.reshape(-1, size))[0]  # type: ignore[no-any-return]


def drawn(logits: Any, uniforms: Any) -> Any:
    """(...,) whole numbers drawn from the distributions softmax(logits (..., A)) by uniforms (...,)."""
    below = jnp.cumsum(jax.nn.softmax(logits), axis=-1)[..., :-1]
    return jnp.sum(uniforms[..., None] >= below, axis=-1)


def picked(values: Any, chosen: Any) -> Any:
    """(...,) of the values (..., A), those at the places chosen (...,)."""
    return jnp.sum(values * jax.nn.one_hot(chosen, values.shape[-1], dtype=values.dtype), axis=-1)


def standardised(x: Any, weights: Any) -> Any:
    """(N, M) x with mean 0 and standard deviation 1 for each agent, over samples of the given weights (N, M)."""
    total = jnp.maximum(jnp.sum(weights, axis=1, keepdims=True), 1.0)
    centred = x - jnp.sum(weights * x, axis=1, keepdims=True) / total
    return centred / (jnp.sqrt(jnp.sum(weights * centred**2, axis=1, keepdims=True) / total) + TINY)
