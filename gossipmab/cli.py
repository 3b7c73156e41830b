"""The command line.

Exit codes: 0 done, 1 cells failed or a check did not hold, 2 bad input, 3 no space left, 130 interrupted.

Everything heavy is imported inside the commands, so that `gossipmab --help` answers at once.
"""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gossipmab.errors import InputError

# Newer versions of typer have their own copy of click: the class of all its complaints is found through a public one.
Complaint: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
FAILED, BAD_INPUT, NO_SPACE, INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    help="Simulate decentralised, multi-objective, multi-agent bandits over random graphs.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def out() -> Console:
    """Where results are printed: wide where there is no terminal to fit."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def say(text: str) -> None:
    """One line on stderr."""
    print(" ".join(text.split()), file=sys.stderr)


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


@app.command()
def run(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="An experiment file, or the name of a shipped experiment.")
    ],
    folder: Annotated[Path | None, typer.Option("--out", help="The run folder; runs/<name> by default.")] = None,
    engine: Annotated[
        str, typer.Option(help="Who plays: threads, ray (cells as tasks) or actors (agents as actors).")
    ] = "threads",
    workers: Annotated[int | None, typer.Option(help="Cells at a time; by default one a processor.")] = None,
    address: Annotated[str | None, typer.Option(help="The Ray cluster to join: auto or HOST:PORT.")] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="NAME=AMOUNT", help="What a Ray task or actor takes, such as CPU=2."),
    ] = None,
    transport: Annotated[
        str | None, typer.Option(help="How actors exchange messages: direct (sockets, the default) or refs.")
    ] = None,
    agents_per_actor: Annotated[int | None, typer.Option(help="Agents in an actor; 1 by default.")] = None,
    window: Annotated[
        int | None, typer.Option(help="Rounds that actors play between two looks of the coordinator.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the file.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Drop what the folder holds of an earlier run.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Run an experiment, or continue it: finished cells are never computed again."""
    from gossipmab.progress import Bar
    from gossipmab.results import Results
    from gossipmab.runner import CellsFailedError
    from gossipmab.runner import run as run_experiment

    bar = Bar(bar=not quiet)
    failed: CellsFailedError | None = None
    results: Results | None = None
    try:
        results = run_experiment(
            spec, folder, engine, workers, fresh, overrides or (), address, resources_of(task or ()), transport,
            agents_per_actor, window, progress=bar,
        )  # fmt: skip
    except CellsFailedError as error:
        failed, results = error, error.results
    except KeyboardInterrupt:
        command = [word for word in sys.argv[1:] if word != "--fresh"]
        say(f"interrupted; {bar.done} of {bar.total} cells are kept. To go on: gossipmab {shlex.join(command)}")
        raise typer.Exit(INTERRUPTED) from None
    if results is not None and len(results.traces):
        _show(results, quiet)
    if failed is not None:
        for line in results.remarks() if results is not None else ():
            say(line)
        say(f"{len(failed.failures)} cells failed, as manifest.json says in full; running again tries them again")
        raise typer.Exit(FAILED)


def resources_of(task: Iterable[str]) -> dict[str, float]:
    """What a Ray task takes, from NAME=AMOUNT."""
    resources = {}
    for text in task:
        name, _, amount = text.partition("=")
        try:
            resources[name.strip()] = float(amount)
        except ValueError:
            raise InputError(f"--task: got {text!r}, allowed is NAME=AMOUNT, such as CPU=2 or memory=4e9") from None
    return resources


def _show(results: Any, quiet: bool) -> None:
    """The table and the figures of a run."""
    from gossipmab.plotting import plot as draw

    figures = draw(results)
    if quiet:
        return
    console = out()
    _summarise(console, results)
    console.print(f"run folder  {results.path}", markup=False, soft_wrap=True)
    for figure in figures[:1]:
        console.print(f"figure      {figure}", markup=False, soft_wrap=True)


def _summarise(console: Console, results: Any) -> None:
    """The tables of a run, and its comparisons in sentences."""
    from gossipmab.tables import summary_sentences, summary_tables

    for table in summary_tables(results):
        console.print(table)
    for sentence in summary_sentences(results):
        console.print(sentence, markup=False, soft_wrap=True)


RunFolderArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]


@app.command()
def summary(folder: RunFolderArgument) -> None:
    """Final regrets with intervals, growth exponents, paired tests, messages and bytes."""
    from gossipmab.results import open_run

    results = open_run(folder)
    _summarise(out(), results)
    for line in results.remarks():
        out().print(line, markup=False, soft_wrap=True)


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
def study(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="spectral-gap, connectivity, failures, communication or scaling.")
    ],
    quick: Annotated[bool, typer.Option("--quick", help="Four short trials: a first look, in a minute.")] = False,
    folder: Annotated[Path | None, typer.Option("--out", help="The run folder; runs/study-NAME by default.")] = None,
    engine: Annotated[str, typer.Option(help="Who plays: threads or ray.")] = "threads",
    workers: Annotated[int | None, typer.Option(help="Cells at a time; by default one a processor.")] = None,
) -> None:
    """Answer one question by a shipped experiment: run it, draw regret against what is studied, and say what came out."""
    from gossipmab.progress import Bar
    from gossipmab.runner import run as run_experiment
    from gossipmab.studies import findings, folder_of, sentences, study_of
    from gossipmab.study_figures import draw_study

    chosen = study_of(name)
    out_folder = folder or folder_of(name, quick)
    overrides = chosen.quick if quick else ()
    results = run_experiment(chosen.experiment, out_folder, engine, workers, overrides=overrides, progress=Bar())
    found = findings(results, chosen)
    figures = draw_study(found, chosen, results.path / "figures" / f"study_{name.replace('-', '_')}")
    console = out()
    console.print(chosen.question, markup=False)
    for line in sentences(found, chosen):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"run folder  {results.path}", markup=False, soft_wrap=True)
    console.print(f"figure      {figures[0]}", markup=False, soft_wrap=True)


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


def call(arguments: list[str]) -> int:
    """Run the command line with these arguments; the exit code."""
    try:
        code = app(arguments or ["--help"], prog_name="gossipmab", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except InputError as error:
        say(f"error: {error}")
        return BAD_INPUT
    except Complaint as error:
        say(f"error: {error.format_message()}")
        return BAD_INPUT
    except (typer.Abort, KeyboardInterrupt):
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again when it flushes
        return 0
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "; free some space and give the same command again" if full and where else ""
        say(f"error: {error.strerror or error}{where}{advice}")
        return NO_SPACE if full else BAD_INPUT
    except MemoryError as error:
        say(f"error: there is not enough memory; what was finished is kept ({error})")
        return FAILED


def main() -> None:
    """The console's entry point."""
    sys.exit(call(sys.argv[1:]))
