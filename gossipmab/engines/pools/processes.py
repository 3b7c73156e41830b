"""Cells on this machine, in processes that stay from cell to cell: for JAX, whose programs take turns within a process.

The threads of `pools.threads` have a process each, to which they pass cells, and whose reports they pass on. A process is started
by a command of its own, not by multiprocessing, which would run the caller's script again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import Lock
from typing import IO, Any

from gossipmab.engines.pools import threads
from gossipmab.engines.pools.threads import C, P, Steps
from gossipmab.utils.code_cache import dumps, loads
from gossipmab.utils.errors import one_line

COMMAND = (sys.executable, "-c", "from gossipmab.engines.pools.processes import serve; serve()")
SIZE = 8  # bytes of a message's length


def run_cells(
    cells: Sequence[C], play: Callable[[C, Steps], P], *, workers: int, steps: Steps | None = None
) -> Iterator[tuple[C, P | Exception]]:
    """As `threads.run_cells`, with a process for each of the workers; a single one plays in this process."""
    if min(workers, len(cells)) < 2:
        yield from threads.run_cells(cells, play, workers=1, steps=steps)
        return
    crew = Crew(dumps(play))
    try:
        yield from threads.run_cells(cells, crew, workers=workers, steps=steps)
    finally:
        crew.close()


class Crew:
    """The processes. player: what plays a cell, as bytes."""

    def __init__(self, player: bytes) -> None:
        self._player, self._lock = player, Lock()
        self._idle: list[subprocess.Popen[bytes]] = []

    def __call__(self, cell: Any, steps: Steps) -> Any:
        """Play the cell in an idle process, or a new one; raises what the process raised, or that it ended."""
        with self._lock:
            process = self._idle.pop() if self._idle else None
        try:
            if process is None:
                process = _started(self._player)
            assert process.stdin is not None and process.stdout is not None
            _send(process.stdin, dumps(cell))
            while isinstance(found := loads(_received(process.stdout)), int):
                steps(found)
        except (EOFError, BrokenPipeError):
            assert process is not None
            code = process.wait()
            _end(process)
            how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            raise RuntimeError(f"the process that played it ended ({how})") from None
        except BaseException:  # steps raised, to stop
            _end(process)
            raise
        with self._lock:
            self._idle.append(process)
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """End the processes."""
        for process in self._idle:
            _end(process)


def serve() -> None:
    """Play cells until the caller is gone: what the command of a process runs."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # an interrupt is the caller's to report
    orders, reports = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed while a cell is played is no report
    with suppress(EOFError, BrokenPipeError):
        play = loads(_received(orders))
        while True:
            cell = loads(_received(orders))
            try:
                report = dumps(play(cell, lambda n: _send(reports, dumps(n))))
            except BrokenPipeError:
                return
            except Exception as error:
                report = _portable(error)
            _send(reports, report)


def _portable(error: Exception) -> bytes:
    """The exception, or one of its name and text if it cannot be copied."""
    try:
        found: bytes = dumps(error)
        loads(found)
    except Exception:
        found = dumps(RuntimeError(f"{type(error).__name__}: {one_line(str(error))}"))
    return found


def _started(player: bytes) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(os.path.abspath(one) for one in sys.path)
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path})
    assert process.stdin is not None
    _send(process.stdin, player)
    return process


def _end(process: subprocess.Popen[bytes] | None) -> None:
    """End a process that may have ended, and close its pipes."""
    if process is not None:
        process.kill()
        process.communicate()


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(len(message).to_bytes(SIZE, "little") + message)
    stream.flush()


def _received(stream: Any) -> bytes:
    """The next message. Raises EOFError if there is none."""
    size = stream.read(SIZE)
    message: bytes = stream.read(int.from_bytes(size, "little"))
    if len(size) < SIZE or len(message) < int.from_bytes(size, "little"):
        raise EOFError
    return message
