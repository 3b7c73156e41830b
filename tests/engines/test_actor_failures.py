"""Failures and communication rules with actors: the bits of the compiled engine, from messages that actors really exchange.

All is poisoned: whatever an agent has not received is NaN when it plays its round.
"""

import os
import signal
from collections.abc import Callable
from itertools import cycle, product
from types import SimpleNamespace
from typing import Any

import broken
import numpy as np
import pytest
from conftest import as_compiled, by_actors

import gossipmab as gm
from gossipmab.engines.actors import coordinator as coordinators, simulate as actors
from gossipmab.engines.actors.object_code_loader import Machine
from gossipmab.engines.actors.unreliable_block import UnreliableBlock
from gossipmab.engines.common import TrialSettings
from gossipmab.utils.rng import Purpose, stream
from tests.engines.test_actors import PLAYED
from tests.tiny import KITE, Patch, everyday, refusal

N = 5
BLOCKS, WINDOWS, WEIGHTS = (1, 2, N), (7, 50, 1), ("metropolis", "laplacian", "lazy_metropolis")
AWAY = [gm.Outage([4], last=9), gm.Outage([0, 2], 12, 15, keep_state=False)]
TROUBLES: dict[str, dict[str, Any]] = {
    "nothing": {"failures": {}},
    "loss": {"failures": {"message_loss": 0.3}},
    "acknowledged": {"failures": {"message_loss": 0.3, "symmetric_loss": True}},
    "delay": {"failures": {"delay": 3}},
    "too late for the horizon": {"failures": {"delay": 60, "random_delay": True}},
    "spread": {"failures": {"delay": 4, "random_delay": True, "message_loss": 0.1}},
    "crash": {"failures": {"crash_probability": 0.1, "recovery_probability": 0.3}},
    "forgetful": {"failures": {"crash_probability": 0.1, "recovery_probability": 0.3, "keep_state": False, "delay": 1}},
    "absences": {"failures": {"outages": AWAY}},
    "partition": {"failures": {"partitions": [gm.Partition([[0, 1, 4]], 5, 30)]}},
    "every": {"communication": {"period": 3}},
    "bits": {"communication": {"quantization_bits": 4}},
    "threshold": {"communication": {"trigger_threshold": 0.05}},
    "top": {"communication": {"top_k": 3}},
    "top, seldom": {
        "failures": {"crash_probability": 0.1, "recovery_probability": 0.3},
        "communication": {"top_k": 2, "trigger_threshold": 0.05, "quantization_bits": 6},
    },
    "all": {
        "failures": {"message_loss": 0.2, "delay": 2, "random_delay": True, "crash_probability": 0.05,
                     "recovery_probability": 0.3, "keep_state": False, "outages": AWAY},
        "communication": {"period": 2, "trigger_threshold": 0.05, "quantization_bits": 8},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def crew(crew_of: Callable[[str], gm.ActorPool]) -> gm.ActorPool:
    return crew_of("direct")


def compared(crew: gm.ActorPool, algorithm: Any, trouble: str, block: int, window: int, weights: str) -> gm.GossipTrace:
    network, environment = gm.Network(KITE, None, 0.7, weights, **TROUBLES[trouble]), gm.Environment.sample(N, 4, 2, seed=1)
    return as_compiled(crew, algorithm, environment, network, block=block, window=window)


# Every trouble meets every block size; windows and weights take turns. The whole grid, with all algorithms, is
# below, marked slow.
EAGER = gm.ParetoGossip(burn_in=0.01, mixing=0.01)
TURNS = list(zip(product(BLOCKS, TROUBLES), cycle((7, 50, 1, 7)), cycle(WEIGHTS * 2 + WEIGHTS[1:]), strict=False))


@pytest.mark.parametrize("block", everyday(BLOCKS, 2))
def test_bits_are_those_of_the_compiled_engine(crew: gm.ActorPool, block: int) -> None:
    for (agents_per_actor, trouble), window, weights in TURNS:
        if agents_per_actor == block:
            compared(crew, EAGER, trouble, block, window, weights)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", BLOCKS)
def test_the_whole_grid(crew: gm.ActorPool, block: int) -> None:
    for algorithm, trouble, (window, weights) in product(PLAYED, TROUBLES, zip(WINDOWS, WEIGHTS, strict=True)):
        compared(crew, algorithm, trouble, block, window, weights)


@pytest.mark.slow
def test_all_rows_that_cross_are_counted(crew: gm.ActorPool) -> None:
    """One agent an actor: what crossed is what was sent, or the coordinator raises. Lost messages are among them."""
    sent = {trouble: compared(crew, EAGER, trouble, 1, 50, "metropolis").messages[-1] for trouble in TROUBLES}
    assert sent["nothing"] == sent["loss"] == sent["delay"] == sent["bits"] > sent["every"] > 0
    assert 0 < sent["threshold"] < sent["nothing"]
    # agents that send nothing may be away too
    for trouble in ("forgetful", "absences"):
        assert compared(crew, gm.ParetoUCB(), trouble, 2, 7, "laplacian").messages[-1] == 0


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["loss", "delay", "threshold"])
def test_who_reads_what_it_has_not_received_differs(monkeypatch: Patch, crew: gm.ActorPool, trouble: str) -> None:
    """So that the equality above says that nothing does. The first rounds, which would refuse it, are not played."""
    monkeypatch.setattr("gossipmab.engines.gossip.simulate.check_outside", lambda *objects: None)
    network = gm.Network(KITE, None, 1.0, "laplacian", **TROUBLES[trouble])
    environment = gm.Environment.sample(N, 4, 2, seed=1)
    got = by_actors(broken.PeepingFar(), environment, network, horizon=5, seed=3, agents_per_actor=2, crew=crew, poison=True)
    expected = gm.simulate(broken.PeepingFar(), environment, network, horizon=5, seed=3)
    assert {"disagreement", "mean_drift"} & set(gm.same_bits(expected, got))


@pytest.mark.parametrize("trouble", everyday(["all", "spread", "top, seldom"], "all"))
def test_an_actor_dies_with_messages_under_way(crew: gm.ActorPool, trouble: str) -> None:
    """Killed while the second window is played: memory, clocks and what was told come back with the snapshot."""
    environment = gm.Environment.sample(N, 4, 2, seed=1)
    network = gm.Network(KITE, None, 0.7, "metropolis", **TROUBLES[trouble])
    notes, windows = list[str](), list[int]()

    def kill(steps: int) -> None:
        windows.append(steps)
        if len(windows) == 1:
            os.kill(dying.pids[1], signal.SIGKILL)

    with gm.ActorPool(note=notes.append, patience=20.0) as dying:
        got = by_actors(
            EAGER, environment, network, horizon=1200, seed=3, window=300, agents_per_actor=2, crew=dying,
            poison=True, note=notes.append, progress=kill,
        )  # fmt: skip
    assert windows == [300 * N] * 4
    assert gm.same_bits(gm.simulate(EAGER, environment, network, horizon=1200, seed=3), got) == []
    died = [note for note in notes if note.startswith("actor 1 died in rounds ")]
    assert len(died) == 1 and "made anew as it was after round " in died[0], notes


def test_by_reference_they_are_refused() -> None:
    environment = gm.Environment.sample(N, 4, 2, seed=1)
    for named in ("failures", "communication"):
        line = refusal(actors.check, gm.ParetoUCBGossip(), environment, gm.Network(KITE, **{named: {}}), gm.ActorPool("refs"))
        assert line == f"transport: got 'refs', allowed with network.{named} is 'direct'"


@pytest.mark.parametrize(("network", "waits"), [
    ({"failures": {}}, [1, 1, 1, 1, 1, 1, 0]),
    ({"failures": {"delay": 2}}, [0, 0, 1, 1, 1, 1, 2]),  # at the end what is still under way, for the snapshot
    ({"failures": {"delay": 9}}, [0, 0, 0, 0, 0, 0, 6]),
    ({"failures": {"message_loss": 1.0, "delay": 1}}, [0, 1, 1, 1, 1, 1, 1]),  # what is lost is dropped in time
    ({"failures": {"delay": 2}, "communication": {"trigger_threshold": 0.0}}, [1] * 12 + [0]),  # who speaks, then the rows
])  # fmt: skip
def test_a_message_is_waited_for_in_the_round_that_reads_it(monkeypatch: Patch, network: dict[str, Any], waits: list[int]) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(coordinators, "Epochs", lambda *arguments: begun.append(arguments))
    monkeypatch.setattr("ray.put", lambda value: value)
    monkeypatch.setattr("ray.nodes", list)
    trial = TrialSettings(6, 3, recorded_rounds=2)
    environment, graph = gm.Environment.sample(4, 3, 2, seed=1), gm.Network("complete", 4, 1.0, **network)
    coordinator = coordinators.Coordinator(gm.ParetoUCBGossip(), environment, graph, gm.ActorPool(agents_per_actor=2), trial)
    coordinator._begin(0)
    info, rewards = begun[0][2:4]
    block = UnreliableBlock(info, 0, rewards[0], None, Machine(info.program))
    streams = [stream(**trial.key, purpose=purpose) for purpose in (Purpose.LINKS, Purpose.FAILURES)]
    part: Any = coordinator._parts(graph.link_sampler(streams[0])(6), graph.failure_sampler(streams[1]))[0]
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
