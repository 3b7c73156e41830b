"""Output: results to stdout, all else to stderr; and the exit codes."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from rich.console import Console

from gossipmab.utils.errors import ClusterLostError

FAILED, BAD_INPUT, NO_SPACE, CLUSTER_LOST, INTERRUPTED, CLOSED = 1, 2, 3, ClusterLostError.exit_code, 130, 141
WIDE = 1_000  # columns where there is no terminal
FORMS = ("table", "markdown", "latex", "csv", "json")
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
    """The console of results: in colour only on a terminal and without NO_COLOR; as wide as need be if there is no terminal."""
    plain: dict[str, Any] = {"color_system": None} if os.environ.get("NO_COLOR") else {}
    console = Console(highlight=False, **plain)
    wide = console.is_terminal or os.environ.get("COLUMNS", "").isdigit()
    return console if wide else Console(highlight=False, width=WIDE)


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
    """Lines of a result, wrapped at words; no word is cut, and no line where there is no terminal."""
    from gossipmab.cli.sheet import wrapped

    console = out()
    for line in lines:
        for part in wrapped(line, console.width, 2, whole=True):
            console.print(part, markup=False, soft_wrap=True)


def summarise(results: Any, form: str = "table", chosen: Sequence[str] = ()) -> None:
    """The tables of a run, and below them its comparisons in sentences.

    Args:
        results: the run.
        form: of FORMS, but for json. chosen: the columns; as fits by default.
    """
    from gossipmab.analysis.sentences import sentences_of
    from gossipmab.analysis.sweep_effects import answers, effects
    from gossipmab.cli.tables import summary_columns, summary_tables, sweep_tables

    if form == "csv":
        print(results.summary()[summary_columns(results, chosen)].to_csv(index=False), end="")
        return
    found = effects(results)
    for table in (*summary_tables(results, chosen), *(() if chosen else sweep_tables(found, results.spec.experiment.name))):
        if form == "table":
            out().print(table)
        else:
            print(table.markdown() if form == "markdown" else table.latex())
    if form == "table":
        same = len(results.spec.algorithms) == 1 and found and not any(one.ordered for one in found)  # as the sweep's table
        show(*answers(found), *(() if same else sentences_of(results)))
