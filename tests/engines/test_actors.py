"""The decentralised engine gives the bits of the compiled one: any transport, block size, window, graph and weights."""

import math
import socket
import threading
from collections.abc import Callable
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import as_compiled, by_actors

import gossipmab as gm
from gossipmab.algorithms import ALGORITHMS
from gossipmab.engines import limits as capacity
from gossipmab.engines.actors import object_code as native
from gossipmab.engines.actors.agent_block import WindowGraph, crossing_of
from gossipmab.engines.actors.sockets import SocketMesh, WindowLostError
from gossipmab.engines.gossip.channel_state import Rows, Wire
from gossipmab.engines.pools.ray_session import ray_options
from gossipmab.networks.mixing import WEIGHT_RULES
from tests.tiny import Patch, python, refuses, slow, world

PLAYED: list[Any] = [
    *(algorithm() for algorithm in ALGORITHMS.values()), gm.ParetoUCBGossip(pooled=True),
    gm.SimulatedNSWUCBGossip(solver="local"), gm.SimulatedNSWUCBGossip(no_gossip=True), gm.SimulatedNSWUCBGossip(no_sim=True),
    gm.SimulatedNSWUCBGossip(no_sim=True, rescale=True, welfare="geometric"),
]  # fmt: skip
GRAPHS = {"complete": 5, "ring": 7, "karate_club": 34}
WINDOWS = (1, 7, 50)


def compared(crew: Any, algorithm: Any, graph: str, weights: str, block: int, window: int, p: float = 0.6, **options: Any) -> None:
    as_compiled(crew, algorithm, *world(GRAPHS[graph], 4, 2, graph, p, weights, seed=1), block=block, window=window, **options)


PLACES = (("complete", 1), ("ring", 3), ("karate_club", 12), ("ring", 1))
TURNS = zip(product(PLACES, PLAYED), cycle(WEIGHT_RULES), cycle(WINDOWS), strict=False)
CASES = [(*case, weights, window) for case, weights, window in TURNS]


@pytest.mark.parametrize("played", [gm.ParetoUCBGossip(), slow(gm.SimulatedNSWUCBGossip())], ids=lambda a: type(a).__name__)
def test_bits_of_the_papers_algorithms_are_those_of_compiled_loops(crew_of: Callable[[str], gm.ActorPool], played: Any) -> None:
    for (graph, block), algorithm, weights, window in CASES[: len(PLAYED)]:
        if type(algorithm) is type(played) and algorithm == played:
            compared(crew_of("direct"), algorithm, graph, weights, block, window)


@pytest.mark.slow
@pytest.mark.timeout(900)  # every algorithm compiles
@pytest.mark.parametrize("transport", ["direct", "refs"])
@pytest.mark.parametrize("index", range(4))
def test_bits_are_those_of_the_compiled_engine(crew_of: Callable[[str], gm.ActorPool], transport: str, index: int) -> None:
    for (graph, block), algorithm, weights, window in CASES[index * len(PLAYED) : (index + 1) * len(PLAYED)]:
        compared(crew_of(transport), algorithm, graph, weights, block, window)


@pytest.mark.slow
@pytest.mark.parametrize("rewards", ["table", "rounds", "beta", "gaussian", "discrete", "deterministic"])
def test_every_reward_model_draws_the_same(crew_of: Callable[[str], gm.ActorPool], tmp_path: Path, rewards: str) -> None:
    extra = {}
    if rewards == "table":
        rows = [f"{i},{k},{(i + 2 * k) % 7 / 7},{(3 * i + k + r) % 5 / 5}" for i in range(7) for k in range(4) for r in range(3)]
        (tmp_path / "log.csv").write_text("agent,arm,reward_1,reward_2\n" + "\n".join(rows) + "\n", encoding="utf-8")
        extra["logged_rewards"] = tmp_path / "log.csv"
    if rewards == "rounds":  # one draw for all agents
        environment = gm.datasets.ridesharing(Path(__file__).parents[2] / "experiments" / "pickups.csv", vehicles=7, zones=4)
    else:
        environment = gm.Environment.sample(7, 4, 2, rewards=rewards, seed=2, **extra)
    network = gm.Network("ring", 7, 0.6, "metropolis")
    as_compiled(crew_of("direct"), gm.ParetoUCBGossip(), environment, network, block=3, window=20)


def test_all_links_present_own_streams_and_arrays_that_are_not_poisoned(crew_of: Callable[[str], gm.ActorPool]) -> None:
    for transport in ("direct", "refs"):
        options = {"trial": 2, "stream_label": "mine", "welfare": "geometric", "poison": False}
        compared(crew_of(transport), gm.ParetoUCBGossip(), "complete", "max_degree", 3, 20, 1.0, **options)


@pytest.mark.parametrize("processor", ["this", "another"])
def test_an_actor_loads_no_compiler_but_on_another_processor(ray_here: None, monkeypatch: Patch, processor: str) -> None:
    import ray

    made, names = native.program, ("numba", "scipy", "networkx", "pydantic", "pandas", "pyarrow")
    if processor == "another":
        other = {"processor": "another kind of one"}
        monkeypatch.setattr("gossipmab.engines.actors.coordinator.program", lambda *recipe: made(*recipe)._replace(**other))
    with gm.ActorPool(note=lambda line: None) as crew:
        compared(crew, gm.ParetoUCBGossip(), "complete", "laplacian", 3, 20)
        loaded = [
            handle.__ray_call__.remote(lambda self, names: [n for n in names if __import__("sys").modules.get(n)], names)
            for handle in crew.handles
        ]
        found = ray.get(loaded, timeout=30)
    assert [("numba" in one, len(one) > 0) for one in found] == [(processor == "another",) * 2] * 2


@pytest.mark.slow
def test_cells_are_played_one_after_the_other_or_side_by_side_by_the_same_actors() -> None:
    """In a process of its own: the engine starts its Ray itself, for cells or for one trial, and ends it."""
    script = """
import gossipmab as gm
from gossipmab.engines.actors.simulate import run_cells, simulate_actors
from gossipmab.utils.errors import InputError
e, n = gm.Environment.sample(4, 4, 2), gm.Network("ring", 4, 0.5)
def play(cell, steps, simulate):
    if cell == 1:
        raise OSError("no luck")
    return simulate(gm.ParetoUCBGossip(), e, n, horizon=25, seed=cell, progress=steps)
told = []
out = list(run_cells([0, 1, 2], play, steps=told.append, note=print, agents_per_actor=2, window=10, transport="refs"))
assert [cell for cell, _ in out] == [0, 1, 2] and told == [40, 40, 20] * 2, told
assert isinstance(out[1][1], OSError)
for cell, trace in (out[0], out[2]):
    assert trace.nsw_regret.tobytes() == gm.simulate(gm.ParetoUCBGossip(), e, n, horizon=25, seed=cell).nsw_regret.tobytes()
again = dict(run_cells([0, 1, 2, 3], play, workers=3, agents_per_actor=2, window=10))
assert isinstance(again[1], OSError) and sorted(again) == [0, 1, 2, 3]
assert all(again[cell].nsw_regret.tobytes() == trace.nsw_regret.tobytes() for cell, trace in (out[0], out[2]))
try:
    list(run_cells([0], play, transport="ref"))
except InputError as error:
    assert "did you mean 'refs'" in str(error)
import ray
trace = simulate_actors(gm.ParetoUCBGossip(), e, n, horizon=25, seed=2, note=print)
assert trace.bytes.tobytes() == out[2][1].bytes.tobytes() and not ray.is_initialized()
"""
    python(script, timeout=150)


def test_bad_options_are_refused_before_anything_starts() -> None:
    place = gm.ParetoUCB(), *world(5, 4, 2)
    for options, message in (
        ({"transport": "direkt"}, r"^transport: 'direkt' is not known; did you mean 'direct'\? \(allowed: direct, refs\)$"),
        ({"window": 0}, "^window: got 0, allowed is a whole number >= 1$"),
        ({"horizon": 1.5}, "^horizon: got 1.5, allowed is a whole number >= 1$"),
    ):
        refuses(message, by_actors, *place, **{"horizon": 10, "seed": 0, **options})


def test_actors_that_do_not_fit_are_refused_with_advice() -> None:
    wide, needed = capacity.Room(2048.0, math.inf, math.inf), capacity.need(1000, 2**20)
    assert needed.actors == 1000 and 40_000 < needed.mib < 80_000
    for given, line in (
        ((needed, 1000, 8, [wide]), r"^agents_per_actor: 1000 actors need about [0-9,]+ MiB, .* >= 30$"),
        ((needed, 1000, 8, [wide] * 2), "MiB on 2 nodes; use agents_per_actor >= 15$"),
        ((needed, 1000, 8, [wide._replace(mib=10.0)]), "use the engine threads$"),
        ((capacity.need(1, 0), 1, 50, [wide, wide._replace(files=100)]), "allowed are 36 "),
    ):
        refuses(line, capacity.check, *given)
    capacity.check(capacity.need(20, 2**20), 20, 19, [wide._replace(mib=1024.0)] * 2)
    assert 0 < capacity.available_mib() and 0 < capacity.processes_left() and ray_options({}) == {}
    # what an actor takes
    assert ray_options({"CPU": 0.5, "memory": 1e9, "big": 1}) == {"num_cpus": 0.5, "memory": 1e9, "resources": {"big": 1}}


def test_messages_larger_than_the_kernel_holds_get_through_both_ways() -> None:
    """Two peers that each send 64 MB before they read would wait forever."""
    S = 1_000_000
    ends = socket.socketpair()
    peers = [SocketMesh(index, b"key", "127.0.0.1", 20.0) for index in (0, 1)]
    wires = []
    for index in (0, 1):
        peers[index].sockets[1 - index] = ends[index]
        boxes = [np.full((8, S), float(index)), np.zeros((8, S))]
        calls = [np.array([[ends[index].fileno(), box.ctypes.data, box.nbytes]]) for box in boxes]
        rows = [Rows(np.array([0, 8]), np.arange(8), box, np.array([0, 1]), call) for box, call in zip(boxes, calls, strict=True)]
        wires.append(Wire(rows[0], rows[1], np.zeros(1, np.int64), np.zeros(3, np.int64)))
    threads = [threading.Thread(target=peers[index].finish, args=(wires[index], 0)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()
    for index in (0, 1):
        assert (wires[index].incoming.box == 1 - index).all() and wires[index].sent[0] == 64 * S
        assert wires[index].done.tolist() == [0, 0, 1]
    ends[0].close()
    with pytest.raises(WindowLostError):
        peers[1].finish(wires[1], 0)
    for peer in peers:
        peer.reset(-1)


def test_rows_cross_a_border_once_whoever_reads_them() -> None:
    """Blocks {0, 1}, {2, 3}; round 1: 1-2, 1-3, 0-1; round 2: nothing; round 3: 0-3."""
    own = type("Own", (), {"index": 0, "first": 0, "last": 2, "message_size": 3, "owner": np.array([0, 0, 1, 1])})()
    own.info = type("Info", (), {"sizes": (4, 2, 2), "bounds": np.array([0, 2, 4]), "communicates": True})()
    part = WindowGraph(np.array([[1, 3], [0, 0], [1, 0]]), np.array([1, 0, 2, 3, 3]), np.zeros(5))
    wire = crossing_of(part, own, {1: 77})
    assert part.peers(own.owner, 0) == [[1], [], [1]]
    assert wire.outgoing.first.tolist() == [0, 1, 1, 2] and wire.outgoing.agents.tolist() == [1, 0]
    assert wire.incoming.first.tolist() == [0, 2, 2, 3] and wire.incoming.agents.tolist() == [2, 3, 3]
    assert wire.outgoing.calls[:, [0, 2]].tolist() == [[77, 24], [77, 24]]
    assert wire.incoming.calls[:, [0, 2]].tolist() == [[77, 48], [77, 24]]
    assert wire.incoming.call_first.tolist() == [0, 1, 1, 2]
    with pytest.raises(KeyError):
        crossing_of(part, own, {})
