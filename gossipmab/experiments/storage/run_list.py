"""The run folders that lie in a folder: their names, and what stands in each, without reading its cells."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from gossipmab.utils.errors import InputError
from gossipmab.utils.formatting import format_number

DEPTH = 2  # folders below the one that is searched
NAMED = 8  # run folders in an error


class RunLine(NamedTuple):
    """A run at a glance.

    start: date and time. finished, failed: of so many cells. running: whether a process holds it. bytes: of all its files.
    headline: the least final regret or what is best in a game, or why nothing can be said of the run.
    """

    path: Path
    start: str
    cells: int
    finished: int
    failed: int
    running: bool
    bytes: int
    headline: str


def run_folders(folder: Path, depth: int = DEPTH) -> Iterator[Path]:
    """The folder itself if it holds a run, else those in it, by name; links are not followed."""
    try:
        if (folder / "manifest.json").is_file():
            yield folder
        elif depth:
            for inner in sorted(one for one in folder.iterdir() if one.is_dir() and not one.is_symlink()):
                yield from run_folders(inner, depth - 1)
    except (OSError, ValueError):  # that nobody may look into, or no path at all
        return


def instead_of(path: Path) -> str:
    """The run folders in this one, or those beside it and in runs/ of nearly that name, for an error; "" if there is none."""
    inside = list(run_folders(path))
    beside = {str(one): one.name for place in {path.parent, Path("runs")} for one in run_folders(place, 1)}
    near = [] if inside else get_close_matches(path.name, set(beside.values()), n=NAMED)
    found = [str(one) for one in inside] or [one for one, name in beside.items() if name in near] or list(beside)
    names = ", ".join(sorted(found)[:NAMED]) + (f" and {len(found) - NAMED} more" if len(found) > NAMED else "")
    return f"; {'did you mean' if near else 'there are'} {names}{'?' if near else ''}" if found else ""


def at_a_glance(path: Path) -> RunLine:
    """What stands in a run folder."""
    from gossipmab.experiments.storage import manifest
    from gossipmab.experiments.storage.lock import LOCK, is_held

    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and file.name != LOCK)
    finished = sum(1 for _ in (path / "cells").glob("*.parquet"))
    try:
        found = manifest.read(path) or {}
    except InputError as error:
        what = str(error).partition(f"{manifest.NAME}: ")[2].partition(" (")[0].partition(";")[0]
        return RunLine(path, "", 0, finished, 0, is_held(path), size, f"{manifest.NAME} {what or 'cannot be read'}")
    failed = len(found["sessions"][-1].get("failed", [])) if found.get("sessions") else 0
    start = str(found.get("start", ""))[:16].replace("T", " ")
    cells = found.get("cells", 0)
    algorithms = found["spec"].get("algorithms") or [{}]
    headline = _headline(path, found["spec"]["experiment"].get("protocol", "gossip"), str(algorithms[0].get("name")))
    return RunLine(path, start, cells, finished, failed, is_held(path), size, headline)


def _headline(path: Path, protocol: str, algorithm: str) -> str:
    """The best final value, from summary.csv, of the metric that this algorithm is about."""
    from gossipmab.metrics.columns import TRACES, about

    try:
        with (path / "summary.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        known = TRACES[protocol].METRICS
        wanted = (f"{about(algorithm)}_regret",) if protocol == "gossip" else known
        metric = next(name for name in wanted if name in rows[0])
        sign, which = (-1.0, "largest") if metric in TRACES[protocol].LARGEST else (1.0, "least")
        best = min((row for row in rows if row[metric]), key=lambda row: sign * float(row[metric]))
        names = list(best)[: list(best).index("algorithm")]
        where = ", ".join(f"{name} = {best[name]}" for name in names)
        value = float(best[metric])
    except (OSError, ValueError, LookupError, StopIteration, TypeError, csv.Error):
        return "no summary yet"
    return f"{which} {known[metric]} {format_number(value)}: {best['algorithm']}{f' at {where}' if where else ''}"
