"""Callbacks of a run, and the one that draws a bar on stderr or in a notebook: cells done, agent-steps a second and time left."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from gossipmab.metrics.trace import TrialRecord
from gossipmab.utils.errors import one_line
from gossipmab.utils.formatting import format_count

if TYPE_CHECKING:
    from gossipmab.experiments.results import Results
    from gossipmab.experiments.spec.spec import Cell, Spec

LOG = logging.getLogger("gossipmab")
PAUSE = 0.25  # seconds between two pictures of the bar in a notebook


class Callback:
    """Methods that `gm.run(..., callbacks=[...])` calls in this process, whatever the engine. Override those you need.

    >>> class Best(gm.Callback):
    ...     def on_cell(self, cell, trace, error):
    ...         if trace is not None:
    ...             print(cell.id, trace.per_round()["messages"][-1])
    >>> _ = gm.run("runs/first", out="runs/again", overrides=["experiment.trials=1"], workers=1, callbacks=[Best()])
    link_probability=0.5__pareto_ucb_gossip__trial000 396
    link_probability=1.0__pareto_ucb_gossip__trial000 800

    One that raises is left out of the rest of the run, with a note; the run goes on.
    """

    def on_begin(self, spec: Spec, folder: Path, done: int, agent_steps: int) -> None:
        """Called first: the experiment, its run folder, cells finished before, and the agent-steps to be played."""

    def on_progress(self, agent_steps: int) -> None:
        """Called after every block of rounds, from any thread, with the agent-steps just played."""

    def on_cell(self, cell: Cell, trace: TrialRecord | None, error: Exception | None) -> None:
        """Called when a cell is finished, with its trace, or has failed, with its error."""

    def on_note(self, text: str) -> bool:
        """One line for the user. Returns True if it is shown; notes that no callback shows go to the logger "gossipmab"."""
        return False

    def on_end(self, results: Results | None) -> None:
        """Called last, with the results; with None if the run was interrupted."""


class Callbacks:
    """Several callbacks as one; what one of them raises stops none of the others."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._callbacks = list(callbacks)

    def call(self, method: str, *values: Any) -> bool:
        """Call the method of each. Returns True if one returned True."""
        shown = False
        for callback in list(self._callbacks):
            try:
                shown |= getattr(callback, method)(*values) is True
            except Exception as error:
                if callback in self._callbacks:  # else another thread saw it fail
                    self._callbacks.remove(callback)
                where, what = f"{type(callback).__name__}.{method}", f"{type(error).__name__}: {one_line(str(error))}"
                self.note(f"callback {where} raised {what}; the run goes on without it")
        return shown

    def note(self, text: str) -> None:
        """Show one line to the user, or else log it."""
        if not self.call("on_note", text):
            LOG.warning(text)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{format_count(task.speed)} agent-steps/s" if task.speed else "compiling")


class Bar(Callback):
    """Draws a bar, on a terminal or in a notebook only; in a notebook it stays, by IPython's display: rich's needs ipywidgets."""

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
        self._handle: Any = None
        self._drawn = -PAUSE

    def on_begin(self, spec: Spec, folder: Path, done: int, agent_steps: int) -> None:
        """Show the bar."""
        self.total, self.done = len(spec.cells()), done
        self._progress.update(self._task, total=agent_steps, description=self._cells())
        if done and self._bar:
            self.on_note(f"{done} of {self.total} cells are there already")
        self._progress.start()
        if agent_steps and self._bar and self.console.is_jupyter:
            from IPython.display import DisplayHandle

            self._handle = DisplayHandle()  # type: ignore[no-untyped-call]
            self._handle.display(self._in_html(), raw=True)

    def _in_html(self) -> dict[str, str]:
        """The bar for a notebook, as HTML and as text."""
        paper = Console(file=io.StringIO(), record=True, force_jupyter=False, width=100, color_system="standard")
        paper.print(self._progress.get_renderable())
        text = paper.export_text(clear=False).strip()
        html = paper.export_html(inline_styles=True, code_format='<pre style="line-height: 1.2">{code}</pre>').strip()
        return {"text/plain": text, "text/html": html}

    def _draw_again(self, pause: float = 0.0) -> None:
        if self._handle is not None and time.monotonic() - self._drawn >= pause:
            self._drawn = time.monotonic()
            self._handle.update(self._in_html(), raw=True)

    def on_progress(self, agent_steps: int) -> None:
        """Advance."""
        self._progress.advance(self._task, agent_steps)
        self._draw_again(PAUSE)

    def on_cell(self, cell: Cell, trace: TrialRecord | None, error: Exception | None) -> None:
        """Count a cell."""
        with self._lock:
            self.done += error is None
            self.failed += error is not None
        self._progress.update(self._task, description=self._cells())
        self._draw_again(PAUSE)

    def _cells(self) -> str:
        return f"cells {self.done}/{self.total}" + (f", {self.failed} failed" if self.failed else "")

    def on_note(self, text: str) -> bool:
        """Print the line above the bar."""
        if self.console.is_jupyter:
            print(text)
        elif self.console.is_terminal:
            self.console.print(text, markup=False, soft_wrap=True)
        else:
            with suppress(BrokenPipeError):  # at which rich would end the run
                print(text, file=self.console.file, flush=True)
        return True

    def on_end(self, results: Results | None) -> None:
        """Take the bar away; in a notebook, leave it as it is at the end."""
        self._progress.stop()
        self._draw_again()
