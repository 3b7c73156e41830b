"""From arguments to an exit code."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import typer

from gossipmab.cli.app import app
from gossipmab.cli.console import BAD_INPUT, FAILED, INTERRUPTED, NO_SPACE, say
from gossipmab.experiments.spec.renamed import OPTIONS, now_called
from gossipmab.utils.errors import InputError

# Newer versions of typer have their own copy of click: the class of all its complaints is found through a public one.
Complaint: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def call(arguments: list[str]) -> int:
    """Run the command line with these arguments; the exit code."""
    try:
        code = app(arguments or ["--help"], prog_name="gossipmab", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except InputError as error:
        say(f"error: {error}")
        return BAD_INPUT
    except Complaint as error:
        old = str(getattr(error, "option_name", ""))
        say(f"error: {now_called(old, OPTIONS[old]) if old in OPTIONS else error.format_message()}")
        return BAD_INPUT
    except (typer.Abort, KeyboardInterrupt):
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again when it flushes
        return 0
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "; free some space and give the same command again" if full and where else ""
        say(f"error: {error.strerror or error}{where}{advice}")
        return NO_SPACE if full else BAD_INPUT
    except MemoryError as error:
        say(f"error: there is not enough memory; finished cells are kept ({error})")
        return FAILED


def main() -> None:
    """The console's entry point. No window is opened, so no backend and no setting of matplotlib's is looked for."""
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    sys.exit(call(sys.argv[1:]))
