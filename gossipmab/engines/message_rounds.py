"""The loop over rounds in which messages are things of their own: lost or late, sent seldom or in few bits; agents may be away.

It is slower than `rounds.play`, for every message is copied; where nothing goes wrong its bits are the same. Agents'
clocks count the rounds that they played since they last knew nothing; these are the t of their algorithms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab import metrics
from gossipmab.algorithms.protocol import Algorithm, Floats, Integers, learn, select
from gossipmab.communication import Communication
from gossipmab.compiled import compiled, compiled_here
from gossipmab.engines.agent_round import (
    MAILBOX,
    Base,
    Numbers,
    Scratch,
    Tally,
    arm_from,
    exchanged,
    mail,
    mix,
    record,
    same,
)
from gossipmab.failures import Failures, Fate, arcs_of
from gossipmab.metrics import Truth
from gossipmab.network import Network, weight_of_edge
from gossipmab.rewards import draw


class Rules(NamedTuple):
    """threshold: below 0 for none. steps: 2^bits - 1, or 0. low, high: what these steps lead from and to."""

    threshold: float
    steps: float
    low: float
    high: float


class Boxes(NamedTuple):
    """The fields of a state that have mailboxes, each flat, (N, any).

    now, after: as they stand before and after the round. inbox: what agent i reads, its own row and the messages that it received.
    memory: (P, N, any), what was to be sent in the last P rounds. spoken: what was sent when an agent last spoke.
    """

    now: tuple[Floats, ...]
    after: tuple[Floats, ...]
    inbox: tuple[Floats, ...]
    memory: tuple[Floats, ...]
    spoken: tuple[Floats, ...]


class Post(NamedTuple):
    """sender: (2E,) of every arc. speaks: (P, N) whether an agent spoke. arrived: (N,) messages in the round. clock: (N,)."""

    sender: Integers
    speaks: NDArray[np.uint8]
    arrived: Integers
    clock: Integers


@compiled
def copy(source: Floats, target: Floats) -> None:
    """Target from source, (any,) each: numba's own assignment of slices allocates."""
    for m in range(source.shape[0]):
        target[m] = source[m]


@compiled
def rounded(x: float, rules: Rules) -> float:
    """The nearest of the values that can be sent: low + (high - low) m / steps, m = 0 .. steps; x itself without steps."""
    if rules.steps == 0.0:
        return x
    share = (min(max(x, rules.low), rules.high) - rules.low) / (rules.high - rules.low)
    return rules.low + (rules.high - rules.low) * (math.floor(share * rules.steps + 0.5) / rules.steps)


@compiled
def speak(boxes: Boxes, rows: tuple[Floats, ...], post: Post, rules: Rules, up: NDArray[np.uint8], slot: int) -> None:
    """Put what all would send into the memory's `slot`, and see who has something to say."""
    for j in range(up.shape[0]):
        moved = 0.0
        for f in range(len(rows)):
            row, kept, spoken = rows[f][j], boxes.memory[f][slot, j], boxes.spoken[f][j]
            for m in range(row.shape[0]):
                kept[m] = rounded(row[m], rules)
                moved = max(moved, abs(kept[m] - spoken[m]))
        speaks = up[j] == 1 and moved > rules.threshold
        post.speaks[slot, j] = 1 if speaks else 0
        if speaks:
            for f in range(len(rows)):
                copy(boxes.memory[f][slot, j], boxes.spoken[f][j])


@compiled
def deliver(base: Base, post: Post, sent: NDArray[np.uint8], age: NDArray[np.int16], slot: int, tally: Tally) -> None:
    """Count the messages that are sent, by sender, and those that arrive, by receiver."""
    depth = post.speaks.shape[0]
    for i in range(post.arrived.shape[0]):
        post.arrived[i] = 0
        for arc in range(base.offsets[i], base.offsets[i + 1]):
            j = post.sender[arc]
            if sent[arc] == 1 and post.speaks[slot, i] + post.speaks[slot, j] > 0:
                tally.messages_sent[j] += 1
            if age[arc] >= 0:
                then = (slot - age[arc]) % depth
                post.arrived[i] += 1 if post.speaks[then, i] + post.speaks[then, j] > 0 else 0


def play_messages(
    algorithm: Any, rewards: Any, truth: Truth, base: Base, now: Any, after: Any, boxes: Boxes, own: Floats, sent: Floats,
    inbox: Floats, local: Floats, numbers: Numbers, fate: Fate, post: Post, rules: Rules, tally: Tally, scratch: Scratch,
    t0: int, begin: int, stop: int, communicates: bool,
) -> None:  # fmt: skip
    """Play the rounds t0 + begin + 1 .. t0 + stop.

    Args:
        now, after: the state, and the same with every field exchanged with its mailbox; in both the inbox takes the
            mailboxes' place.
        own, sent, inbox: the averages (N, M): global_mean of after, of now, and as received. local: (N, M).
        numbers, fate: of the block after round t0.
    """
    depth = post.speaks.shape[0]
    box_now, box_after = boxes.now, boxes.after
    neighbours, weights = scratch.neighbours, scratch.weights
    for b in range(begin, stop):
        slot = (t0 + b) % depth
        if communicates:
            speak(boxes, box_now, post, rules, fate.up[b], slot)
            deliver(base, post, fate.sent[b], fate.age[b], slot, tally)
        for i in range(post.clock.shape[0]):
            if fate.up[b, i] == 0:
                for f in range(len(box_now)):
                    copy(box_now[f][i], box_after[f][i])
                continue
            post.clock[i] += 1
            count = 0
            if communicates:
                for f in range(len(box_now)):
                    copy(boxes.memory[f][slot, i], boxes.inbox[f][i])
                for arc in range(base.offsets[i], base.offsets[i + 1]):
                    j = post.sender[arc]
                    then = (slot - fate.age[b, arc]) % depth
                    if fate.age[b, arc] >= 0 and post.speaks[then, i] + post.speaks[then, j] > 0:
                        neighbours[count] = j
                        weights[count] = weight_of_edge(base.rule, base.constant, post.arrived[i], post.arrived[j])
                        count += 1
                        for f in range(len(box_now)):
                            copy(boxes.memory[f][then, j], boxes.inbox[f][j])
            select(algorithm, now, i, post.clock[i], scratch.p)
            arm = arm_from(scratch.p, numbers.arms[i, b])
            draw(rewards, i, arm, numbers.rewards[i, b], scratch.x)
            if communicates:
                mix(own, inbox, i, neighbours[:count], weights)
                for m in range(own.shape[1]):
                    own[i, m] += sent[i, m] - inbox[i, m]  # what rounding took from its own row
                for f in range(len(box_now)):
                    copy(box_now[f][i], boxes.inbox[f][i])
            learn(algorithm, after, i, post.clock[i], arm, scratch.x, neighbours[:count])
            tally.pulls[i, arm] += 1
            if not same(scratch.p, tally.played[i]):
                tally.gap[i] = truth.best - metrics.nash_welfare_of(truth, scratch.p, scratch.utility)
            tally.nsw_regret[i] += tally.gap[i]
        if t0 + b + 1 == tally.rounds[tally.next_record[0]]:
            record(own if communicates else local, local, truth, scratch.mean, tally)
        now, after = after, now
        sent, own = own, sent
        box_now, box_after = box_after, box_now


play_messages_compiled = compiled(play_messages)
play_messages_foreign = compiled_here(play_messages)


class MessageRounds:
    """A trial played by this loop."""

    def __init__(
        self, algorithm: Algorithm, network: Network, state: Any, initial: Any, play: Callable[..., None]
    ) -> None:  # fmt: skip
        """Nothing sent yet. `state` will be played on; `initial` is another one, equal to it."""
        self.algorithm, self.initial, self.play_rounds = algorithm, initial, play
        failures, rules = network.failures or Failures(), network.communication or Communication()
        N, depth = network.agents, failures.delay + 1
        names = [name for name in state._fields if name.startswith(MAILBOX)] if algorithm.communicates else []
        inboxes = {name: np.zeros_like(getattr(state, name)) for name in names}
        self.states = state, exchanged(state)
        self.reading = tuple(one._replace(**inboxes) for one in self.states)
        flat = [
            tuple(getattr(one, name.removeprefix(MAILBOX)).reshape(N, -1) for name in names) or (np.zeros((N, 0)),)
            for one in self.states
        ]
        inbox = tuple(inboxes[name].reshape(N, -1) for name in names) or (np.zeros((N, 0)),)
        memory = tuple(np.zeros((depth, *box.shape)) for box in inbox)
        self.boxes = Boxes(flat[0], flat[1], inbox, memory, tuple(np.zeros_like(box) for box in inbox))
        self.mail = mail(*self.states)
        self.inbox = inbox[names.index("sent_global_mean")] if names else np.zeros((N, 0))
        sender = arcs_of(network.edges).sender
        self.post = Post(sender, np.zeros((depth, N), np.uint8), np.zeros(N, np.int64), np.zeros(N, np.int64))
        steps = 0.0 if rules.bits is None else 2.0**rules.bits - 1.0
        self.rules = Rules(-1.0 if rules.threshold is None else rules.threshold, steps, rules.low, rules.high)

    def play(
        self, rewards: Any, truth: Truth, base: Base, numbers: Numbers, fate: Fate, tally: Tally, scratch: Scratch, t0: int
    ) -> None:  # fmt: skip
        """Play a block; where an agent comes back knowing nothing, its state is made anew before the round."""
        forgetting = np.flatnonzero(fate.cold.any(axis=1))
        cuts = [0, *forgetting.tolist(), len(fate.up)]
        for begin, stop in zip(cuts[:-1], cuts[1:], strict=True):
            for i in np.flatnonzero(fate.cold[begin]) if begin < len(fate.up) else ():
                self.forget(int(i))
            if begin == stop:
                continue
            now, after = self.reading
            boxes = self.boxes
            self.play_rounds(
                self.algorithm, rewards, truth, base, now, after, boxes, self.mail.after, self.mail.now, self.inbox,
                self.mail.local, numbers, fate, self.post, self.rules, tally, scratch, t0, begin, stop,
                self.algorithm.communicates,
            )  # fmt: skip
            if (stop - begin) % 2:
                self.reading = after, now
                self.boxes = boxes._replace(now=boxes.after, after=boxes.now)
                self.mail = self.mail._replace(now=self.mail.after, after=self.mail.now)

    def forget(self, i: int) -> None:
        """Give agent i the state from before its first round."""
        self.post.clock[i] = 0
        for value, first in zip(self.states[0], self.initial, strict=True):
            if (
                isinstance(value, np.ndarray)
                and len(value) == len(self.post.clock)
                and not np.shares_memory(value, first)
            ):
                value[i] = first[i]
