"""Where an agent's messages come from. A channel is a NamedTuple of arrays; its type says which methods the loop compiles.

    begin_round(b, t, first, last)   get the messages of round t, the b-th of the block, on their way to the agents first ..
                                     last - 1; returns False if other processes have to be heard first, then it is called again
    awake(i, b)                      whether agent i plays; if not, rest(i) carries its state over
    receive(i, b, t, last)           returns the neighbours that agent i hears in the round (n,), ascending, and their weights
    clock(i, t)                      returns the t of agent i's algorithm
    mix(algorithm, state, i, neighbours, weights)   the gossip of agent i
    outbound(i, b)                   returns how many messages agent i sends in the round
    turned()                         returns the channel of the next round, own and sent averages exchanged

`Direct` is here: each message is what its sender held at the end of round t-1. `Unreliable` (unreliable.py: lost, late, quantised
messages; which are lost is decided in networks/failures/message_loss.py) and `Halo` (halo.py: other processes) are beside it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from gossipmab.engines.gossip.channel_state import Averages, GraphArrays
from gossipmab.networks.mixing import neighbours_of_listed, neighbours_of_round, weight_of_edge
from gossipmab.utils.jit import INLINE, dual, jit, jit_inline, method
from gossipmab.utils.types import Floats, Integers
from gossipmab.utils.vectors import WIDTH, by_vectors, load, moved, store

LINE = 8  # numbers in a line of the cache
NEAR = 65_536  # numbers that lie in a processor's own cache anyway

begin_round = method("begin_round")
awake = method("awake")
rest = method("rest")
receive = method("receive")
clock = method("clock")
mix = method("mix")
outbound = method("outbound")
turned = method("turned")
_blend = method("blend")


def prefetch_row(rows: NDArray[Any], i: int) -> None:
    """Say that row i of rows (N, M) will be read soon: where memory is far, waiting for it is most of the time."""


@intrinsic
def _fetch(typing_context: Any, rows: Any, i: Any, m: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(rows)(context, builder, arguments[0])
        pointer: Any = cgutils.get_item_pointer
        where = pointer(context, builder, rows, array, arguments[1:])
        kind = ir.FunctionType(ir.VoidType(), [where.type, *[ir.IntType(32)] * 3])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [where.type], kind)
        read, keep, data = (ir.Constant(ir.IntType(32), value) for value in (0, 3, 1))
        builder.call(fetch, [where, read, keep, data])
        return context.get_dummy_value()

    return types.none(rows, types.intp, types.intp), code


_touch: Any = _fetch


@overload(prefetch_row, jit_options=INLINE)
def _prefetch_row(rows: Any, i: Any) -> Any:
    def touch_all(rows: Any, i: Any) -> None:
        for m in range(0, rows.shape[1], LINE):
            _touch(rows, i, m)

    return touch_all


def _mix_eights(own: Floats, sent: Floats, i: int, neighbours: Integers, weights: Floats) -> None:
    """`mix_rows`, two vectors at a time: the chain of additions of one is waited for while the other goes on.

    What is left of a row is part of a whole vector that ends with it: what two vectors share gets the same bits twice.
    """
    M = own.shape[1]
    if M < WIDTH:
        _mix_each(own, sent, i, neighbours, weights)
        return
    for m in range(0, M, 2 * WIDTH):
        first, second = min(m, M - WIDTH), min(m + WIDTH, M - WIDTH)
        before_first, before_second = load(sent, i, first), load(sent, i, second)
        total_first, total_second = before_first, before_second
        for n in range(neighbours.shape[0]):
            j, w = neighbours[n], weights[n]
            total_first = moved(total_first, w, load(sent, j, first), before_first)
            total_second = moved(total_second, w, load(sent, j, second), before_second)
        store(own, i, first, total_first)
        store(own, i, second, total_second)


@jit_inline
def _mix_each(own: Floats, sent: Floats, i: int, neighbours: Integers, weights: Floats) -> None:
    M = own.shape[1]
    fours = M - M % 4
    for m in range(0, fours, 4):  # four sums at a time, in registers: indices and weights are read a quarter as often
        a, b, c, d = sent[i, m], sent[i, m + 1], sent[i, m + 2], sent[i, m + 3]
        sum_a, sum_b, sum_c, sum_d = a, b, c, d
        for n in range(neighbours.shape[0]):
            row, w = sent[neighbours[n]], weights[n]
            sum_a += w * (row[m] - a)
            sum_b += w * (row[m + 1] - b)
            sum_c += w * (row[m + 2] - c)
            sum_d += w * (row[m + 3] - d)
        own[i, m], own[i, m + 1], own[i, m + 2], own[i, m + 3] = sum_a, sum_b, sum_c, sum_d
    for m in range(fours, M):
        before = sent[i, m]
        total = before
        for n in range(neighbours.shape[0]):
            total += weights[n] * (sent[neighbours[n], m] - before)
        own[i, m] = total


@by_vectors(_mix_eights)
def mix_rows(own: Floats, sent: Floats, i: int, neighbours: Integers, weights: Floats) -> None:
    """The gossip of one agent: own[i] from the messages of the present neighbours, in ascending order.

    G_i <- G_i(t-1) + sum_{j in N_i(t)} w_ij ( G_j(t-1) - G_i(t-1) )

    Args:
        own: (N, M), row i is written. sent: (N, M) the messages, what all held at the end of round t-1.
        neighbours: (n,) ascending. weights: (n,) w_ij.
    """
    _mix_each(own, sent, i, neighbours, weights)


@jit
def mix_row(mine: Floats, before: Floats, theirs: Floats, weight: float) -> None:
    """One message (M,): G_i <- G_i + w_ij ( G_j(t-1) - G_i(t-1) )."""
    for m in range(mine.shape[0]):
        mine[m] += weight * (theirs[m] - before[m])


def blend(algorithm: Any, blends: bool, state: Any, rows: tuple[Floats, Floats, Floats], i: int, j: int, w: float) -> None:
    """Mix the message of agent j into agent i's average: rows are G_i, G_i(t-1) and G_j(t-1), flat, w = w_ij."""
    if blends:
        _blend(algorithm, state, rows[0], rows[1], rows[2], i, j, w)
    else:
        mix_row(rows[0], rows[1], rows[2], w)


@overload(blend, strict=False, jit_options=INLINE)
def _typed_blend(algorithm: Any, blends: Any, state: Any, rows: Any, i: Any, j: Any, w: Any) -> Any:
    def plain(algorithm: Any, blends: Any, state: Any, rows: Any, i: Any, j: Any, w: Any) -> None:
        mix_row(rows[0], rows[1], rows[2], w)

    return blend if hasattr(algorithm.instance_class, "blend") else plain


def has_blend(algorithm: Any) -> bool:
    """Whether the algorithm has a `blend` of its own: a constant of its type, so that the loop of others has no code for it."""
    return hasattr(algorithm, "blend")


@overload(has_blend, strict=False, jit_options=INLINE)
def _typed_has_blend(algorithm: Any) -> Any:
    found = hasattr(algorithm.instance_class, "blend")
    return lambda algorithm: found


@dual
def gossip(
    algorithm: Any, blends: bool, state: Any, own: Floats, sent: Floats, i: int, neighbours: Integers, weights: Floats
) -> None:
    """The gossip of one agent: `mix_rows`, or message by message if the algorithm has a `blend` of its own."""
    if not (blends and has_blend(algorithm)):
        mix_rows(own, sent, i, neighbours, weights)
        return
    for m in range(own.shape[1]):
        own[i, m] = sent[i, m]
    for n in range(neighbours.shape[0]):
        blend(algorithm, blends, state, (own[i], sent[i], sent[neighbours[n]]), i, neighbours[n], weights[n])


@dual
def turned_averages(averages: Averages) -> Averages:
    """The averages of the next round. Not `jit`: without counts of references no function may return arrays to one with them."""
    return Averages(averages.sent, averages.own, averages.local_before, averages.local)


class Direct(NamedTuple):
    """Every message is what its sender held at the end of round t-1.

    links: (B, E) 0 or 1; or (B, 0), and the links of round b are listed[first[b] : first[b + 1]], ascending. met: (1,) the round
    whose neighbours are listed: degrees (N,), neighbours (2E,). weights: (largest degree of the base graph,) scratch.
    """

    averages: Averages
    graph: GraphArrays
    links: NDArray[np.uint8]
    first: Integers
    listed: Integers
    met: Integers
    degrees: Integers
    neighbours: Integers
    weights: Floats
    communicates: bool
    blends: bool

    def begin_round(self, b: int, t: int, first: int, last: int) -> bool:
        """List the neighbours of all agents in G_t, unless that has been done."""
        if self.met[0] != t:
            self.met[0] = t
            edges, offsets = self.graph.edges, self.graph.offsets
            if self.first.shape[0] > 0:
                listed = self.listed[self.first[b] : self.first[b + 1]]
                neighbours_of_listed(edges, offsets, listed, self.neighbours, self.degrees)
            else:
                neighbours_of_round(edges, offsets, self.links[b], self.neighbours, self.degrees)
        return True

    def awake(self, i: int, b: int) -> bool:
        """Always."""
        return True

    def rest(self, i: int) -> None:
        """Nobody does."""

    def receive(self, i: int, b: int, t: int, last: int) -> tuple[Integers, Floats]:
        """The present neighbours in G_t; far rows of the next agent's neighbours are fetched meanwhile."""
        graph, degrees = self.graph, self.degrees
        if self.communicates and self.averages.sent.size > NEAR and i + 1 < last:
            for n in range(graph.offsets[i + 1], graph.offsets[i + 1] + degrees[i + 1]):
                prefetch_row(self.averages.sent, self.neighbours[n])
        present = self.neighbours[graph.offsets[i] : graph.offsets[i] + degrees[i]]
        if graph.constant == 0.0:
            for n in range(degrees[i]):
                self.weights[n] = weight_of_edge(graph.rule, graph.constant, degrees[i], degrees[present[n]])
        return present, self.weights[: degrees[i]]

    def clock(self, i: int, t: int) -> int:
        """The round itself."""
        return t

    def mix(self, algorithm: Any, state: Any, i: int, neighbours: Integers, weights: Floats) -> None:
        """The gossip of agent i."""
        if self.communicates:
            averages = self.averages
            gossip(algorithm, self.blends, state, averages.own, averages.sent, i, neighbours, weights)

    def outbound(self, i: int, b: int) -> int:
        """One to each present neighbour."""
        return self.degrees[i] if self.communicates else 0

    def turned(self) -> Direct:
        """Own and sent averages exchanged."""
        return Direct(
            turned_averages(self.averages), self.graph, self.links, self.first, self.listed, self.met, self.degrees,
            self.neighbours, self.weights, self.communicates, self.blends,
        )  # fmt: skip
