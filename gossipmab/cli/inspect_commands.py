"""The commands that inspect runs: summary, compare, plot, animate, report, cite, verify."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from gossipmab.cli import json_output as documents
from gossipmab.cli.console import FAILED, FORMS, emit, out, say, show, summarise
from gossipmab.cli.options import Json, Quiet, RunFolder, choice, runs_of
from gossipmab.utils.errors import InputError, unknown

METRIC = "pareto, nsw or both; by default as fits the algorithms. A centre: regret, or an objective. A game: utilisation, mre."
BAND = "ci (95 % bootstrap), sd or quarter-sd; ci by default, quarter-sd for the paper's two figures."
BOUND = "The order of a bound beside the curves: log, sqrt, two-thirds, three-quarters, linear or auto."


def summary(
    folder: RunFolder,
    form: Annotated[str, choice(f"{', '.join(FORMS[:-1])} or {FORMS[-1]}.", *FORMS, flag="--format")] = "table",
    columns: Annotated[
        str | None, typer.Option(help="Of the table, such as algorithm,regret,interval,p; or any of summary.csv.")
    ] = None,
    json: Json = False,
) -> None:
    """Final regrets with intervals, growth exponents, paired tests, messages and bytes."""
    from gossipmab.cli.tables import summary_columns
    from gossipmab.experiments.results import open_run

    if form not in FORMS:
        raise unknown("--format", form, FORMS)
    results, chosen = open_run(folder), [name.strip() for name in columns.split(",")] if columns else []
    if json or form == "json":
        document = documents.of_run(results)
        names = summary_columns(results, chosen) if chosen else []
        rows = [{name: row[name] for name in names or row} for row in document["rows"]]
        emit("summary", **{**document, "rows": rows})
        return
    summarise(results, form, chosen)
    if form == "table":
        show(*results.remarks())


def compare(
    first: RunFolder,
    second: Annotated[Path, typer.Argument(metavar="RUN", help="Another one.", autocompletion=runs_of)],
    json: Json = False,
) -> None:
    """Set two runs side by side: where their experiments differ, regrets in pairs, cells equal bit for bit."""
    from gossipmab.analysis.compare_runs import versus
    from gossipmab.cli.tables import versus_tables
    from gossipmab.experiments.results import open_run

    found = versus(open_run(first), open_run(second))
    if json:
        emit("compare", **documents.of_comparison(found))
        return
    for table in versus_tables(found):
        out().print(table)
    show(*found.lines())


def plot(
    folder: RunFolder,
    out: Annotated[Path | None, typer.Option(help="The folder; figures in the run folder by default.")] = None,
    formats: Annotated[str, typer.Option("--format", help="Any of png,svg,pdf.")] = "png,svg",
    metric: Annotated[str | None, choice(METRIC, "pareto", "nsw", "both", "regret", "utilisation", "mre")] = None,
    band: Annotated[str | None, choice(BAND, "ci", "sd", "quarter-sd")] = None,
    bound: Annotated[str | None, choice(BOUND, "log", "sqrt", "two-thirds", "three-quarters", "linear", "auto")] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Sweep points to draw; more than once for several.")
    ] = None,
    curves: Annotated[
        list[str] | None, typer.Option(help="Algorithms to draw: labels, or names as in legends, with commas.")
    ] = None,
    per_agent: Annotated[bool, typer.Option("--per-agent", help="Divide sums over agents by their number.")] = False,
    log: Annotated[
        str | None, choice("Logarithmic axes: x, y, both or none; by default as fits.", "x", "y", "both", "none")
    ] = None,
    width: Annotated[str | None, choice("column, page, or centimetres; as the panels need by default.", "column", "page")] = None,
    title: Annotated[str, typer.Option(help="Above every figure.")] = "",
    style: Annotated[Path | None, typer.Option(metavar="FILE", help="A matplotlib style file.")] = None,
    quiet: Quiet = False,
) -> None:
    """Draw regret curves, regret against what was swept, and regret against bytes."""
    from gossipmab.analysis.plots import plot as draw
    from gossipmab.experiments.results import open_run

    names = [name.strip() for name in formats.split(",")]
    points = points_of(where or ())
    for path in draw(
        open_run(folder), band, names, metric, bound, out, log=log, width=width, where=points, curves=curves or (),
        title=title, style=style, per_agent=per_agent,
    ):  # fmt: skip
        if not quiet:
            print(path)


def animate(
    source: Annotated[str, typer.Argument(metavar="RUN|SPEC", help="A run folder, a file or the name of a shipped experiment.")],
    file: Annotated[Path, typer.Option("--out", help="A file that ends in .gif, .html or .mp4 (which needs ffmpeg).")],
    algorithm: Annotated[str | None, typer.Option(help="Its label; the first by default.")] = None,
    trial: Annotated[int, typer.Option(help="Which trial.")] = 0,
    where: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Which sweep point; the first by default.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Play so many; the horizon, 200 at most, by default.")] = None,
    frames: Annotated[int, typer.Option(help="Draw so many of them, evenly spaced.")] = 100,
    colour: Annotated[str, choice("What colours the agents: regret or disagreement.", "regret", "disagreement")] = "regret",
    fps: Annotated[int, typer.Option(help="Frames a second.")] = 10,
    quiet: Quiet = False,
) -> None:
    """Draw one trial as a film: links of each round, agents by regret, their arms, the growing curve; of learners, an episode."""
    from gossipmab.analysis.animation import animate as film

    point = {key: values[-1] for key, values in points_of(where or ()).items()}
    written = film(source, file, label=algorithm, trial=trial, where=point, rounds=rounds, frames=frames, colour=colour, fps=fps)
    if not quiet:
        print(written)


def points_of(given: Iterable[str]) -> dict[str, list[str]]:
    """Key -> values, from KEY=VALUE."""
    found: dict[str, list[str]] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--where: got {text!r}, allowed is KEY=VALUE, such as link_probability=0.1")
        found.setdefault(key.strip(), []).append(value.strip())
    return found


def report(
    folder: RunFolder,
    file: Annotated[Path | None, typer.Option("--out", help="The file; report.html in the run folder by default.")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Serve a page on this machine that follows the run, until Ctrl-C.")
    ] = False,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Of --watch; any free one by default.")] = None,
    quiet: Quiet = False,
) -> None:
    """Write one self-contained HTML file: figures, tables, comparisons, equity, network, how to run it again."""
    from gossipmab.analysis.report import write_report
    from gossipmab.analysis.report.watch import served
    from gossipmab.experiments.results import open_run

    if watch and file is not None:
        raise InputError(f"--out: got {str(file)!r}, allowed is nothing beside --watch, which writes no file")
    if port is not None and not watch:
        raise InputError(f"--port: got {port}, allowed is nothing without --watch")
    if watch:
        with served(folder, port or 0) as server:
            print(server.url, flush=True)
            server.serve_forever()
        return
    written = write_report(open_run(folder), file)
    if not quiet:
        print(written)


def cite(folder: RunFolder) -> None:
    """Print BibTeX entries of what the run used: its algorithms' papers, and the simulator."""
    from gossipmab.analysis.citations import citations
    from gossipmab.experiments.results import open_run

    print(citations(open_run(folder)))


def verify(
    folder: RunFolder,
    cell: Annotated[str | None, typer.Option(help="The cell to play again, or all; the first by default.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but faults.")] = False,
    json: Json = False,
) -> None:
    """Check every file's checksum, and play one cell again in this process to compare it bit for bit."""
    from gossipmab.analysis.verify import verify as look

    findings = []
    for finding in look(folder, cell):
        findings.append(finding)
        if not (json or (quiet and finding.sound)):
            print(f"{'ok    ' if finding.sound else 'WRONG '} {finding.what}: {finding.remark}")
    if json:
        emit("verify", **documents.of_findings(folder, findings))
    bad = sum(not finding.sound for finding in findings)
    if bad:
        say(f"{bad} of the checks do not hold")
        raise typer.Exit(FAILED)
