"""From arguments to an exit code."""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import Any

import typer

from gossipmab.cli.app import app
from gossipmab.cli.console import BAD_INPUT, CLOSED, CLUSTER_LOST, FAILED, INTERRUPTED, NO_SPACE, say
from gossipmab.experiments.spec.renamed import OPTIONS, now_called
from gossipmab.utils.atomic_write import NO_SPACE as NO_SPACE_LEFT
from gossipmab.utils.errors import ClusterLostError, InputError

# Newer versions of typer have their own copy of click: the class of all its complaints is found through a public one.
Complaint: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
NEW_OBJECTS = 200_000  # between two searches of Python's for unused ones: nearly all that imports make stay


def call(arguments: list[str]) -> int:
    """Run the command line with these arguments; the exit code."""
    try:
        code = app(arguments or ["--help"], prog_name="gossipmab", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except InputError as error:
        say(f"error: {error}")
        return BAD_INPUT
    except ClusterLostError as error:
        say(f"error: {error}")
        return CLUSTER_LOST
    except Complaint as error:
        old = str(getattr(error, "option_name", ""))
        say(f"error: {now_called(old, OPTIONS[old]) if old in OPTIONS else error.format_message()}")
        return BAD_INPUT
    except (typer.Abort, KeyboardInterrupt) as error:
        if isinstance(error.__cause__, EOFError):  # which click takes for an answer that does not come
            raise error.__cause__ from None
        say("interrupted")
        return INTERRUPTED
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # which click and rich make an exit of code 1
            return CLOSED
        raise
    except OSError as error:
        return _code_of(error)
    except MemoryError as error:
        say(f"error: there is not enough memory; finished cells are kept ({error})")
        return FAILED


def _code_of(error: OSError) -> int:
    if isinstance(error, BrokenPipeError):
        return CLOSED
    where = f" ({error.filename})" if error.filename else ""
    full = error.errno in NO_SPACE_LEFT
    advice = "; free some space and give the same command again" if full and where else ""
    say(f"error: {error.strerror or error}{where}{advice}")
    return NO_SPACE if full else BAD_INPUT


def main() -> None:
    """The console's entry point. No window is opened, so no backend and no setting of matplotlib's is looked for."""
    gc.set_threshold(NEW_OBJECTS)
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what its encoding lacks
    code = call(sys.argv[1:])
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
        code = code or _code_of(error)
    gc.freeze()  # or Python searches all objects for unused ones before it ends: half a second
    sys.exit(code)
