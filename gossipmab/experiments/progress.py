"""The progress bar of a run: cells done, agent-steps a second, time left. On stderr, and only on a terminal."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from gossipmab.experiments.spec.spec import Cell
from gossipmab.utils.formatting import format_count


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{format_count(task.speed)} agent-steps/s" if task.speed else "compiling")


class Bar:
    """A watcher that draws a bar."""

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
        self.console.print(text, markup=False, soft_wrap=True)

    def end(self) -> None:
        """Take the bar away."""
        self._progress.stop()
