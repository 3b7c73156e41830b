"""What goes where: results to stdout, all else to stderr; and the exit codes."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console

FAILED, BAD_INPUT, NO_SPACE, INTERRUPTED = 1, 2, 3, 130


def out() -> Console:
    """Where results are printed: wide where there is no terminal to fit."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def say(text: str) -> None:
    """One line on stderr."""
    print(" ".join(text.split()), file=sys.stderr)


def summarise(console: Console, results: Any) -> None:
    """The tables of a run, and its comparisons in sentences."""
    from gossipmab.tables import summary_sentences, summary_tables

    for table in summary_tables(results):
        console.print(table)
    for sentence in summary_sentences(results):
        console.print(sentence, markup=False, soft_wrap=True)
