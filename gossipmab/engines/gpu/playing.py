"""The rounds of a batch: launches of kernels, and what the host samples, records and takes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gossipmab.engines.gossip.tally import record
from gossipmab.engines.gpu.arrays import ALWAYS, Batch, flat_of
from gossipmab.engines.gpu.batch import Given, Trial, batch_of
from gossipmab.engines.gpu.compiling import numba_cuda, on_device, on_host, shared_room, simulated, specialised
from gossipmab.engines.gpu.sharing import shared_bytes
from gossipmab.metrics.trace import GossipTrace

WARP = 32
LARGEST_BLOCK = 256  # threads
BLOCK_AGENTS = 512  # up to so many, a block plays all agents of a trial
FIRST_ROUNDS = 16  # of the first launch
LAUNCH_SECONDS = 0.25  # of a launch: an interrupt waits for its end
MOST_ROUNDS = 2**16  # of a launch
GIVEN_BYTES = 2**28  # sampled on the host at a time
Progress = Callable[[int], None]


class Played(NamedTuple):
    """A trial's trace, or the exception of one that failed."""

    trace: GossipTrace | None
    error: Exception | None


def play(trials: Sequence[Trial], progress: Progress, block_agents: int = BLOCK_AGENTS, room: int | None = None) -> list[Played]:
    """Play trials that have the same key, side by side.

    Args:
        progress: called with the agent-steps just played; may raise to stop.
        block_agents: from more agents on, a round is a launch.
        room: bytes of shared memory that a block may take for the state of its trial; by default, what suits the device.
    """
    from gossipmab.engines.gpu.kernels import compiled_kernels

    host, agents = batch_of(trials), trials[0].environment.agents
    device = on_device(host)
    device = device._replace(flat=flat_of(device.state))
    given = Given(trials, host.graphs)
    renew = bool((host.graphs.source != ALWAYS).any())
    if agents > block_agents:
        _play_rounds(compiled_kernels(trials[0].kind, False), device, trials, given, renew, progress)
    else:
        warps = min(LARGEST_BLOCK, -(-agents // WARP) * WARP) // WARP
        taken = shared_bytes(host.state)
        shared = taken if taken <= (shared_room(warps) if room is None else room) else 0
        configuration = len(trials), agents if simulated() else warps * WARP, 0, shared
        _play_blocks(compiled_kernels(trials[0].kind, shared > 0), configuration, device, trials, given, renew, progress)
    return [_outcome(one) for one in trials]


def _outcome(trial: Trial) -> Played:
    try:
        return Played(trial.trace(), None)
    except Exception as error:
        return Played(None, error)


def _sampled(batch: Batch, given: Given, rounds: int) -> Batch:
    """The batch with what the host samples of the next rounds."""
    return batch._replace(streams=batch.streams._replace(**{name: on_device(value) for name, value in given.block(rounds).items()}))


def _most_rounds(given: Given) -> int:
    return max(1, GIVEN_BYTES // given.bytes_per_round) if given.bytes_per_round else MOST_ROUNDS


def _play_blocks(
    kernels: Any, configuration: tuple[int, ...], batch: Batch, trials: Sequence[Trial], given: Given, renew: bool,
    progress: Progress,
) -> None:  # fmt: skip
    """A block of threads a trial, many rounds a launch; what the tallies keep comes back at the end.

    configuration: of a launch: blocks, threads of each, stream, bytes of shared memory of each.
    """
    C, N = batch.buffers.degrees.shape
    horizon, most, played = trials[0].settings.horizon, _most_rounds(given), 0
    length = min(FIRST_ROUNDS, most)
    launch = specialised(kernels.trials, batch, 0, 0, renew)[configuration]
    while played < horizon:
        rounds = min(length, horizon - played)
        now = _sampled(batch, given, rounds)
        begin = time.perf_counter()
        launch(now, played, rounds, renew)
        numba_cuda().synchronize()
        seconds = max(time.perf_counter() - begin, 1e-6)
        length = min(max(1, int(rounds * min(4.0, LAUNCH_SECONDS / seconds))), most)
        played += rounds
        progress(C * N * rounds)
    for name, kept in batch.records.kept._asdict().items():
        if name != "rounds":
            values = on_host(kept)
            for c, one in enumerate(trials):
                getattr(one.tally.kept, name)[...] = values[c]


def _play_rounds(
    kernels: Any, batch: Batch, trials: Sequence[Trial], given: Given, renew: bool, progress: Progress
) -> None:  # fmt: skip
    """A launch a round, or three where links change; the host records, for a record is long where agents are many."""
    (C, N), lanes = batch.buffers.degrees.shape, batch.streams.lanes.shape[1]
    threads = N if simulated() else LARGEST_BLOCK
    by_lane, by_agent = ((-(-several // threads), C) for several in (lanes, N))
    links, neighbours, agents = (
        specialised(kernel, batch, 0, 0)[grid, threads]
        for kernel, grid in zip(kernels[1:], (by_lane, by_agent, by_agent), strict=True)
    )
    horizon, most = trials[0].settings.horizon, min(_most_rounds(given), FIRST_ROUNDS)
    recorded = set(trials[0].settings.rounds.tolist())
    for first in range(0, horizon, most):
        rounds = min(most, horizon - first)
        now = _sampled(batch, given, rounds)
        for b in range(rounds):
            t = first + b + 1
            if renew or t == 1:
                links(now, b, t)
                neighbours(now, b, t)
            agents(now, b, t)
            if t in recorded:
                _record(batch, trials, t)
        numba_cuda().synchronize()
        progress(C * N * rounds)


def _record(batch: Batch, trials: Sequence[Trial], t: int) -> None:
    """Record round t of every trial: by the function of all engines, from what the device holds."""
    flat, names = batch.flat, ("pulls", "played", "nsw_regret", "messages_sent")
    mean, own_local = (flat.sent, flat.local_sent) if t % 2 == 1 else (flat.own, flat.local)
    local = on_host(own_local)
    own = on_host(mean) if trials[0].algorithm.communicates else local
    kept = {name: on_host(getattr(batch.records.kept, name)) for name in names}
    for c, one in enumerate(trials):
        for name, values in kept.items():
            getattr(one.tally.kept, name)[...] = values[c]
        record(one.tally, np.asarray(own[c]), np.asarray(local[c]))
