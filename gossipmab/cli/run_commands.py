"""The commands that run experiments: run and study."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from gossipmab.cli import json_output as documents
from gossipmab.cli.console import FAILED, INTERRUPTED, emit, say, show, summarise
from gossipmab.cli.options import ENGINES, STUDIES, Json, Quiet, Workers, choice, keys_of, one_of, runs_of, shipped
from gossipmab.utils.errors import InputError


def run(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC",
            help="An experiment file, the name of a shipped experiment, or a run folder.",
            autocompletion=lambda incomplete: shipped("experiments", ".toml")(incomplete) + runs_of(incomplete),
        ),
    ],
    folder: Annotated[Path | None, typer.Option("--out", help="The run folder; runs/<name> by default.")] = None,
    engine: Annotated[str, choice("Who plays: threads, ray (cells as tasks), actors (an agent each), gpu.", *ENGINES)] = "threads",
    workers: Workers = None,
    address: Annotated[str | None, typer.Option(help="The Ray cluster to join: auto or HOST:PORT.")] = None,
    resources: Annotated[
        list[str] | None, typer.Option("--resources", metavar="NAME=AMOUNT", help="What a Ray task or actor takes, such as CPU=2.")
    ] = None,
    transport: Annotated[
        str | None, choice("How actors exchange messages: direct (sockets, the default) or refs.", "direct", "refs")
    ] = None,
    agents_per_actor: Annotated[int | None, typer.Option(help="Agents in an actor; 1 by default.")] = None,
    window: Annotated[
        int | None, typer.Option(help="Rounds that actors play between two looks of the coordinator, at most.")
    ] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="NETWORK:PORTS", help="Where actors listen, such as 10.0.0.0/8:20000-20999.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the file.", autocompletion=keys_of)
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Drop what the folder holds of an earlier run.")] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run an experiment, or continue it: finished cells are never computed again."""
    from gossipmab.experiments.callbacks import Bar
    from gossipmab.experiments.results import Results
    from gossipmab.experiments.runner import CellsFailedError, run as run_experiment

    bar = Bar(bar=not quiet)
    failed: CellsFailedError | None = None
    results: Results | None = None
    try:
        results = run_experiment(
            spec, folder, engine, workers, fresh, overrides or (), address, resources_of(resources or ()),
            callbacks=[bar], transport=transport, agents_per_actor=agents_per_actor, window=window, listen=listen,
        )  # fmt: skip
    except CellsFailedError as error:
        failed, results = error, error.results
    except KeyboardInterrupt:
        command = [word for word in sys.argv[1:] if word != "--fresh"]
        say(f"interrupted; {bar.done} of {bar.total} cells are kept. To go on: gossipmab {shlex.join(command)}")
        raise typer.Exit(INTERRUPTED) from None
    figures: list[Path] = []
    undrawn: Exception | None = None
    try:
        if results is not None and len(results.traces):
            from gossipmab.analysis.plots import plot as draw

            figures = draw(results)
    except Exception as error:  # cells and tables are there, and worth more than their figures
        undrawn = error
    if json and results is not None:
        failures = [{"cell": cell, "error": error} for cell, error in (failed.failures if failed else ())]
        emit("run", **documents.of_run(results), failed=failures, figures=figures)
    elif (figures or undrawn) and not quiet and results is not None:
        summarise(results)
        show(*(() if failed else results.remarks()), f"run folder  {results.path}", *(f"figure      {one}" for one in figures[:1]))
    if isinstance(undrawn, OSError):
        raise undrawn
    if undrawn is not None and results is not None:
        say(f"no figure was drawn ({type(undrawn).__name__}: {undrawn}); to draw them: gossipmab plot {results.path}")
    if failed is not None:
        for line in results.remarks() if results is not None else ():
            say(line)
        say(f"{len(failed.failures)} cells failed, listed in full in manifest.json; running again tries them again")
        raise typer.Exit(FAILED)


def study(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=f"{', '.join(STUDIES[:-1])} or {STUDIES[-1]}.", autocompletion=one_of(STUDIES))
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="Few short trials: a first look, in a minute, of learners in some.")
    ] = False,
    folder: Annotated[Path | None, typer.Option("--out", help="The run folder; runs/study-NAME by default.")] = None,
    engine: Annotated[str, choice("Who plays: threads or ray.", *ENGINES[:2])] = "threads",
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Answer one question by a shipped experiment: run it, draw its metric against the quantity studied, print the findings."""
    from gossipmab.analysis.plot_style import names_of
    from gossipmab.analysis.studies import findings, folder_of, sentences, study_of
    from gossipmab.analysis.study_plots import draw_study
    from gossipmab.experiments.callbacks import Bar
    from gossipmab.experiments.runner import run as run_experiment

    chosen = study_of(name)
    out_folder = folder or folder_of(name, quick)
    overrides = chosen.quick if quick else ()
    results = run_experiment(chosen.experiment, out_folder, engine, workers, overrides=overrides, callbacks=[Bar(bar=not quiet)])
    found = findings(results, chosen)
    stem = results.path / "figures" / f"study_{name.replace('-', '_')}"
    figures = draw_study(found, chosen, stem, names=names_of(results.spec))
    if quiet:
        return
    show(chosen.question, *sentences(found, chosen), f"run folder  {results.path}", f"figure      {figures[0]}")


def resources_of(given: Iterable[str]) -> dict[str, float]:
    """What a Ray task takes, from NAME=AMOUNT."""
    found = {}
    for text in given:
        name, _, amount = text.partition("=")
        try:
            found[name.strip()] = float(amount)
        except ValueError:
            raise InputError(f"--resources: got {text!r}, allowed is NAME=AMOUNT, such as CPU=2 or memory=4e9") from None
    return found
