"""The parts of a round that agents, or lanes of links, play side by side, and in between wait for each other.

draw_links        each lane its links of G_t
list_neighbours   each agent its neighbours in G_t
(kinds.py)        each agent its random numbers, its `step`, its records
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gossipmab.engines.gossip.channel import gossip
from gossipmab.engines.gpu.arrays import ARMS, DRAWN, GIVEN, LINKS, LINKS_OF_LANE, REWARDS, Buffers, Graphs, Streams
from gossipmab.engines.gpu.pcg64 import JUMP, STEP, stepped, uniform_of
from gossipmab.networks.mixing import weight_of_edge
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers


class Lane(NamedTuple):
    """The channel of one trial on the device: as `Direct`, but every agent lists its own neighbours.

    own, sent: (N, M). offsets: (N + 1,). degrees: (N,). neighbours, weights: (2E,).
    """

    own: Floats
    sent: Floats
    offsets: Integers
    degrees: Integers
    neighbours: Integers
    weights: Floats
    communicates: bool
    blends: bool

    def awake(self, i: int, b: int) -> bool:
        """Always."""
        return True

    def rest(self, i: int) -> None:
        """Nobody does."""

    def receive(self, i: int, b: int, t: int, last: int) -> tuple[Integers, Floats]:
        """The present neighbours in G_t."""
        begin, end = self.offsets[i], self.offsets[i] + self.degrees[i]
        return self.neighbours[begin:end], self.weights[begin:end]

    def clock(self, i: int, t: int) -> int:
        """The round itself."""
        return t

    def mix(self, algorithm: Any, state: Any, i: int, neighbours: Integers, weights: Floats) -> None:
        """The gossip of agent i."""
        if self.communicates:
            gossip(algorithm, self.blends, state, self.own, self.sent, i, neighbours, weights)

    def outbound(self, i: int, b: int) -> int:
        """One to each present neighbour."""
        return self.degrees[i] if self.communicates else 0


@jit
def draw_links(graphs: Graphs, streams: Streams, buffers: Buffers, c: int, lane: int, b: int) -> None:
    """The links of one lane in the b-th round of a launch. A link is up if its number is below its probability."""
    g = graphs.which[c]
    begin, end = lane * LINKS_OF_LANE, min((lane + 1) * LINKS_OF_LANE, graphs.links[g])
    links = buffers.links[c]
    if graphs.source[g] == GIVEN:
        for e in range(begin, end):
            links[e] = streams.links[b, c, e]
    elif graphs.source[g] == DRAWN:
        state, step = streams.lanes[c, lane], streams.constants[c, LINKS, STEP]
        high, low = state[0], state[1]
        for e in range(begin, end):
            high, low = stepped(high, low, step)
            links[e] = 1 if uniform_of(high, low) < graphs.probability[g, e] else 0
        state[0], state[1] = stepped(state[0], state[1], streams.constants[c, LINKS, JUMP])
    else:
        for e in range(begin, end):
            links[e] = 1


@jit
def list_neighbours(graphs: Graphs, buffers: Buffers, c: int, i: int) -> None:
    """Agent i's neighbours in G_t, ascending, and how many they are."""
    g, count = graphs.which[c], 0
    first = graphs.offsets[g, i]
    for place in range(first, graphs.offsets[g, i + 1]):
        if buffers.links[c, graphs.link[g, place]] != 0:
            buffers.neighbours[c, first + count] = graphs.near[g, place]
            count += 1
    buffers.degrees[c, i] = count


@jit
def weigh_neighbours(graphs: Graphs, buffers: Buffers, c: int, i: int) -> None:
    """The weights w_ij of agent i's neighbours in G_t, when all agents have listed theirs."""
    g, degrees = graphs.which[c], buffers.degrees[c]
    first = graphs.offsets[g, i]
    for place in range(first, first + degrees[i]):
        j = buffers.neighbours[c, place]
        buffers.weights[c, place] = weight_of_edge(graphs.rule[g], graphs.constant[g], degrees[i], degrees[j])


@jit
def draw_numbers(streams: Streams, buffers: Buffers, c: int, i: int, b: int, given: bool, shared: bool) -> None:
    """Agent i's random numbers of the b-th round of a launch.

    given: rewards' numbers were prepared on the host. shared: the round's first number stands in the place of all.
    """
    arms, constants = streams.agents[c, ARMS, i], streams.constants[c]
    high, low = stepped(arms[0], arms[1], constants[ARMS, STEP])
    buffers.arms[c, 0, i] = uniform_of(high, low)
    arms[0], arms[1] = stepped(arms[0], arms[1], constants[ARMS, JUMP])
    numbers = buffers.rewards[c, 0, i]
    if given:
        for d in range(numbers.shape[0]):
            numbers[d] = streams.rewards[b, c, i, d]
        return
    state = streams.agents[c, REWARDS, i]
    high, low = stepped(state[0], state[1], constants[REWARDS, STEP])
    for d in range(numbers.shape[0]):
        numbers[d] = uniform_of(high, low)
        if not shared:
            high, low = stepped(high, low, constants[REWARDS, STEP])
    state[0], state[1] = stepped(state[0], state[1], constants[REWARDS, JUMP])
