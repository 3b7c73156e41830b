"""The rounds of the GPU engine on this processor: the same functions, compiled by numba, agents from the last to the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit

import gossipmab as gm
from gossipmab.engines.common import TrialSettings
from gossipmab.engines.gpu.batch import Given, Trial, batch_of, begun
from gossipmab.engines.gpu.kinds import parts
from gossipmab.engines.gpu.rounds import draw_links, list_neighbours, weigh_neighbours

NETWORKS: tuple[dict[str, Any], ...] = (
    {"base": "complete", "link_probability": 0.5, "weights": "laplacian"},
    {"base": "ring", "weights": "max_degree"},
    {"base": "star", "links": gm.GilbertElliott(0.3, 0.4), "weights": "metropolis"},
    {"base": "complete", "link_probability": 0.3, "weights": "lazy_metropolis"},
)


def worlds(rewards: Any, agents: int = 6, arms: int = 4, objectives: int = 2) -> list[tuple[gm.Environment, gm.Network]]:
    """An environment on each of the networks: all weights; links that are drawn, that are always up, that the host samples."""
    sizes = {"agents": agents, "arms": arms, "objectives": objectives}
    return [
        (gm.Environment.sample(**sizes, rewards=rewards, seed=0, trial=k), gm.Network(agents=agents, **network))
        for k, network in enumerate(NETWORKS)
    ]


def differing(one: Any, other: Any) -> list[str]:
    """The columns in which two traces differ."""
    names = one.COLUMNS
    return [name for name in names if not np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)]


def trial_of(algorithm: Any, world: tuple[gm.Environment, gm.Network], **settings: Any) -> Trial:
    """A trial of the GPU engine."""
    return begun(algorithm, *world, TrialSettings.checked(settings))


def play_here(trials: Sequence[Trial], block: int) -> list[Any]:
    """The traces of trials of one kind, `block` rounds a launch."""
    agent, record = parts(trials[0].kind)
    batch, horizon = batch_of(trials), trials[0].settings.horizon
    given = Given(trials, batch.graphs)

    @njit  # type: ignore[untyped-decorator]
    def launch(batch: Any, t0: int, rounds: int) -> None:
        C, N = batch.buffers.degrees.shape
        for c in range(C):
            for b in range(rounds):
                for lane in range(batch.streams.lanes.shape[1]):
                    draw_links(batch.graphs, batch.streams, batch.buffers, c, lane, b)
                for i in range(N - 1, -1, -1):
                    list_neighbours(batch.graphs, batch.buffers, c, i)
                for i in range(N - 1, -1, -1):
                    weigh_neighbours(batch.graphs, batch.buffers, c, i)
                    agent(batch, c, i, b, t0 + b + 1)
                record(batch, c, t0 + b + 1)

    for t0 in range(0, horizon, block):
        rounds = min(block, horizon - t0)
        launch(batch._replace(streams=batch.streams._replace(**given.block(rounds))), t0, rounds)
    for name, kept in batch.records.kept._asdict().items():
        for c, trial in enumerate(trials):
            if name != "rounds":
                getattr(trial.tally.kept, name)[...] = kept[c]
    return [trial.trace() for trial in trials]
