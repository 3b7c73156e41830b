"""The state of a trial in shared memory, the fast memory that a block of threads has to itself while it plays.

A block copies the state of its trial there at the beginning of a launch, and back at its end. Scratch stays where it is. Names and
views are those of the state in global memory, so that the code of a round does not know where its state lies.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from numba.extending import intrinsic

from gossipmab.algorithms.gossip.base import SCRATCH
from gossipmab.engines.gpu.arrays import AVERAGES, Batch, Flat
from gossipmab.engines.gpu.compiling import simulated
from gossipmab.engines.gpu.kinds import function_of
from gossipmab.utils.jit import jit_inline

WORD = 8  # bytes of every entry of a state


class Sharing(NamedTuple):
    """Functions for the states of one layout, to be compiled into kernels.

    place(state, memory): such a state of one trial, whose entries lie in memory, one field behind the other.
    rows(state, flat): the averages of that state as rows.
    copy(target, c, source, d, first, width): every width-th entry from the first on, of trial d of one state to trial c of another.
    """

    place: Callable[..., Any]
    rows: Callable[..., Flat]
    copy: Callable[..., Any]


@intrinsic
def _over(typing_context: Any, memory: Any, like: Any) -> Any:
    """An array like another, whose entries lie where those of memory begin."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        origin, found = (context.make_array(signature.args[k])(context, builder, arguments[k]) for k in range(2))
        found.data = builder.bitcast(origin.data, found.data.type)
        return found._getvalue()

    return like(memory, like), code


def _simulated_over(memory: Any, like: Any) -> Any:
    return memory.reshape(-1)[: like.size].view(like.dtype).reshape(like.shape)


@jit_inline
def _move(target: Any, source: Any, first: int, width: int) -> int:
    to, origin = target.flat, source.flat
    for m in range(first, target.size, width):
        to[m] = origin[m]
    return 0


@jit_inline
def with_state(batch: Batch, state: Any, flat: Flat) -> Batch:
    """The batch with a state in another place."""
    graphs, streams, buffers, records = batch.graphs, batch.streams, batch.buffers, batch.records
    return Batch(batch.algorithm, batch.rewards, state, flat, graphs, streams, buffers, records)


def shared_bytes(state: Any) -> int:
    """Of a trial in a stacked state, without scratch."""
    fields = [one for name, one in state._asdict().items() if not name.startswith(SCRATCH)]
    return sum(shared_bytes(one) if isinstance(one, tuple) else WORD * prod(one.shape[1:]) for one in fields)


def sharing(layout: Any) -> Sharing:
    """The functions for states of this layout; as in `viewer`, each field is written out in a line of code made here."""
    names: dict[str, Any] = {"over": _simulated_over if simulated() else _over, "move": _move, "Flat": Flat}
    moves, memory = list[str](), "memory"

    def placed(layout: Any, path: str) -> str:
        nonlocal memory
        names[kind := f"kind_{len(names)}"] = layout[0]
        items = []
        for k, (field, inner) in enumerate(zip(layout[0]._fields, layout[1], strict=True)):
            one = f"{path}[{k}]"
            if field.startswith(SCRATCH):
                items.append(f"state{one}")
            elif isinstance(inner, tuple):
                items.append(placed(inner, one))
            else:
                items.append(f"over({memory}, state{one}[:1])")
                memory += f"[state{one}[:1].size :]"
                moves.append(f"move(target{one}[c : c + 1], source{one}[d : d + 1], first, width)")
        return f"{kind}({', '.join(items)})"

    state, fields = placed(layout, ""), layout[0]._fields
    averages = (fields.index(name if name in fields else "local_mean") for name in AVERAGES)
    flat = ", ".join(f"over(state[{k}], flat[{place}][:1])" for place, k in enumerate(averages))
    return Sharing(
        function_of(f"lambda state, memory: {state}", names),
        function_of(f"lambda state, flat: Flat({flat})", names),
        function_of(f"lambda target, c, source, d, first, width: ({', '.join(moves)},)", names),
    )
