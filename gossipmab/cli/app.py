"""All commands by name, in the groups and the order of --help.

Everything heavy is imported inside the commands, so that `gossipmab --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from gossipmab.cli.cluster_commands import check
from gossipmab.cli.create_commands import new_algorithm, new_experiment, new_topology, schema
from gossipmab.cli.help_examples import START, epilog
from gossipmab.cli.inspect_commands import animate, cite, compare, plot, report, summary, verify
from gossipmab.cli.list_commands import list_everything, runs, topology
from gossipmab.cli.run_commands import run, study

COMMANDS: dict[str, dict[str, Callable[..., Any]]] = {
    "Run": {"run": run, "study": study},
    "Inspect": {
        "summary": summary,
        "plot": plot,
        "animate": animate,
        "report": report,
        "compare": compare,
        "cite": cite,
        "verify": verify,
    },
    "List": {"runs": runs, "list": list_everything, "topology": topology},
    "Create": {"schema": schema},
}
FAMILIES: dict[str, tuple[str, str, dict[str, Callable[..., Any]]]] = {  # of commands of two words: group, help, second words
    "cluster": ("Run", "Try a Ray cluster before a run.", {"check": check}),
    "new": ("Create",
            "Write a commented starter that runs at once: an experiment, a topology, an algorithm.",
            {"experiment": new_experiment, "topology": new_topology, "algorithm": new_algorithm}),
}  # fmt: skip
WHAT = "Simulate decentralised, multi-objective, multi-agent bandits over random graphs."
SETTINGS: dict[str, Any] = {
    "rich_markup_mode": "rich",
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}

app = typer.Typer(help=WHAT, epilog=epilog(START), **SETTINGS)
for group, commands in COMMANDS.items():
    for name, command in commands.items():
        app.command(name, epilog=epilog(name), rich_help_panel=group)(command)
for first, (group, purpose, seconds) in FAMILIES.items():
    family = typer.Typer(help=purpose, **SETTINGS)
    for name, command in seconds.items():
        family.command(name, epilog=epilog(f"{first} {name}"))(command)
    app.add_typer(family, name=first, rich_help_panel=group)


def _version(wanted: bool) -> None:
    if wanted:
        from gossipmab import __version__

        print(f"gossipmab {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Simulate decentralised, multi-objective, multi-agent bandits over random graphs."""
