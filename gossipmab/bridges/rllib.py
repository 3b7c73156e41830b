"""RLlib's PPO under a price on unequal outcomes: a piece of the Learner's pipeline that takes the price from the advantages.

    from gossipmab.bridges.rllib import under_price

    with session():  # of gossipmab.engines.pools.ray_session; without it, RLlib's Ray writes a token into your home
        algo = under_price(config, gm.marl.EquityPrice()).build_algo()
        algo.train()["learners"]["__all_modules__"]["equity_multiplier"]

`config` is a `PPOConfig` of the new API stack for several agents, which may share modules. A batch is priced by the multiplier at
hand, then the dual step follows. RLlib has standardised its advantages by then, so they are computed again, from the same
values and targets: the cost is subtracted in units of the return, and the rest is standardised as RLlib does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from gossipmab.bridges.extras import library
from gossipmab.utils.errors import InputError, shown
from gossipmab.utils.types import Floats

library("torch", "rllib")
ConnectorV2: Any = library("ray.rllib.connectors.connector_v2", "rllib").ConnectorV2
PPOConfig: Any = library("ray.rllib.algorithms.ppo", "rllib").PPOConfig
PPOTorchLearner: Any = library("ray.rllib.algorithms.ppo.torch.ppo_torch_learner", "rllib").PPOTorchLearner
Postprocessing: Any = library("ray.rllib.evaluation.postprocessing", "rllib").Postprocessing
convert_to_numpy: Any = library("ray.rllib.utils.numpy", "rllib").convert_to_numpy
padding: Any = library("ray.rllib.utils.postprocessing.zero_padding", "rllib")
PRICE = "equity_price"  # in the Learner's settings and its checkpoints


class Price(Protocol):
    """A price on unequal outcomes, such as `gm.marl.EquityPrice`."""

    multiplier: float

    def cost_advantages(self, x: Floats, steps: int, gamma: float | None = None) -> Floats:
        """(T, B, N) to subtract from the advantages of the T steps of episodes with outcomes x (B, N)."""

    def observe(self, x: Floats) -> None:
        """The dual step after a batch of episodes with outcomes x (B, N)."""


class CostAdvantages(ConnectorV2):  # type: ignore[misc]
    """The piece that comes after `GeneralAdvantageEstimation`, for whole episodes. price: changed by every batch."""

    def __init__(self, price: Price, gamma: float) -> None:
        super().__init__()
        self.price, self.gamma = price, gamma

    def __call__(self, *, rl_module: Any, batch: Any, episodes: Sequence[Any], metrics: Any = None, **rest: Any) -> Any:
        """The batch with other advantages. Raises InputError where episodes are cut, or their agents differ."""
        agents = sorted(episodes[0].agent_ids)
        for episode in episodes:
            if episode.env_t_started or not episode.is_done:
                raise InputError("batch_mode: an episode is cut, allowed is 'complete_episodes'")
            if sorted(episode.agent_ids) != agents:
                raise InputError(
                    f"agents: got {shown(sorted(episode.agent_ids))} after {shown(agents)}, allowed are always the same"
                )
        played = [[episode.agent_episodes[agent] for agent in agents] for episode in episodes]
        steps = [max(len(one) for one in row) - 1 for row in played]  # RLlib has added a step to every episode
        x = np.array([[_outcome(one, T) for one in row] for row, T in zip(played, steps, strict=True)])
        if self.price.multiplier:
            costs = self.price.cost_advantages(x, max(steps), self.gamma)
            charged: dict[str, list[Floats]] = {module: [] for module in batch}
            for b, episode in enumerate(episodes):
                for agent in episode.agent_ids:  # in the order of the batch
                    one = episode.agent_episodes[agent]
                    cost = costs[max(steps) - steps[b] :, b, agents.index(agent)]
                    charged[one.module_id].append(np.append(cost[: len(one) - 1], 0.0))
            for module, of_episodes in charged.items():
                _subtract(rl_module[module], batch[module], of_episodes)
        self.price.observe(x)
        if metrics is not None:
            metrics.log_value(("__all_modules__", "equity_multiplier"), self.price.multiplier, window=1)
        return batch


def _outcome(episode: Any, steps: int) -> float:
    """Of an agent: its last info's "outcome", or where there is none its mean reward a step."""
    return float((episode.get_infos(-1) or {}).get("outcome", episode.get_return() / steps))


def _subtract(module: Any, batch: Any, costs: list[Floats]) -> None:
    """Put ( targets - values - cost ), standardised, in the place of a module's advantages; costs: of each episode in turn."""
    lengths = [len(cost) for cost in costs]
    targets, values = (
        padding.unpad_data_if_necessary(lengths, convert_to_numpy(one))
        for one in (batch[Postprocessing.VALUE_TARGETS], module.compute_values(batch))
    )
    advantages = targets - values - np.concatenate(costs)
    advantages = (advantages - advantages.mean()) / max(1e-4, advantages.std())
    if module.is_stateful():
        longest = module.model_config["max_seq_len"]
        advantages = np.stack(padding.split_and_zero_pad_n_episodes(advantages, episode_lens=lengths, max_seq_len=longest))
    batch[Postprocessing.ADVANTAGES] = batch[Postprocessing.ADVANTAGES].new_tensor(advantages)


class PricedPPOLearner(PPOTorchLearner):  # type: ignore[misc]
    """RLlib's PPO with `CostAdvantages` at the end of its pipeline; its checkpoints keep the multiplier."""

    def build(self) -> None:
        """As RLlib's, with one more piece."""
        super().build()
        self.price: Price = self.config.learner_config_dict[PRICE]
        self._learner_connector.append(CostAdvantages(self.price, self.config.gamma))

    def get_state(self, components: Any = None, *, not_components: Any = None, **rest: Any) -> Any:
        """As RLlib's, with the multiplier."""
        return super().get_state(components, not_components=not_components, **rest) | {PRICE: self.price.multiplier}

    def set_state(self, state: Any) -> None:
        """As RLlib's, with the multiplier."""
        super().set_state(state)
        self.price.multiplier = state.get(PRICE, self.price.multiplier)


def under_price(config: Any, price: Price) -> Any:
    """The configuration, changed in place: whole episodes, and their agents under a copy of the price.

    Args:
        config: a `PPOConfig` with `multi_agent(...)`. price: such as `gm.marl.EquityPrice()`; its own gamma is not used.

    Raises:
        InputError: another algorithm's configuration, that of a single agent, or several Learners.
    """
    if not isinstance(config, PPOConfig):
        raise InputError(f"config: got {shown(config)}, allowed is a PPOConfig")
    if not config.is_multi_agent:
        raise InputError("config: got one without multi_agent(policies=...), allowed is one for several agents")
    if config.num_learners > 1:
        raise InputError(f"num_learners: got {config.num_learners}, allowed are 0 and 1: outcomes are priced in one place")
    config.env_runners(batch_mode="complete_episodes")
    return config.learners(learner_class=PricedPPOLearner, learner_config_dict={PRICE: price})
