"""What happens to actors and to their sockets costs time, never results: the bits equal the undisturbed run's."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from conftest import by_actors

import gossipmab as gm
from gossipmab.engines.actors import sockets as peers
from gossipmab.engines.actors.coordinator import trials_at_once
from gossipmab.engines.actors.listening import Listen
from gossipmab.engines.actors.placement import Node, Placement
from gossipmab.engines.actors.supervisor import ActorPool, ActorsLostError
from gossipmab.engines.limits import Room
from tests.tiny import Patch, python, refuses, slow, until, world

N, WINDOWS = 4, {"direct": (12_000, 3000), "refs": (90, 30)}  # rounds, and rounds of a window
pytestmark = pytest.mark.timeout(180)


setting = pytest.fixture(scope="module")(lambda: world(N, 4, 2, p=0.6, seed=1))


def disturbed(
    setting: tuple[gm.Environment, gm.Network], transport: str, disturb: Callable[[ActorPool], Any], patience: float = 20.0,
    **options: Any,
) -> list[str]:  # fmt: skip
    """Play with `disturb` called after the first window, while the next ones are played; what was noted. Asserts the bits."""
    environment, network = setting
    horizon, window = WINDOWS[transport]
    notes, windows = list[str](), list[int]()
    with ActorPool(transport, note=notes.append, patience=patience) as crew:

        def progress(steps: int) -> None:
            windows.append(steps)
            if len(windows) == 1:
                disturb(crew)

        got = by_actors(
            gm.ParetoUCBGossip(), environment, network, horizon=horizon, seed=3, window=window, crew=crew, note=notes.append,
            progress=progress, **options,
        )  # fmt: skip
        pids = list(crew.pids)
    assert len(windows) == horizon // window  # every window is told once, replayed or not
    assert gm.same_bits(gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=horizon, seed=3), got) == []
    gone(pids)
    assert all("\n" not in note for note in notes)
    return [note for note in notes if not note.endswith(("are ready", "to start"))]


def lives(pid: int) -> bool:
    """Whether the process runs; it may end while it is looked at."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone(pids: list[int]) -> None:
    """Assert that these processes end."""
    until(lambda: not any(map(lives, pids)), 15.0)


@pytest.mark.parametrize(("transport", "how"), [
    ("direct", "SIGKILL"), slow("refs", "ray.kill"), slow("direct", "ray.kill"), slow("refs", "SIGKILL"),
])  # fmt: skip
def test_a_dead_actor_is_made_anew_and_the_window_replayed(ray_here: None, setting: Any, transport: str, how: str) -> None:
    import ray

    def kill(crew: ActorPool) -> None:
        if how == "ray.kill":
            ray.kill(crew.handles[2])
        else:
            os.kill(crew.pids[2], signal.SIGKILL)

    notes = disturbed(setting, transport, kill)
    first = WINDOWS[transport][1]
    assert len(notes) == 1 and notes[0].startswith("actor 2 died in rounds ")
    assert f"made anew as it was after round {first}" in notes[0] or f"after round {2 * first}" in notes[0]


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["direct", "refs"])
def test_two_die_at_once_and_blocks_too(ray_here: None, setting: Any, transport: str) -> None:
    notes = disturbed(setting, transport, lambda crew: [os.kill(pid, signal.SIGKILL) for pid in crew.pids], agents_per_actor=2)
    assert sorted(note[:12] for note in notes) == ["actor 0 died", "actor 1 died"]


def test_an_actor_dies_under_trials_side_by_side(ray_here: None, setting: Any) -> None:
    """All go back to their own snapshots; the actor is made anew once."""
    notes: list[str] = []
    windows: Counter[int] = Counter()
    options = {"horizon": 6000, "seed": 3}
    with ActorPool(window=500, note=notes.append) as crew, ThreadPoolExecutor(3) as threads:
        crew.side_by_side(3)

        def played(trial: int) -> Any:
            def progress(steps: int) -> None:
                windows[trial] += 1
                if len(windows) == 3 and -1 not in windows:
                    windows[-1] += 1
                    os.kill(crew.pids[2], signal.SIGKILL)

            world = (gm.ParetoUCBGossip(), *setting)
            return gm.simulate_actors(*world, trial=trial, pool=crew, note=notes.append, progress=progress, **options)  # type: ignore[arg-type]

        for trial, got in enumerate(threads.map(played, range(3))):
            assert gm.same_bits(gm.simulate(gm.ParetoUCBGossip(), *setting, trial=trial, **options), got) == []  # type: ignore[arg-type]
    assert sum("made anew" in note for note in notes) == windows[-1] == 1


@pytest.mark.slow
def test_an_actor_that_hangs_is_replaced(ray_here: None, setting: Any) -> None:
    notes = disturbed(setting, "direct", lambda crew: os.kill(crew.pids[1], signal.SIGSTOP), patience=2.0)
    assert len(notes) == 1 and notes[0].startswith("actor 1 did not answer for 2 s in rounds ")


@pytest.mark.slow
def test_a_window_is_seconds_not_rounds(ray_here: None, setting: Any, monkeypatch: Patch) -> None:
    """By default; few rounds first, then as many as take so long."""
    windows: list[int] = []
    monkeypatch.setattr("gossipmab.engines.actors.coordinator.SECONDS", 0.05)
    with ActorPool(note=lambda line: None) as crew:
        got = by_actors(
            gm.ParetoUCBGossip(), *setting, horizon=4000, seed=3, crew=crew, progress=lambda steps: windows.append(steps // N)
        )
    assert gm.same_bits(gm.simulate(gm.ParetoUCBGossip(), *setting, horizon=4000, seed=3), got) == []
    assert windows[:2] == [16, 16] and sum(windows) == 4000 and 16 < max(windows)
    assert all(after <= 4 * before for before, after in zip(windows, windows[2:], strict=False))


@pytest.mark.slow
def test_actors_that_die_again_and_again_end_the_trial_with_nothing_left(ray_here: None, setting: Any) -> None:
    pids: set[int] = set()
    ended = threading.Event()
    with ActorPool(note=lambda line: None, patience=10.0) as crew:

        def killer() -> None:
            while not ended.wait(0.05):
                for pid in list(crew.pids):
                    if pid is not None and pid not in pids:
                        pids.add(pid)
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)

        thread = threading.Thread(target=killer)
        thread.start()
        try:
            with pytest.raises(ActorsLostError, match="times in a row|could not be brought back"):
                by_actors(gm.ParetoUCBGossip(), *setting, horizon=200_000, seed=0, window=100_000, crew=crew)
        finally:
            ended.set()
            thread.join()
        pids.update(pid for pid in crew.pids if pid is not None)
    gone(sorted(pids))


GARBAGE = (b"GET / HTTP/1.1\r\n\r\n" * 10, b"\xff" * 3, b"", b"\x7f" + os.urandom(499))


def knock(address: tuple[str, int]) -> None:
    """One stranger with a wrong key, others with garbage; each is answered by a thread of its own, in no order."""
    with pytest.raises(AuthenticationError):
        Client(address, authkey=b"a wrong key")
    for garbage in GARBAGE:
        with socket.create_connection(address, timeout=10) as stranger, suppress(ConnectionError):
            stranger.sendall(garbage)


def test_strangers_are_refused_in_a_few_lines_and_do_no_harm(ray_here: None, setting: Any) -> None:
    import ray

    def disturb(crew: ActorPool) -> None:
        knock(tuple(ray.get(crew.handles[0].call.remote(0, "listen", b"", 1.0), timeout=60)))

    notes, line = disturbed(setting, "direct", disturb), r"actor 0 refused a connection from |and \d more connections were refused$"
    assert notes and all(re.match(line, note) for note in notes)


def test_every_stranger_is_refused_with_the_reason() -> None:
    mesh = peers.SocketMesh(0, b"key", "127.0.0.1", 20.0)
    try:
        mesh.reset(1)
        knock(mesh.address)
        found: list[Any] = []
        until(lambda: found.append(mesh.refused()) or sum(len(one.lines) + one.others for one in found) > len(GARBAGE))
        lines, others = [line for one in found for line in one.lines], sum(one.others for one in found)
        assert len(lines) + others == 1 + len(GARBAGE)
        assert others or any("digest received was wrong" in line for line in lines)
        assert all(line.startswith("actor 0 refused a connection from 127.0.0.1:") and line.endswith(")") for line in lines)
    finally:
        mesh.reset(-1)


def test_peers_know_each_other_by_key_and_epoch(monkeypatch: Patch) -> None:
    key = os.urandom(32)
    one, two = (peers.SocketMesh(index, key, "127.0.0.1", 1.0) for index in (0, 1))
    try:
        for peer in (one, two):
            peer.reset(7)
        two.link({0: one.address})
        one.link({1: two.address})
        assert one.sockets.keys() == {1} and two.sockets.keys() == {0}
        one.sockets[1].sendall(b"hello")
        assert two.sockets[0].recv(5) == b"hello"
        two.reset(6)  # another epoch is refused, and the connection of the right one stays
        with pytest.raises(peers.WindowLostError, match="cannot reach actor 0"):
            two.link({0: one.address})
        assert "epoch 6 is not 7" in one.refused().lines[0]
        one.patience = 0.2
        with pytest.raises(peers.WindowLostError, match=r"waited for actors \[5\]"):
            one.link({5: ("127.0.0.1", 1)})
        two.key = b"another"
        two.reset(7)
        with pytest.raises(peers.WindowLostError):
            two.link({0: one.address})
    finally:
        one.reset(-1)
        two.reset(-1)


def test_strangers_that_drip_bytes_hold_no_place(monkeypatch: Patch) -> None:
    """All places are taken by handshakes that would never end; each is counted, few are described."""
    monkeypatch.setattr(peers, "HANDSHAKE", 1.0)
    monkeypatch.setattr(peers, "HANDSHAKES", 8)
    one, two = (peers.SocketMesh(index, b"key", "127.0.0.1", 20.0) for index in (0, 1))
    strangers = [socket.create_connection(one.address, timeout=5) for _ in range(20)]
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(0.05):
            for stranger in strangers:
                with suppress(OSError):
                    stranger.send(b"\x00")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        for peer in (one, two):
            peer.reset(1)
        two.link({0: one.address})
        one.link({1: two.address})
        found: list[Any] = []
        until(lambda: found.append(one.refused()) or sum(len(since.lines) + since.others for since in found) >= 20)
        assert all(len(since.lines) <= peers.NOTES for since in found)
    finally:
        ended.set()
        thread.join()
        for peer in (one, two):
            peer.reset(-1)
        for stranger in strangers:
            stranger.close()


def test_who_waits_for_a_peer_is_woken_from_outside() -> None:
    """In an exchange, and while it connects."""
    ends = socket.socketpair()
    mesh = peers.SocketMesh(0, b"key", "127.0.0.1", 100.0)
    mesh.sockets[1] = ends[0]
    for wait in (lambda: mesh.swap({}, {1: np.zeros(3)}), lambda: mesh.link({5: ("127.0.0.1", 1)})):
        caught: list[BaseException] = []

        def waiting(wait: Callable[[], None] = wait, caught: list[BaseException] = caught) -> None:
            try:
                wait()
            except peers.WindowLostError as error:
                caught.append(error)

        thread = threading.Thread(target=waiting)
        thread.start()
        thread.join(0.2)
        mesh.reset(3) if mesh.epoch == -1 and not mesh.sockets else None
        mesh.interrupt()
        thread.join(20)
        assert not thread.is_alive() and len(caught) == 1
        mesh.reset(3)
    for end in ends:
        end.close()


def test_where_actors_listen() -> None:
    assert Listen.parsed(":20000-20999") == Listen("", range(20000, 21000))
    assert Listen.parsed("10.1.2.3/8") == Listen("10.0.0.0/8", range(1))
    for text in ("", "20000-20999", ":21000-20000", ":0-10", ":1-70000", "10.0.0.0/40", "eth0"):
        refuses(r"^listen: got .*, allowed is NETWORK, :FIRST-LAST or both, such as ", Listen.parsed, text)
    with Listen.parsed("127.0.0.0/8").socket("10.0.0.1") as free:
        host, port = free.getsockname()
        with pytest.raises(gm.InputError, match=f"^listen: got {port}-{port}, none of these is free at {host} "):
            Listen.parsed(f"127.0.0.0/8:{port}-{port}").socket("10.0.0.1")
    with pytest.raises(gm.InputError, match=r"^listen: got 203.0.113.77/32, but .* has the addresses 127\.0\.0\.1"):
        Listen.parsed("203.0.113.77/32").socket("127.0.0.1")


def test_actors_go_to_nodes_that_answer_evenly_and_trials_share_processors() -> None:
    room = Room(1000.0, 1000.0, 1000.0)
    placement = Placement({}, lambda line: None)
    placement.nodes = {name: Node(name, cpus, room) for name, cpus in (("a", 1.0), ("b", 2.0), ("c", 2.0), ("head", 0.0))}
    homes: list[str] = []
    for _ in range(10):
        homes.append(placement.place(homes))
    assert Counter(homes) == {"a": 2, "b": 4, "c": 4} and set(homes[:2]) == {"b", "c"}
    placement.suspects = {"b"}
    assert placement.place(["a", "c", "c"]) == "c" and placement.place(["c", "c", "c"]) == "a"
    placement.suspects = {"a", "b", "c", "head"}
    assert placement.place([]) == "b"
    # Not none at a time, which would leave the other cells unplayed.
    assert [trials_at_once(2.0, busy, 16) for busy in (0.0, 0.1, 0.5, 1.5, 2.1, 9.0)] == [16, 16, 4, 1, 1, 1]


INTERRUPTED = """
import os, signal, sys
import gossipmab as gm
from gossipmab.engines.actors.simulate import simulate_actors
from gossipmab.engines.actors.supervisor import ActorPool
from gossipmab.engines.pools.ray_session import session
with session() as here, ActorPool(window=500, note=lambda line: None) as crew:
    def progress(steps):
        print(*crew.pids, flush=True)
        print(here.folder, flush=True)
        os.kill(os.getpid(), signal.SIGINT) if sys.argv[1] == "interrupt" else 1 / 0
    e, n = gm.Environment.sample(3, 4, 2), gm.Network("complete", 3, 0.5)
    simulate_actors(gm.ParetoUCBGossip(), e, n, horizon=10**7, seed=0, pool=crew, progress=progress)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("how", "error"), [("interrupt", "KeyboardInterrupt"), ("raise", "ZeroDivisionError")])
def test_nothing_is_left_after_an_error_or_ctrl_c(how: str, error: str) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, how], capture_output=True, text=True, timeout=150)
    assert error in done.stderr.splitlines()[-1]
    pids, folder = done.stdout.splitlines()[:2]
    gone([int(pid) for pid in pids.split()])
    assert not Path(folder).exists()


FULL = """
import gossipmab as gm
from gossipmab.engines.actors.simulate import simulate_actors
from gossipmab.engines.pools.ray_session import session
e, n = gm.Environment.sample(400, 100, 2), gm.Network("ring", 400, 0.5)
arguments = {"horizon": 450, "seed": 0, "recorded_rounds": 3}
with session(object_store=80 * 2**20), gm.ActorPool(agents_per_actor=200, window=150) as pool:
    got = simulate_actors(gm.ParetoUCBGossip(), e, n, pool=pool, **arguments)
expected = gm.simulate(gm.ParetoUCBGossip(), e, n, **arguments)
for name in ("pareto_regret", "nsw_regret", "disagreement", "messages", "pulls"):
    assert getattr(got, name).tobytes() == getattr(expected, name).tobytes(), name
"""


@pytest.mark.slow
def test_a_full_object_store() -> None:
    """Two windows in flight have 96 MB of distributions, the store holds 80."""
    python(FULL, timeout=170)
