"""The GPU engine on a GPU: the bits of `simulate`. `make test-gpu` prints a table of speeds, too, and is to take three minutes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.engines.gpu import playing
from gossipmab.environments.reward_models import Rounds, Table
from tests.gpu.gpu_rounds import differing, trial_of

TRIALS = 12
SETTINGS: dict[str, Any] = {"horizon": 400, "seed": 5, "recorded_rounds": 20}
NETWORKS: dict[str, dict[str, Any]] = {
    "complete": {"base": "complete", "link_probability": 0.5},
    "ring": {"base": "ring"},
    "star": {"base": "star", "links": gm.GilbertElliott(0.3, 0.4)},
}
WEIGHTS = ("laplacian", "max_degree", "metropolis", "lazy_metropolis")
ALGORITHMS = (
    gm.ParetoUCBGossip(), gm.ParetoUCBGossip(pooled=True), gm.ParetoUCB(), gm.ParetoGossip(burn_in=0.1),
    gm.SimulatedNSWUCBGossip(solver="local"), gm.CentralizedNSW(solver="local"),
    pytest.param(gm.SimulatedNSWUCBGossip(), marks=pytest.mark.slow),  # it takes minutes to compile
)  # fmt: skip
REWARDS = ("bernoulli", "beta", "gaussian", "discrete", "deterministic", "table", "rounds")


def why_not() -> str:
    """Why there is no GPU to be tested; "" if there is one."""
    if find_spec("numba_cuda") is None:
        return "numba-cuda is not installed (extra gpu)"
    from numba import cuda

    return "" if cuda.is_available() else "no GPU"


WHY = why_not()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(WHY), reason=WHY)]


def environment(rewards: str, trial: int, N: int = 20, K: int = 10, D: int = 3) -> gm.Environment:
    """An environment of the trial; of logged rewards, a log."""
    if rewards not in ("table", "rounds"):
        return gm.Environment.sample(N, K, D, rewards=rewards, seed=0, trial=trial)
    rows = np.random.default_rng(trial).random((N, 5, K, D))
    preferences, means = np.full((N, D), 1 / D), rows.mean(axis=1)
    if rewards == "rounds":
        return gm.Environment(means, preferences, Rounds(means, rows))
    by_arm = np.ascontiguousarray(rows.transpose(0, 2, 1, 3)).reshape(-1, D)
    return gm.Environment(means, preferences, Table(means, by_arm, np.arange(N * K + 1) * 5))


def compare(cases: list[tuple[Any, gm.Environment, gm.Network, int]], **options: int) -> None:
    """Play all cases side by side, and each by `simulate`."""
    trials = [trial_of(algorithm, (world, network), trial=k, **SETTINGS) for algorithm, world, network, k in cases]
    assert len({trial.key for trial in trials}) == 1
    outcomes = playing.play(trials, lambda agent_steps: None, **options)
    for outcome, (algorithm, world, network, k) in zip(outcomes, cases, strict=True):
        assert outcome.trace is not None, outcome.error
        assert not differing(outcome.trace, gm.simulate(algorithm, world, network, trial=k, **SETTINGS)), (algorithm, network, k)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
def test_twelve_trials_of_every_network_and_weight_have_the_bits_of_simulate(algorithm: Any) -> None:
    networks = [gm.Network(agents=20, weights=weights, **network) for network in NETWORKS.values() for weights in WEIGHTS]
    compare([(algorithm, environment("bernoulli", k), network, k) for network in networks for k in range(TRIALS)])


@pytest.mark.parametrize("room", [0, 48 * 1024])
def test_states_in_global_and_in_shared_memory_have_the_bits_of_simulate(room: int) -> None:
    network = gm.Network("complete", agents=20, link_probability=0.5)
    compare([(ALGORITHMS[0], environment("bernoulli", k), network, k) for k in range(TRIALS)], room=room)


@pytest.mark.parametrize("rewards", REWARDS)
def test_all_reward_models_have_the_bits_of_simulate(rewards: str) -> None:
    network = gm.Network("complete", agents=20, link_probability=0.5)
    compare([(ALGORITHMS[0], environment(rewards, k), network, k) for k in range(TRIALS)])


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
def test_a_launch_a_round_has_the_same_bits(algorithm: Any) -> None:
    networks = [gm.Network(agents=20, weights="metropolis", **network) for network in NETWORKS.values()]
    compare([(algorithm, environment("bernoulli", k), network, k) for k, network in enumerate(networks)], block_agents=2)


def test_a_large_network_has_the_bits_of_simulate() -> None:
    base = {"generator": "random_regular_graph", "d": 8, "seed": 1}
    network = gm.Network(base, agents=20_000, link_probability=0.5, weights="lazy_metropolis")
    compare([(ALGORITHMS[0], environment("bernoulli", 0, 20_000), network, 0)])
