"""What the benchmarks share: timing, the machine, a table."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def medians(works: Sequence[Callable[[], object]], runs: int) -> list[float]:
    """Median seconds of each: all are run in turn, `runs` times, so that a busy minute of the machine meets all alike."""
    times = [[seconds(work) for work in works] for _ in range(runs)]
    return [median(column) for column in zip(*times, strict=True)]


def machine() -> str:
    """One line: processor, cores, load, versions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "scipy", "networkx"))
    processor = names[0] if names else platform.machine()
    return f"{processor}, {os.cpu_count()} cores, {load}; Python {platform.python_version()}, {versions}"


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a head, the first column to the left."""
    grid = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for c, name in enumerate(head):
        grid.add_column(name, justify="right" if c else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*row)
    Console(width=130).print(grid)
