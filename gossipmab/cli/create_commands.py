"""The commands that write files to begin with: new and schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gossipmab.cli.options import Quiet, choice

Folder = Annotated[Path, typer.Option("--out", help="The folder to write it to; this one by default.")]


def new_experiment(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the experiment; the file is NAME.toml.")],
    folder: Folder = Path(),
    protocol: Annotated[str, choice("gossip, or marl for learners in a game.", "gossip", "marl")] = "gossip",
    quiet: Quiet = False,
) -> None:
    """Write NAME.toml, a small experiment with every key explained, and the schema that editors complete it by."""
    from gossipmab.cli.templates import write_experiment
    from gossipmab.experiments.spec.json_schema import schema_text

    _tell(write_experiment(name, folder, schema_text(), protocol), quiet)


def new_topology(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the base graph; NAME.edges is an edge list, else a generator.")],
    folder: Folder = Path(),
    quiet: Quiet = False,
) -> None:
    """Write NAME.toml, a base graph by a generator of networkx; or NAME.edges, a list of links."""
    from gossipmab.cli.templates import write_topology

    _tell(write_topology(name, folder), quiet)


def new_algorithm(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the package and the algorithm, such as my_algorithm.")],
    folder: Folder = Path(),
    quiet: Quiet = False,
) -> None:
    """Write NAME/, a package that pip installs: an algorithm in three methods, its test, and an experiment."""
    from gossipmab.cli.templates import write_algorithm

    _tell(write_algorithm(name, folder), quiet)


def _tell(lines: list[str], quiet: bool) -> None:
    if not quiet:
        print(*lines, sep="\n")


def schema(
    file: Annotated[Path | None, typer.Option("--out", help="The file; printed by default.")] = None, quiet: Quiet = False
) -> None:
    """Print the JSON schema of the experiment file, with which editors complete and check its keys."""
    from gossipmab.experiments.spec.json_schema import schema_text

    if file is None:
        print(schema_text(), end="")
        return
    file.write_text(schema_text(), encoding="utf-8")
    _tell([str(file)], quiet)
