"""What an actor does in a round in which messages are things of their own, compiled; between the stages it hears from others."""

from __future__ import annotations

from typing import Any

from numba import njit

from gossipmab.engines.actors.block_loop import Window, poison
from gossipmab.engines.gossip.channel import deliver, speak, tell_all
from gossipmab.engines.gossip.channel_state import COUNT, SPEAK, Boxes, Hand, Post, Rules
from gossipmab.engines.gossip.step import Base
from gossipmab.engines.gossip.unreliable import message_round
from gossipmab.utils.jit import SETTINGS
from gossipmab.utils.types import Floats, Integers


@njit(**SETTINGS)  # type: ignore[untyped-decorator]
def play_own_messages(
    algorithm: Any, rewards: Any, now: Any, after: Any, base: Base, boxes: Boxes, own: Floats, sent: Floats, inbox: Floats,
    post: Post, rules: Rules, hand: Hand, window: Window, x: Floats, neighbours: Integers, weights: Floats, agents: int,
    communicates: bool, poisoned: bool, t0: int, b: int, stage: int,
) -> int:  # fmt: skip
    """One stage of round t0 + b + 1 of the own agents. Never called from Python: see `native`.

        SPEAK   own agents put what they would send into the memory
        COUNT   once it is known who else speaks: what own agents send, and how much arrives at them
        PLAY    once messages, and what arrives at the neighbours, are there: the round of each own agent

    Args:
        now, after, own, sent, inbox: as in `play_messages`. agents: the first own agent.
        x (D,), neighbours (2E,), weights (N,): scratch.
        poisoned: fill with NaN whatever an own agent has not received.
    """
    last, slot = agents + window.u_arms.shape[0], (t0 + b) % post.speaks.shape[0]
    if stage == SPEAK:
        if poisoned:
            for f in range(len(boxes.memory)):
                poison(boxes.memory[f][slot], agents, last)
        speak(boxes, boxes.now, post, rules, hand.up, slot, agents, last)
        return 0
    if stage == COUNT:
        deliver(base, post, hand.sent, hand.age, slot, agents, last, hand.messages_sent)
        return 0
    if communicates and rules.top > 0:
        tell_all(base, boxes, post, rules, hand.age, slot, agents, last)
    for a in range(window.u_arms.shape[0]):
        i = agents + a
        if poisoned:
            for f in range(len(boxes.inbox)):
                poison(boxes.inbox[f], i, i + 1)
        window.arms[b, a] = message_round(
            algorithm, rewards, now, after, base, boxes, boxes.now, boxes.after, own, sent, inbox, post, rules, hand.up[i],
            hand.age, i, slot, window.u_arms[a, b], window.u_rewards[a, b], window.p[b, a], x, neighbours, weights, communicates,
        )  # fmt: skip
    return 0
