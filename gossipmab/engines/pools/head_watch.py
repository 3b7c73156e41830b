"""A watch over the head of a Ray cluster: a run whose head is gone ends orderly, before Ray aborts the process.

Ray gives up a minute after its head has gone (RAY_gcs_rpc_server_reconnect_timeout_s): it prints a stack and aborts, whatever
Python is doing. An interruption of less than PATIENCE is survived.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gossipmab.utils.errors import ClusterLostError, InputError

EVERY = 2.0  # seconds between two looks
ANSWER = 5.0  # seconds for an answer
SAID = 8.0  # seconds of silence after which a line says so
PATIENCE = 40.0  # seconds without an answer until the cluster is lost
LEAVE = 8.0  # seconds for the main thread to leave what it does


def answers(address: str, seconds: float = ANSWER) -> bool:
    """Whether connections are accepted at "host:port"."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()
    except OSError:
        return False
    return True


@contextmanager
def watched(address: str, lost: threading.Event) -> Iterator[None]:
    """End the block by ClusterLostError once nobody has answered at the address for PATIENCE seconds.

    Args:
        address: of the head, "host:port".
        lost: set then; the main thread, if it is in the block, gets a SIGTERM, whose handler is to raise.
    """
    over, main = threading.Event(), threading.current_thread() is threading.main_thread()
    why = f"the head of the Ray cluster, {address}, has not answered for {PATIENCE:g} s"

    def watch() -> None:
        heard = time.monotonic()
        said = False
        while not over.wait(EVERY):
            silent = time.monotonic() - heard
            if answers(address):
                heard, said = time.monotonic(), False
            elif silent > PATIENCE:
                lost.set()
                if main:
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
                if not over.wait(LEAVE):  # it waits within Ray, which is about to abort
                    print(f"error: {why}; finished cells are kept, the same command goes on", file=sys.stderr, flush=True)
                    os._exit(ClusterLostError.exit_code)
            elif silent > SAID and not said:
                said = True
                logging.getLogger("gossipmab").warning(f"the head of the Ray cluster, {address}, does not answer")

    threading.Thread(target=watch, name="head", daemon=True).start()
    try:
        yield
    except BaseException as error:
        failed = isinstance(error, Exception) and not isinstance(error, InputError)
        if lost.is_set() or (failed and not answers(address)):
            raise ClusterLostError(why) from None
        raise
    finally:
        over.set()
