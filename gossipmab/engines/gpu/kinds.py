"""A kind of trials: one algorithm, reward model and shape of state, for which the round of an agent is compiled.

The methods are those of the algorithm's file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gossipmab.algorithms.gossip.base import SCRATCH, exchanged
from gossipmab.engines.gossip.channel import outbound
from gossipmab.engines.gossip.channel_state import Averages, RandomBlock
from gossipmab.engines.gossip.loop import end_round, keep
from gossipmab.engines.gossip.step import Scratch, step
from gossipmab.engines.gossip.tally import Accumulators, Tally
from gossipmab.engines.gpu.arrays import Batch
from gossipmab.engines.gpu.rounds import Lane, draw_numbers
from gossipmab.metrics.regret import RegretReference, WelfareCache
from gossipmab.utils.jit import code_of, jit_inline

Layout = tuple[type, tuple[Any, ...]]


class Kind(NamedTuple):
    """What a kernel is compiled for. communicates, blends: of the algorithm. given, shared: as of `draw_numbers`."""

    algorithm: Layout
    rewards: Layout
    state: Layout
    communicates: bool
    blends: bool
    given: bool
    shared: bool


class Parts(NamedTuple):
    """What agents play side by side: agent(batch, c, i, b, t), and what one of them does when all have: record(batch, c, t)."""

    agent: Callable[..., None]
    record: Callable[..., None]


def layout_of(value: Any) -> Layout:
    """The class of a NamedTuple, and of every field the number that stands for it, its layout if it is one, or None."""
    return type(value), tuple(
        code_of(one) if isinstance(one, str) else layout_of(one) if isinstance(one, tuple) else None for one in value
    )


def viewer(layout: Layout, order: list[int] | None = None) -> Callable[..., Any]:
    """A function (fields, s, c, i) that returns an object of the layout for trial c and agent i, its fields in another order.

    The trial is the s-th along the first axis, but of scratch the c-th, whose second axis is the agent.

    Compiled code makes a NamedTuple of its fields only where each is written out, hence the line of code made here. Names stand
    there as numbers, so that code for other names is left out.
    """
    kinds: dict[str, type] = {}

    def written(layout: Layout, fields: str, index: str, places: Sequence[int]) -> str:
        kind: Any = layout[0]
        kinds[name := f"kind_{len(kinds)}"] = kind
        items = []
        for place, field in zip(places, kind._fields, strict=True):
            at, inner = index or ("[c, i]" if field.startswith(SCRATCH) else "[s]"), layout[1][place]
            if isinstance(inner, tuple):
                items.append(written(inner, f"{fields}[{place}]", at, range(len(inner[1]))))
            else:
                items.append(f"{fields}[{place}]{at}" if inner is None else str(inner))
        return f"{name}({', '.join(items)})"

    code = written(layout, "fields", "", order or range(len(layout[1])))
    return function_of(f"lambda fields, s, c, i: {code}", kinds)


def function_of(code: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function that a line of code is, to be compiled into kernels."""
    function: Callable[..., Any] = eval(code, names)  # noqa: S307
    return jit_inline(function)


@jit_inline
def tally_of_trial(batch: Batch, c: int, i: int) -> Tally:
    """The tally of trial c with agent i's scratch; without a cache: agents would write into it at the same time."""
    records, kept, p = batch.records, batch.records.kept, batch.buffers.p[c]
    reference = RegretReference(
        records.gaps[c], records.utilities[c], records.best[c], records.power[c], records.estimand[c], records.members[c]
    )
    accumulators = Accumulators(
        kept.pulls[c], kept.played[c], kept.round_regret[c], kept.nsw_regret[c], kept.messages_sent[c], kept.final_pareto[c],
        kept.next[c], kept.rounds, kept.pareto[c], kept.nsw[c], kept.disagreement[c], kept.messages[c], kept.drift[c],
        kept.sampling[c], kept.arm_pulls[c], kept.invalid[c],
    )  # fmt: skip
    cache = WelfareCache(p[:0], p[0][:0], batch.buffers.links[c][:0])
    return Tally(reference, accumulators, cache, records.utility[c, min(i, records.utility.shape[1] - 1)], records.means[c])


def parts(kind: Kind, near: bool = False) -> Parts:
    """The functions of a kind, to be compiled into kernels, or for this processor.

    near: the state is that of this trial alone, in shared memory.
    """
    state_class: Any = kind.state[0]
    places = exchanged(state_class(*range(len(state_class._fields))))
    algorithm_of, rewards_of = viewer(kind.algorithm), viewer(kind.rewards)
    even, odd = viewer(kind.state, list(places)), viewer(kind.state)
    communicates, blends, given, shared = kind.communicates, kind.blends, kind.given, kind.shared

    @jit_inline
    def agent(batch: Any, c: int, i: int, b: int, t: int) -> None:
        """Agent i's part of round t, the b-th of the launch."""
        graphs, buffers, flat = batch.graphs, batch.buffers, batch.flat
        draw_numbers(batch.streams, buffers, c, i, b, given, shared)
        s = 0 if near else c
        now, after, own, sent = odd(batch.state, s, c, i), even(batch.state, s, c, i), flat.sent[s], flat.own[s]
        if t % 2 == 0:
            now, after, own, sent = after, now, sent, own
        offsets = graphs.offsets[graphs.which[c]]
        channel = Lane(own, sent, offsets, buffers.degrees[c], buffers.neighbours[c], buffers.weights[c], communicates, blends)
        numbers = RandomBlock(0, buffers.arms[c], buffers.rewards[c], buffers.own[c])
        scratch = Scratch(buffers.p[c, i], buffers.x[c, i])
        algorithm, rewards = algorithm_of(batch.algorithm, c, c, i), rewards_of(batch.rewards, c, c, i)
        arm = step(algorithm, rewards, channel, now, after, numbers, scratch, i, 0, t, 0)
        keep(tally_of_trial(batch, c, i), i, 0, arm, scratch.p, outbound(channel, i, 0))

    @jit_inline
    def record(batch: Any, c: int, t: int) -> None:
        """The record of round t, if it is one to be recorded."""
        flat, s = batch.flat, 0 if near else c
        own, local = flat.own[s], flat.local[s]
        if t % 2 == 1:
            own, local = flat.sent[s], flat.local_sent[s]
        averages = Averages(own, own, local, local) if communicates else Averages(local, local, local, local)
        end_round(tally_of_trial(batch, c, 0), averages, 0, t, 0, batch.buffers.degrees.shape[1])

    return Parts(agent, record)
