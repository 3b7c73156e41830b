"""The compiled loops of the random graphs: what networkx does with its random numbers, on arrays.

`state` is a Mersenne Twister's, `table` a set of links (`mersenne`), a link's number min(i, j) N + max(i, j).
"""

from __future__ import annotations

import math

from gossipmab.networks.graphs.mersenne import below, bit_length, link, place, shuffle, uniform
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Bytes, Integers


@jit
def pair_up(state: Integers, stubs: Integers, count: int, table: Integers, waiting: Integers, order: Integers) -> int:
    """Shuffle the first `count` stubs and join them in pairs; returns how many are left over, -1 where none of them can fit.

    A stub is left over where its pair is a loop or a link that is there already; those come in the order in which their
    agents first were left over. waiting: (N,) zeros, and zeros again afterwards. order: (N,) room.
    """
    agents, late = waiting.shape[0], 0
    shuffle(state, stubs, count)
    for at in range(0, count, 2):
        i, j = min(stubs[at], stubs[at + 1]), max(stubs[at], stubs[at + 1])
        spot = place(table, i * agents + j)
        if i != j and table[spot] < 0:
            table[spot] = i * agents + j
            continue
        for agent in (i, j):
            if waiting[agent] == 0:
                order[late] = agent
                late += 1
            waiting[agent] += 1
    fits = late == 0 or suitable(table, order, late, agents)
    left = 0
    for at in range(late):
        for _ in range(waiting[order[at]]):
            stubs[left] = order[at]
            left += 1
        waiting[order[at]] = 0
    return left if fits else -1


@jit
def suitable(table: Integers, order: Integers, late: int, agents: int) -> bool:
    """Whether some two of the agents left over are not joined yet.

    After a swap i is the smaller of the two for the rest of the inner loop: so it is in networkx, and it decides.
    """
    for a in range(late):
        i = order[a]
        for b in range(late):
            j = order[b]
            if i == j:
                break
            if i > j:
                i, j = j, i
            if table[place(table, i * agents + j)] < 0:
                return True
    return False


@jit
def joined(i: int, j: int, agents: int, half: int, gone: Bytes, table: Integers) -> bool:
    """Whether i and j are: by a link of the ring that is not gone, or by one of the table."""
    ahead, behind = (j - i) % agents, (i - j) % agents
    if 0 < ahead <= half and gone[ahead - 1, i] == 0:
        return True
    if 0 < behind <= half and gone[behind - 1, j] == 0:
        return True
    return bool(table[place(table, link(i, j, agents))] >= 0)


@jit
def another(state: Integers, i: int, agents: int, half: int, gone: Bytes, table: Integers, degrees: Integers) -> int:
    """An agent that i is not joined to; -1 where i is joined to all."""
    bits = bit_length(agents)
    j = below(state, agents, bits)
    while j == i or joined(i, j, agents, half, gone, table):
        j = below(state, agents, bits)
        if degrees[i] >= agents - 1:
            return -1
    return j


@jit
def rewire(state: Integers, agents: int, half: int, p: float, gone: Bytes, table: Integers, degrees: Integers) -> int:
    """Move links of the ring with probability p, those to the next agent first; returns 0. gone: (half, N) zeros."""
    for step in range(1, half + 1):
        for i in range(agents):
            if uniform(state) >= p:
                continue
            j = another(state, i, agents, half, gone, table, degrees)
            if j >= 0:
                gone[step - 1, i] = 1
                degrees[(i + step) % agents] -= 1
                degrees[j] += 1
                key = link(i, j, agents)
                table[place(table, key)] = key
    return 0


@jit
def add_beside(
    state: Integers, agents: int, half: int, p: float, gone: Bytes, table: Integers, degrees: Integers
) -> int:
    """Add a link beside each of the ring's with probability p, in the order in which networkx lists those; returns 0."""
    for i in range(agents):
        for step in range(1, half + 1):
            # to the agent `step` ahead, unless it came before; then to the one `step` behind, where that wraps around
            for listed in (i + step < agents, i < step):
                if not listed or uniform(state) >= p:
                    continue
                j = another(state, i, agents, half, gone, table, degrees)
                if j >= 0:
                    degrees[i] += 1
                    degrees[j] += 1
                    key = link(i, j, agents)
                    table[place(table, key)] = key
    return 0


@jit
def skip_pairs(state: Integers, agents: int, p: float, keys: Integers) -> int:
    """Links of G(n, p) into keys; returns their number, -1 where there is no room. Skips ln(1 - u) / ln(1 - p) pairs."""
    scale, pairs = math.log(1.0 - p), 0.5 * agents * agents
    i, j, count = -1, 1, 0
    while j < agents:
        skipped = math.log(1.0 - uniform(state)) / scale
        if skipped > pairs:
            return count
        i += 1 + int(skipped)
        while i >= j and j < agents:
            i -= j
            j += 1
        if j < agents:
            if count == keys.shape[0]:
                return -1
            keys[count] = i * agents + j
            count += 1
    return count


@jit
def try_pairs(state: Integers, agents: int, p: float, keys: Integers) -> int:
    """Links of G(n, p) into keys, one number a pair; returns their number, -1 where there is no room."""
    count = 0
    for i in range(agents):
        for j in range(i + 1, agents):
            if uniform(state) < p:
                if count == keys.shape[0]:
                    return -1
                keys[count] = i * agents + j
                count += 1
    return count


@jit
def join(state: Integers, agents: int, links: int, table: Integers) -> int:
    """So many links between agents drawn in pairs, loops and repetitions drawn anew; returns their number."""
    bits, count = bit_length(agents), 0
    while count < links:
        i = below(state, agents, bits)
        j = below(state, agents, bits)
        spot = place(table, link(i, j, agents))
        if i != j and table[spot] < 0:
            table[spot] = link(i, j, agents)
            count += 1
    return count


@jit
def grow(state: Integers, agents: int, sequence: Integers, degrees: Integers, keys: Integers) -> int:
    """The tree of a drawn Prüfer sequence into keys (N - 1,); returns its number of links. degrees: (N,) ones.

    The least leaf is joined to the sequence's next agent, which may become a leaf; the two agents left are joined.
    """
    bits = bit_length(agents)
    for at in range(agents - 2):
        sequence[at] = below(state, agents, bits)
        degrees[sequence[at]] += 1
    leaf = looked = next_leaf(degrees, -1)
    for at in range(agents - 2):
        parent = sequence[at]
        keys[at] = link(leaf, parent, agents)
        degrees[leaf] = 0
        degrees[parent] -= 1
        if parent < looked and degrees[parent] == 1:
            leaf = parent
        else:
            leaf = looked = next_leaf(degrees, looked)
    first = next_leaf(degrees, -1)
    keys[agents - 2] = link(first, next_leaf(degrees, first), agents)
    return agents - 1


@jit
def next_leaf(degrees: Integers, after: int) -> int:
    """The first agent behind `after` with one link."""
    agent = after + 1
    while degrees[agent] != 1:
        agent += 1
    return agent
