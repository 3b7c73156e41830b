"""The commands for clusters: cluster check."""

from __future__ import annotations

from typing import Annotated

import typer

from gossipmab.cli.console import FAILED, out, say, show
from gossipmab.cli.options import Quiet
from gossipmab.utils.formatting import format_number

HEADINGS = ("node", "address", "CPUs", "actors", "call ms", "MB/s", "one way ms", "clock s")


def check(
    address: Annotated[str, typer.Option(help="The Ray cluster: auto or HOST:PORT, of which this machine is a node.")] = "auto",
    quiet: Quiet = False,
) -> None:
    """Try a cluster before a run: versions, calls, bandwidth, connections between nodes, clocks, memory, token."""
    from gossipmab.cli.tables import plain_table
    from gossipmab.engines.pools.cluster_check import check_cluster

    found = check_cluster(address, (lambda line: None) if quiet else say)
    rows = [
        (node.facts.host, node.address, f"{node.cpus:g}", node.actors, format_number(1e3 * node.call, 3),
         format_number(node.speed / 1e6, 3), format_number(1e3 * found.worst(node), 3), f"{node.ahead:+.2f}")
        for node in found.nodes
    ]  # fmt: skip
    if not quiet:
        out().print(plain_table(f"{len(rows)} nodes; the command is on this machine", HEADINGS, rows, words=2))
        show(*(found.advice()), "ready" if found.sound else "")
    if not found.sound:
        say("the cluster cannot be used as it is")
        raise typer.Exit(FAILED)
