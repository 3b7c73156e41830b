"""The application that all commands belong to, and what it takes without a command.

Everything heavy is imported inside the commands, so that `gossipmab --help` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    help="Simulate decentralised, multi-objective, multi-agent bandits over random graphs.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
