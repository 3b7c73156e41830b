"""Limits of the actor engine, and a check of memory, processes and open files before any actor starts."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gossipmab.utils.errors import InputError

TRANSPORTS = {"direct": 2**20, "refs": 500}  # with the most rounds of a window
MIB = 2**20
ACTOR_MIB = 52.0  # measured: a process of Ray's with numpy and the loader of machine code, what it has for itself
ACTOR_SECONDS = 0.5  # measured: processor time to start one
ACTOR_THREADS = 40  # measured
FILES = 64  # open files of an actor beside its connections
SHARE = 0.9  # of the available memory
SHARED_AGENTS = 8_192  # from so many on, threads gain more in a round than their meeting after it costs


class Need(NamedTuple):
    """What a trial takes: actors, MiB in all."""

    actors: int
    mib: float

    def seconds(self, processors: float) -> float:
        """How long the actors take to start."""
        return ACTOR_SECONDS * self.actors / processors

    def __str__(self) -> str:
        return f"{self.actors} actors: about {self.mib:,.0f} MiB"


def need(actors: int, state: float) -> Need:
    """What `actors` take, each with a state of so many bytes."""
    return Need(actors, actors * (ACTOR_MIB + state / MIB))


class Room(NamedTuple):
    """What is left on a machine: MiB, threads, and files that a process may open."""

    mib: float
    threads: float
    files: float


def room() -> Room:
    """The room of this machine."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return Room(available_mib(), processes_left(), math.inf if files == resource.RLIM_INFINITY else files)


def fitting(needed: Need, room: Room) -> int:
    """How many of the actors fit into a room."""
    return int(min(needed.actors, SHARE * room.mib / needed.mib * needed.actors, room.threads / ACTOR_THREADS))


def check(needed: Need, agents: int, connections: int, rooms: Sequence[Room]) -> None:
    """Raise InputError, with advice, where memory, processes or open files do not suffice.

    Args:
        connections: of the busiest actor. rooms: of the machines that will hold the actors.
    """
    most = sum(fitting(needed, each) for each in rooms)
    if most < needed.actors:
        mib, threads = SHARE * sum(each.mib for each in rooms), sum(each.threads for each in rooms)
        by_memory = mib / needed.mib <= threads / (ACTOR_THREADS * needed.actors)
        what = f"about {needed.mib:,.0f} MiB" if by_memory else f"about {ACTOR_THREADS} threads each"
        limit = f"{mib:,.0f} MiB" if by_memory else f"{threads:.0f} threads"
        where = f" on {len(rooms)} nodes" if len(rooms) > 1 else ""
        advice = f"agents_per_actor >= {math.ceil(agents / most)}" if most else "the engine threads"
        raise InputError(f"agents_per_actor: {needed.actors} actors need {what}, there is room for {limit}{where}; use {advice}")
    files = min(each.files for each in rooms)
    if connections + FILES > files:
        raise InputError(
            f"agents_per_actor: an actor would have {connections} connections, allowed are {files - FILES:.0f} (ulimit -n);"
            " use more agents per actor, or transport = 'refs'"
        )


def shared_out(processors: int, cells: int, largest: int, agents: int, available: float | None = None) -> tuple[int, int]:
    """(cells at a time, threads of each): cells side by side gain most, as many as fit; the rest of the processors share agents.

    largest: bytes of the largest trial. agents: of the smallest one. available: MiB, by default of this machine.
    """
    room = SHARE * (available_mib() if available is None else available) * MIB
    fitting = int(room // largest) if largest else processors
    at_once = max(1, min(processors, cells, fitting))
    return at_once, max(1, processors // at_once) if agents >= SHARED_AGENTS else 1


def available_mib() -> float:
    """MiB that this process may still take: of the machine, and of its control group."""
    lines = _read("/proc/meminfo").splitlines()
    known = [int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable:")]
    left = _left_in_group("memory.max memory.current", "memory/memory.limit_in_bytes memory/memory.usage_in_bytes")
    return min(known + [number / MIB for number in left], default=math.inf)


def processes_left() -> float:
    """Threads that this user may still start."""
    known = [math.inf, *_left_in_group("pids.max pids.current", "pids/pids.max pids/pids.current")]
    soft, user = resource.getrlimit(resource.RLIMIT_NPROC)[0], os.getuid()
    if soft != resource.RLIM_INFINITY and user != 0:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended
                soft -= len(os.listdir(process / "task")) if process.stat().st_uid == user else 0
        known.append(soft)
    return max(0.0, min(known))


def _left_in_group(*pairs: str) -> list[int]:
    """What the control group leaves of its limits. pairs: the files of a limit and of its use."""
    numbers = [[_read(f"/sys/fs/cgroup/{name}").strip() for name in pair.split()] for pair in pairs]
    return [int(limit) - int(used) for limit, used in numbers if limit.isdigit() and used.isdigit()]


def _read(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text(encoding="ascii")
    return ""
