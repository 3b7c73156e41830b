"""Cells on this machine, in a pool of threads: the compiled loop releases the interpreter's lock. No Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

C = TypeVar("C")
P = TypeVar("P")
Steps = Callable[[int], None]


def run_cells(
    cells: Sequence[C], play: Callable[[C, Steps], P], *, workers: int, steps: Steps | None = None
) -> Iterator[tuple[C, P | Exception]]:
    """Play the cells, and yield each outcome as it finishes, in any order; the exception for a cell that failed.

    At most `workers` cells are in flight, and at most as many wait to be taken: results do not pile up. Who stops
    taking, by an interrupt or by closing the generator, stops the cells in flight at their next block.

    Args:
        cells: what to play.
        play: plays one cell; calls its second argument with the agent-steps just played. Where it has a method
            `prepare`, called with the cells first, in the caller's thread, so that an interrupt ends it at once.
        workers: threads.
        steps: called with counts of agent-steps, from any thread.
    """
    stop = Event()

    def count(agent_steps: int) -> None:
        if stop.is_set():
            raise CancelledError
        if steps is not None:
            steps(agent_steps)

    prepare = getattr(play, "prepare", None)
    if prepare is not None:
        prepare(cells)
    waiting = iter(cells)
    flying: dict[Future[P], C] = {}
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="cell")

    def refill() -> None:
        while len(flying) < workers and (cell := next(waiting, None)) is not None:
            flying[pool.submit(play, cell, count)] = cell

    try:
        refill()
        while flying:
            done = [(flying.pop(future), future) for future in wait(flying, return_when=FIRST_COMPLETED).done]
            refill()
            for cell, future in done:
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield cell, future.result() if error is None else error
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
