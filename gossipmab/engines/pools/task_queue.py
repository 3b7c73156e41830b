"""The cells that wait for a task, and those in tasks: batches that grow and shrink, deaths, second attempts."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from statistics import median
from typing import Any, NamedTuple

MOST = 32  # cells in a task
ATTEMPTS = 4  # tasks that may die under a cell
AHEAD = 2  # tasks in flight for every worker: one is played, one waits, so that no worker idles while the coordinator writes
LATE = 10.0  # seconds in flight, at least, until idle workers play a task's cells, too
NAMED = 30.0  # seconds in flight, at least, until a line says so
USUAL = 2.0  # how many times as long as the usual task it must be in flight for either


class Flight(NamedTuple):
    """A task in flight: the indices of its cells, the references to its reports, and when it was submitted."""

    batch: list[int]
    references: list[Any]
    since: float


class TaskQueue:
    """The cells by index. open: those without an outcome yet. together: cells in the first tasks, at most."""

    def __init__(
        self, cells: int, room: Callable[[], int], clock: Callable[[], float] = time.monotonic, together: int = 1
    ) -> None:  # fmt: skip
        self.waiting = deque(range(cells))
        self.open = set(range(cells))
        self.alone: deque[int] = deque()
        self.deaths: Counter[int] = Counter()
        self.flying: Counter[int] = Counter()  # tasks in flight with the cell
        self.copied: set[int] = set()
        self.named: set[float] = set()  # when the tasks were submitted of which a line was said
        self.lasted: deque[float] = deque([0.0], maxlen=99)  # seconds in flight of tasks that ended
        self.room, self.clock = room, clock
        self.most = together  # cells in a task, as far as known to be played in time

    def take(self, flying: int) -> list[int] | None:
        """The next batch; None if none waits, or enough are in flight."""
        workers = self.room()
        if flying >= AHEAD * workers or not (self.alone or self.waiting):
            return None
        size = 1 if self.alone else min(self.most, -(-len(self.waiting) // (AHEAD * workers)))
        batch = [(self.alone or self.waiting).popleft() for _ in range(size)]
        self.flying.update(batch)
        return batch

    def landed(self, batch: list[int], played: Sequence[bool], seconds: float = 0.0) -> list[int]:
        """Process a finished task: unplayed cells wait again, batches grow or shrink. Returns those played for the first time."""
        self.lasted.append(seconds)
        new = [index for index, done in zip(batch, played, strict=True) if done and index in self.open]
        self.open.difference_update(new)
        self.waiting.extendleft(reversed(self._ended(batch)))
        self.most = max(self.most, min(MOST, 2 * len(batch))) if all(played) else sum(played)
        return new

    def died(self, batch: list[int], for_good: bool = False) -> tuple[list[int], list[int]]:
        """The task of these died: its cells that are in no other task are played again, one in a task.

        for_good: an attempt alone would end in the same way. Returns those cells, and which of them died too often.
        """
        missed = self._ended(batch)
        self.deaths.update(missed)
        lost = [index for index in missed if self.deaths[index] >= ATTEMPTS or (for_good and len(batch) == 1)]
        self.open.difference_update(lost)
        self.alone.extend(index for index in missed if index in self.open)
        return missed, lost

    def _ended(self, batch: list[int]) -> list[int]:
        """A task of these has ended: those without an outcome that no other task plays."""
        self.flying.subtract(batch)
        return [index for index in batch if index in self.open and self.flying[index] <= 0]

    def copy_late(self, flights: Collection[Flight], idle: int) -> int:
        """Where nothing waits, cells of late tasks wait to be played a second time by idle workers; how many. Once more at most."""
        places = 0 if self.alone or self.waiting else idle
        late = [index for flight in self.late(flights, LATE) for index in flight.batch]
        chosen = [index for index in late if index in self.open and index not in self.copied][:places]
        self.copied.update(chosen)
        self.alone.extend(chosen)
        return len(chosen)

    def to_name(self, flights: Collection[Flight]) -> list[Flight]:
        """Tasks that are in flight for very long; each once."""
        found = [f for f in self.late(flights, NAMED) if f.since not in self.named and not self.open.isdisjoint(f.batch)]
        self.named.update(flight.since for flight in found)
        return found

    def late(self, flights: Collection[Flight], least: float) -> list[Flight]:
        """Tasks that are in flight for so many seconds at least, and for longer than is usual."""
        until = self.clock() - max(least, USUAL * median(self.lasted))
        return [flight for flight in flights if flight.since < until]
