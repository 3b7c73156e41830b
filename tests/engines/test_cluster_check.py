"""What `gossipmab cluster check` finds and advises; real nodes are checked in test_ray_tasks.py and tests/hosts."""

import re
import secrets
from typing import Any

import pytest

from gossipmab.cli import call
from gossipmab.engines.limits import Room
from gossipmab.engines.pools.cluster_check import BLOCK, Checked, Facts, Link, Node, Probe, _pairs
from gossipmab.utils.provenance import machine, versions

FACTS = Facts("node1", versions(), str(machine()["cpu"]), Room(10_000.0, 1e6, 1024.0))
NODE = Node("10.0.0.1", 4.0, FACTS, 0.001, 1e8, 0.0)
LINK = Link("10.0.0.1", "10.0.0.2", 0.0001, 1e8)


def test_a_good_cluster_needs_no_advice_and_few_nodes_are_tried_in_all_pairs() -> None:
    found = Checked([NODE, NODE._replace(address="10.0.0.2")], [], [LINK], True)
    assert found.sound and list(found.advice()) == [] and found.worst(NODE) == 0.0001
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


def test_probes_measure_the_way_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.util.get_node_ip_address", lambda: "127.0.0.1")
    key, probe = secrets.token_bytes(32), Probe()
    address = probe.listen(key)
    for _ in range(2):  # one after the other, as many may come
        one_way, speed = probe.measure(address, key)
        assert 0 < one_way < 1 and BLOCK / 10 < speed
    with pytest.raises(Exception, match="digest|rejected"):
        probe.measure(address, b"a wrong key")
    assert probe.measure(address, key)[0] > 0


def test_nobody_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["cluster", "check", "--address", "127.0.0.1:9"]) == 2
    assert capsys.readouterr().err.startswith("error: address: got '127.0.0.1:9', and no Ray cluster answers there")
