"""The commands that show what there is: topology and list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gossipmab.cli.application import app
from gossipmab.cli.output import out, say


@app.command()
def topology(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME or FILE]...", help="All shipped ones by default.")
    ] = None,
    agents: Annotated[int | None, typer.Option(help="N, where the base graph leaves it open; 20 by default.")] = None,
    p: Annotated[float, typer.Option("--p", help="Link probability.")] = 0.5,
    weights: Annotated[str, typer.Option(help="laplacian, max_degree, metropolis or lazy_metropolis.")] = "laplacian",
    picture: Annotated[Path, typer.Option("--out", help="The drawing: .png, .svg or .pdf.")] = Path("topologies.png"),
) -> None:
    """Print the spectral facts of base graphs, and draw them."""
    from gossipmab.drawings import draw_topologies
    from gossipmab.tables import facts_table, networks_of

    networks, skipped = networks_of(names or (), agents, p, weights)
    for reason in skipped:
        say(f"left out: {reason}")
    drawn = draw_topologies(networks, picture)
    out().print(facts_table(networks, p, weights))
    print(f"drawn in {drawn}")


@app.command("list")
def list_everything() -> None:
    """List algorithms, experiments and topologies, with one line each."""
    from gossipmab.tables import listings

    for table in listings():
        out().print(table)
