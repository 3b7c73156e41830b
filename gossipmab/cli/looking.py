"""The commands that look at what was played: summary, compare, plot, report, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gossipmab.cli.application import app
from gossipmab.cli.output import FAILED, out, say, summarise

RunFolderArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]


@app.command()
def summary(folder: RunFolderArgument) -> None:
    """Final regrets with intervals, growth exponents, paired tests, messages and bytes."""
    from gossipmab.results import open_run

    summarise(out(), open_run(folder))


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    second: Annotated[Path, typer.Argument(metavar="RUN", help="Another one.")],
) -> None:
    """Set two runs side by side: where their experiments differ, regrets in pairs, cells equal bit for bit."""
    from gossipmab.results import open_run
    from gossipmab.tables import versus_tables
    from gossipmab.versus import versus

    found = versus(open_run(first), open_run(second))
    for table in versus_tables(found):
        out().print(table)
    for line in found.lines():
        out().print(line, markup=False, soft_wrap=True)


@app.command()
def plot(
    folder: RunFolderArgument,
    band: Annotated[str, typer.Option(help="quarter-sd (as the paper), sd, or ci (95 % bootstrap).")] = "quarter-sd",
    formats: Annotated[str, typer.Option("--format", help="Any of png,svg,pdf.")] = "png,svg",
    metric: Annotated[
        str | None,
        typer.Option(help="pareto, nsw or both; by default as fits the algorithms. A centre: regret, or an objective."),
    ] = None,
    guide: Annotated[
        str | None,
        typer.Option(
            help="The order of a bound beside the curves: log, sqrt, two-thirds, three-quarters, linear or auto."
        ),
    ] = None,
) -> None:
    """Draw regret curves, regret against what was swept, and regret against bytes."""
    from gossipmab.plotting import plot as draw
    from gossipmab.results import open_run

    for path in draw(open_run(folder), band, [name.strip() for name in formats.split(",")], metric, guide):
        print(path)


@app.command()
def report(
    folder: RunFolderArgument,
    file: Annotated[
        Path | None, typer.Option("--out", help="The file; report.html in the run folder by default.")
    ] = None,
) -> None:
    """Write one self-contained HTML file: figures, tables, comparisons, equity, network, how to run it again."""
    from gossipmab.report import write_report
    from gossipmab.results import open_run

    print(write_report(open_run(folder), file))


@app.command()
def verify(
    folder: RunFolderArgument,
    cell: Annotated[str | None, typer.Option(help="The cell to play again, or all; the first by default.")] = None,
) -> None:
    """Check every file's checksum, and play one cell again in this process to compare it bit for bit."""
    from gossipmab.verify import verify as findings

    bad = 0
    for finding in findings(folder, cell):
        bad += not finding.sound
        print(f"{'ok    ' if finding.sound else 'WRONG '} {finding.what}: {finding.remark}")
    if bad:
        say(f"{bad} of the checks do not hold")
        raise typer.Exit(FAILED)
