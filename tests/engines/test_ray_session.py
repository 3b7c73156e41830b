"""Ray for the length of a `with`: private, loopback, token, and nothing left behind. Real Ray, real signals.

And what a command sees of a cluster: advice on its nodes, and a head that goes; real nodes: test_ray_tasks.py and tests/hosts.
"""

import os
import random
import re
import secrets
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import gossipmab as gm
from gossipmab.engines.limits import Room
from gossipmab.engines.pools import head_watch
from gossipmab.engines.pools.cluster_check import BLOCK, Checked, Facts, Link, Node, Probe, _pairs
from gossipmab.engines.pools.ray_session import PREFIX, _last_lines, _terminated_gently, session
from gossipmab.utils.errors import ClusterLostError
from gossipmab.utils.provenance import machine, versions
from tests.tiny import Capsys, Patch, error_of, session_of, slow

PROBE = """
import sys
from ray._raylet import GcsClient
try:
    GcsClient(address=sys.argv[1]).internal_kv_keys(b"", b"session", timeout=5)
except Exception as error:
    print(type(error).__name__)
else:
    print("in")
"""
HOLDS = """
import sys, time
from gossipmab.engines.pools.ray_session import session
print("starting", flush=True)
with session(cpus=1) as ray:
    print(ray.folder, flush=True)
    if sys.argv[1] == "error":
        raise FloatingPointError("no luck")
    time.sleep(60)
"""


def probe(address: str, **environment: str) -> str:
    """How a stranger fares who has nothing but these variables."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = [sys.executable, "-c", PROBE, address]
    done = subprocess.run(command, env=bare | environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def begun(code: str, *arguments: str, **options: Any) -> Any:
    """A process that runs the code."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], **pipes, **options)


def test_private_on_loopback_and_gone_afterwards(root: Path, monkeypatch: Patch, capfd: Capsys) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "198.51.100.7:6379")  # nobody is joined by accident
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_grpc_client_keepalive_timeout_ms", "9000")
    threads: list[threading.Thread] = []
    before = set(psutil.Process().children(recursive=True))  # of other tests
    variables, handlers = dict(os.environ), [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with session(cpus=1, meanwhile=lambda: threads.append(threading.current_thread())) as running:
        import ray

        assert threads == [threading.main_thread()]
        assert [os.environ[f"RAY_grpc_client_keepalive_{name}_ms"] for name in ("time", "timeout")] == ["70000", "9000"]

        @ray.remote(max_retries=0)
        def die() -> None:
            print("noise")
            os.kill(os.getpid(), signal.SIGKILL)

        with pytest.raises(ray.exceptions.WorkerCrashedError):
            ray.get(die.remote(), timeout=60)
        folder = running.folder
        assert folder is not None and folder.parent == root and stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
        processes = [psutil.Process(), *set(psutil.Process().children(recursive=True)) - before]
        assert len(processes) > 4
        listening = {c.laddr.ip for p in processes for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN}
        assert listening <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"} and listening
        token = (folder / "token").read_text()
        assert probe(running.address) == "AuthenticationError"
        assert probe(running.address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0" * 64) == "AuthenticationError"
        assert probe(running.address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token) == "in"
        assert not any(token in " ".join(p.cmdline()) for p in processes)
        with pytest.raises(gm.InputError, match="already"), session():
            pass
    assert psutil.wait_procs([p for p in processes if p.pid != os.getpid()], timeout=60)[1] == []
    assert list(root.iterdir()) == [] and dict(os.environ) == variables
    assert handlers == [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    assert "noise" not in capfd.readouterr().out


@pytest.mark.parametrize("address", ["local", "", "ray://127.0.0.1:10001", "nonsense", "127.0.0.1:1", "auto"])
def test_addresses_that_are_refused(root: Path, address: str, monkeypatch: Patch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(gm.InputError, match="address: got") as caught, session(address):
        pass
    assert repr(address) in str(caught.value) and "\n" not in str(caught.value) and list(root.iterdir()) == []


STARTS = """
import sys
from gossipmab.engines.pools import ray_session
ray_session.START = float(sys.argv[1])
try:
    with ray_session.session(cpus=1):
        print("starts")
except ray_session.InputError as error:
    print(error)
"""


@pytest.mark.parametrize(("before", "seconds", "told"), [
    ([], 0.01, "engine: no Ray starts within 0."),
    slow(["env", "http_proxy=http://127.0.0.1:9", "RAY_grpc_enable_http_proxy=1", "RAY_USE_TLS=1"], 60, "starts"),
    *[(["unshare", "-n"], 60, "engine: no Ray starts: it needs this machine's loopback")] * (os.geteuid() == 0),  # root may
])  # fmt: skip
def test_a_ray_that_cannot_start_says_why_in_a_line(root: Path, before: list[str], seconds: float, told: str) -> None:
    command = [*before, sys.executable, "-c", STARTS, str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    assert done.stdout.startswith(told) and done.stdout.count("\n") == 1 and list(root.iterdir()) == []


def test_the_last_errors_of_rays_logs(tmp_path: Path) -> None:
    logs = tmp_path / "r" / "session_2026" / "logs"
    logs.mkdir(parents=True)
    (logs / "raylet.out").write_text("[x I 1 1] begins\n[x C 1 1] no room\n[x E 1 1] stack @   0x7f\n")
    (logs / "gcs_server.err").write_text("[x C 1 1] no room\n")
    (logs / "worker.err").write_text("ours\n")
    assert _last_lines(tmp_path) == "; Ray's log ends with [x C 1 1] no room" and _last_lines(None) == ""


def interrupted(root: Path, number: int, wait: float | None, mode: str = "wait") -> tuple[int, str]:
    """Start a session in a process group, signal the group as a terminal would; its exit code and stderr.

    wait: seconds after the start; None waits until the session is there.
    """
    with begun(HOLDS, mode, start_new_session=True) as process:
        try:
            assert process.stdout.readline() == "starting\n"
            if wait is None:
                process.stdout.readline()
            else:
                time.sleep(wait)
            if mode == "wait":
                os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert session_of(process.pid) == [] and [p.name for p in root.iterdir() if p.name.startswith(PREFIX)] == []
    return process.returncode, errors


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(12))
def test_nothing_is_left_after_a_signal_at_any_moment(root: Path, moment: int) -> None:
    """Ctrl-C once Ray runs, Ctrl-C while it starts, Ctrl-C and SIGTERM at any moment."""
    wait = {0: None, 1: 1.5}.get(moment, random.Random(moment).uniform(0.0, 4.0))
    code, errors = interrupted(root, signal.SIGTERM if moment % 2 and moment > 1 else signal.SIGINT, wait)
    assert code != 0 and (moment > 1 or (code == -signal.SIGINT and "KeyboardInterrupt" in errors))


@pytest.mark.slow
def test_nothing_is_left_after_an_error(root: Path) -> None:
    code, errors = interrupted(root, 0, None, "error")
    assert code == 1 and errors.rstrip().endswith("FloatingPointError: no luck")


@pytest.mark.slow
def test_ray_that_was_imported_before_is_behind_a_token_too(root: Path, monkeypatch: Patch, capsys: Capsys) -> None:
    """Ray reads what makes it listen on loopback when it is imported."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with begun("import ray\n" + HOLDS.replace("ray.folder", "ray.address"), "wait") as process:
        assert process.stdout.readline() == "starting\n"
        assert probe(process.stdout.readline().strip()) == "AuthenticationError"
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert errors.count("listens at") == 1 and list(root.iterdir()) == []


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
