"""Ray for the length of a `with`: private, loopback, token, and nothing left behind. Real Ray, real signals."""

import os
import random
import signal
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
from gossipmab.engines.pools.ray_session import PREFIX, _last_lines, session
from tests.tiny import Capsys, Patch, session_of, slow

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
