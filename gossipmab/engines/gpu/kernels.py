"""The kernels of a kind: trials as blocks of threads that play many rounds, or one round of large networks.

This file imports numba.cuda: check the device before it is imported.

    trials       a block a trial, its threads take agents (and lanes of links) in turn, and wait for each other within a round;
                 the state of the trial may lie in shared memory meanwhile (sharing.py)
    links, neighbours, agents      a thread a lane or an agent, trials along the second axis of the grid; a launch each a round
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from gossipmab.engines.gpu.compiling import numba_cuda, simulated
from gossipmab.engines.gpu.kinds import Kind, parts
from gossipmab.engines.gpu.rounds import draw_links, list_neighbours, weigh_neighbours
from gossipmab.engines.gpu.sharing import sharing, with_state

FLOATS = np.dtype(np.float64)
cuda: Any = numba_cuda()  # a global: the simulator replaces it while a kernel is played


class Kernels(NamedTuple):
    """Kernels: functions, or what numba-cuda makes of them.

    trials(batch, t0, rounds, renew); links, neighbours, agents(batch, b, t).
    """

    trials: Any
    links: Any
    neighbours: Any
    agents: Any


@cache
def kernels(kind: Kind, near: bool = False) -> Kernels:
    """The kernels of a kind; each is compiled when it is first launched. near: `trials` keeps states in shared memory."""
    agent = parts(kind).agent
    agent_of_trial, record_of_trial = parts(kind, near)
    place, rows, copy = sharing(kind.state)

    def trials(batch: Any, t0: int, rounds: int, renew: bool) -> None:
        """Rounds t0 + 1 .. t0 + rounds of trial number blockIdx.x. renew: links change from round to round."""
        c, first, width = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
        lanes, agents = batch.streams.lanes.shape[1], batch.buffers.degrees.shape[1]
        home = batch.state
        if near:
            state = place(home, cuda.shared.array(0, FLOATS))
            batch = with_state(batch, state, rows(state, batch.flat))
            copy(state, 0, home, c, first, width)
            cuda.syncthreads()
        for b in range(rounds):
            t = t0 + b + 1
            changed = renew or t == 1
            if changed:
                for lane in range(first, lanes, width):
                    draw_links(batch.graphs, batch.streams, batch.buffers, c, lane, b)
                cuda.syncthreads()
                for i in range(first, agents, width):
                    list_neighbours(batch.graphs, batch.buffers, c, i)
                cuda.syncthreads()
            for i in range(first, agents, width):
                if changed:
                    weigh_neighbours(batch.graphs, batch.buffers, c, i)
                agent_of_trial(batch, c, i, b, t)
            cuda.syncthreads()
            if first == 0:
                record_of_trial(batch, c, t)
            cuda.syncthreads()
        if near:
            copy(home, c, batch.state, 0, first, width)

    def links(batch: Any, b: int, t: int) -> None:
        """The links of one lane."""
        lane = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        if lane < batch.streams.lanes.shape[1]:
            draw_links(batch.graphs, batch.streams, batch.buffers, cuda.blockIdx.y, lane, b)

    def neighbours(batch: Any, b: int, t: int) -> None:
        """The neighbours of one agent."""
        i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        if i < batch.buffers.degrees.shape[1]:
            list_neighbours(batch.graphs, batch.buffers, cuda.blockIdx.y, i)

    def agents(batch: Any, b: int, t: int) -> None:
        """The round of one agent."""
        i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        if i < batch.buffers.degrees.shape[1]:
            weigh_neighbours(batch.graphs, batch.buffers, cuda.blockIdx.y, i)
            agent(batch, cuda.blockIdx.y, i, b, t)

    return Kernels(trials, links, neighbours, agents)


@cache
def compiled_kernels(kind: Kind, near: bool) -> Kernels:
    """The kernels of a kind for the device, to be launched within `exact_arithmetic`: they are compiled then."""
    options = {} if simulated() else {"lto": False}  # of the linker, which would contract again
    return Kernels(*(cuda.jit(kernel, **options) for kernel in kernels(kind, near)))
