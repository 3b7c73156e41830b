"""A kind of trials: one algorithm, reward model and shape of state, for which the round of an agent is compiled.

The methods are those of the algorithm's file. On the device its `of_round` is a table that the host has computed.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
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
from gossipmab.utils.jit import jit_inline

TABLE = "table"


class Kind(NamedTuple):
    """What a kernel is compiled for. algorithm, rewards, state: classes; algorithm is one of `tabled`.

    communicates: of the algorithm. given, shared: as of `draw_numbers`.
    """

    algorithm: type
    rewards: type
    state: type
    communicates: bool
    given: bool
    shared: bool


class Parts(NamedTuple):
    """What agents play side by side: agent(batch, c, i, b, t), and what one of them does when all have: record(batch, c, t)."""

    agent: Callable[..., None]
    record: Callable[..., None]


def _of_table(self: Any, t: int, arms: int, objectives: int) -> float:
    """What the host computed for round t."""
    number: float = self.table[t]
    return number


_TABLED: dict[type, type] = {}
_named: Any = namedtuple  # type checkers want its fields written out


def tabled(kind: type) -> type:
    """The algorithm's class with a table (T + 1,) beside its hyperparameters, from which `of_round` is taken."""
    if kind not in _TABLED:
        plain: Any = kind
        made: Any = _named(f"{kind.__name__}Tabled", (*plain._fields, TABLE))
        made.select, made.update, made.of_round = plain.select, plain.update, _of_table
        _TABLED[kind] = made
    return _TABLED[kind]


def viewer(kind: Any, order: list[int] | None = None) -> Callable[..., Any]:
    """A function (fields, c, i) that returns an object of the NamedTuple for trial c and agent i, its fields in another order.

    The table is one for all trials; scratch has the agent as its second axis.

    Compiled code makes a NamedTuple of its fields only where each is written out, hence the line of code made here.
    """
    places = order or range(len(kind._fields))
    agents = ["" if name == TABLE else "[c, i]" if name.startswith(SCRATCH) else "[c]" for name in kind._fields]
    items = ", ".join(f"fields[{place}]{agent}" for place, agent in zip(places, agents, strict=True))
    view: Callable[..., Any] = eval(f"lambda fields, c, i: kind({items})", {"kind": kind})  # noqa: S307
    return jit_inline(view)


@jit_inline
def tally_of_trial(batch: Batch, c: int, i: int) -> Tally:
    """The tally of trial c with agent i's scratch; without a cache: agents would write into it at the same time."""
    records, kept, p = batch.records, batch.records.kept, batch.buffers.p[c]
    reference = RegretReference(
        records.gaps[c], records.utilities[c], records.best[c], 1.0, records.estimand[c], batch.records.kept.pulls[c][:0]
    )
    accumulators = Accumulators(
        kept.pulls[c], kept.played[c], kept.round_regret[c], kept.nsw_regret[c], kept.messages_sent[c], kept.final_pareto[c],
        kept.next[c], kept.rounds, kept.pareto[c], kept.nsw[c], kept.disagreement[c], kept.messages[c], kept.drift[c],
        kept.sampling[c], kept.arm_pulls[c], kept.invalid[c],
    )  # fmt: skip
    cache = WelfareCache(p[:0], p[0][:0], batch.buffers.links[c][:0])
    return Tally(reference, accumulators, cache, records.utility[c, min(i, records.utility.shape[1] - 1)], records.means[c])


def parts(kind: Kind) -> Parts:
    """The functions of a kind, to be compiled into kernels, or for this processor."""
    state_class: Any = kind.state
    places = exchanged(state_class(*range(len(state_class._fields))))
    algorithm_of, rewards_of = viewer(kind.algorithm), viewer(kind.rewards)
    even, odd = viewer(kind.state, list(places)), viewer(kind.state)
    communicates, given, shared = kind.communicates, kind.given, kind.shared

    @jit_inline
    def agent(batch: Any, c: int, i: int, b: int, t: int) -> None:
        """Agent i's part of round t, the b-th of the launch."""
        graphs, buffers, flat = batch.graphs, batch.buffers, batch.flat
        draw_numbers(batch.streams, buffers, c, i, b, given, shared)
        now, after, own, sent = odd(batch.state, c, i), even(batch.state, c, i), flat.sent[c], flat.own[c]
        if t % 2 == 0:
            now, after, own, sent = after, now, sent, own
        offsets = graphs.offsets[graphs.which[c]]
        channel = Lane(own, sent, offsets, buffers.degrees[c], buffers.neighbours[c], buffers.weights[c], communicates)
        numbers = RandomBlock(0, buffers.arms[c], buffers.rewards[c], buffers.own[c])
        scratch = Scratch(buffers.p[c, i], buffers.x[c, i])
        algorithm, rewards = algorithm_of(batch.algorithm, c, i), rewards_of(batch.rewards, c, i)
        arm = step(algorithm, rewards, channel, now, after, numbers, scratch, i, 0, t, 0)
        keep(tally_of_trial(batch, c, i), i, 0, arm, scratch.p, outbound(channel, i, 0))

    @jit_inline
    def record(batch: Any, c: int, t: int) -> None:
        """The record of round t, if it is one to be recorded."""
        flat = batch.flat
        own = (flat.sent[c] if t % 2 == 1 else flat.own[c]) if communicates else flat.local[c]
        averages = Averages(own, own, flat.local[c], flat.local[c])
        end_round(tally_of_trial(batch, c, 0), averages, 0, t, 0, batch.buffers.degrees.shape[1])

    return Parts(agent, record)
