"""A method from outside the package that does not compile, in one line with the line of its file."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from numba.core.errors import NumbaError

from gossipmab.engines.conformance.errors import class_name
from gossipmab.utils.errors import InputError, one_line
from gossipmab.utils.jit import METHODS, is_builtin

PLACE = re.compile(r'File "([^"]+)", line (\d+):')
STEP = re.compile(r"Failed in nopython mode pipeline \(step: [^)]*\)")
NO_CODE = re.compile(r"No implementation of function \S*\(<.*?> *\) found for signature: >>> (.*)")


@contextmanager
def explained(*things: Any) -> Iterator[None]:
    """Raise InputError for an error of compiling: the class from outside among the things, method, cause, file and line."""
    try:
        yield
    except NumbaError as error:
        raise InputError(compile_fault(str(error), *things)) from error


def compile_fault(text: str, *things: Any) -> str:
    """What does not compile, why, and where. text: of numba's error, whose innermost place comes first."""
    foreign = [thing for thing in things if not is_builtin(thing)] or list(things)
    for found in PLACE.finditer(text):
        for thing in foreign:
            method = _method_at(thing, Path(found[1]).name, int(found[2]))
            if method is not None:
                name, before = f"{class_name(thing)}{method}", STEP.split(text[: found.start()])[-1]
                return f"{name} does not compile: {_cause(before)} ({Path(found[1]).name}, line {found[2]})"
    return f"{class_name(foreign[0])} does not compile: {_cause(STEP.split(text)[-1])}"


def _method_at(thing: Any, file: str, line: int) -> str | None:
    """Give ".select" if the line of the file is one of this method's, "" if it is another one of its file, None of another file."""
    same_file = None
    for name in sorted(METHODS):
        with suppress(OSError, TypeError):
            function: Any = getattr(type(thing), name, None)
            lines, first = inspect.getsourcelines(function)
            if Path(inspect.getfile(function)).name == file:
                same_file = ""
                if first <= line < first + len(lines):
                    return f".{name}"
    return same_file


def _cause(text: str) -> str:
    """The first sentence of an error of numba's."""
    line = one_line(text.strip().partition("There are ")[0].partition("During: ")[0], 400)
    found = NO_CODE.match(line)
    return f"numba has no code for {found[1]}" if found else line or "numba gives no reason"
