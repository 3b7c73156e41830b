"""The commands that list what is there: topology, list and runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gossipmab.cli import json_output as documents
from gossipmab.cli.console import emit, out, say
from gossipmab.cli.options import Json, Quiet, choice, shipped

WEIGHTS = ("laplacian", "max_degree", "metropolis", "lazy_metropolis")


def topology(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME or FILE]...",
            help="All shipped ones by default.",
            autocompletion=shipped("topologies", ".toml", ".edges", ".graphml"),
        ),  # fmt: skip
    ] = None,
    agents: Annotated[int | None, typer.Option(help="N, if the base graph leaves it open; 20 by default.")] = None,
    p: Annotated[float, typer.Option("--p", help="Link probability.")] = 0.5,
    weights: Annotated[str, choice(f"{', '.join(WEIGHTS[:3])} or {WEIGHTS[3]}.", *WEIGHTS)] = "laplacian",
    picture: Annotated[
        Path | None, typer.Option("--out", help="The drawing: .png, .svg or .pdf; topologies.png by default, none with --json.")
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Print the spectral facts of base graphs, and draw them."""
    from gossipmab.analysis.graph_plots import draw_topologies
    from gossipmab.cli.tables import facts_table, networks_of

    networks, skipped = networks_of(names or (), agents, p, weights)
    if json:
        drawn = draw_topologies(networks, picture) if picture else None
        facts = documents.of_networks(networks)
        emit("topology", link_probability=p, weights=weights, topologies=facts, left_out=skipped, drawing=drawn)
        return
    for reason in skipped:
        say(f"left out: {reason}")
    drawn = draw_topologies(networks, picture or Path("topologies.png"))
    if not quiet:
        out().print(facts_table(networks, p, weights))
        print(f"drawn in {drawn}")


def list_everything(json: Json = False) -> None:
    """List algorithms, games, experiments and topologies, with one line each."""
    from gossipmab.cli.tables import listings

    if json:
        emit("list", **documents.of_everything())
        return
    for table in listings():
        out().print(table)


def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where run folders lie, in it or a folder below; runs by default.")
    ] = Path("runs"),
    json: Json = False,
) -> None:
    """List run folders, the newest first: when they began, how far they are, their size, and the best final metric."""
    from gossipmab.cli.tables import runs_table
    from gossipmab.experiments.storage.run_list import at_a_glance, run_folders
    from gossipmab.utils.errors import InputError

    if not folder.is_dir():
        raise InputError(f"DIR: got {str(folder)!r}, allowed is a folder that exists")
    found = sorted(map(at_a_glance, run_folders(folder)), key=lambda one: one.start, reverse=True)
    if json:
        emit("runs", path=folder, runs=[one._asdict() for one in found])
    elif found:
        out().print(runs_table(found, folder))
    else:
        say(f"there is no run folder in {folder}")
