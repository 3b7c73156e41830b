"""Pareto UCB1 Gossip as one would write it in JAX: whole arrays, `jit`, `vmap` over trials, `scan` over rounds, its random numbers.

Dense where the graph is complete: the Laplacian of G_t is a matrix. Sparse where agents are many: sums over links by `at[].add`.
Fronts by comparing all pairs of arms. NSW regret is computed for dense graphs alone: for many agents
it is 0, and nobody computes it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gossipmab.metrics.regret import regret_reference


class World(NamedTuple):
    """means (N, K, D), utilities (N, K), gaps (K,), best: welfare; edges (E, 2), p: the probability of a link, weight of a link."""

    means: Any
    utilities: Any
    gaps: Any
    best: Any
    edges: Any
    p: float
    weight: float


class State(NamedTuple):
    """pulls (N, K), local and own averages (N, K, D), Pareto regret and NSW regret (N,)."""

    pulls: Any
    local: Any
    own: Any
    pareto: Any
    nsw: Any


def mixed(own: Any, present: Any, world: World, dense: bool) -> Any:
    """The averages (N, K, D) after gossip over the links present (E,)."""
    i, j = world.edges[:, 0], world.edges[:, 1]
    if dense:
        links = jnp.zeros((own.shape[0],) * 2, own.dtype).at[i, j].set(present).at[j, i].set(present)
        return own + world.weight * (jnp.einsum("ij,jkd->ikd", links, own) - links.sum(1)[:, None, None] * own)
    change = (world.weight * present)[:, None, None] * (own[j] - own[i])
    return own.at[i].add(change).at[j].add(-change)


def play(key: Any, world: World, horizon: int, dense: bool, welfare: bool) -> State:
    """One trial."""
    N, K, D = world.means.shape
    kind = world.means.dtype

    def one_round(state: State, now: Any) -> tuple[State, None]:
        t, key = now
        for_arms, for_rewards, for_links = jax.random.split(key, 3)
        radius = jnp.sqrt(2.0 * jnp.log(t * (D * K) ** 0.25) / jnp.maximum(state.pulls, 1))
        upper = state.own + radius[..., None]
        above = (upper[:, :, None] >= upper[:, None]).all(-1) & (upper[:, :, None] > upper[:, None]).any(-1)
        front = ~above.any(1)
        p = jnp.where(t <= K, jax.nn.one_hot(t - 1, K, dtype=kind), front / front.sum(1, keepdims=True)).astype(kind)
        u = jax.random.uniform(for_arms, (N, 1), kind)
        arms = jnp.argmax((jnp.cumsum(p, axis=1) > u) & (p > 0), axis=1)
        chosen = jnp.take_along_axis(world.means, arms[:, None, None], axis=1)[:, 0]
        x = (jax.random.uniform(for_rewards, (N, D), kind) < chosen).astype(kind)
        present = (jax.random.uniform(for_links, world.edges.shape[:1], kind) < world.p).astype(kind)
        rows = jnp.arange(N)
        pulls = state.pulls.at[rows, arms].add(1)
        change = (x - state.local[rows, arms]) / pulls[rows, arms][:, None]
        own = mixed(state.own, present, world, dense).at[rows, arms].add(change)
        nsw = state.nsw + (world.best - jnp.prod(p @ world.utilities.T, axis=1) if welfare else 0.0)
        local = state.local.at[rows, arms].add(change)
        return State(pulls, local, own, state.pareto + world.gaps[arms], nsw), None

    zeros = jnp.zeros((N, K, D), kind)
    begin = State(jnp.zeros((N, K), jnp.int32), zeros, zeros, jnp.zeros(N, kind), jnp.zeros(N, kind))
    return jax.lax.scan(one_round, begin, (jnp.arange(1, horizon + 1), jax.random.split(key, horizon)))[0]


def trials(environment: Any, network: Any, several: int, horizon: int, kind: str) -> Any:
    """A function of a seed that plays so many trials in floats of a kind, "float32" or "float64", and returns their last states."""
    dense = len(network.edges) * 2 == network.agents * (network.agents - 1)
    reference = regret_reference(environment)
    floats = environment.means, environment.utilities, reference.gaps, np.float64(reference.best)
    edges, weight = jnp.asarray(network.edges), 1.0 / network.agents
    world = World(*(jnp.asarray(np.asarray(one, kind)) for one in floats), edges, network.link_probability, weight)
    several_keys = jax.jit(jax.vmap(lambda key: play(key, world, horizon, dense, dense)))
    return lambda seed: jax.block_until_ready(several_keys(jax.random.split(jax.random.key(seed), several)))
