"""Errors of user input: one line each."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

LONGEST = 2_000  # characters of a message
LONGEST_NAME = 100  # of a name that is not known


class InputError(ValueError):
    """Bad input. The message is one line: the key, the value it got, what is allowed; the command line exits with 2.

    What a terminal would obey rather than show is escaped, for names in messages may come from files that others wrote.

    >>> try:
    ...     gm.Network("rink", agents=4)
    ... except gm.InputError as error:
    ...     print(str(error)[:55])
    network.base: 'rink' is not known; did you mean 'ring'?
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class ClusterLostError(RuntimeError):
    """The Ray cluster has gone in the middle of a run. Finished cells are kept, and the same command goes on."""

    exit_code = 4  # of the command


def one_line(text: str, longest: int = LONGEST) -> str:
    """The text in one line of printable characters, cut if it is longer."""
    line = " ".join(str(text)[: 2 * longest].split())
    if not line.isprintable():
        line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    return line if len(line) <= longest else line[: longest - 3] + "..."


def shown(value: Any) -> str:
    """A value short enough for one line."""
    text = ascii(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def whole(value: object) -> str:
    """The suggestion for a float in the place of a whole number, "" if it is not whole."""
    return f"; did you mean {int(value)}?" if isinstance(value, float) and value.is_integer() else ""


def unknown(key: str, value: object, allowed: Iterable[str]) -> InputError:
    """The error for a name that is not one of `allowed`, with the nearest spelling."""
    names = sorted(allowed)
    text = value if not isinstance(value, str) or len(value) <= LONGEST_NAME else value[: LONGEST_NAME - 3] + "..."
    near = get_close_matches(str(text), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return InputError(f"{key}: {text!r} is not known{hint} (allowed: {', '.join(names)})")
