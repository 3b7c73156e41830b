"""Arguments and options that several commands have, and the values that the shell completes; else files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gossipmab.utils.resources import shipped_files

Suggest = Callable[[str], list[str]]
ENGINES = ("threads", "ray", "actors")
STUDIES = ("spectral-gap", "connectivity", "failures", "communication", "scaling")


def one_of(names: Sequence[str]) -> Suggest:
    """Completes to these names."""

    def suggest(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return suggest


def shipped(kind: str, *suffixes: str) -> Suggest:
    """Completes to the names of shipped files, such as experiments."""
    return lambda incomplete: one_of(list(shipped_files(kind, suffixes)))(incomplete)


def choice(help: str, *names: str) -> Any:
    """An option whose value is one of these names."""
    return typer.Option(help=help, autocompletion=one_of(names))


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead; docs/cli.md explains its keys.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Workers = Annotated[int | None, typer.Option(help="Processors to use: for cells side by side, then for the agents of large ones.")]
