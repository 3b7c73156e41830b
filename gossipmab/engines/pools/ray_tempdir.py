"""The private temporary folder of a local Ray, and the processes that belong to it.

Sockets, logs and the token lie in it. It goes when its session ends; after SIGKILL the next session removes it.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "gossipmab-ray-"
LONGEST_FOLDER = 38  # bytes: Ray adds 66 to name its sockets, and the kernel takes 107
STALE = 10.0  # seconds: a folder younger than this may belong to a session that is about to lock it


@contextmanager
def private_folder() -> Iterator[Path]:
    """A private temporary folder, locked as long as we live."""
    root = Path(tempfile.gettempdir())
    if len(os.fsencode(root)) + len(PREFIX) + 9 > LONGEST_FOLDER:
        root = Path("/tmp")
    _sweep(root)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
    try:
        with FileLock(folder / "owner.lock", timeout=0):
            yield folder
    finally:
        for _ in range(20):  # a process that is about to end may still write a log
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.1)


def _sweep(root: Path) -> None:
    """Remove the folders of sessions whose process was killed, and end the last of their processes: some stay for a minute."""
    for folder in root.glob(PREFIX + "*"):
        with suppress(OSError, Timeout):
            stat = folder.lstat()
            if stat.st_uid == os.getuid() and time.time() - stat.st_mtime > STALE:
                with FileLock(folder / "owner.lock", timeout=0):
                    end_processes_of(folder)
                    shutil.rmtree(folder, ignore_errors=True)


def end_processes_of(folder: Path) -> None:
    """SIGKILL for Ray's processes that were started with this folder."""
    for pid in processes_of(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def processes_of(folder: Path) -> list[int]:
    """Ray's processes that were started with this folder. Linux only; else none.

    Their environment names it, or their logs lie in it: some of Ray's processes write their title over their environment.
    """
    found = []
    token, within = f"RAY_AUTH_TOKEN_PATH={folder}/".encode(), f"\n{folder}/"
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if int(entry.name) == os.getpid() or not (command.startswith(b"ray::") or b"/ray/" in command):
                continue
            if token in (entry / "environ").read_bytes() or within in _open_files(entry):
                found.append(int(entry.name))
    return found


def _open_files(process: Path) -> str:
    """The names of a process's open files, each after a line break."""
    names = ""
    for link in (process / "fd").iterdir():
        with suppress(OSError):
            names += "\n" + os.readlink(link)
    return names
