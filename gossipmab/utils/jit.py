"""The one way in which this package compiles, and the guard against stale caches.

numba's disk cache looks at a function's own file only: it does not notice a change in another file whose code was
compiled into the function. So every version of the sources of compiled code has its own cache folder,
named by their hash; when a new one is begun, those of other versions are dropped.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numba import config, njit
from numba.extending import overload

F = TypeVar("F", bound=Callable[..., Any])
PACKAGE = Path(__file__).parents[1]
FOLDER = "gossipmab-"
# The rooms above the engines: no compiled code imports them, so a change there leaves the caches good.
UPPER = ("__main__.py", "analysis", "bridges", "cli", "experiments", "testing")
settings: Any = config
# No fastmath: arithmetic as written. No NRT, numba's run time: what allocates does not compile, and no view of an array costs
# atomic counts of its references, which were a tenth of a Pareto step and two thirds of a global NSW step. Not saying
# `forceinline` would mean what the caller says: all of a solver, copied wherever one of its functions is called.
SETTINGS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False, "forceinline": False, "no_cfunc_wrapper": True}
# What only compiled code calls, as a part of it.
INLINE: Any = {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

METHODS: set[str] = set()  # names of those that compiled code calls of its arguments


@cache
def source_hash(package: Path = PACKAGE, without: tuple[str, ...] = ()) -> str:
    """SHA-256 over the names and contents of the package's Python files, `without` some files and folders at its top."""
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        name = file.relative_to(package)
        if name.parts[0] not in without:
            digest.update(name.as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def roots() -> list[Path]:
    """Where caches may go, in order of preference: NUMBA_CACHE_DIR, beside the package, the user's cache folder."""
    if settings.CACHE_DIR:
        return [Path(settings.CACHE_DIR)]
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return [PACKAGE / "__pycache__", Path(user) / "gossipmab"]


@cache
def cache_folder() -> Path | None:
    """The cache folder of these sources, those of others dropped; None if no folder can be written."""
    for root in roots():
        folder = root / (FOLDER + source_hash(without=UPPER)[:16])
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True)
                for other in root.glob(FOLDER + "*"):
                    if other != folder:
                        shutil.rmtree(other, ignore_errors=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def jit(function: F) -> F:
    """Compile for the hot loop: no interpreter's lock, no allocation, cached on disk."""
    folder = cache_folder()
    if folder is None:
        return cast(F, njit(**SETTINGS)(function))
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(folder)
    try:
        return cast(F, njit(cache=True, **SETTINGS)(function))
    finally:
        settings.CACHE_DIR = before


def jit_uncached(function: F) -> F:
    """Compile without the disk cache, and allowed to allocate: for code that runs classes from outside the package."""
    return cast(F, njit(**SETTINGS | {"_nrt": True})(function))


def is_builtin(*things: Any) -> bool:
    """Whether the classes of all these, and their methods, are of this package: compiled, they may be kept on the disk."""
    kinds = [type(thing) for thing in things]
    methods = [getattr(kind, name, None) for kind in kinds for name in METHODS]
    return all(one.__module__.startswith("gossipmab.") for one in (*kinds, *methods) if hasattr(one, "__module__"))


def jit_inline(function: F) -> F:
    """Compile into every caller, so that an argument that is a constant there is a constant here."""
    return cast(F, njit(**SETTINGS | {"forceinline": True})(function))


def variable(value: Any) -> Any:
    """A constant that numba does not see as one: it compiles a function anew for every literal argument."""
    return np.bool_(value) if isinstance(value, bool) else np.int64(value)


def method(name: str, inline: bool = True) -> Callable[..., Any]:
    """The function that calls the method `name` of its first argument; compiled, the argument's type determines the method."""
    METHODS.add(name)

    def call(self: Any, *args: Any) -> Any:
        return getattr(self, name)(*args)

    @overload(call, strict=False, jit_options=INLINE | {"forceinline": inline})
    def _typed(self: Any, *args: Any) -> Any:
        return getattr(self.instance_class, name)

    return call


def dual(function: F) -> F:
    """A function that is plain Python for Python callers, for debugging, and compiled into every compiled caller."""

    @overload(function, strict=False, jit_options=INLINE)
    def _same(*args: Any) -> Any:
        return function

    return function
