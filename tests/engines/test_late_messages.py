"""An actor waits for a message when it is read, not when it is sent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.engines.actors import coordinator as coordinators
from gossipmab.engines.actors.object_code_loader import Machine
from gossipmab.engines.actors.unreliable_block import UnreliableBlock
from gossipmab.engines.common import TrialSettings
from gossipmab.utils.rng import Purpose, stream

ROUNDS = 6


@pytest.mark.parametrize(
    "network, waits",
    [
        ({"failures": {}}, [1, 1, 1, 1, 1, 1, 0]),
        ({"failures": {"delay": 2}}, [0, 0, 1, 1, 1, 1, 2]),  # at the end what is still under way, for the snapshot
        ({"failures": {"delay": 9}}, [0, 0, 0, 0, 0, 0, 6]),
        ({"failures": {"message_loss": 1.0, "delay": 1}}, [0, 1, 1, 1, 1, 1, 1]),  # what is lost is dropped in time
        ({"failures": {"delay": 2}, "communication": {"trigger_threshold": 0.0}}, [1] * 12 + [0]),  # who speaks, then the rows
    ],
)
def test_frames_are_received_in_the_round_that_reads_them(
    monkeypatch: pytest.MonkeyPatch, network: dict[str, Any], waits: list[int]
) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(coordinators, "Epochs", lambda *arguments: begun.append(arguments))
    monkeypatch.setattr("ray.put", lambda value: value)
    monkeypatch.setattr("ray.nodes", list)
    trial = TrialSettings(ROUNDS, 3, recorded_rounds=2)
    environment, graph = gm.Environment.sample(4, 3, 2, seed=1), gm.Network("complete", 4, 1.0, **network)
    coordinator = coordinators.Coordinator(gm.ParetoUCBGossip(), environment, graph, gm.ActorPool(agents_per_actor=2), trial)
    coordinator._begin(0)
    info, rewards = begun[0][2:4]
    block = UnreliableBlock(info, 0, rewards[0], None, Machine(info.program))
    streams = [stream(**trial.key, purpose=purpose) for purpose in (Purpose.LINKS, Purpose.FAILURES)]
    part: Any = coordinator._parts(graph.link_sampler(streams[0])(ROUNDS), graph.failure_sampler(streams[1]))[0]
    numbers = 2 * block.message_size  # of a frame: both agents of the other actor send
    received: list[float] = []

    def exchange(sends: dict[int, Any], receives: dict[int, Any]) -> None:
        size = receives.get(1, SimpleNamespace(size=0)).size
        received.append(size // numbers if size >= numbers else min(size, 1))
        for array in receives.values():
            array[...] = 1
        assert bool(sends) == (len(received) < len(waits))

    block.play_window(*part, exchange)
    assert received == waits and np.isfinite(block.boxes()[0][block.own]).all()
