"""Messages as things of their own: what is sent, whether it says something new, what arrives and how it is mixed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from gossipmab.algorithms.gossip.base import blend
from gossipmab.engines.gossip.channel_state import Boxes, Post, Rules
from gossipmab.engines.gossip.step import Base, gossip
from gossipmab.networks.mixing import weight_of_edge
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Bytes, Floats, Integers


@jit
def copy(source: Floats, target: Floats) -> None:
    """Target from source, (any,) each: numba's own assignment of slices allocates."""
    for m in range(source.shape[0]):
        target[m] = source[m]


@jit
def rounded(x: float, rules: Rules) -> float:
    """The nearest of the values that can be sent: low + (high - low) m / steps, m = 0 .. steps; x itself without steps."""
    if rules.steps == 0.0:
        return x
    share = (min(max(x, rules.low), rules.high) - rules.low) / (rules.high - rules.low)
    return rules.low + (rules.high - rules.low) * (math.floor(share * rules.steps + 0.5) / rules.steps)


@jit
def speak(
    boxes: Boxes, rows: tuple[Floats, ...], post: Post, rules: Rules, up: Bytes, slot: int, first: int, last: int
) -> None:  # fmt: skip
    """Put what the agents first .. last - 1 would send into the memory's `slot`, and see who has something to say."""
    for j in range(first, last):
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


@jit
def tell(boxes: Boxes, slot: int, arc: int, j: int, top: int) -> None:
    """Agent j tells the receiver of the arc the `top` entries that differ most from what it has told it so far."""
    for _ in range(top):
        largest, box, entry = 0.0, 0, -1
        for f in range(len(boxes.told)):
            row, known = boxes.memory[f][slot, j], boxes.told[f][arc]
            for m in range(row.shape[0]):
                if abs(row[m] - known[m]) > largest:
                    largest, box, entry = abs(row[m] - known[m]), f, m
        if entry < 0:
            return
        boxes.told[box][arc, entry] = boxes.memory[box][slot, j, entry]


@jit
def deliver(
    base: Base, post: Post, sent: Bytes, age: NDArray[np.int16], slot: int, first: int, last: int,
    messages_sent: Integers,
) -> None:  # fmt: skip
    """Count the messages that the agents first .. last - 1 send, and those that arrive at them.

    A link is used in both directions or not at all, so that an agent sends on as many arcs as it may receive on.
    """
    depth = post.speaks.shape[0]
    for i in range(first, last):
        post.arrived[i] = 0
        for arc in range(base.offsets[i], base.offsets[i + 1]):
            j = post.sender[arc]
            if sent[arc] == 1 and post.speaks[slot, i] + post.speaks[slot, j] > 0:
                messages_sent[i] += 1
            if age[arc] >= 0:
                then = (slot - age[arc]) % depth
                if post.speaks[then, i] + post.speaks[then, j] > 0:
                    post.arrived[i] += 1


@jit
def tell_all(
    base: Base, boxes: Boxes, post: Post, rules: Rules, age: NDArray[np.int16], slot: int, first: int, last: int
) -> None:  # fmt: skip
    """Only with `top`: have the agents first .. last - 1 and their neighbours tell each other what their messages say.

    Both ends of a link keep both directions, and where one message arrives the other does, at once: nothing else goes with `top`.
    """
    for i in range(first, last):
        for arc in range(base.offsets[i], base.offsets[i + 1]):
            j = post.sender[arc]
            if age[arc] >= 0 and post.speaks[slot, i] + post.speaks[slot, j] > 0:
                tell(boxes, slot, arc, j, rules.top)
                if j < first or j >= last:
                    tell(boxes, slot, post.reverse[arc], i, rules.top)


@jit
def receive(
    base: Base, boxes: Boxes, post: Post, rules: Rules, age: NDArray[np.int16], i: int, slot: int, neighbours: Integers,
    weights: Floats,
) -> int:  # fmt: skip
    """Fill agent i's inbox, and the neighbours and weights of the messages in it; returns how many there are."""
    depth, count = post.speaks.shape[0], 0
    for f in range(len(boxes.inbox)):
        copy(boxes.memory[f][slot, i], boxes.inbox[f][i])
    for arc in range(base.offsets[i], base.offsets[i + 1]):
        j, then = post.sender[arc], (slot - age[arc]) % depth
        if age[arc] >= 0 and post.speaks[then, i] + post.speaks[then, j] > 0:
            neighbours[count] = j
            weights[count] = weight_of_edge(base.rule, base.constant, post.arrived[i], post.arrived[j])
            post.heard[count] = arc
            count += 1
            for f in range(len(boxes.inbox)):
                copy(boxes.told[f][arc] if rules.top > 0 else boxes.memory[f][then, j], boxes.inbox[f][j])
    return count


@jit
def restore(own: Floats, sent: Floats, inbox: Floats) -> None:
    """What rounding took from an agent's own row, (M,) each."""
    for m in range(own.shape[0]):
        own[m] += sent[m] - inbox[m]


def mix_received(
    algorithm: Any, state: Any, own: Floats, sent: Floats, inbox: Floats, boxes: Boxes, post: Post, rules: Rules, i: int,
    neighbours: Integers, weights: Floats,
) -> None:  # fmt: skip
    """The gossip of one agent: own[i] from what it has received, Q what rounding leaves, X_ji what j has told i so far.

    G_i <- G_i(t-1) + sum_j w_ij ( Q(G_j) - Q(G_i(t-1)) ), or with `top` G_i(t-1) + gain sum_j w_ij ( X_ji - X_ij )

    Args:
        own: (N, M), row i is written. sent: (N, M), in row i G_i(t-1) itself. inbox: (N, M), in row i Q(G_i(t-1)).
    """
    if rules.top == 0:
        gossip(algorithm, state, own, inbox, i, neighbours, weights)
        restore(own[i], sent[i], inbox[i])
        return
    copy(sent[i], own[i])
    for n in range(neighbours.shape[0]):
        told, arc = boxes.told[rules.mean], post.heard[n]
        blend(
            algorithm, state, own[i], told[post.reverse[arc]], told[arc], i, neighbours[n], rules.gain * weights[n]
        )  # fmt: skip


@overload(mix_received, strict=False, jit_options={"forceinline": True})
def _mix_received(
    algorithm: Any, state: Any, own: Any, sent: Any, inbox: Any, boxes: Any, post: Any, rules: Any, i: Any, neighbours: Any,
    weights: Any,
) -> Any:  # fmt: skip
    # Compiled as it stands; called from plain Python it stays plain, so that methods can be debugged.
    return mix_received
