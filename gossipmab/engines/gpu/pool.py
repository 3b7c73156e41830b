"""Cells on the GPU of this machine, in groups of those that are alike: trials, and sweep points of one size, side by side."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gossipmab.engines.common import TrialSettings
from gossipmab.engines.gpu import memory
from gossipmab.engines.gpu.batch import Trial, begun
from gossipmab.engines.gpu.compiling import check_device, device, free_bytes, on_one_line
from gossipmab.engines.gpu.playing import play as play_trials
from gossipmab.engines.gpu.refusals import check_supported
from gossipmab.engines.limits import MIB, available_mib
from gossipmab.utils.errors import InputError

TRIALS = 4_096  # side by side at most: more than run at a time on any device, and a group's cells are kept when all have ended
COPIES = 3  # that the host holds of a trial at a time: its own, among the others of the batch, and what came back
Steps = Callable[[int], None]
Waiting = list[tuple[Any, Trial]]


def check_cells(cells: Sequence[Any], player: Any) -> dict[str, str]:
    """The device, for the manifest.

    Raises:
        InputError: there is no GPU, or it cannot play the cells: an algorithm at one of the sweep points.
    """
    check_device()
    check_playable(cells, player, free_bytes())
    return device()


def check_playable(cells: Sequence[Any], player: Any, free: float = math.inf) -> None:
    """Raise InputError if a GPU with so many free bytes cannot play the cells."""
    for cell in cells:
        if cell.trial > 0:
            continue
        try:
            (algorithm, environment, network), settings = player.arguments(cell)
        except (Exception, SystemExit):  # noqa: S112
            continue  # the cell will fail in the same way, and its error is reported then
        check_supported(algorithm, environment, network)
        recorded = len(TrialSettings.checked(settings).rounds)
        memory.check(algorithm, network, environment.arms, environment.objectives, recorded, free)


def run_cells(
    cells: Sequence[Any], player: Any, *, steps: Steps | None = None, note: Callable[[str], None] | None = None
) -> Iterator[tuple[Any, Any]]:
    """Play the cells, and yield each with its outcome as its group ends; the exception for a cell that failed.

    Who stops taking, by an interrupt or by closing the generator, stops at the end of a launch.

    Args:
        player: `arguments(cell)` gives what `simulate` takes for it, `finished(trace, seconds)` the outcome.
        steps: called with the agent-steps just played.
    """
    if not cells:
        return
    check_device()
    waiting: dict[Any, Waiting] = {}
    most: dict[Any, int] = {}
    for cell in cells:
        try:
            (algorithm, environment, network), settings = player.arguments(cell)
            trial = begun(algorithm, environment, network, TrialSettings.checked(settings))
        except InputError:
            raise
        except SystemExit as error:  # a plug-in may end itself, not the run
            yield cell, RuntimeError(f"it called sys.exit({error.code!r})")
            continue
        except Exception as error:
            yield cell, error
            continue
        key = trial.key
        waiting.setdefault(key, []).append((cell, trial))
        if key not in most:
            most[key] = _most(trial)
        if sum(map(len, waiting.values())) >= most[key]:
            yield from _played(waiting.pop(key), player, steps)
    while waiting:
        yield from _played(waiting.pop(next(iter(waiting))), player, steps)


def _most(trial: Trial) -> int:
    """How many trials like this one are played side by side, and may wait for others. Raises InputError if none fits."""
    environment, recorded = trial.environment, len(trial.settings.rounds)
    free = free_bytes()
    each = memory.check(trial.algorithm, trial.network, environment.arms, environment.objectives, recorded, free)
    return memory.most_trials(each, min(free, available_mib() * MIB / COPIES), TRIALS)


def _played(group: Waiting, player: Any, steps: Steps | None) -> Iterator[tuple[Any, Any]]:
    """Play a group; its seconds are shared by its cells."""
    begin = time.perf_counter()
    with on_one_line():
        outcomes = play_trials([trial for _, trial in group], steps or (lambda agent_steps: None))
    seconds = (time.perf_counter() - begin) / len(group)
    for (cell, _), outcome in zip(group, outcomes, strict=True):
        yield cell, outcome.error if outcome.trace is None else player.finished(outcome.trace, seconds)
