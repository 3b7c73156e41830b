"""Which software and which machine made a result. Bits are promised for one version set and one type of machine."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import gossipmab

PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "networkx", "pyarrow", "pandas", "pydantic")


@cache
def versions(*more: str) -> dict[str, str]:
    """Package -> version, the hash of our own sources, and Python's version. Everything that could move a bit.

    more: further packages.
    """
    from gossipmab.utils.code_cache import source_hash

    found = {"gossipmab": gossipmab.__version__, "sources": source_hash()[:16], "python": platform.python_version()}
    for package in (*PACKAGES, *more):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


@cache
def machine() -> dict[str, str | int]:
    """Operating system, architecture, processor, and the number of processors this process may use."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpu": _processor(),
        "processors": available_processors(),
    }


def available_processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
