"""Temporary folders that belong to a living process: those of dead ones are removed when the next one is made.

A folder holds a lock, which dies with its owner, however the owner dies: no process number, which another host, container or
boot may use again, is compared.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = "owner.lock"
MAKING = ".making-"  # a folder's prefix until its lock is held


@contextmanager
def own_folder(prefix: str, root: Path | None = None) -> Iterator[Path]:
    """A private temporary folder whose name begins with the prefix; removed at the end."""
    root = root or Path(tempfile.gettempdir())
    swept(prefix, root)
    made = Path(tempfile.mkdtemp(prefix=MAKING, dir=root))
    lock = FileLock(made / LOCK, timeout=0)
    lock.acquire()
    folder = made.rename(root / (prefix + made.name.removeprefix(MAKING)))
    try:
        yield folder
    finally:
        _remove(folder)
        lock.release()


def swept(prefix: str, root: Path) -> None:
    """Remove the folders of dead processes; one without a lock is not ours to judge."""
    for folder in root.glob(prefix + "*"):
        with suppress(OSError, Timeout):
            if (folder / LOCK).is_file():
                with FileLock(folder / LOCK, timeout=0):
                    _remove(folder)


def _remove(folder: Path) -> None:
    for _ in range(20):  # a process that is about to end may still write a log
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
