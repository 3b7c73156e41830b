"""The loop over rounds and agents: one definition for the serial engine, threads, actors, and failures in each of them.

Which rounds and agents are played is data: all agents and a block of rounds (serial), some agents and one round (a thread),
the agents of a process and a window of rounds (an actor).
"""

from __future__ import annotations

from typing import Any

from numba import njit

from gossipmab.engines.gossip.channel import begin_round, outbound, turned
from gossipmab.engines.gossip.channel_state import RandomBlock
from gossipmab.engines.gossip.step import Scratch, step
from gossipmab.utils.jit import SETTINGS, jit, jit_uncached, method

keep = method("keep")
end_round = method("end_round")


def play(
    algorithm: Any, rewards: Any, now: Any, after: Any, channel: Any, record: Any, numbers: RandomBlock, scratch: Scratch,
    t0: int, begin: int, stop: int, first: int, last: int,
) -> int:  # fmt: skip
    """Play the rounds t0 + begin + 1 .. t0 + stop of the agents first .. last - 1.

    Agents write their own rows only, so that any cut of the agents gives the same bits.

    Args:
        algorithm, rewards, channel, record: their types decide which methods run.
        now, after: the state, and the same with every field exchanged with its mailbox: a round reads one buffer and writes the
            other, and nothing is copied.
        t0: rounds played before the block.

    Returns:
        The round of the block that comes next: less than `stop` if other processes have to be heard first.
    """
    for b in range(begin, stop):
        t = t0 + b + 1
        if not begin_round(channel, b, t, first, last):
            return b
        for i in range(first, last):
            arm = step(algorithm, rewards, channel, now, after, numbers, scratch, i, b, t, last)
            keep(record, i, b, arm, scratch.p, outbound(channel, i, b))
        end_round(record, channel.averages, b, t, first, last)
        now, after = after, now
        channel = turned(channel)
    return stop


play_compiled, play_foreign = jit(play), jit_uncached(play)
play_here = njit(**SETTINGS)(play)  # for the actors' object code, which has a cache of its own
