"""The loop over rounds in which messages are things of their own: lost or late, sent seldom or in few bits; agents may be away.

It is slower than `rounds.play`, for every message is copied; where nothing goes wrong its bits are the same. Agents'
clocks count the rounds that they played since they last knew nothing; these are the t of their algorithms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from gossipmab.algorithms.gossip.base import Algorithm, learn, select
from gossipmab.algorithms.gossip.uniforms import hand_numbers
from gossipmab.engines.gossip.channel import copy, deliver, mix_received, receive, speak, tell_all
from gossipmab.engines.gossip.channel_state import Boxes, Post, Rules
from gossipmab.engines.gossip.step import (
    MAILBOX,
    Base,
    Numbers,
    Scratch,
    Tally,
    arm_from,
    exchanged,
    mail,
    record,
    same,
)
from gossipmab.environments.reward_models import draw
from gossipmab.metrics import trace as metrics
from gossipmab.metrics.trace import Truth
from gossipmab.networks.communication_budget import CommunicationBudget
from gossipmab.networks.failures import FailureEvents, Failures, arcs_of
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import jit, jit_uncached
from gossipmab.utils.types import Floats, Integers

LARGEST = 250_000_000  # numbers kept of past messages: 2 GB
AWAY = -1  # no arm


def message_round(
    algorithm: Any, rewards: Any, now: Any, after: Any, base: Base, boxes: Boxes, rows: tuple[Floats, ...],
    rows_after: tuple[Floats, ...], own: Floats, sent: Floats, inbox: Floats, post: Post, rules: Rules, up: int,
    age: NDArray[np.int16], i: int, slot: int, u_arm: float, u_reward: Floats, p: Floats, x: Floats, neighbours: Integers,
    weights: Floats, communicates: bool,
) -> int:  # fmt: skip
    """The round of one agent, once all have spoken and messages are counted; returns the arm, AWAY where it is away.

    Args:
        now, after, own, sent, inbox: as in `play_messages`. rows, rows_after: boxes.now and boxes.after, as they stand.
        up, u_arm, u_reward: the agent's own. age: (2E,), of the round. neighbours: (2E,), weights: (N,) scratch.
    """
    if up == 0:
        for f in range(len(rows)):
            copy(rows[f][i], rows_after[f][i])
        return AWAY
    post.clock[i] += 1
    count = 0
    if communicates:
        count = receive(base, boxes, post, rules, age, i, slot, neighbours, weights)
    hand_numbers(now, u_arm)
    select(algorithm, now, i, post.clock[i], p)
    arm = arm_from(p, u_arm)
    draw(rewards, i, arm, u_reward, x)
    if communicates:
        mix_received(algorithm, after, own, sent, inbox, boxes, post, rules, i, neighbours[:count], weights)
        for f in range(len(rows)):
            copy(rows[f][i], boxes.inbox[f][i])
    learn(algorithm, after, i, post.clock[i], arm, x, neighbours[:count])
    return arm


@overload(message_round, strict=False, jit_options={"forceinline": True})
def _message_round(
    algorithm: Any, rewards: Any, now: Any, after: Any, base: Any, boxes: Any, rows: Any, rows_after: Any, own: Any, sent: Any,
    inbox: Any, post: Any, rules: Any, up: Any, age: Any, i: Any, slot: Any, u_arm: Any, u_reward: Any, p: Any, x: Any,
    neighbours: Any, weights: Any, communicates: Any,
) -> Any:  # fmt: skip
    # Compiled as it stands; called from plain Python it stays plain, so that methods can be debugged.
    return message_round


def play_messages(
    algorithm: Any, rewards: Any, truth: Truth, base: Base, now: Any, after: Any, boxes: Boxes, own: Floats, sent: Floats,
    inbox: Floats, local: Floats, numbers: Numbers, fate: FailureEvents, post: Post, rules: Rules, tally: Tally, scratch: Scratch,
    t0: int, begin: int, stop: int, communicates: bool,
) -> None:  # fmt: skip
    """Play the rounds t0 + begin + 1 .. t0 + stop.

    Args:
        now, after: the state, and the same with every field exchanged with its mailbox; in both the inbox takes the
            mailboxes' place.
        own, sent, inbox: the averages (N, M): global_mean of after, of now, and as received. local: (N, M).
        numbers, fate: of the block after round t0.
    """
    agents, depth = len(post.clock), post.speaks.shape[0]
    box_now, box_after = boxes.now, boxes.after
    for b in range(begin, stop):
        slot = (t0 + b) % depth
        if communicates:
            speak(boxes, box_now, post, rules, fate.up[b], slot, 0, agents)
            deliver(base, post, fate.sent[b], fate.age[b], slot, 0, agents, tally.messages_sent)
            if rules.top > 0:
                tell_all(base, boxes, post, rules, fate.age[b], slot, 0, agents)
        for i in range(agents):
            arm = message_round(
                algorithm, rewards, now, after, base, boxes, box_now, box_after, own, sent, inbox, post, rules, fate.up[b, i],
                fate.age[b], i, slot, numbers.arms[i, b], numbers.rewards[i, b], scratch.p, scratch.x, scratch.neighbours,
                scratch.weights, communicates,
            )  # fmt: skip
            if arm == AWAY:
                continue
            tally.pulls[i, arm] += 1
            if not same(scratch.p, tally.played[i]):
                tally.gap[i] = metrics.nsw_gap(truth, scratch.p, scratch.utility, scratch.memo)
            tally.nsw_regret[i] += tally.gap[i]
        if t0 + b + 1 == tally.rounds[tally.next_record[0]]:
            record(own if communicates else local, local, truth, scratch.means, tally)
        now, after = after, now
        sent, own = own, sent
        box_now, box_after = box_after, box_now


play_messages_compiled = jit(play_messages)
play_messages_foreign = jit_uncached(play_messages)


def affordable(numbers: int, depth: int, told: float) -> None:
    """Raise InputError where all agents' numbers, so many times over, would fill the memory."""
    for key, times in (("network.failures.delay", depth), ("network.communication.top_k", told)):
        if numbers * times > LARGEST:
            raise InputError(f"{key}: {numbers * times:.0f} numbers of past messages, allowed are {LARGEST}")


class MessageRounds:
    """A trial played by this loop."""

    def __init__(
        self, algorithm: Algorithm, network: Network, state: Any, initial: Any, play: Callable[..., None]
    ) -> None:  # fmt: skip
        """Nothing sent yet. `state` will be played on; `initial` is another one, equal to it."""
        self.algorithm, self.initial, self.play_rounds = algorithm, initial, play
        failures, rules = network.failures or Failures(), network.communication or CommunicationBudget()
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
        arcs = arcs_of(network.edges)
        affordable(sum(box.size for box in inbox), depth, len(arcs.sender) / N if rules.top_k else 0.0)
        memory = tuple(np.zeros((depth, *box.shape)) for box in inbox)
        told = tuple(box[arcs.sender if rules.top_k else arcs.sender[:0]] for box in flat[0])  # all know how all begin
        self.boxes = Boxes(flat[0], flat[1], inbox, memory, tuple(box.copy() for box in flat[0]), told)
        self.mail = mail(*self.states)
        mean = names.index(MAILBOX + "global_mean") if names else 0
        self.inbox = inbox[mean]
        speaks, (arrived, clock) = np.zeros((depth, N), np.uint8), np.zeros((2, N), np.int64)
        self.post = Post(arcs.sender, arcs.reverse, np.zeros_like(arcs.sender), speaks, arrived, clock)
        steps = 0.0 if rules.quantization_bits is None else 2.0**rules.quantization_bits - 1.0
        size = max(1, sum(box.shape[1] for box in inbox))
        self.rules = Rules(
            -1.0 if rules.trigger_threshold is None else float(rules.trigger_threshold), steps, float(rules.low), float(rules.high),
            min(rules.top_k or 0, size), float(rules.step_size_of(size)), mean,
        )  # fmt: skip

    def play(
        self, rewards: Any, truth: Truth, base: Base, numbers: Numbers, fate: FailureEvents, tally: Tally, scratch: Scratch, t0: int
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
