"""Policy gradients beside a NumPy twin and central differences, in float64."""

from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gossipmab.marl import networks, policy_gradient as pg
from gossipmab.marl.learners import IPPO, WQMIX
from gossipmab.marl.learners.coma import critic_loss
from gossipmab.marl.learners.replay import Transitions

jax: Any = pytest.importorskip("jax", reason="jax is not installed")
N, M, F, H, A = 3, 20, 4, 5, 3
Layers = list[tuple[np.ndarray, np.ndarray]]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    """In 64 bits, with the same numbers whatever ran before."""
    RNG.bit_generator.state = np.random.default_rng(1).bit_generator.state
    with jax.enable_x64(True):
        yield


def layers(agents: int, *sizes: int) -> Layers:
    """A network with biases that are not 0."""
    pairs = zip(sizes[:-1], sizes[1:], strict=True)
    return [(RNG.normal(size=(agents, a, b)) / a**0.5, RNG.normal(size=(agents, b)) / 5) for a, b in pairs]


def sample_of(actor: Layers) -> pg.Sample:
    """Of a policy that has changed since it played, with some samples that do not count."""
    inputs, actions = RNG.normal(size=(N, M, F)), RNG.integers(0, A, (N, M))
    now = np.take_along_axis(log_softmax(outputs(actor, inputs)[-1]), actions[..., None], -1)[..., 0]
    weights = (RNG.random((N, M)) < 0.8).astype(float)
    return pg.Sample(inputs, actions, now + RNG.normal(size=(N, M)) / 4, RNG.normal(3.0, 2.0, (N, M)), weights)


# the twin


def outputs(params: Layers, x: np.ndarray) -> list[np.ndarray]:
    """What enters every layer, and what leaves the last."""
    found = [x]
    for i, (weights, biases) in enumerate(params):
        found.append((np.tanh(found[-1]) if i else found[-1]) @ weights + biases[:, None])
    return found


def log_softmax(z: np.ndarray) -> np.ndarray:
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def backward(params: Layers, x: np.ndarray, slope: np.ndarray) -> Layers:
    """Gradients of a loss whose derivative by the outputs is slope (N, M, A)."""
    found, gradients = outputs(params, x), []
    for i in range(len(params) - 1, -1, -1):
        into = np.tanh(found[i]) if i else found[i]
        gradients.append((np.swapaxes(into, 1, 2) @ slope, slope.sum(1)))
        slope = slope @ np.swapaxes(params[i][0], 1, 2) * (1 - into**2)
    return gradients[::-1]


def surrogate_slope(logits: np.ndarray, sample: pg.Sample, clip: float, entropy: float) -> np.ndarray:
    log_pi = log_softmax(logits)
    pi, chosen = np.exp(log_pi), np.eye(A)[sample.actions]
    rho = np.exp((log_pi * chosen).sum(-1) - sample.log_probability)
    stopped = ((sample.advantages > 0) & (rho > 1 + clip)) | ((sample.advantages < 0) & (rho < 1 - clip))
    assert stopped.any() and not stopped.all()
    by_gain = np.where(stopped, 0, rho * sample.advantages)[..., None] * (chosen - pi)
    by_entropy = -pi * (log_pi - (pi * log_pi).sum(-1, keepdims=True))
    share = sample.weights / sample.weights.sum(1, keepdims=True)
    return -share[..., None] * (by_gain + entropy * by_entropy)


def twin(params: Layers, slope_of: Any, x: np.ndarray, steps: int, rate: float, longest: float) -> Layers:
    """Adam on gradients no longer than `longest`, agent by agent."""
    flat = [one for layer in params for one in layer]
    first, second = [np.zeros_like(one) for one in flat], [np.zeros_like(one) for one in flat]
    for t in range(1, steps + 1):
        now = list(zip(flat[::2], flat[1::2], strict=True))
        gradients = [one for layer in backward(now, x, slope_of(outputs(now, x)[-1])) for one in layer]
        for n in range(N):
            length = np.sqrt(sum((g[n] ** 2).sum() for g in gradients))
            for g in gradients:
                g[n] *= min(1.0, longest / length)
        first = [0.9 * m + 0.1 * g for m, g in zip(first, gradients, strict=True)]
        second = [0.999 * v + 0.001 * g**2 for v, g in zip(second, gradients, strict=True)]
        size = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        flat = [p - size * m / (np.sqrt(v) + 1e-8) for p, m, v in zip(flat, first, second, strict=True)]
    return list(zip(flat[::2], flat[1::2], strict=True))


def same(found: Any, expected: Layers) -> None:
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert ours.dtype == np.float64
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("longest", [1e-2, 100.0], ids=["clipped", "whole"])
def test_steps_of_ppo_are_those_of_the_twin(longest: float) -> None:
    settings = IPPO(epochs=3, minibatches=1, learning_rate=0.01, max_norm=longest, entropy=0.1)
    actor, critic = layers(N, F, H, H, A), layers(N, F, H, H, 1)
    sample = sample_of(actor)
    total = sample.weights.sum(1, keepdims=True)
    centred = sample.advantages - (sample.weights * sample.advantages).sum(1, keepdims=True) / total
    even = sample._replace(advantages=centred / np.sqrt((sample.weights * centred**2).sum(1, keepdims=True) / total))
    given = jax.tree.map(jax.numpy.asarray, (actor, critic, sample))
    found = pg.improved_policy(settings, networks.trained(given[0]), given[2], jax.random.key(0))
    same(found.params, twin(actor, lambda z: surrogate_slope(z, even, 0.2, 0.1), sample.inputs, 3, 0.01, longest))
    assert int(found.steps) == 3
    targets = RNG.normal(size=(N, M))
    found = pg.improved_critic(
        settings, networks.trained(given[1]), given[2].inputs, jax.numpy.asarray(targets), given[2].weights, jax.random.key(0)
    )
    share = (sample.weights / total)[..., None]
    same(found.params, twin(critic, lambda v: share * (v - targets[..., None]), sample.inputs, 3, 0.01, longest))


def central_differences(loss: Any, params: Any) -> None:
    """Compare the gradient by every single parameter."""
    point, restored = import_module("jax.flatten_util").ravel_pytree(jax.tree.map(jax.numpy.asarray, params))
    assert point.dtype == np.float64

    def at(x: Any) -> Any:
        return loss(restored(x))

    size = 1e-5
    moved = jax.jit(lambda x: jax.lax.map(lambda i: at(x.at[i].add(size)) - at(x.at[i].add(-size)), jax.numpy.arange(len(x))))
    found, expected = np.asarray(jax.jit(jax.grad(at))(point)), np.asarray(moved(point)) / (2 * size)
    assert np.count_nonzero(found) > len(found) / 4
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(found).max())


def test_gradients_of_policies_and_values_are_central_differences() -> None:
    actor = layers(N, F, H, A)
    sample = sample_of(actor)
    central_differences(lambda params: pg.surrogate(0.2, 0.1)(params, sample), actor)
    targets, weights = RNG.normal(size=(N, M)), sample.weights
    central_differences(lambda params: pg.squared_error(params, (sample.inputs, targets, weights)), layers(N, F, H, 1))
    one = RNG.normal(size=(1, M, F)), RNG.integers(0, A, (1, M)), RNG.normal(size=(1, M))
    central_differences(lambda params: critic_loss(params, one), layers(1, F, H, A))


@pytest.mark.parametrize("weighting", ["central", "optimistic"])
def test_gradients_of_wqmix_are_central_differences(weighting: Any) -> None:
    world: Any = SimpleNamespace(agents=2, actions=A, features=2, steps=1, environments=1)
    learner = WQMIX(hidden=3, central_hidden=3, weighting=weighting, least_weight=0.3, buffer=1)
    # at these numbers no weight of the mixer is within 1e-5 of 0, where its absolute value has a kink
    shapes = jax.eval_shape(lambda: learner.init(world, jax.random.key(0)).net.params)
    params, target = (jax.tree.map(lambda one: RNG.normal(size=one.shape) / 2, shapes) for _ in range(2))
    seen, after = RNG.normal(size=(2, M, 2, 2))
    last, actions = RNG.integers(-1, A, (M, 2)), RNG.integers(0, A, (M, 2))
    sample = Transitions(seen, after, last, actions, RNG.normal(size=M), RNG.random(M))
    central_differences(lambda params: learner.loss(world, params, target, sample, 2.0), params)
    loss = jax.jit(lambda w: learner._replace(least_weight=w).loss(world, params, target, sample, 2.0))
    assert loss(0.0) < loss(0.5) < loss(1.0)  # samples of either weight are among them
    assert loss(0.5) == pytest.approx((loss(0.0) + loss(1.0)) / 2)


@pytest.mark.parametrize("cut", [0, 1, 3, 4])
def test_generalised_advantages_are_the_double_sum(cut: int) -> None:
    T, gamma, decay = 11, 0.9, 0.7
    rewards, values, after = RNG.normal(size=(3, T, 2, N))
    delta = rewards + gamma * after - values
    expected = np.zeros_like(delta)
    for t in range(T):
        end = min(T, (t // cut + 1) * cut) if cut else T
        for k in range(end - t):
            expected[t] += (gamma * decay) ** k * delta[t + k]
    found = pg.generalised_advantages(*map(jax.numpy.asarray, (rewards, values, after)), gamma, decay, cut)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_small_functions_are_those_of_numpy() -> None:
    x, weights = RNG.normal(2.0, 3.0, (N, M)), (RNG.random((N, M)) < 0.5).astype(float)
    for n, row in enumerate(np.asarray(networks.standardised(x, weights))):
        kept = x[n][weights[n] > 0]
        np.testing.assert_allclose(row, (x[n] - kept.mean()) / kept.std(), rtol=1e-7)
    values, chosen = RNG.normal(size=(N, M, A)), RNG.integers(0, A, (N, M))
    assert np.array_equal(networks.picked(values, chosen), np.take_along_axis(values, chosen[..., None], -1)[..., 0])
    uniforms = np.linspace(0, 1, 10_000, endpoint=False)
    bounds = np.cumsum(np.exp(log_softmax(values[0, 0])))[:-1]
    drawn = np.asarray(networks.drawn(np.tile(values[0, 0], (10_000, 1)), uniforms))
    assert np.array_equal(drawn, np.searchsorted(bounds, uniforms, side="right"))
    # agents are clipped one by one
    gradients = [(np.ones((2, 3, 1)) * [[[0.1]], [[10.0]]], np.zeros((2, 1)))]
    weights, _ = networks.clipped(jax.tree.map(jax.numpy.asarray, gradients), 0.5)[0]
    assert np.array_equal(weights[0], gradients[0][0][0]) and np.linalg.norm(weights[1]) == pytest.approx(0.5)
