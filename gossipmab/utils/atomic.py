"""Counters that several compiled threads use at a time."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from gossipmab.utils.jit import jit_inline
from gossipmab.utils.types import Integers

SPINS = 2_000  # looks at a counter before the processor is offered to others
_yield: Any = types.ExternalFunction("sched_yield", types.intc())


def _item(context: Any, builder: Any, array: Any, arguments: Any) -> Any:
    made = context.make_array(array)(context, builder, arguments[0])
    pointer: Any = cgutils.get_item_pointer
    return pointer(context, builder, array, made, [arguments[1]])


@intrinsic
def _fetch_add(typing_context: Any, counters: Any, b: Any, amount: Any) -> Any:
    """counters (B,) int64: add to counters[b], and return what it was before."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        where = _item(context, builder, signature.args[0], arguments)
        return builder.atomic_rmw("add", where, arguments[2], "seq_cst")

    return types.int64(counters, types.intp, types.int64), code


fetch_add: Any = _fetch_add


@intrinsic
def _load(typing_context: Any, counters: Any, b: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        where = _item(context, builder, signature.args[0], arguments)
        return builder.load_atomic(where, "seq_cst", 8, typ=ir.IntType(64))

    return types.int64(counters, types.intp), code


_read: Any = _load


@jit_inline
def wait_until(counters: Integers, b: int, least: int) -> None:
    """Wait until counters[b] is at least `least`; what other threads wrote before they raised it can then be read."""
    looks = 0
    while _read(counters, b) < least:
        looks += 1
        if looks > SPINS:
            _yield()
