"""The channel whose messages are lost or late, sent seldom or in few bits, between agents that may be away.

It is slower than `Direct`, since every message is copied; if nothing goes wrong its bits are the same. An agent's clock
counts the rounds that it has played since its state was last made anew; this is the t of its algorithm.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipmab.algorithms.gossip.base import MAILBOX, exchanged, flags, mailboxes, message_size
from gossipmab.engines.gossip.channel import blend, gossip, turned_averages
from gossipmab.engines.gossip.channel_state import (
    COUNT,
    DELIVER,
    SPEAK,
    Averages,
    MessageBuffers,
    MessageInfo,
    MessageRules,
    UnreliableFields,
    unreliable_fields,
)
from gossipmab.networks.communication_budget import UNLIMITED
from gossipmab.networks.failures import Failures, arcs_of
from gossipmab.networks.mixing import weight_of_edge
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers

LARGEST = 250_000_000  # numbers kept of past messages: 2 GB


@jit
def copy(source: Floats, target: Floats) -> None:
    """Copy source to target, (any,) each: numba's own assignment of slices allocates."""
    for m in range(source.shape[0]):
        target[m] = source[m]


@jit
def poison(box: Floats, first: int, last: int) -> None:
    """NaN in all rows of box (N, any) but first .. last - 1."""
    for i in range(box.shape[0]):
        if i < first or i >= last:
            for m in range(box.shape[1]):
                box[i, m] = np.nan


@jit
def quantized(x: float, rules: MessageRules) -> float:
    """The nearest of the values that can be sent: low + (high - low) m / steps, m = 0 .. steps; x itself without steps."""
    if rules.steps == 0.0:
        return x
    share = (min(max(x, rules.low), rules.high) - rules.low) / (rules.high - rules.low)
    return rules.low + (rules.high - rules.low) * (math.floor(share * rules.steps + 0.5) / rules.steps)


@jit
def speak(channel: UnreliableFields, up: NDArray[np.uint8], slot: int, first: int, last: int) -> None:
    """Put the messages of the agents first .. last - 1 into the memory's `slot`, and decide which agents speak.

    up: (n,) whether an agent plays, agent `first` first.
    """
    buffers, speaks = channel.buffers, channel.arcs.speaks
    for j in range(first, last):
        moved = 0.0
        for f in range(len(buffers.now)):
            row, kept, spoken = buffers.now[f][j], buffers.memory[f][slot, j], buffers.spoken[f][j]
            for m in range(row.shape[0]):
                kept[m] = row[m] if channel.rules.flags[f] == 1 else quantized(row[m], channel.rules)
                moved = max(moved, abs(kept[m] - spoken[m]))
        speaking = up[j - first] == 1 and moved > channel.rules.threshold
        speaks[slot, j] = 1 if speaking else 0
        if speaking:
            for f in range(len(buffers.now)):
                copy(buffers.memory[f][slot, j], buffers.spoken[f][j])


@jit
def count_messages(channel: UnreliableFields, b: int, slot: int, first: int, last: int) -> None:
    """Count the messages that the agents first .. last - 1 send, and those that arrive at them.

    A link is used in both directions or not at all, so that an agent sends on as many arcs as it may receive on.
    """
    arcs, events, offsets = channel.arcs, channel.events, channel.graph.offsets
    depth = arcs.speaks.shape[0]
    for i in range(first, last):
        arcs.arrived[i], arcs.outbound[i] = 0, 0
        for arc in range(offsets[i], offsets[i + 1]):
            j, age = arcs.sender[arc], events.age[b, arc - events.first_arc]
            if events.sent[b, arc - events.first_arc] == 1 and arcs.speaks[slot, i] + arcs.speaks[slot, j] > 0:
                arcs.outbound[i] += 1
            if age >= 0 and arcs.speaks[(slot - age) % depth, i] + arcs.speaks[(slot - age) % depth, j] > 0:
                arcs.arrived[i] += 1


@jit
def send_largest(buffers: MessageBuffers, slot: int, arc: int, j: int, top_k: int) -> None:
    """Agent j sends the receiver of the arc the `top_k` entries that differ most from what the receiver knows."""
    for _ in range(top_k):
        largest, box, entry = 0.0, 0, -1
        for f in range(len(buffers.known)):
            row, known = buffers.memory[f][slot, j], buffers.known[f][arc]
            for m in range(row.shape[0]):
                if abs(row[m] - known[m]) > largest:
                    largest, box, entry = abs(row[m] - known[m]), f, m
        if entry < 0:
            return
        buffers.known[box][arc, entry] = buffers.memory[box][slot, j, entry]


@jit
def send_all_largest(channel: UnreliableFields, b: int, slot: int, first: int, last: int) -> None:
    """Only with top_k: exchange the largest changes between the agents first .. last - 1 and their neighbours.

    Both ends of a link keep both directions, and if one message arrives the other does, at once: nothing else goes with top_k.
    """
    arcs, events, offsets = channel.arcs, channel.events, channel.graph.offsets
    for i in range(first, last):
        for arc in range(offsets[i], offsets[i + 1]):
            j = arcs.sender[arc]
            arrives = events.age[b, arc - events.first_arc] >= 0
            if arrives and arcs.speaks[slot, i] + arcs.speaks[slot, j] > 0:
                send_largest(channel.buffers, slot, arc, j, channel.rules.top_k)
                if j < first or j >= last:
                    send_largest(channel.buffers, slot, arcs.reverse[arc], i, channel.rules.top_k)


class Unreliable(UnreliableFields):
    """Messages with failures and a communication budget; see `Failures` and `CommunicationBudget`."""

    __slots__ = ()

    def begin_round(self, b: int, t: int, first: int, last: int) -> bool:
        """Speak, count, deliver; with agents in other processes a stage a call, between which they exchange messages."""
        if not self.communicates:
            return True
        slot = (t - 1) % self.arcs.speaks.shape[0]
        if self.stage[0] == SPEAK:
            if self.poisoned:
                for f in range(len(self.buffers.memory)):
                    poison(self.buffers.memory[f][slot], first, last)
            speak(self, self.events.up[b], slot, first, last)
            self.stage[0] = COUNT
            if not self.alone:
                return False
        if self.stage[0] == COUNT:
            count_messages(self, b, slot, first, last)
            self.stage[0] = DELIVER
            if not self.alone:
                return False
        self.stage[0] = SPEAK
        if self.rules.top_k > 0:
            send_all_largest(self, b, slot, first, last)
        return True

    def awake(self, i: int, b: int) -> bool:
        """Whether agent i is up."""
        return self.events.up[b, i - self.events.first_agent] == 1  # type: ignore[no-any-return]

    def rest(self, i: int) -> None:
        """An agent that is away keeps what it holds."""
        for f in range(len(self.buffers.now)):
            copy(self.buffers.now[f][i], self.buffers.after[f][i])

    def receive(self, i: int, b: int, t: int, last: int) -> tuple[Integers, Floats]:
        """Fill agent i's inbox; agents that send no messages hear of a neighbour whenever a message would arrive."""
        arcs, buffers, events, count = self.arcs, self.buffers, self.events, 0
        depth = arcs.speaks.shape[0]
        slot = (t - 1) % depth
        if self.communicates:
            for f in range(len(buffers.inbox)):
                if self.poisoned:
                    poison(buffers.inbox[f], i, i + 1)
                copy(buffers.memory[f][slot, i], buffers.inbox[f][i])
        for arc in range(self.graph.offsets[i], self.graph.offsets[i + 1]):
            j, age = arcs.sender[arc], events.age[b, arc - events.first_arc]
            then = (slot - age) % depth
            if age < 0 or (self.communicates and arcs.speaks[then, i] + arcs.speaks[then, j] == 0):
                continue
            self.neighbours[count] = j
            if self.communicates:
                self.weights[count] = weight_of_edge(self.graph.rule, self.graph.constant, arcs.arrived[i], arcs.arrived[j])
                arcs.heard[count] = arc
                for f in range(len(buffers.inbox)):
                    row = buffers.known[f][arc] if self.rules.top_k > 0 else buffers.memory[f][then, j]
                    copy(row, buffers.inbox[f][j])
            count += 1
        return self.neighbours[:count], self.weights[:count]

    def clock(self, i: int, t: int) -> int:
        """The rounds that agent i has played since its state was last made anew, this one included."""
        self.arcs.clock[i] += 1
        return self.arcs.clock[i]  # type: ignore[no-any-return]

    def mix(self, algorithm: Any, state: Any, i: int, neighbours: Integers, weights: Floats) -> None:
        """The gossip of agent i from what it has received: Q quantises, X_ji is what i knows of j with top_k.

        G_i <- G_i(t-1) + sum_j w_ij ( Q(G_j) - Q(G_i(t-1)) ), or with top_k G_i(t-1) + step_size sum_j w_ij ( X_ji - X_ij )
        """
        if not self.communicates:
            return
        own, sent, inbox, buffers = self.averages.own, self.averages.sent, self.mean_inbox, self.buffers
        if self.rules.top_k == 0:
            gossip(algorithm, self.blends, state, own, inbox, i, neighbours, weights)
            for m in range(own.shape[1]):  # give its own row back what quantisation took from it
                own[i, m] += sent[i, m] - inbox[i, m]
        else:
            copy(sent[i], own[i])
            for n in range(neighbours.shape[0]):
                known, arc = buffers.known[self.rules.mean], self.arcs.heard[n]
                rows = own[i], known[self.arcs.reverse[arc]], known[arc]
                blend(algorithm, self.blends, state, rows, i, neighbours[n], self.rules.step_size * weights[n])
        for f in range(len(buffers.now)):
            copy(buffers.now[f][i], buffers.inbox[f][i])

    def outbound(self, i: int, b: int) -> int:
        """As counted when the round began."""
        return self.arcs.outbound[i]  # type: ignore[no-any-return]

    def turned(self) -> Unreliable:
        """Own and sent averages, and all boxes, exchanged."""
        b = self.buffers
        buffers = MessageBuffers(b.after, b.now, b.inbox, b.memory, b.spoken, b.known)
        return Unreliable(
            turned_averages(self.averages), buffers, self.mean_inbox, self.graph, self.arcs, self.rules, self.events,
            self.neighbours, self.weights, self.stage, self.alone, self.communicates, self.blends, self.poisoned,
        )  # fmt: skip


def message_info(algorithm: Any, network: Network, state: Any) -> MessageInfo:
    """The graph, weights and message rules of a trial with failures or a budget.

    Raises:
        InputError: past messages would not fit into the memory.
    """
    failures, budget = network.failures or Failures(), network.communication or UNLIMITED
    N, depth = network.agents, failures.delay + 1
    names, arcs = mailboxes(state) if algorithm.communicates else [], arcs_of(network.edges)
    size = message_size(algorithm, state)[0]
    total = max(1, size)
    rules = MessageRules(
        -1.0 if budget.trigger_threshold is None else float(budget.trigger_threshold),
        0.0 if budget.quantization_bits is None else 2.0**budget.quantization_bits - 1.0, float(budget.low), float(budget.high),
        min(budget.top_k or 0, total), float(budget.step_size_of(total)), names.index("global_mean") if names else 0,
        np.array([name in flags(algorithm) for name in names], np.int64),
    )  # fmt: skip
    known = len(arcs.sender) / N if rules.top_k else 0.0
    for key, times in (("network.failures.delay", depth), ("network.communication.top_k", known)):
        if (numbers := N * size * times) > LARGEST:
            raise InputError(f"{key}: {numbers:.0f} numbers of past messages, allowed are {LARGEST}")
    return MessageInfo(network.offsets, arcs.sender, arcs.reverse, network.weight_rule, network.constant_weight, rules, depth)


def unreliable(
    algorithm: Any, network: Network, state: Any, averages: Averages, blends: bool, alone: bool = True
) -> tuple[Unreliable, Any, Any]:
    """The channel of a network with failures or a budget, before the first round; without events yet.

    Returns:
        The channel; and the state as agents read it, before and after the round: the inbox in the place of the mailboxes.
    """
    N, names, after = network.agents, mailboxes(state), exchanged(state)
    begin, end = (tuple(getattr(one, name).reshape(N, -1) for name in names) for one in (state, after))
    inboxes = {MAILBOX + name: np.zeros_like(getattr(state, name)) for name in names if algorithm.communicates}
    inbox = tuple(box.reshape(N, -1) for box in inboxes.values())
    info = message_info(algorithm, network, state)
    fields = unreliable_fields(info, averages, begin, end, inbox, algorithm.communicates, blends, alone)
    return Unreliable(*fields), state._replace(**inboxes), after._replace(**inboxes)
