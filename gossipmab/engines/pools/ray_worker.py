"""What a worker of Ray does with a task of cells: it plays them, and reports on each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from gossipmab.engines.pools.ray_runtime_env import arrived
from gossipmab.utils.code_cache import unpack
from gossipmab.utils.provenance import versions

ARRIVES = 60.0  # seconds for compiled code to come to a worker


class Report(NamedTuple):
    """The report of a task on one cell: its outcome or exception, the agent-steps played, and the software that played it."""

    outcome: Any
    agent_steps: int
    versions: dict[str, str]


_kept: dict[str, Any] = {}  # in a worker: the run's play, with the networks it has built


def play_batch(token: str, play: Any, files: dict[str, str], seconds: float, code: tuple[Any], cells: list[Any]) -> Any:
    """In a worker: play cells until the time is over, at least one; a Report each, None if it was not played.

    code: a reference to the compiled code of the run, or None.
    """
    if token not in _kept:
        if code[0] is not None:
            _unpacked(code[0])
        _kept.clear()
        _kept[token] = play.relocated(arrived(files)) if files else play
    play = _kept[token]
    known = versions_of(play)
    reports = _on_gpu(play, cells, known) if getattr(play, "on_gpu", False) else _in_turn(play, cells, known, seconds)
    return reports if len(reports) > 1 else reports[0]


def _in_turn(play: Any, cells: list[Any], known: dict[str, str], seconds: float) -> Sequence[Report | None]:
    """A Report on each cell that began in time."""
    until = time.monotonic() + seconds
    reports: list[Report | None] = []
    for cell in cells:
        if reports and time.monotonic() > until:
            reports.append(None)
            continue
        steps: list[int] = []
        try:
            outcome = play(cell, steps.append)
        except Exception as error:
            outcome = _portable(error)
        reports.append(Report(outcome, sum(steps), known))
    return reports


def _on_gpu(play: Any, cells: list[Any], known: dict[str, str]) -> Sequence[Report | None]:
    """A Report on each cell; where the GPU cannot be used, why."""
    from gossipmab.engines.gpu import pool

    steps: list[int] = []
    found: dict[int, Report] = {}
    failed = Report(None, 0, known)
    try:
        for cell, outcome in pool.run_cells(cells, play, steps=steps.append):
            found[id(cell)] = Report(_portable(outcome) if isinstance(outcome, Exception) else outcome, sum(steps), known)
            steps.clear()
    except Exception as error:
        failed = failed._replace(outcome=_portable(error))
    return [found.get(id(cell), failed) for cell in cells]


def _unpacked(code: Any) -> None:
    """Keep the compiled code on this machine; what does not arrive is compiled here."""
    import ray

    with suppress(ray.exceptions.RayError):
        unpack(ray.get(code, timeout=ARRIVES))


def _portable(error: Exception) -> Exception:
    """The exception, or a similar one if it cannot be pickled."""
    import ray

    journey: Any = ray.cloudpickle
    try:
        journey.loads(journey.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error.with_traceback(None)


def versions_of(play: Any) -> dict[str, str]:
    """Those of the software, and the hashes of the code that `play` brings with it."""
    return versions() | getattr(play, "code_hashes", {})
