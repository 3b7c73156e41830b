"""The lock of a run folder: one process at a time writes to it. And the temporary files of killed ones."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from gossipmab.utils import provenance
from gossipmab.utils.atomic_write import NO_SPACE, write_whole
from gossipmab.utils.errors import InputError
from gossipmab.utils.safe_read import parsed_json, text_of

LOCK, OWNER = ".lock", ".lock.owner.json"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder; made if it is not there. The lock dies with its owner, however the owner dies.

    Raises:
        InputError: another process holds it, or the folder cannot be written to.
        OSError: there is no space for the lock.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0)
        lock.acquire()
    except Timeout:
        raise InputError(f"run folder {folder}: {_owner(folder)}; wait for it, or choose another --out") from None
    except OSError as error:
        if error.errno in NO_SPACE:
            raise
        why = "it is a file" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        raise InputError(f"run folder {folder}: cannot be written to ({why})") from None
    try:
        me = {"pid": os.getpid(), "host": platform.node(), "since": provenance.now()}
        write_whole(folder / OWNER, json.dumps(me).encode())
        yield
    finally:
        with suppress(OSError):  # the first error is the one to report
            (folder / OWNER).unlink(missing_ok=True)
        lock.release()


def is_held(folder: Path) -> bool:
    """Whether a process holds the folder, as far as can be told from what it writes there: on another machine, it is believed."""
    with suppress(OSError, ValueError, LookupError, TypeError, InputError):
        owner = parsed_json(text_of(folder / OWNER, "owner"))
        return bool(owner["host"] != platform.node() or alive(owner["pid"]))
    return False


def held_since(folder: Path) -> float | None:
    """When the process that holds the folder began, in seconds since 1970; None if none does."""
    with suppress(OSError, ValueError, LookupError, TypeError, InputError):
        owner = parsed_json(text_of(folder / OWNER, "owner"))
        return datetime.fromisoformat(owner["since"]).timestamp() if is_held(folder) else None
    return None


def _owner(folder: Path) -> str:
    """The holder of the lock, as it writes a moment after it got the lock; a second is waited for that."""
    for _ in range(20):
        with suppress(OSError, ValueError, LookupError, TypeError):
            if is_held(folder):
                owner = parsed_json(text_of(folder / OWNER, "owner"))
                return f"process {owner['pid']} on {owner['host']} is running it since {owner['since']}"
        time.sleep(0.05)
    return "another process is running it"


def alive(pid: int) -> bool:
    """Whether there is such a process on this machine."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)  # of another user
    return True


def sweep(folder: Path) -> None:
    """Delete the temporary files that killed processes left. For the holder of the lock.

    `plot` and `report` write without the lock: what they are writing at this moment stays.
    """
    for place in (folder, folder / "cells", folder / "data", folder / "figures"):
        for file in place.glob(".*.tmp"):
            owner = file.name.split(".")[-2]
            unlocked = place.name == "figures" or file.name.startswith(".report.")
            if not (unlocked and owner.isdigit() and int(owner) != os.getpid() and alive(int(owner))):
                file.unlink(missing_ok=True)
