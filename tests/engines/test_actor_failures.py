"""Failures and communication rules with actors: the bits of the compiled engine, from messages that actors really exchange.

All is poisoned: whatever an agent has not received is NaN when it plays its round.
"""

import os
import signal
from collections.abc import Iterator
from itertools import cycle, product
from typing import Any, NamedTuple

import numpy as np
import pytest
from conftest import by_actors

import gossipmab as gm
from gossipmab.engines.actors import simulate as actors
from gossipmab.engines.pools.ray_session import session
from tests.engines.test_actors import PLAYED
from tests.tiny import KITE, everyday, refusal

N, HORIZON, RECORD = 5, 53, 17
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
def crew() -> Iterator[gm.ActorPool]:
    notes: list[str] = []
    with session(cpus=2), gm.ActorPool(note=notes.append, patience=30.0) as crew:
        yield crew
    assert not [line for line in notes if not line.endswith(("are ready", "to start"))]


def compared(
    crew: gm.ActorPool, algorithm: Any, trouble: str, block: int, window: int, weights: str, **options: Any
) -> gm.GossipTrace:
    """Play with actors, poisoned; assert that the trace is that of the compiled engine."""
    network = gm.Network(KITE, None, 0.7, weights, **TROUBLES[trouble])
    environment = gm.Environment.sample(N, 4, 2, seed=1)
    common = {"horizon": HORIZON, "seed": 3, "recorded_rounds": RECORD, **options}
    expected = gm.simulate(algorithm, environment, network, **common)
    got = by_actors(
        algorithm, environment, network, agents_per_actor=block, window=window, crew=crew, poison=True, note=crew.note, **common
    )
    assert gm.same_bits(expected, got) == [], (algorithm, trouble, block, window, weights)
    assert not np.isnan(got.pareto_regret).any() and not np.isnan(got.disagreement).any()
    return got


# Every trouble meets every block size; windows and weights take turns. The whole grid, with all algorithms, is
# below, marked slow.
ALGORITHMS = (gm.ParetoGossip(burn_in=0.01, mixing=0.01),)
CASES = [
    (*case, algorithm, window, weights)
    for case, algorithm, window, weights in zip(
        product(BLOCKS, TROUBLES), cycle(ALGORITHMS), cycle((7, 50, 1, 7)), cycle(WEIGHTS * 2 + WEIGHTS[1:]), strict=False
    )
]


@pytest.mark.parametrize("block", everyday(BLOCKS, 2))
def test_bits_are_those_of_the_compiled_engine(crew: gm.ActorPool, block: int) -> None:
    for agents_per_actor, trouble, algorithm, window, weights in CASES:
        if agents_per_actor == block:
            compared(crew, algorithm, trouble, block, window, weights)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", BLOCKS)
def test_the_whole_grid(crew: gm.ActorPool, block: int) -> None:
    for algorithm, trouble, (window, weights) in product(PLAYED, TROUBLES, zip(WINDOWS, WEIGHTS, strict=True)):
        compared(crew, algorithm, trouble, block, window, weights)


@pytest.mark.slow
def test_all_rows_that_cross_are_counted(crew: gm.ActorPool) -> None:
    """One agent an actor: what crossed is what was sent, or the coordinator raises. Lost messages are among them."""
    sent = {trouble: compared(crew, ALGORITHMS[0], trouble, 1, 50, "metropolis").messages[-1] for trouble in TROUBLES}
    assert sent["nothing"] == sent["loss"] == sent["delay"] == sent["bits"] > sent["every"] > 0
    assert 0 < sent["threshold"] < sent["nothing"]
    # agents that send nothing may be away too
    for trouble in ("forgetful", "absences"):
        assert compared(crew, gm.ParetoUCB(), trouble, 2, 7, "laplacian").messages[-1] == 0


class PeepingState(NamedTuple):
    local_mean: Any
    global_mean: Any
    sent_global_mean: Any


class Peeping(NamedTuple):
    """Reads in every round what the last agent sent, whether it received it or not."""

    @property
    def communicates(self) -> bool:
        return True

    def check(self) -> None:
        pass

    def init(self, shape: Any) -> Any:
        return PeepingState(*np.zeros((3, shape.agents, shape.arms, shape.objectives)))

    def select(self, state: Any, i: int, t: int, p: Any) -> None:
        for k in range(p.shape[0]):
            p[k] = 1.0 if k == t % p.shape[0] else 0.0

    def update(self, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
        state.local_mean[i, arm, 0] = x[0]
        state.global_mean[i, arm, 0] = x[0] + state.sent_global_mean[state.local_mean.shape[0] - 1, arm, 0]


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["loss", "delay", "threshold"])
def test_who_reads_what_it_has_not_received_differs(monkeypatch: pytest.MonkeyPatch, crew: gm.ActorPool, trouble: str) -> None:
    """So that the equality above says that nothing does. The first rounds, which would refuse it, are not played."""
    monkeypatch.setattr("gossipmab.engines.gossip.simulate.check_outside", lambda *objects: None)
    network = gm.Network(KITE, None, 1.0, "laplacian", **TROUBLES[trouble])
    environment = gm.Environment.sample(N, 4, 2, seed=1)
    got = by_actors(Peeping(), environment, network, horizon=5, seed=3, agents_per_actor=2, crew=crew, poison=True)
    expected = gm.simulate(Peeping(), environment, network, horizon=5, seed=3)
    assert {"disagreement", "mean_drift"} & set(gm.same_bits(expected, got))


@pytest.mark.parametrize("trouble", everyday(["all", "spread", "top, seldom"], "all"))
def test_an_actor_dies_with_messages_under_way(crew: gm.ActorPool, trouble: str) -> None:
    """Killed while the second window is played: memory, clocks and what was told come back with the snapshot."""
    environment = gm.Environment.sample(N, 4, 2, seed=1)
    network = gm.Network(KITE, None, 0.7, "metropolis", **TROUBLES[trouble])
    notes: list[str] = []
    windows: list[int] = []

    def kill(steps: int) -> None:
        windows.append(steps)
        if len(windows) == 1:
            os.kill(dying.pids[1], signal.SIGKILL)

    with gm.ActorPool(note=notes.append, patience=20.0) as dying:
        got = by_actors(
            ALGORITHMS[0], environment, network, horizon=1200, seed=3, window=300, agents_per_actor=2, crew=dying,
            poison=True, note=notes.append, progress=kill,
        )  # fmt: skip
    assert windows == [300 * N] * 4
    assert gm.same_bits(gm.simulate(ALGORITHMS[0], environment, network, horizon=1200, seed=3), got) == []
    died = [note for note in notes if note.startswith("actor 1 died in rounds ")]
    assert len(died) == 1 and "made anew as it was after round " in died[0], notes


def test_by_reference_they_are_refused() -> None:
    environment = gm.Environment.sample(N, 4, 2, seed=1)
    for named in ("failures", "communication"):
        line = refusal(actors.check, gm.ParetoUCBGossip(), environment, gm.Network(KITE, **{named: {}}), gm.ActorPool("refs"))
        assert line == f"transport: got 'refs', allowed with network.{named} is 'direct'"
