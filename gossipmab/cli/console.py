"""Output: results to stdout, all else to stderr; and the exit codes."""

from __future__ import annotations

import json
import math
import os
import sys
from contextlib import suppress
from typing import Any

from rich.console import Console

from gossipmab.utils.errors import ClusterLostError

FAILED, BAD_INPUT, NO_SPACE, CLUSTER_LOST, INTERRUPTED, CLOSED = 1, 2, 3, ClusterLostError.exit_code, 130, 141
EXIT_CODES = {
    0: "done",
    FAILED: "cells failed, or a check did not hold",
    BAD_INPUT: "bad input, named in one line",
    NO_SPACE: "no space left on the device",
    CLUSTER_LOST: "the Ray cluster has gone; the same command goes on once it is back",
    INTERRUPTED: "interrupted; the same command goes on",
    CLOSED: "the pipe that takes the output was closed",
}


def out() -> Console:
    """The console of results: in colour only on a terminal and without NO_COLOR; wide if there is no terminal."""
    plain: dict[str, Any] = {"color_system": None} if os.environ.get("NO_COLOR") else {}
    console = Console(highlight=False, **plain)
    return console if console.is_terminal else Console(highlight=False, width=160)


def say(text: str) -> None:
    """One line on stderr."""
    with suppress(BrokenPipeError):
        print(" ".join(text.split()), file=sys.stderr)


def emit(command: str, **content: Any) -> None:
    """The command's document for machines: one JSON object on stdout. See `gossipmab.cli.json_output`."""
    from gossipmab import __version__

    document = {"gossipmab": __version__, "command": command, **content}
    print(json.dumps(plain(document), indent=2, allow_nan=False))


def plain(value: Any) -> Any:
    """The value in JSON's own types; numbers that JSON does not have, nan and infinities, are null."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    value = value.item() if hasattr(value, "item") else value  # of a NumPy number
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def show(*lines: str) -> None:
    """Lines of a result, as they stand."""
    for line in lines:
        out().print(line, markup=False, soft_wrap=True)


def summarise(results: Any) -> None:
    """The tables of a run, and its comparisons in sentences."""
    from gossipmab.analysis.sentences import sentences_of
    from gossipmab.cli.tables import summary_tables

    for table in summary_tables(results):
        out().print(table)
    show(*sentences_of(results))
