"""Classes from a Python file that stands on its own, such as one beside an experiment: `eps.py:EpsilonGreedyGossip`.

The module of a file is named by its contents: the same file, here or copied elsewhere, gives the same class in a process, and
an edited one gives another.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.safe_read import LARGEST_TEXT

NAME = re.compile(r"(?P<file>.+\.py):(?P<kind>[A-Za-z_]\w*)")


class Source(NamedTuple):
    """A class in another process: the file's name and contents, and the name of the class."""

    path: str
    content: bytes
    kind: str


_sources: dict[str, tuple[str, bytes]] = {}  # module -> its file and contents


def class_of(source: Source, key: str = "") -> Any:
    """The class, its file run at the first call. Raises InputError, which begins with `key`, if there is none."""
    file, module = Path(source.path).name, _module_name(source.path, source.content)
    if len(source.content) > LARGEST_TEXT:
        raise InputError(f"{key}: {file} has {len(source.content)} bytes, allowed are {LARGEST_TEXT}")
    if module not in sys.modules:
        made = ModuleType(module)
        made.__file__ = source.path
        sys.modules[module] = made  # where type hints are looked up
        try:
            exec(compile(source.content, source.path, "exec"), vars(made))
        except (Exception, SystemExit) as error:
            del sys.modules[module]
            where = "" if isinstance(error, SyntaxError) else _line(error, source.path)
            advice = "; it is copied with the run, so it imports nothing beside it" if isinstance(error, ImportError) else ""
            raise InputError(f"{key}: {file} does not load ({type(error).__name__}: {error}{where}){advice}") from error
        _sources[module] = source.path, source.content
    found = vars(sys.modules[module])
    if not isinstance(found.get(source.kind), type):
        own = [name for name, value in found.items() if isinstance(value, type) and value.__module__ == module]
        raise unknown(f"{key}: class in {file}", source.kind, own or ("none",))
    return found[source.kind]


def source_of(kind: type) -> Source | None:
    """The file of a class that `class_of` gave; None for any other."""
    found = _sources.get(kind.__module__)
    return None if found is None else Source(*found, kind.__qualname__)


def is_loaded(path: Path) -> bool:
    """Whether a file of this content has been run already."""
    return path.is_file() and any(path.read_bytes() == content for _, content in _sources.values())


def modules() -> list[ModuleType]:
    """Those of the files that have been run."""
    return [sys.modules[name] for name in _sources]


def _module_name(path: str, content: bytes) -> str:
    stem = re.sub(r"(-[0-9a-f]{12})+$", "", Path(path).stem)  # of a copy in a run folder
    return re.sub(r"\W", "_", f"{stem}_{hashlib.sha256(content).hexdigest()[:12]}")


def _line(error: BaseException, path: str) -> str:
    trace, line = error.__traceback__, 0
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == path else line
        trace = trace.tb_next
    return f", line {line}" if line else ""
