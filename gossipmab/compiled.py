"""The one way in which this package compiles, and the guard against stale caches.

numba's disk cache looks at a function's own file only: it does not notice a change in another file whose code was
compiled into the function. So whenever the sources of the package change, its cached index files are dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])
PACKAGE = Path(__file__).parent


@cache
def source_hash(package: Path = PACKAGE) -> str:
    """SHA-256 over the names and contents of the package's Python files."""
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def drop_stale(folder: Path, digest: str) -> int:
    """Drop numba's index files in `folder` unless they were written for the sources with this hash; how many went."""
    stamp = folder / "gossipmab.sources"
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return 0
    dropped = 0
    for index in folder.glob("*.nbi"):
        index.unlink(missing_ok=True)
        dropped += 1
    folder.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest, encoding="ascii")
    return dropped


def compiled(function: F) -> F:
    """Compile for the hot loop: no GIL, cached on disk, IEEE arithmetic as written (never fastmath)."""
    dispatcher: Any = njit(cache=True, nogil=True, error_model="numpy")(function)
    if hasattr(dispatcher, "stats"):  # with NUMBA_DISABLE_JIT the function comes back as it is
        drop_stale(Path(dispatcher.stats.cache_path), source_hash())
    return dispatcher  # type: ignore[no-any-return]


def compiled_here(function: F) -> F:
    """Compile as above but without the disk cache: for code that runs classes from outside the package."""
    return njit(nogil=True, error_model="numpy")(function)  # type: ignore[no-any-return]


def inlined(function: F) -> F:
    """Compile into every caller, so that an argument that is a constant there is a constant here."""
    return njit(nogil=True, error_model="numpy", forceinline=True)(function)  # type: ignore[no-any-return]
