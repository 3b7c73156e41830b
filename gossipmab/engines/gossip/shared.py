"""A gossip trial shared by several threads, which take parts of the agents as they are free and meet after every round.

From the first round of a block to its last they run compiled code: no interpreter between rounds. While a round is played, one of
them lists the neighbours of the next; and while a block is played, the links of the next one are drawn.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

from gossipmab.algorithms.gossip.base import KNOWN, SCRATCH
from gossipmab.engines.common import next_block
from gossipmab.engines.gossip.channel import Direct, begin_round, turned
from gossipmab.engines.gossip.channel_state import RandomBlock
from gossipmab.engines.gossip.loop import end_round, play
from gossipmab.engines.gossip.step import Scratch
from gossipmab.engines.gossip.tally import Tally
from gossipmab.engines.gossip.trial import DirectTrial
from gossipmab.utils.atomic import fetch_add, wait_until
from gossipmab.utils.jit import dual, jit, jit_uncached
from gossipmab.utils.types import Floats, Integers

PARTS = 8  # of the agents for each thread: a thread whose processor is taken by others leaves parts to the rest
NEVER = 2**40

dual(play)


class Meeting(NamedTuple):
    """Where the threads meet: (B,) pieces of work of a round taken, pieces done, and 1 once the round is over, from 0 on."""

    taken: Integers
    done: Integers
    over: Integers


def share(
    algorithm: Any, rewards: Any, now: Any, after: Any, channel: Any, ahead: Any, tally: Any, numbers: RandomBlock,
    scratch: Scratch, t0: int, bounds: Integers, meeting: Meeting,
) -> None:  # fmt: skip
    """One thread's part of a block: pieces of work while there are any, round after round.

    Piece 0 of a round lists the neighbours of the next; piece h plays the agents bounds[h - 1] .. bounds[h] - 1. Who finishes the
    last one records the round and lets all go on. A thread that comes late finds rounds over, and passes through them.

    Args:
        algorithm to scratch, t0: as in `play`; the scratch is the thread's own.
        channel, ahead: of the block's first round, whose neighbours are listed, and the next.
    """
    parts = bounds.shape[0] - 1
    for b in range(numbers.arms.shape[0]):
        t = t0 + b + 1
        piece = fetch_add(meeting.taken, b, 1)
        while piece <= parts:
            if piece > 0:
                play(
                    algorithm, rewards, now, after, channel, tally, numbers, scratch, t0, b, b + 1, bounds[piece - 1], bounds[piece]
                )
            elif b + 1 < numbers.arms.shape[0]:
                begin_round(ahead, b + 1, t + 1, 0, bounds[parts])
            if fetch_add(meeting.done, b, 1) == parts:
                end_round(tally, channel.averages, b, t, 0, bounds[parts])
                fetch_add(meeting.over, b, 1)
            piece = fetch_add(meeting.taken, b, 1)
        wait_until(meeting.over, b, 1)
        now, after = after, now
        channel, ahead = turned(ahead), turned(channel)


share_compiled, share_foreign = jit(share), jit_uncached(share)


class SharedTrial(DirectTrial):
    """A trial played by several threads."""

    def share(self, pool: ThreadPoolExecutor, threads: int) -> None:
        """Share the agents of each round among the threads of the pool."""
        self.pool, self.threads = pool, threads
        parts = PARTS * threads
        self.bounds = np.arange(parts + 1, dtype=np.int64) * self.N // parts
        names = ("met", "degrees", "neighbours")
        own = {name: getattr(self.channel, name) for name in names}
        self.lists = [own, *({name: np.zeros_like(array) for name, array in own.items()} for _ in range(2))]
        self.private = [self._private() for _ in range(threads)]

    def _private(self) -> tuple[Any, Any, Floats, Tally, Scratch]:
        """One thread's state, before and after, with scratch of its own; its weights, tally and working memory."""
        mine = {name: deepcopy(getattr(self.now, name)) for name in self.now._fields if name.startswith(SCRATCH)}
        tally = self.tally._replace(utility=self.tally.utility.copy(), cache=deepcopy(self.tally.cache))
        return (self.now._replace(**mine), self.after._replace(**mine), self.channel.weights.copy(), tally, deepcopy(self.scratch))

    def play(self, t0: int, rounds: int) -> None:
        """Play the next block."""
        if t0 == 0:
            self._prepare(rounds, 1)
        numbers = next_block(self.source, self.rewards, rounds, self.pool, self.threads)
        averages = self.channel.turned().averages if t0 % 2 else self.channel.averages
        channel, ahead = (self.channel._replace(averages=averages, **lists) for lists in self.lists[:2])
        self.lists = [self.lists[2], *self.lists[:2]]
        meeting = Meeting(*np.zeros((3, rounds), np.int64))
        following = min(rounds, int(self.tally.kept.rounds[-1]) - t0 - rounds)

        def work(thread: int) -> None:
            now, after, weights, tally, scratch = self.private[thread]
            if t0 % 2:
                now, after = after, now
            channels = channel._replace(weights=weights), ahead._replace(weights=weights)
            try:
                if thread == 0 and following:
                    self._prepare(following, t0 + rounds + 1)
                self.loop(
                    self.algorithm, self.rewards, now, after, *channels, tally, numbers, scratch, t0, self.bounds, meeting
                )  # fmt: skip
            except BaseException:
                meeting.taken[:], meeting.over[:] = NEVER, NEVER  # nobody waits for this thread
                raise

        for _ in self.pool.map(work, range(self.threads)):
            pass

    def _prepare(self, rounds: int, t: int) -> None:
        """Draw the links of the next block, and list the neighbours of its first round, t."""
        self._links(rounds)
        list_neighbours(self.channel._replace(**self.lists[0]), 0, t, self.N)


@jit
def list_neighbours(channel: Direct, b: int, t: int, agents: int) -> None:
    """List the neighbours of all agents in round t, the b-th of the block."""
    begin_round(channel, b, t, 0, agents)


def divisible(state: Any, agents: int, known: Any) -> bool:
    """Whether threads may share the agents: every array is by agent, scratch, or known to all beforehand."""
    arrays = [value for name, value in state._asdict().items() if not name.startswith((SCRATCH, KNOWN))]
    return all(
        np.isscalar(value) or (isinstance(value, np.ndarray) and (len(value) == agents or np.shares_memory(value, known)))
        for value in arrays
    )
