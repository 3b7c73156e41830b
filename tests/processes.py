"""Commands in processes of their own that start at once: forked from a server that has loaded everything."""

import os
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

_server = get_context("forkserver")
_server.set_forkserver_preload(
    ["gossipmab.cli", "gossipmab.experiments.runner", "gossipmab.analysis.plots", "gossipmab.experiments.summary"]
)


def start(
    arguments: list[str], said: Path, *, memory: int | None = None, die: int | None = None, figures: bool = False
) -> BaseProcess:
    """`gossipmab ARGUMENTS` with all that it prints in the file `said`.

    Args:
        arguments: as typed.
        said: the file.
        memory: bytes of addresses that it may use beyond those that it has at the start.
        die: it is killed by SIGKILL at its so-maniest step of writing files: before a flush, before and after a rename.
        figures: whether it draws them, which takes longer than all else.
    """
    process = _server.Process(target=_command, args=(arguments, said, memory, die, figures))
    process.start()
    return process


def end_of(process: BaseProcess, seconds: float = 120) -> int:
    """Its exit code, once it has ended; minus the signal's number where one ended it."""
    process.join(seconds)
    assert process.exitcode is not None, "it does not end"
    return process.exitcode


def _command(arguments: list[str], said: Path, memory: int | None, die: int | None, figures: bool) -> None:
    from gossipmab.analysis import plots as plotting
    from gossipmab.cli import call

    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    if memory is not None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if not figures:
        plotting.plot = lambda *args: []
    if die is not None:
        _die_at(die)
    code = call(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _die_at(step: int) -> None:
    """Arrange for our end: the steps are those of `gossipmab.utils.atomic_write.whole_file`, counted from 1."""
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(function: Callable[..., None], after: bool) -> Callable[..., None]:
        def wrapped(*args: object) -> None:
            count()
            function(*args)
            if after:
                count()

        return wrapped

    os.fsync = counted(os.fsync, False)
    os.replace = counted(os.replace, True)
