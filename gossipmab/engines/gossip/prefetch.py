"""Fetching rows of an array into the cache before they are needed: where memory is far, waiting for it is most of the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

LINE = 8  # numbers in a line of the cache
NEAR = 65_536  # numbers that lie in a processor's own cache anyway


def prefetch_row(rows: NDArray[Any], i: int) -> None:
    """Say that row i of rows (N, M) will be read soon; it changes nothing."""


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


@overload(prefetch_row, jit_options={"forceinline": True})
def _prefetch_row(rows: Any, i: Any) -> Callable[..., None]:
    def touch_all(rows: Any, i: Any) -> None:
        for m in range(0, rows.shape[1], LINE):
            _touch(rows, i, m)

    return touch_all
