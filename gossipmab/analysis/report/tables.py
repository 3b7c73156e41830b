"""The report in words and tables: the run at a glance, warnings, comparisons, final regrets, origin, commands to run it again."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gossipmab.analysis.plot_style import metrics_of
from gossipmab.analysis.report.parts import HtmlTable
from gossipmab.analysis.sentences import CHANCE, Comparison, compare, final_rows, note_on_p
from gossipmab.analysis.sweep_effects import NOTE, Effect, effect_tables
from gossipmab.experiments.spec.build import built
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.experiments.storage.cell_file import DamagedError
from gossipmab.metrics.statistics import FEWEST_PAIRS
from gossipmab.utils import provenance
from gossipmab.utils.formatting import format_count, format_number
from gossipmab.utils.resources import shipped_files

if TYPE_CHECKING:
    import pandas as pd

    from gossipmab.experiments.results import Results

SHOWN = 5  # of a list of failures


class Cells(NamedTuple):
    """Versions of each finished cell, the damaged cells, the number of all, and seconds and agent-steps of the finished."""

    versions: list[dict[str, str]]
    damaged: list[str]
    total: int
    seconds: float
    agent_steps: int


def look_at_cells(results: Results) -> Cells:
    """Read the provenance of every cell."""
    found, damaged = [], []
    cells = results.spec.cells()
    for cell in cells:
        try:
            found.append(results.folder.read(cell, results.spec).provenance)
        except FileNotFoundError:
            continue
        except DamagedError as error:
            damaged.append(f"{cell.id}: {error}")
    seconds, steps = sum(one["seconds"] for one in found), sum(one["agent_steps"] for one in found)
    return Cells([one["versions"] for one in found], damaged, len(cells), seconds, steps)


def metrics(results: Results, table: pd.DataFrame) -> dict[str, str]:
    """Column -> title of the metrics that the report is about, if they are defined."""
    about = metrics_of(results, None)
    return {column: title for column, title in about.items() if column in table and np.isfinite(table[column]).any()}


def status(results: Results, cells: Cells) -> tuple[str, str]:
    """(class, words) of the badge."""
    if results.failures:
        return "bad", f"{len(results.failures)} cells failed"
    if len(cells.versions) < cells.total:
        return "open", "not finished"
    return "good", "finished"


def facts(results: Results, cells: Cells) -> list[tuple[str, str]]:
    """The run at a glance: (what, how much)."""
    spec = results.spec
    world = built(spec.points[0], spec.files, 0)[0]
    names = ("agents", "arms", "objectives") if spec.game is None else ("agents", "steps")
    sizes = {name: getattr(world, name) for name in names} | {"horizon": spec.experiment.horizon}
    found = []
    for name, value in sizes.items():
        section = "experiment" if name == "horizon" else "environment" if spec.game is None else "game"
        swept = spec.sweep.get(f"{section}.{name}")
        found.append((name, f"{min(swept):,} to {max(swept):,}" if swept else f"{value:,}"))
    found += [] if spec.game is None else [("game", spec.game.name.replace("_", " "))]
    found += [("algorithms", str(len(spec.algorithms))), ("trials", f"{spec.experiment.trials:,}")]
    if spec.sweep:
        found.append(("sweep points", f"{len(spec.points):,}"))
    found.append(("seed", str(spec.seed)))
    found.append(("agent-steps", format_count(cells.agent_steps)))
    return found


def warnings(results: Results, cells: Cells, table: pd.DataFrame, summary: pd.DataFrame) -> list[str]:
    """Reservations about the figures, a line each."""
    spec, found = results.spec, []
    there = len(cells.versions)
    failed = results.failures
    for cell, line in failed[:SHOWN]:
        found.append(f"Cell {cell} failed: {line}")
    if len(failed) > SHOWN:
        found.append(f"{len(failed) - SHOWN} more cells failed, listed in manifest.json.")
    found += [f"{line[0].upper()}{line[1:]}." for line in results.remarks() if not line.startswith("failed: ")]
    found += [f"Cell {line}. Running again computes it anew." for line in cells.damaged[:SHOWN]]
    if there < cells.total:
        found.append(f"{there} of {cells.total} cells are finished: means are over the finished trials.")
    several = {tuple(sorted(one.items())) for one in cells.versions}
    if len(several) > 1:
        differ = sorted({key for one in several for other in several for key, _ in set(one) ^ set(other)})
        found.append(
            f"Cells were computed with {len(several)} sets of versions, different in {', '.join(differ)}: "
            "the same bits are promised for one set only."
        )
    aside = len(list((results.folder.cells / "set_aside").glob("*.parquet*")))
    if aside:
        found.append(f"{aside} damaged cell files were set aside and computed again (cells/set_aside).")
    if spec.experiment.trials < FEWEST_PAIRS:
        found.append(f"With fewer than {FEWEST_PAIRS} trials no paired test is possible, and intervals are rough.")
    few = {too_few(spec.experiment.trials, summary, column) for column in metrics(results, table)}
    found += sorted(few - {""})
    for column, title in metrics_of(results, None).items():
        if column in table and not np.isfinite(table[column]).all():
            found.append(f"{title} is not defined everywhere: some utilities are negative.")
    return found


def findings(results: Results, summary: pd.DataFrame, titles: Mapping[str, str]) -> list[tuple[str, list[Comparison]]]:
    """All comparisons of the run's algorithms, by sweep point."""
    points: dict[str, list[Comparison]] = {}
    for found in compare(summary, results.keys, results.spec.algorithms[0].label, titles):
        points.setdefault(found.where, []).append(found)
    return list(points.items())


def sweep_tables(found: Sequence[Effect]) -> list[HtmlTable]:
    """What was swept, trial by trial."""
    return [HtmlTable(*table, note=f"{NOTE[0].upper()}{NOTE[1:]}.") for table in effect_tables(found)]


def too_few(trials: int, summary: pd.DataFrame, column: str) -> str:
    """The warning that no corrected test could reach 5 % whatever the data; empty if one could."""
    tests = int(summary[f"{column}_p"].notna().sum())
    least = min(1.0, tests * 2.0 ** (1 - trials))
    if not tests or least < CHANCE:
        return ""
    return (
        f"With {trials} trials and {tests} comparisons no corrected p-value can be below {least:.2g}: read the intervals, "
        "or run more trials."
    )


def final_table(results: Results, column: str, title: str) -> HtmlTable:
    """Final regrets of one metric with intervals, exponents and tests, and what they cost."""
    slope = " Exponent: the slope of ln regret against ln t over the last half, where 1 is linear."
    note = (
        f"{'Summed over agents, mean' if results.kind.SUMMED else 'Mean'} over trials.{slope if results.kind.CUMULATIVE else ''} "
        f"{note_on_p(results, results.summary())}."
    )
    return HtmlTable(f"{title} at the last round", *final_rows(results, column), len(results.keys) + 1, note)


def origin(results: Results, cells: Cells) -> dict[str, Any]:
    """Software, machine and sessions."""
    manifest = results.folder.manifest() or {}
    counted = Counter(tuple(one.items()) for one in cells.versions)
    versions = dict(counted.most_common(1)[0][0]) if counted else manifest.get("versions", {})
    now = provenance.versions()
    machine = manifest.get("machine", {})
    sessions = [
        [one["start"], one.get("end") or "-", one["engine"], str(one.get("workers", "-")), str(one.get("computed", "-")),
         str(len(one.get("failed", [])))]
        for one in manifest.get("sessions", [])
    ]  # fmt: skip
    return {
        "versions": [(name, version) for name, version in versions.items()],
        "reporter": f"gossipmab {now['gossipmab']}, sources {now['sources']}",
        "machine": [(name, str(value)) for name, value in machine.items()],
        "sessions": HtmlTable("Sessions", ["start", "end", "engine", "workers", "cells computed", "failed"], sessions, 1),
        "hash": results.spec.hash,
        "seconds": format_number(cells.seconds, 3),
    }


class Command(NamedTuple):
    """A command and what it does."""

    text: str
    does: str


def commands(results: Results) -> list[Command]:
    """The command that runs it again, and those that look at it."""
    folder, name = results.path.resolve().name, results.spec.experiment.name
    again = ["run", name] if same_as_shipped(results) else ["run", folder, "--out", f"{folder}-again"]
    lines = {
        shlex.join(again): "runs it again, to the same bits on the same versions and kind of machine",
        shlex.join(["verify", folder]): "checks this run's files, and plays one cell again",
        shlex.join(["summary", folder]): "prints the tables",
    }
    return [Command(f"gossipmab {line}", does) for line, does in lines.items()]


def same_as_shipped(results: Results) -> bool:
    """Whether the shipped experiment of this name is this very experiment. No other file is read: a name may come from anywhere."""
    name = results.spec.experiment.name
    return name in shipped_files("experiments", [".toml"]) and load_spec(name).hash == results.spec.hash
