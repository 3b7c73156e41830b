"""Files that others wrote, read within bounds: regular files, never more bytes than are allowed, keys of sensible depth.

A pipe or a device never ends, a link may lead to one, and a size in a header costs nothing to write. So a file is looked at
after it was opened, and every reader of this package begins here. Nothing that is read can run code.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from gossipmab.utils.errors import InputError

LARGEST_TEXT = 16 * 2**20  # bytes of an experiment file or of numbers in JSON: parsed, they take twenty times as many
DEEPEST_KEY = 20
# The reader of TOML takes time and memory quadratic in the parts of a dotted key. A key begins wherever no other key continues.
LONG_KEY = re.compile(
    r"""(?<![\w"'\\-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){%d}""" % DEEPEST_KEY  # noqa: UP031
)


def is_file(path: Path) -> bool:
    """Whether there is a regular file; no for a name that the system cannot have."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for the file system, or with a zero byte
        return False


@contextmanager
def opened(path: Path, what: str, largest: int) -> Iterator[BinaryIO]:
    """The regular file, to be read.

    Args:
        path: links are followed.
        what: what errors begin with, such as the key that names the file.
        largest: bytes that it may have.

    Raises:
        InputError: it cannot be opened, is no regular file, or is larger.
    """
    try:  # without waiting: a pipe opens at once, and is refused
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise InputError(f"{what}: cannot read {str(path)!r} ({getattr(error, 'strerror', None) or error})") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise InputError(f"{what}: {str(path)!r} is not a regular file")
    with open(descriptor, "rb") as file:
        if status.st_size > largest:
            raise InputError(f"{what}: {path.name!r} has {status.st_size} bytes, more than the {largest} that are read")
        yield file


def content_of(path: Path, what: str, largest: int) -> bytes:
    """The file's bytes. Raises InputError as `opened` does, and if it cannot be read."""
    with opened(path, what, largest) as file, refusing(f"{what}: {path.name!r} cannot be read"):
        size = min(largest, max(os.fstat(file.fileno()).st_size, 2**16))  # for `read` makes room for as many bytes
        content = file.read(size)
        if file.read(1):  # it grows, or has no size, as under /proc
            raise InputError(f"{what}: {path.name!r} goes on behind the {size} bytes that are read")
        return content


def text_of(path: Path, what: str, largest: int = LARGEST_TEXT) -> str:
    """The file's text, a byte order mark left out. Raises InputError as `content_of` does, and if it is not UTF-8."""
    try:
        return content_of(path, what, largest).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{what}: {path.name!r} is not UTF-8 text (byte {error.start})") from None


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """An InputError in place of whatever a library raises over a file that is malformed or too large for the memory."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{what} ({str(error)[:300] or type(error).__name__})") from None


def parsed_toml(text: str) -> dict[str, Any]:
    """The document in TOML. Raises ValueError if it is none, or nested too deeply."""
    if found := LONG_KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ValueError(f"a key of more than {DEEPEST_KEY} parts (at line {line})")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parsed_json(text: str) -> Any:
    """The document in JSON. Raises ValueError if it is none, or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
