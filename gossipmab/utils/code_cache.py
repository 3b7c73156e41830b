"""The cache of compiled code: a sealed file for every function and the types of its arguments.

numba's own cache does not notice a change in another file whose code was compiled into a function, and fails at a damaged file
or a full disk. Here every version of the sources, and of what compiles them, has a folder of its own. A file that is damaged,
or that cannot be written, costs the time to compile its function anew, and a note.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite
import numba
import numpy as np
from numba.core import compiler, serialize

from gossipmab.utils import parts

CompileResult: Any = compiler.CompileResult
dumps: Any = serialize.dumps
loads: Any = serialize.loads  # as numba does: what lies in a cache is code, and is trusted as the package is
PACKAGE = Path(__file__).parents[1]
FOLDER = "gossipmab-"
# The rooms above the engines: no compiled code below imports them, so a change there leaves the caches good. What they compile
# themselves, as the games do, is kept for the files of its own folder.
UPPER = ("__main__.py", "analysis", "bridges", "cli", "experiments", "marl", "testing")
SEAL = hashlib.sha256().digest_size
KEPT, DAYS = 10, 30  # how many folders stay at most, and how long without use
_used: set[str] = set()  # names of the files that this process has read or written
REMEDY = "to change this, set NUMBA_CACHE_DIR to a folder that can be written and stays"


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
    """Where caches may go, in order of preference: NUMBA_CACHE_DIR, beside the package, the user's cache folder if there is one."""
    chosen: str = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    user = os.environ.get("XDG_CACHE_HOME", "")
    user = user if os.path.isabs(user) else os.path.expanduser("~/.cache")  # which stays "~" without HOME and a name for the user
    wanted = [Path(os.path.expanduser(chosen))] if chosen else [PACKAGE / "__pycache__", Path(user) / "gossipmab"]
    return [root.absolute() for root in wanted if not root.parts[0].startswith("~")]


@cache
def folders() -> tuple[Path, ...]:
    """The folders of this version of the sources and of what compiles them, there or not."""
    optimised = str(numba.config.OPT)  # type: ignore[attr-defined]
    versions = [source_hash(without=UPPER), str(sys.implementation.cache_tag), optimised]
    versions += [module.__version__ for module in (numba, llvmlite, np)]
    name = FOLDER + hashlib.sha256("\n".join(versions).encode()).hexdigest()[:16]
    return tuple(root / name for root in roots())


@cache
def cache_folder() -> Path | None:
    """The folder to write to, those that nobody used for long dropped; None if none can be written, and a note says so."""
    for folder in folders():
        with suppress(OSError):
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                _drop_unused(folder)
            if os.access(folder, os.W_OK):
                os.utime(folder)
                return folder
    tried = ", ".join(str(folder.parent) for folder in folders())
    _note(f"compiled code cannot be kept, and every start may compile for half a minute (tried: {tried or 'no folder'}); {REMEDY}")
    return None


def _drop_unused(new: Path) -> None:
    """Drop folders of other versions, but not those in use: a folder's time is that of its last use."""
    others = [folder for folder in new.parent.glob(FOLDER + "*") if folder != new]
    with suppress(OSError):  # as where another process drops them, too
        used = {folder: folder.stat().st_mtime for folder in others}
        for place, folder in enumerate(sorted(others, key=used.__getitem__, reverse=True), 1):
            if place >= KEPT or used[folder] < time.time() - DAYS * 86_400:
                shutil.rmtree(folder, ignore_errors=True)


@cache
def _note(text: str) -> None:
    logging.getLogger("gossipmab").warning(text)


def load(name: str) -> bytes | None:
    """What is kept under the name; None if there is nothing, or something damaged, which is dropped."""
    for folder in folders():
        try:
            sealed = (folder / name).read_bytes()
        except OSError:
            continue
        content = sealed[SEAL:]
        if hashlib.sha256(content).digest() == sealed[:SEAL]:
            _used.add(name)
            return content
        _note(f"a damaged file of compiled code is dropped and made anew, in {folder}")
        with suppress(OSError):
            (folder / name).unlink()
    return None


def save(name: str, content: bytes) -> None:
    """Keep the content under the name, completely or not at all; a note says why it cannot be kept."""
    folder = cache_folder()
    if folder is None:
        return
    temporary = folder / f".{name}.{os.getpid()}"
    try:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
        temporary.replace(folder / name)
        _used.add(name)
    except OSError as error:
        _note(f"compiled code cannot be kept ({error.strerror}: {folder}), and the next start compiles it again; {REMEDY}")
        with suppress(OSError):
            temporary.unlink()


class CodeBundle(NamedTuple):
    """Compiled code for another machine. version: of what made it. files: name -> content; a name holds the processor's kind."""

    version: str
    files: dict[str, bytes]


def bundle() -> CodeBundle:
    """What this process has compiled or loaded so far."""
    found = {name: load(name) for name in sorted(_used)}
    return CodeBundle(folders()[0].name if folders() else "", {name: content for name, content in found.items() if content})


def unpack(sent: CodeBundle) -> None:
    """Keep what is not here yet. Code of another version stays out, and that for another kind of processor is never loaded."""
    folder = cache_folder()
    if folder is not None and folder.name == sent.version:
        for name, content in sent.files.items():
            if not (folder / name).exists():
                save(name, content)


def _from_outside(kind: Any) -> bool:
    """Whether a class from outside the package, whose methods are compiled into the code, is among the types."""
    module = getattr(getattr(kind, "instance_class", None), "__module__", "gossipmab.")
    inner = kind if isinstance(kind, tuple) else getattr(kind, "args", getattr(kind, "types", ()))
    return not module.startswith("gossipmab.") or any(map(_from_outside, inner))


class CodeCache:
    """The cache of one function, with the methods that a dispatcher of numba calls."""

    kind, rebuild = "", staticmethod(CompileResult._rebuild)

    def __init__(self, function: Any) -> None:
        code = function.__code__
        self._function = f"{function.__module__}.{function.__qualname__}:{code.co_firstlineno}"
        if set(function.__module__.split(".")[:2]) & set(UPPER):
            self._function += source_hash(Path(code.co_filename).parent)
        self._name = function.__name__

    @property
    def cache_path(self) -> str | None:
        """Where it writes."""
        folder = cache_folder()
        return None if folder is None else str(folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code for arguments of these types; None if it is not kept."""
        target_context.refresh()
        content = None if _from_outside(sig) else load(self._file(sig, target_context))
        if content is None:
            return None
        kept, reduced = loads(content)
        return self.rebuild(target_context, *reduced) if kept == sig else None

    def save_overload(self, sig: Any, compiled: Any) -> None:
        """Keep what was compiled for these types, unless it holds addresses of this process or code from outside the package."""
        if not (compiled.library.has_dynamic_globals or _from_outside(sig)):
            save(self._file(sig, compiled.target_context), dumps((sig, compiled._reduce())))

    def flush(self) -> None:
        """Nothing: what is compiled anew is written over."""

    def _file(self, sig: Any, target_context: Any) -> str:
        what = "\n".join([self._function, str(sig), *map(str, target_context.codegen().magic_tuple())])
        return f"{self._name}{self.kind}-{hashlib.sha256(what.encode()).hexdigest()[:32]}.bin"


class PartCache(CodeCache):
    """The cache of a function as a part of its compiled callers."""

    kind, rebuild = "-part", staticmethod(parts.rebuild)
