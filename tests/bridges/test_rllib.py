"""RLlib's PPO under the price: its own advantages bit for bit without one, the formula's with one, in real training."""

import copy
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossipmab import marl
from gossipmab.engines.pools.ray_session import session
from gossipmab.utils.errors import InputError
from tests.tiny import refuses

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # RLlib's own
AGENTS = [f"agent_{i}" for i in range(4)]
GAMMA, STEPS = 0.9, 50


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The bridge, in a local Ray of ours; RLlib's results go to a home of their own, where no token may appear."""
    for needed in ("torch", "tree", "lz4", "pettingzoo"):
        pytest.importorskip(needed, reason=f"{needed}, which RLlib needs, is not installed")
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, session(cpus=1):
        patch.setenv("HOME", str(home))
        yield import_module("gossipmab.bridges.rllib")
    assert not (home / ".ray").exists()


def config_of(modules: int = 4, batch: int = 200, **model: Any) -> Any:
    """PPO on Job Scheduling; agents share modules where there are fewer."""
    wrapper = import_module("ray.rllib.env.wrappers.pettingzoo_env").ParallelPettingZooEnv
    register = import_module("ray.tune.registry").register_env
    register("job", lambda _: wrapper(marl.parallel_env(marl.JobScheduling(steps=STEPS), seed=0)))
    config = import_module("ray.rllib.algorithms.ppo").PPOConfig().environment("job").env_runners(num_env_runners=0)
    config.multi_agent(
        policies={f"module_{m}" for m in range(modules)},
        policy_mapping_fn=lambda agent, *_, **__: f"module_{int(agent[-1]) % modules}",
    )
    config.training(train_batch_size_per_learner=batch, minibatch_size=100, num_epochs=2, gamma=GAMMA)
    return config.rl_module(model_config={"fcnet_hiddens": [16], **model}).debugging(seed=0)


def pipelines(algo: Any, price: Any) -> tuple[Any, Any, Any]:
    """The batches of the same episodes by RLlib's pipeline and by ours, and the episodes."""
    learner = algo.learner_group._learner
    learner.price.multiplier = price.multiplier
    episodes = algo.env_runner.sample(num_episodes=3)
    call = {"rl_module": learner.module, "shared_data": {}}
    piece = learner._learner_connector.connectors.pop()
    plain = learner._learner_connector(batch={}, episodes=copy.deepcopy(episodes), **call)
    learner._learner_connector.append(piece)
    return plain, learner._learner_connector(batch={}, episodes=copy.deepcopy(episodes), **call), episodes


def test_without_a_multiplier_advantages_are_rllibs_bit_for_bit(bridge: Any) -> None:
    price = marl.EquityPrice(budget=1)
    algo = bridge.under_price(config_of(), price).build_algo()
    plain, priced, _ = pipelines(algo, price)
    for module, batch in plain.items():
        for column, values in batch.items():
            assert np.array_equal(np.asarray(values), np.asarray(priced[module][column])), column
    algo.stop()


@pytest.mark.parametrize(("modules", "credit", "recurrent"), [
    (4, "identity", False), (2, "identity", False), (4, "team", False), (2, "identity", True),
], ids=["own", "shared", "team", "recurrent"])  # fmt: skip
def test_with_a_multiplier_they_differ_by_the_formula(bridge: Any, modules: int, credit: Any, recurrent: bool) -> None:
    price = marl.EquityPrice(tau=0.2, credit=credit, equity_discount=0.95)
    price.multiplier = 3.0
    model = {"use_lstm": True, "max_seq_len": 20, "lstm_cell_size": 8} if recurrent else {}
    algo = bridge.under_price(config_of(modules, **model), price).build_algo()
    plain, priced, episodes = pipelines(algo, price)
    x = np.array([[episode.agent_episodes[agent].get_return() / STEPS for agent in AGENTS] for episode in episodes])
    excess = np.maximum(np.abs(x - x.mean(1, keepdims=True)) - 0.2 * x.mean(1, keepdims=True), 0)
    cost = excess / np.maximum((excess > 0).sum(1, keepdims=True), 1)
    if credit == "team":
        cost = np.repeat(np.abs(excess - excess.mean(1, keepdims=True)).sum(1, keepdims=True) / 8, 4, axis=1)
    assert cost.max() > 0
    cost = cost - cost.mean(0)
    learner = algo.learner_group._learner
    for module, batch in plain.items():
        values = learner.module[module].compute_values(batch)
        raw = (batch["value_targets"] - values).detach().numpy()
        mask = batch["loss_mask"].numpy()
        if recurrent:  # rows of 20 steps, and what RLlib standardises: all steps but padding
            real = np.concatenate([np.arange(60) < STEPS + 1] * (len(raw) // 3)).reshape(raw.shape)
            raw, mask = raw[real], mask[real]
        expected, place = raw.copy(), 0
        for b, episode in enumerate(episodes):
            for agent in episode.agent_ids:
                if episode.agent_episodes[agent].module_id == module:
                    weights = 0.95 ** np.arange(STEPS - 1, -1, -1)
                    expected[place : place + STEPS] -= 3.0 * weights * cost[b, AGENTS.index(agent)] / (1 - GAMMA)
                    place += STEPS + 1
        assert place == len(expected) and mask.sum() == place - place // (STEPS + 1)
        found, theirs = (np.asarray(one[module]["advantages"]) for one in (priced, plain))
        if recurrent:
            found, theirs = found[real], theirs[real]
        assert found == pytest.approx((expected - expected.mean()) / expected.std(), rel=1e-4, abs=1e-4)
        assert theirs == pytest.approx((raw - raw.mean()) / raw.std(), rel=1e-4, abs=1e-4)
        assert np.abs(found - theirs).max() > 0.01
        assert np.array_equal(np.asarray(batch["value_targets"]), np.asarray(priced[module]["value_targets"]))
    algo.stop()


def test_training_raises_the_multiplier_and_a_checkpoint_keeps_it(bridge: Any, tmp_path: Path) -> None:
    algo = bridge.under_price(config_of(), marl.EquityPrice(tau=0.0, budget=0.0)).build_algo()
    seen = [algo.train()["learners"]["__all_modules__"]["equity_multiplier"] for _ in range(3)]
    assert 0 < seen[0] < seen[1] < seen[2] == algo.learner_group._learner.price.multiplier
    algo.save_to_path(tmp_path / "kept")
    algo.stop()
    again = bridge.under_price(config_of(), marl.EquityPrice(tau=0.0, budget=0.0)).build_algo()
    again.restore_from_path(tmp_path / "kept")
    assert again.learner_group._learner.price.multiplier == seen[2]
    again.stop()


@pytest.mark.slow
def test_a_slack_budget_trains_the_weights_that_rllib_trains(bridge: Any) -> None:
    weights = []
    whole = config_of().env_runners(batch_mode="complete_episodes")
    for config in (whole, bridge.under_price(config_of(), marl.EquityPrice(budget=1))):
        algo = config.build_algo()
        for _ in range(2):
            algo.train()
        weights.append(algo.get_weights())
        algo.stop()
    assert set(weights[0]) == {f"module_{m}" for m in range(4)}
    for module, layers in weights[0].items():
        assert all(np.array_equal(layer, weights[1][module][name]) for name, layer in layers.items())


def test_what_cannot_be_priced_is_refused_in_a_line(bridge: Any) -> None:
    price = marl.EquityPrice()
    refuses("config: got 3, allowed is a PPOConfig", bridge.under_price, 3, price)
    refuses("without multi_agent", bridge.under_price, type(config_of())(), price)
    refuses("num_learners: got 2", bridge.under_price, config_of().learners(num_learners=2), price)
    algo = bridge.under_price(config_of(), price).build_algo()
    cut = algo.env_runner.sample(num_episodes=1)[0]
    cut.is_terminated = cut.is_truncated = False
    with pytest.raises(InputError, match="batch_mode: an episode is cut"):
        algo.learner_group._learner._learner_connector.connectors[-1](rl_module=None, batch={}, episodes=[cut])
    algo.stop()
