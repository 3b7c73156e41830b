"""What a command sees of a cluster: advice on its nodes, and a head that goes; real nodes: test_ray_tasks.py and tests/hosts."""

import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from gossipmab.engines.limits import Room
from gossipmab.engines.pools import head_watch
from gossipmab.engines.pools.cluster_check import BLOCK, Checked, Facts, Link, Node, Probe, _pairs
from gossipmab.engines.pools.ray_session import _terminated_gently
from gossipmab.utils.errors import ClusterLostError
from gossipmab.utils.provenance import machine, versions
from tests.tiny import Capsys, Patch, error_of

STUCK = """
import signal, socket, sys, threading
from gossipmab.engines.pools import head_watch
head_watch.EVERY, head_watch.PATIENCE, head_watch.LEAVE = 0.05, 0.1, 0.2
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with head_watch.watched("127.0.0.1:1", threading.Event()):
    signal.sigwait([signal.SIGUSR1])
"""


def test_a_head_that_goes_ends_the_block_and_only_what_fails_for_want_of_it_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: Patch
) -> None:
    for name, seconds in (("EVERY", 0.05), ("PATIENCE", 0.3), ("SAID", 0.1)):
        monkeypatch.setattr(head_watch, name, seconds)
    before, lost = signal.getsignal(signal.SIGTERM), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ClusterLostError, match="has not answered"), _terminated_gently(lost):  # noqa: SIM117
            with head_watch.watched(address, lost):
                server.close()
                lost.wait(30)
                time.sleep(30)  # which the signal ends
    assert signal.getsignal(signal.SIGTERM) == before and len(caplog.records) == 1
    # what fails for want of the head says so and all else is as it was
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(KeyError), head_watch.watched(address, threading.Event()):
            raise KeyError("ours")
    for error, told in ((ConnectionError("of Ray"), ClusterLostError), (KeyboardInterrupt(), KeyboardInterrupt)):
        with pytest.raises(told), head_watch.watched(address, threading.Event()):
            raise error


def test_a_process_that_waits_within_ray_ends_with_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == ClusterLostError.exit_code == 4 and done.stderr.count("\n") == 1
    assert "has not answered" in done.stderr and "the same command goes on" in done.stderr


FACTS = Facts("node1", versions(), str(machine()["cpu"]), Room(10_000.0, 1e6, 1024.0))
NODE = Node("10.0.0.1", 4.0, FACTS, 0.001, 1e8, 0.0)
LINK = Link("10.0.0.1", "10.0.0.2", 0.0001, 1e8)


def test_a_good_cluster_needs_no_advice_and_few_nodes_are_tried_in_all_pairs() -> None:
    found = Checked([NODE, NODE._replace(address="10.0.0.2")], [], [LINK], True)
    assert found.sound and list(found.advice()) == [] and found.worst(NODE) == 0.0001
    # few nodes are tried in all pairs and many with those that follow
    assert _pairs(["a", "b", "c"]) == [("a", "b"), ("a", "c"), ("b", "a"), ("b", "c"), ("c", "a"), ("c", "b")]
    many = _pairs([str(number) for number in range(20)])
    assert len(many) == 60 and ("19", "0") in many and all(one != other for one, other in many)


@pytest.mark.parametrize(("changes", "sound", "line"), [
    ({"token": False}, True, "no token is required"),
    ({"silent": ["10.0.0.3"]}, False, "10.0.0.3 starts no worker within 60 s"),
    ({"links": [LINK._replace(fault="port 5: TimeoutError")]}, False,
     r"10.0.0.1 cannot connect to 10.0.0.2 \(port 5: TimeoutError\)"),
    ({"links": [LINK._replace(one_way=0.005)]}, True, "5.0 ms one way from 10.0.0.1 to 10.0.0.2: .* at most 200 rounds/s"),
    ({"nodes": [NODE._replace(ahead=-3.0)]}, True, r"the clock of node1 \(10.0.0.1\) is 3.0 s behind"),
    ({"nodes": [NODE._replace(facts=FACTS._replace(room=Room(150.0, 1e6, 1024.0)))]}, True, "memory for 2 actors only"),
    ({"nodes": [NODE._replace(facts=FACTS._replace(processor="another"))]}, True, "another processor"),
    ({"nodes": [NODE._replace(facts=FACTS._replace(versions=versions() | {"numpy": "0.1"}))]}, True, "has numpy 0.1 instead of"),
])  # fmt: skip
def test_what_is_wrong_is_named(changes: dict[str, Any], sound: bool, line: str) -> None:
    found = Checked([NODE], [], [LINK], True)._replace(**changes)
    (advice,) = found.advice()
    assert found.sound == sound
    assert re.search(line, advice), advice


def test_probes_measure_the_way_between_them(monkeypatch: Patch) -> None:
    monkeypatch.setattr("ray.util.get_node_ip_address", lambda: "127.0.0.1")
    key, probe = secrets.token_bytes(32), Probe()
    address = probe.listen(key)
    for _ in range(2):  # one after the other, as many may come
        one_way, speed = probe.measure(address, key)
        assert 0 < one_way < 1 and BLOCK / 10 < speed
    with pytest.raises(Exception, match="digest|rejected"):
        probe.measure(address, b"a wrong key")
    assert probe.measure(address, key)[0] > 0


def test_nobody_there_is_one_line(capsys: Capsys) -> None:
    line = error_of(capsys, ["cluster", "check", "--address", "127.0.0.1:9"])
    assert line.startswith("error: address: got '127.0.0.1:9', and no Ray cluster answers there")
