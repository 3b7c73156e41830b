"""The application: all commands by name, in the groups and the order in which --help shows them.

Everything heavy is imported inside the commands, so that `gossipmab --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from gossipmab.cli.create_commands import completion, new_algorithm, new_experiment, new_topology, schema
from gossipmab.cli.help_examples import Command, Group
from gossipmab.cli.inspect_commands import compare, plot, report, summary, verify
from gossipmab.cli.list_commands import list_everything, topology
from gossipmab.cli.run_commands import run, study

COMMANDS: dict[str, dict[str, Callable[..., Any]]] = {
    "Play": {"run": run, "study": study},
    "Look at runs": {"summary": summary, "plot": plot, "report": report, "compare": compare, "verify": verify},
    "Find your way": {"list": list_everything, "topology": topology},
    "Begin your own": {"schema": schema, "completion": completion},
}
STARTERS: dict[str, Callable[..., Any]] = {
    "experiment": new_experiment,
    "topology": new_topology,
    "algorithm": new_algorithm,
}
WHAT = "Simulate decentralised, multi-objective, multi-agent bandits over random graphs."
SETTINGS: dict[str, Any] = {
    "rich_markup_mode": "rich",
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}

app = typer.Typer(help=WHAT, cls=Group, **SETTINGS)
for group, commands in COMMANDS.items():
    for name, command in commands.items():
        app.command(name, cls=Command, rich_help_panel=group)(command)
new = typer.Typer(
    help="Write a commented starter that runs at once: an experiment, a topology, an algorithm.", **SETTINGS
)
for name, command in STARTERS.items():
    new.command(name, cls=Command)(command)
app.add_typer(new, name="new", rich_help_panel="Begin your own")


def _version(wanted: bool) -> None:
    if wanted:
        from gossipmab import __version__

        print(f"gossipmab {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Simulate decentralised, multi-objective, multi-agent bandits over random graphs."""
