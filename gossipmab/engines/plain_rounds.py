"""The compiled loop over rounds and agents where messages are what their senders held, by one thread or by several.

In a round an agent reads what all held at the end of the round before, and writes its own rows. So the agents of a round may
be played in any order, and by as many threads as there are processors: the bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba.extending import overload

from gossipmab import metrics
from gossipmab.algorithms.protocol import Floats
from gossipmab.compiled import compiled, compiled_here
from gossipmab.engines.agent_round import (
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
from gossipmab.metrics import Truth
from gossipmab.network import neighbours_of_listed, neighbours_of_round, weight_of_edge
from gossipmab.prefetch import AHEAD, NEAR, prefetch_row


def play_agents(
    algorithm: Any, rewards: Any, truth: Truth, base: Base, now: Any, after: Any, own: Floats, sent: Floats, numbers: Numbers,
    tally: Tally, scratch: Scratch, b: int, t: int, first: int, last: int, communicates: bool,
) -> None:  # fmt: skip
    """Round t, the b-th of the block, of the agents first .. last - 1, who write their own rows only: any cut gives the same."""
    degrees, weights = scratch.degrees, scratch.weights
    far = communicates and sent.size > NEAR
    for i in range(first, last):
        if far and i + AHEAD < last:
            begin = base.offsets[i + AHEAD]
            for n in range(begin, begin + degrees[i + AHEAD]):
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


@compiled
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


play_compiled, play_foreign = compiled(play), compiled_here(play)
part_compiled, part_foreign = compiled(play_part), compiled_here(play_part)


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


class SharedRounds(PlainRounds):
    """A trial played by several threads, each with its own part of the agents and its own scratch; they meet after every round."""

    def __init__(
        self, algorithm: Any, rewards: Any, truth: Truth, base: Base, state: Any, tally: Tally, scratch: Scratch,
        loop: Callable[..., None], bounds: list[int], pool: ThreadPoolExecutor,
    ) -> None:  # fmt: skip
        """Thread h has the agents bounds[h] .. bounds[h + 1] - 1; loop: `play_part`, compiled."""
        super().__init__(algorithm, rewards, truth, base, state, tally, scratch, loop)
        self.pool, self.parts = pool, list(zip(bounds[:-1], bounds[1:], strict=True))
        self.scratches = [own_scratch(scratch) for _ in self.parts]
        self.states = [own_state(state) for _ in self.parts]

    def play(self, numbers: Numbers, t0: int) -> None:
        """Play the next block, round by round."""
        communicates = self.algorithm.communicates
        flat = mail(self.now, self.after)
        sent, own = flat.now, flat.after

        def part(h: int) -> None:
            now, after = self.states[h]
            self.loop(
                self.algorithm, self.rewards, self.truth, self.base, now, after, own, sent, numbers, self.tally,
                self.scratches[h], b, t0 + b + 1, *self.parts[h], communicates,
            )  # fmt: skip

        for b in range(numbers.arms.shape[1]):
            meet(self.base, numbers, b, self.scratch)
            for _ in self.pool.map(part, range(len(self.parts))):
                pass
            if t0 + b + 1 == self.tally.rounds[self.tally.next_record[0]]:
                record(own if communicates else flat.local, flat.local, self.truth, self.scratch.means, self.tally)
            self.states = [(after, now) for now, after in self.states]
            self.now, self.after = self.after, self.now
            sent, own = own, sent


def own_scratch(scratch: Scratch) -> Scratch:
    """Another thread's: what is shared is only read in a part of a round."""
    return scratch._replace(
        p=scratch.p.copy(), x=scratch.x.copy(), utility=scratch.utility.copy(), weights=scratch.weights.copy(),
        memo=copied(scratch.memo),
    )  # fmt: skip


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
