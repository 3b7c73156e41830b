"""The compiled loop over rounds and agents where messages are what their senders held, by one thread or by several.

In a round an agent reads what all held at the end of the round before, and writes its own rows. So the agents of a round may
be played in any order, and by as many threads as there are processors: the bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from gossipmab.engines.gossip.prefetch import NEAR, prefetch_row
from gossipmab.engines.gossip.step import (
    SCRATCH,
    Base,
    Mail,
    Numbers,
    Scratch,
    Tally,
    agent_round,
    exchanged,
    mail,
    record,
    same,
)
from gossipmab.metrics import trace as metrics
from gossipmab.metrics.trace import Truth
from gossipmab.networks.mixing import neighbours_of_listed, neighbours_of_round, weight_of_edge
from gossipmab.utils.jit import jit, jit_uncached
from gossipmab.utils.types import Floats

PARTS = 4  # of the agents for each thread: a thread whose processor is taken by others leaves parts to the rest


def play_agents(
    algorithm: Any, rewards: Any, truth: Truth, base: Base, now: Any, after: Any, own: Floats, sent: Floats, numbers: Numbers,
    tally: Tally, scratch: Scratch, b: int, t: int, first: int, last: int, communicates: bool,
) -> None:  # fmt: skip
    """Round t, the b-th of the block, of the agents first .. last - 1, who write their own rows only: any cut gives the same."""
    degrees, weights = scratch.degrees, scratch.weights
    far = communicates and sent.size > NEAR
    for i in range(first, last):
        if far and i + 1 < last:
            for n in range(base.offsets[i + 1], base.offsets[i + 1] + degrees[i + 1]):
                prefetch_row(sent, scratch.neighbours[n])
        present = scratch.neighbours[base.offsets[i] : base.offsets[i] + degrees[i]]
        if base.constant == 0.0:
            for n in range(degrees[i]):
                weights[n] = weight_of_edge(base.rule, base.constant, degrees[i], degrees[present[n]])
        arm = agent_round(
            algorithm, rewards, now, after, own, sent, i, t, present, weights,
            numbers.arms[i, b], numbers.rewards[i, b], scratch.p, scratch.x, communicates,
        )  # fmt: skip
        tally.pulls[i, arm] += 1
        tally.messages_sent[i] += degrees[i] if communicates else 0
        if not same(scratch.p, tally.played[i]):
            tally.gap[i] = metrics.nsw_gap(truth, scratch.p, scratch.utility, scratch.memo)
        tally.nsw_regret[i] += tally.gap[i]


@overload(play_agents, strict=False, jit_options={"forceinline": True})
def _play_agents(
    algorithm: Any, rewards: Any, truth: Any, base: Any, now: Any, after: Any, own: Any, sent: Any, numbers: Any,
    tally: Any, scratch: Any, b: Any, t: Any, first: Any, last: Any, communicates: Any,
) -> Any:  # fmt: skip
    return play_agents


@jit
def meet(base: Base, numbers: Numbers, b: int, scratch: Scratch) -> None:
    """Who hears whom in the b-th round of the block."""
    if numbers.first.shape[0] > 0:
        listed = numbers.listed[numbers.first[b] : numbers.first[b + 1]]
        neighbours_of_listed(base.edges, base.offsets, listed, scratch.neighbours, scratch.degrees)
    else:
        neighbours_of_round(base.edges, base.offsets, numbers.links[b], scratch.neighbours, scratch.degrees)


def play(
    algorithm: Any, rewards: Any, truth: Truth, base: Base, now: Any, after: Any, mail: Mail, numbers: Numbers, tally: Tally,
    scratch: Scratch, t0: int, communicates: bool,
) -> None:  # fmt: skip
    """Play the block of rounds t0 + 1 .. t0 + B.

    Args:
        algorithm, rewards: the algorithm and the reward model; their types decide which methods run.
        now, after: the state, and the same state with every field exchanged with its mailbox: what is own in one is sent in
            the other, so that a round reads one buffer, writes the other, and nothing is copied.
        mail: the gossiped averages of both, flat.
        t0: rounds already played. communicates: whether messages are sent.
    """
    sent, own = mail.now, mail.after
    for b in range(numbers.arms.shape[1]):
        t = t0 + b + 1
        meet(base, numbers, b, scratch)
        play_agents(
            algorithm, rewards, truth, base, now, after, own, sent, numbers, tally, scratch, b, t, 0,
            scratch.degrees.shape[0], communicates,
        )  # fmt: skip
        if t == tally.rounds[tally.next_record[0]]:
            record(own if communicates else mail.local, mail.local, truth, scratch.means, tally)
        now, after = after, now
        sent, own = own, sent


def play_part(
    algorithm: Any, rewards: Any, truth: Truth, base: Base, now: Any, after: Any, own: Floats, sent: Floats, numbers: Numbers,
    tally: Tally, scratch: Scratch, b: int, t: int, first: int, last: int, communicates: bool,
) -> None:  # fmt: skip
    """One thread's part of a round: see `play_agents`."""
    play_agents(
        algorithm, rewards, truth, base, now, after, own, sent, numbers, tally, scratch, b, t, first, last, communicates
    )  # fmt: skip


play_compiled, play_foreign = jit(play), jit_uncached(play)
part_compiled, part_foreign = jit(play_part), jit_uncached(play_part)


class PlainRounds:
    """A trial played by one thread: whole blocks of rounds in compiled code, or interpreted."""

    def __init__(
        self, algorithm: Any, rewards: Any, truth: Truth, base: Base, state: Any, tally: Tally, scratch: Scratch,
        loop: Callable[..., None],
    ) -> None:  # fmt: skip
        """`state` will be played on."""
        self.algorithm, self.rewards, self.truth, self.base = algorithm, rewards, truth, base
        self.tally, self.scratch, self.loop = tally, scratch, loop
        self.now, self.after = state, exchanged(state)

    def play(self, numbers: Numbers, t0: int) -> None:
        """Play the next block."""
        self.loop(
            self.algorithm, self.rewards, self.truth, self.base, self.now, self.after, mail(self.now, self.after), numbers,
            self.tally, self.scratch, t0, self.algorithm.communicates,
        )  # fmt: skip
        if numbers.arms.shape[1] % 2:
            self.now, self.after = self.after, self.now


class Place(NamedTuple):
    """What one thread works with in the rounds of one turn, even or odd ones: the state as it stands then, and its own scratch."""

    now: Any
    after: Any
    scratch: Scratch


class SharedRounds(PlainRounds):
    """A trial played by several threads, who take parts of the agents as they are free, and meet after every round.

    While they play a round, one of them already finds out who hears whom in the next.
    """

    def __init__(
        self, algorithm: Any, rewards: Any, truth: Truth, base: Base, state: Any, tally: Tally, scratch: Scratch,
        loop: Callable[..., None], threads: int, pool: ThreadPoolExecutor,
    ) -> None:  # fmt: skip
        """loop: `play_part`, compiled."""
        super().__init__(algorithm, rewards, truth, base, state, tally, scratch, loop)
        bounds = bounds_of(len(tally.gap), PARTS * threads)
        self.pool, self.parts = pool, list(zip(bounds[:-1], bounds[1:], strict=True))
        other = scratch._replace(degrees=scratch.degrees.copy(), neighbours=scratch.neighbours.copy())
        self.turns = scratch, other
        self.free = [places(state, self.turns) for _ in range(threads)]
        self.turn = 0

    def play(self, numbers: Numbers, t0: int) -> None:
        """Play the next block, round by round."""
        communicates, rounds = self.algorithm.communicates, numbers.arms.shape[1]
        flat = mail(self.now, self.after)
        sent, own = flat.now, flat.after

        def part(h: int) -> None:
            mine = self.free.pop()
            place = mine[self.turn]
            self.loop(
                self.algorithm, self.rewards, self.truth, self.base, place.now, place.after, own, sent, numbers, self.tally,
                place.scratch, b, t0 + b + 1, *self.parts[h], communicates,
            )  # fmt: skip
            self.free.append(mine)

        meet(self.base, numbers, 0, self.turns[self.turn])
        for b in range(rounds):
            ahead = None
            if b + 1 < rounds:
                ahead = self.pool.submit(meet, self.base, numbers, b + 1, self.turns[1 - self.turn])
            for _ in self.pool.map(part, range(len(self.parts))):
                pass
            if ahead is not None:
                ahead.result()
            if t0 + b + 1 == self.tally.rounds[self.tally.next_record[0]]:
                record(own if communicates else flat.local, flat.local, self.truth, self.scratch.means, self.tally)
            self.turn = 1 - self.turn
            self.now, self.after = self.after, self.now
            sent, own = own, sent


def bounds_of(agents: int, parts: int) -> list[int]:
    """Part h of the agents is bounds[h] .. bounds[h + 1] - 1."""
    return [agents * h // parts for h in range(parts + 1)]


def places(state: Any, turns: tuple[Scratch, Scratch]) -> tuple[Place, Place]:
    """Another thread's places in both turns: what is shared is only read in a part of a round, but for the rows of its agents."""
    now, after = own_state(state)
    mine: dict[str, Any] = {name: copied(getattr(turns[0], name)) for name in ("p", "x", "utility", "weights", "memo")}
    even, odd = (turn._replace(**mine) for turn in turns)
    return Place(now, after, even), Place(after, now, odd)


def own_state(state: Any) -> tuple[Any, Any]:
    """The same state, and it with its mailboxes exchanged, with scratch of its own."""
    mine = {name: copied(getattr(state, name)) for name in state._fields if name.startswith(SCRATCH)}
    return state._replace(**mine), exchanged(state)._replace(**mine)


def copied(scratch: Any) -> Any:
    """A copy of an array, or of a tuple of them."""
    if isinstance(scratch, tuple):
        parts = [copied(part) for part in scratch]
        return type(scratch)(*parts) if hasattr(scratch, "_fields") else tuple(parts)
    return scratch.copy() if isinstance(scratch, np.ndarray) else scratch


def divisible(state: Any, agents: int, known: Any) -> bool:
    """Whether threads may share the agents: every array is by agent, scratch, or what all were told beforehand."""
    arrays = [value for name, value in state._asdict().items() if not name.startswith(SCRATCH)]
    return all(
        np.isscalar(value)
        or (isinstance(value, np.ndarray) and (len(value) == agents or np.shares_memory(value, known)))
        for value in arrays
    )
