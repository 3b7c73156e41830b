"""The head of a cluster that goes, as seen by a command: real sockets."""

import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from gossipmab.engines.pools import head_watch
from gossipmab.engines.pools.ray_session import _terminated_gently
from gossipmab.utils.errors import ClusterLostError

STUCK = """
import signal, socket, sys, threading
from gossipmab.engines.pools import head_watch
head_watch.EVERY, head_watch.PATIENCE, head_watch.LEAVE = 0.05, 0.1, 0.2
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with head_watch.watched("127.0.0.1:1", threading.Event()):
    signal.sigwait([signal.SIGUSR1])
"""


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("EVERY", 0.05), ("PATIENCE", 0.3), ("SAID", 0.1)):
        monkeypatch.setattr(head_watch, name, seconds)


@pytest.mark.usefixtures("hasty")
def test_a_head_that_goes_ends_the_block_and_only_what_fails_for_want_of_it_says_so(caplog: pytest.LogCaptureFixture) -> None:
    before, lost = signal.getsignal(signal.SIGTERM), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ClusterLostError, match="has not answered"), _terminated_gently(lost):  # noqa: SIM117
            with head_watch.watched(address, lost):
                server.close()
                lost.wait(30)
                time.sleep(30)  # which the signal ends
    assert signal.getsignal(signal.SIGTERM) == before and len(caplog.records) == 1
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(KeyError), head_watch.watched(address, threading.Event()):
            raise KeyError("ours")
    with pytest.raises(ClusterLostError), head_watch.watched(address, threading.Event()):
        raise ConnectionError("of Ray")
    with pytest.raises(KeyboardInterrupt), head_watch.watched(address, threading.Event()):
        raise KeyboardInterrupt


def test_a_process_that_waits_within_ray_ends_with_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == ClusterLostError.exit_code == 4 and done.stderr.count("\n") == 1
    assert "has not answered" in done.stderr and "the same command goes on" in done.stderr
