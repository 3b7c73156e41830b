"""What a cluster can do for us, measured: a probe on every node, calls from the command, connections between nodes."""

from __future__ import annotations

import os
import secrets
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import permutations
from multiprocessing.connection import Client, Listener
from typing import Any, NamedTuple

from gossipmab.engines.actors.placement import strategy
from gossipmab.engines.limits import ACTOR_MIB, SHARE, Room, room
from gossipmab.engines.pools.ray_runtime_env import packed
from gossipmab.engines.pools.ray_session import session
from gossipmab.utils.provenance import machine, versions

ANSWER = 60.0  # seconds for a node to start a probe
CONNECT = 5.0  # seconds for a connection between nodes
TOKEN = 30.0  # seconds for a cluster to refuse a guest
PINGS = 20
BLOCK = 4 * 2**20  # bytes whose way is timed
ALL_PAIRS = 12  # nodes up to which every pair is tried; then each with the three that follow
FAR, LATE = 0.001, 1.0  # seconds one way, and of a clock, from which there is advice
Address = tuple[str, int]


class Facts(NamedTuple):
    """What a node says of itself."""

    host: str
    versions: dict[str, str]
    processor: str
    room: Room


class Node(NamedTuple):
    """A node, as measured: CPUs of Ray, seconds of a call, bytes/s from the command, seconds that its clock is ahead."""

    address: str
    cpus: float
    facts: Facts
    call: float
    speed: float
    ahead: float

    @property
    def actors(self) -> int:
        """How many actors of little state its memory holds."""
        return int(SHARE * self.facts.room.mib / ACTOR_MIB)


class Link(NamedTuple):
    """The way from a node to another: seconds one way and bytes/s, or why there is none."""

    first: str
    second: str
    one_way: float
    speed: float
    fault: str = ""


class Checked(NamedTuple):
    """The findings: nodes that answered, addresses of those that did not, links between nodes, whether a token is required."""

    nodes: list[Node]
    silent: list[str]
    links: list[Link]
    token: bool

    def worst(self, node: Node) -> float:
        """Seconds one way to the farthest node; nan without one."""
        return max((link.one_way for link in self.links if link.first == node.address and not link.fault), default=float("nan"))

    def advice(self) -> Iterator[str]:
        """What stands in the way of a run, or slows it, in words."""
        ours, here = versions(), machine()["cpu"]
        for address in self.silent:
            yield f"{address} starts no worker within {ANSWER:g} s: Ray needs its ports open between all nodes, in both directions"
        for node in self.nodes:
            name = f"{node.facts.host} ({node.address})"
            others = [f"{key} {node.facts.versions.get(key)} instead of {own}" for key, own in ours.items()
                      if node.facts.versions.get(key) != own]  # fmt: skip
            if others:
                yield f"{name} has {', '.join(others)}: results may differ in the last bits; install the versions of this machine"
            if node.facts.processor != here:
                yield f"{name} has another processor ({node.facts.processor}): it compiles by itself, and bits may differ"
            if abs(node.ahead) > LATE:
                yield f"the clock of {name} is {abs(node.ahead):.1f} s {'ahead' if node.ahead > 0 else 'behind'}: set it by NTP"
            if node.actors < node.cpus:
                yield f"{name} has memory for {node.actors} actors only: use --agents-per-actor, or --resources memory=BYTES"
        for link in self.links:
            if link.fault:
                yield f"{link.first} cannot connect to {link.second} ({link.fault}): actors need the ports between nodes open"
        far = [link for link in self.links if link.one_way > FAR]
        if far:
            worst = max(far, key=lambda link: link.one_way)
            yield (
                f"{1000 * worst.one_way:.1f} ms one way from {worst.first} to {worst.second}: with --engine actors a trial plays "
                f"at most {1 / worst.one_way:,.0f} rounds/s; --engine ray waits for no messages"
            )
        if not self.token:
            yield "no token is required: everyone who reaches the cluster's ports can run code there; set RAY_AUTH_MODE=token"

    @property
    def sound(self) -> bool:
        """Whether every node can play, and reach the others."""
        return not self.silent and not any(link.fault for link in self.links)


class Probe:
    """An actor on a node: facts, answers to calls, a socket that others connect to."""

    def facts(self) -> Facts:
        """What this node has."""
        return Facts(socket.gethostname(), versions(), str(machine()["cpu"]), room())

    def clock(self, data: Any = None) -> float:
        """The node's time, once the data is there."""
        return time.time()

    def listen(self, key: bytes) -> Address:
        """Open a socket that echoes a byte for each message; returns its address."""
        from ray.util import get_node_ip_address

        host: str = get_node_ip_address()  # type: ignore[no-untyped-call]
        self.listener = Listener((host, 0), family="AF_INET", authkey=key, backlog=64)
        threading.Thread(target=self._echo, daemon=True).start()
        return host, int(self.listener.address[1])

    def _echo(self) -> None:
        while True:
            with suppress(Exception), self.listener.accept() as connection:  # what a stranger sends ends its connection only
                while True:
                    connection.recv_bytes(BLOCK)
                    connection.send_bytes(b"!")

    def measure(self, address: Address, key: bytes) -> tuple[float, float]:
        """Seconds one way, and bytes/s, to the probe at this address. Raises OSError."""
        socket.create_connection(address, timeout=CONNECT).close()  # the call below waits for minutes
        with Client(address, family="AF_INET", authkey=key) as connection:

            def timed(message: bytes) -> float:
                began = time.perf_counter()
                connection.send_bytes(message)
                connection.recv_bytes(1)
                return time.perf_counter() - began

            ping = statistics.median(timed(b"?") for _ in range(PINGS))
            return ping / 2, BLOCK / max(min(timed(bytes(BLOCK)) for _ in range(2)) - ping / 2, 1e-9)


def check_cluster(address: str, note: Callable[[str], None] = lambda line: None) -> Checked:
    """Start a probe on every node of the cluster at `address`, and measure. note: called with a line about each step.

    Raises:
        InputError: no cluster answers there.
    """
    with packed(None) as shipment, session(address, runtime_env=shipment.runtime_env) as joined:
        import ray

        alive = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        hosts = Counter(node["NodeManagerAddress"] for node in alive)
        called = {node["NodeID"]: node["NodeManagerAddress"] for node in alive}  # of several on one machine, with their id
        called |= {id: f"{where}/{id[:6]}" for id, where in called.items() if hosts[where] > 1}
        note(f"{len(alive)} nodes; starting a worker on each")
        kind: Any = ray.remote(Probe)
        probes: dict[str, Any] = {
            name: kind.options(num_cpus=0, scheduling_strategy=strategy(id)).remote() for id, name in called.items()
        }
        answers = {name: probe.facts.remote() for name, probe in probes.items()}
        ray.wait(list(answers.values()), num_returns=len(answers), timeout=ANSWER)
        nodes, data, key = [], ray.put(bytes(BLOCK)), secrets.token_bytes(32)
        for node in alive:
            name = called[node["NodeID"]]
            with suppress(ray.exceptions.RayError):
                facts = ray.get(answers[name], timeout=0.1)
                nodes.append(_measured(name, node["Resources"].get("CPU", 0.0), facts, probes[name], data))
        note("measuring the connections between nodes")
        at: dict[str, Any] = {node.address: ray.get(probes[node.address].listen.remote(key), timeout=ANSWER) for node in nodes}
        links = [_link(first, second, probes[first], at[second], key) for first, second in _pairs(list(at))]
        note("looking whether a token is required")
        return Checked(nodes, [name for name in probes if name not in at], links, not _open_to_all(joined.address))


def _measured(name: str, cpus: float, facts: Facts, probe: Any, data: Any) -> Node:
    import ray

    best, ahead, calls = float("inf"), 0.0, []
    for _ in range(PINGS):
        began = time.time()
        clock = ray.get(probe.clock.remote(), timeout=ANSWER)
        calls.append(time.time() - began)
        if calls[-1] < best:
            best, ahead = calls[-1], clock - (began + calls[-1] / 2)
    began = time.perf_counter()
    ray.get(probe.clock.remote(data), timeout=ANSWER)
    call = statistics.median(calls)
    return Node(name, cpus, facts, call, BLOCK / max(time.perf_counter() - began - call, 1e-9), ahead)


def _link(first: str, second: str, probe: Any, at: Address, key: bytes) -> Link:
    import ray

    try:
        return Link(first, second, *ray.get(probe.measure.remote(at, key), timeout=ANSWER))
    except (ray.exceptions.RayError, OSError) as error:
        cause = getattr(error, "cause", None) or error
        return Link(first, second, float("nan"), float("nan"), f"port {at[1]}: {type(cause).__name__}")


def _pairs(names: list[str]) -> list[tuple[str, str]]:
    """All ordered pairs of a few nodes; of many, each with the three that follow."""
    if len(names) <= ALL_PAIRS:
        return list(permutations(names, 2))
    return [(name, names[(i + step) % len(names)]) for i, name in enumerate(names) for step in (1, 2, 3)]


def _open_to_all(address: str) -> bool:
    """Whether the cluster takes a guest without a token."""
    guest = f"import ray; ray.init(address={address!r}, log_to_driver=False, logging_level='ERROR')"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH_")}
    try:
        done = subprocess.run(
            [sys.executable, "-c", guest], env=environment | {"RAY_AUTH_MODE": "disabled"}, timeout=TOKEN,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
