"""The progress of a run: the calls that it makes, and a bar on stderr of cells done, agent-steps a second and time left."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from gossipmab.experiments.spec.spec import Cell
from gossipmab.utils.formatting import format_count


class ProgressCallback:
    """The progress of a run, from any thread. This one hands notes to the logger "gossipmab", and shows nothing else."""

    def begin(self, cells: int, done: int, agent_steps: int) -> None:
        """Called once: the number of all cells and of those finished before, and the agent-steps to be played."""

    def steps(self, agent_steps: int) -> None:
        """Called after every block of rounds, with the agent-steps just played."""

    def cell(self, cell: Cell, error: Exception | None) -> None:
        """Called when a cell is finished, or has failed."""

    def note(self, text: str) -> None:
        """One line for the user."""
        logging.getLogger("gossipmab").warning(text)

    def end(self) -> None:
        """Called last."""


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{format_count(task.speed)} agent-steps/s" if task.speed else "compiling")


class Bar(ProgressCallback):
    """Draws a bar, on a terminal only."""

    def __init__(self, console: Console | None = None, bar: bool = True) -> None:
        """`bar` False keeps the notes only."""
        self.console = console or Console(stderr=True, highlight=False)
        self.total = self.done = self.failed = 0
        self._bar = bar
        self._lock = threading.Lock()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            _Speed(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not bar or not self.console.is_terminal,
        )
        self._task = self._progress.add_task("cells", total=None)

    def begin(self, cells: int, done: int, agent_steps: int) -> None:
        """Show the bar."""
        self.total, self.done = cells, done
        self._progress.update(self._task, total=agent_steps, description=self._cells())
        if done and self._bar:
            self.note(f"{done} of {cells} cells are there already")
        self._progress.start()

    def steps(self, agent_steps: int) -> None:
        """Advance."""
        self._progress.advance(self._task, agent_steps)

    def cell(self, cell: Cell, error: Exception | None) -> None:
        """Count a cell."""
        with self._lock:
            self.done += error is None
            self.failed += error is not None
        self._progress.update(self._task, description=self._cells())

    def _cells(self) -> str:
        return f"cells {self.done}/{self.total}" + (f", {self.failed} failed" if self.failed else "")

    def note(self, text: str) -> None:
        """Print the line above the bar."""
        if self.console.is_terminal:
            self.console.print(text, markup=False, soft_wrap=True)
        else:
            with suppress(BrokenPipeError):  # at which rich would end the run
                print(text, file=self.console.file, flush=True)

    def end(self) -> None:
        """Take the bar away."""
        self._progress.stop()
