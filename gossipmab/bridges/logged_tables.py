"""One-step environments of others, MOMAland's or any PettingZoo `ParallelEnv` with vector rewards, as tables of rewards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats
from gossipmab.utils.validation import whole_number

if TYPE_CHECKING:
    import pandas as pd


def logged_table(game: Any, plays: int, seed: int, file: str | Path | None = None) -> pd.DataFrame:
    """A table for rewards = "table", logged from a one-step environment while all agents choose at random.

    Every agent pulls each of its K arms equally often (to one), in its own random order: an arm's rewards are those
    beside agents that choose uniformly. A table knows no more: that rewards depend on what the others do at the
    same time, and on what was observed before, is averaged over.

    Args:
        game: a MOMAland `MOParallelEnv`, or any PettingZoo `ParallelEnv` with vector rewards, that ends after one step.
            All agents need equally many discrete actions; arm k is an agent's k-th action.
        plays: how often it is played, K or more.
        seed: of the plays' actions and, by `game.reset(seed=seed)` before the first one, of the game.
        file: a .parquet or .csv file to write the table to, for `table = "..."` in an experiment.

    Returns:
        `plays` x N rows with columns agent, arm, reward_1..reward_D.

    Raises:
        InputError: agents with other actions, too few plays, a game that goes on, rewards that are no finite vectors.
    """
    import pandas as pd

    suffix = None if file is None else Path(file).suffix.lower()
    if suffix not in (None, ".csv", ".parquet"):
        raise InputError(f"file: {str(file)!r} has suffix {suffix!r}, allowed are .csv, .parquet")
    agents = list(game.possible_agents)
    first, K = _actions(game, agents)
    plays, seed = whole_number("plays", plays, K), whole_number("seed", seed, 0, 2**32 - 1)
    generator = np.random.default_rng(seed)
    arms = np.stack([generator.permutation(np.arange(plays) % K) for _ in agents], axis=1)
    rewards = []
    with global_generators_kept():
        for play, chosen in enumerate(arms):
            game.reset(seed=seed) if play == 0 else game.reset()
            result = game.step({agent: first[agent] + int(arm) for agent, arm in zip(agents, chosen, strict=True)})
            if game.agents:
                raise InputError("game: goes on after one step; allowed are environments that end there")
            rewards.append([_vector(result[1].get(agent), agent) for agent in agents])
    if len({x.shape for row in rewards for x in row}) > 1:
        raise InputError("game: rewards are of different lengths; allowed is one length for all agents")
    x = np.array(rewards).reshape(plays * len(agents), -1)
    columns = {f"reward_{d + 1}": x[:, d] for d in range(x.shape[1])}
    table = pd.DataFrame({"agent": np.tile(np.arange(len(agents)), plays), "arm": arms.ravel(), **columns})
    if suffix == ".parquet":
        table.to_parquet(str(file), index=False)
    elif suffix == ".csv":
        table.to_csv(file, index=False)
    return table


def _actions(game: Any, agents: list[str]) -> tuple[dict[str, int], int]:
    """The first action of every agent, and K."""
    spaces = {agent: game.action_space(agent) for agent in agents}
    for agent, space in spaces.items():
        if not hasattr(space, "n"):
            raise InputError(f"game: the actions of {agent!r} are {space}, allowed are discrete ones")
        if space.n != spaces[agents[0]].n:
            few = f"{agents[0]!r} has {spaces[agents[0]].n} actions and {agent!r} has {space.n}"
            raise InputError(f"game: {few}; allowed is one number of arms for all")
    return {agent: int(getattr(space, "start", 0)) for agent, space in spaces.items()}, int(spaces[agents[0]].n)


def _vector(reward: Any, agent: str) -> Floats:
    x = np.array(np.nan if reward is None else reward, dtype=np.float64)
    if x.ndim != 1 or not x.size or not np.isfinite(x).all():
        raise InputError(f"game: the reward of {agent!r} is {reward!r}, allowed is a vector of finite numbers")
    return x


@contextmanager
def global_generators_kept() -> Iterator[None]:
    """Some of MOMAland's environments draw from Python's and NumPy's global generators, and seed them: put both back."""
    ours, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)  # noqa: NPY002
