"""Eight numbers of a row at a time, by the vector instructions of the processor, in compiled code.

Every number is computed as it would be alone, so the bits are those of a loop. LLVM makes vectors of many loops, but of none whose
sums are over its outer index, and it leaves the rest of a row, and a row that is shorter than two vectors, to slow loops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from gossipmab.utils.jit import INLINE

F = TypeVar("F", bound=Callable[..., Any])
WIDTH = 8
_intrinsic: Any = intrinsic  # whose annotations count the typing context among the arguments
_VECTOR, _LANE = ir.VectorType(ir.DoubleType(), WIDTH), ir.IntType(32)


class Eight(types.Type):
    """Eight floats."""

    def __init__(self) -> None:
        super().__init__("Eight")


EIGHT = Eight()


@register_model(Eight)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _place(context: Any, builder: Any, rows: Any, arguments: Any) -> Any:
    array, pointer_to = context.make_array(rows)(context, builder, arguments[0]), cgutils.get_item_pointer
    pointer: Any = pointer_to(context, builder, rows, array, arguments[1:])  # type: ignore[no-untyped-call]
    return builder.bitcast(pointer, _VECTOR.as_pointer())


def _splat(builder: Any, number: Any) -> Any:
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    lanes = ir.Constant(ir.VectorType(_LANE, WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(builder.insert_element(nothing, number, ir.Constant(_LANE, 0)), nothing, lanes)


@_intrinsic  # type: ignore[untyped-decorator]
def load(typing_context: Any, rows: Any, i: Any, m: Any) -> Any:
    """rows[i, m : m + 8] of a contiguous array (N, M), m + 8 <= M."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = builder.load(_place(context, builder, rows, arguments))
        found.align = 8
        return found

    return EIGHT(rows, types.intp, types.intp), code


@_intrinsic  # type: ignore[untyped-decorator]
def store(typing_context: Any, rows: Any, i: Any, m: Any, values: Any) -> Any:
    """rows[i, m : m + 8] = values."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[3], _place(context, builder, rows, arguments[:3])).align = 8
        return context.get_dummy_value()

    return types.none(rows, types.intp, types.intp, EIGHT), code


@_intrinsic  # type: ignore[untyped-decorator]
def moved(typing_context: Any, total: Any, weight: Any, target: Any, origin: Any) -> Any:
    """total + weight (target - origin); the weight is a number."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total, weight, target, origin = arguments
        return builder.fadd(total, builder.fmul(_splat(builder, weight), builder.fsub(target, origin)))

    return EIGHT(EIGHT, types.float64, EIGHT, EIGHT), code


@_intrinsic  # type: ignore[untyped-decorator]
def at_least(typing_context: Any, values: Any, bound: Any) -> Any:
    """Which of the values are >= a number, as the bits of an integer, the first one lowest."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = builder.fcmp_ordered(">=", arguments[0], _splat(builder, arguments[1]))
        return builder.zext(builder.bitcast(lanes, ir.IntType(WIDTH)), ir.IntType(64))

    return types.int64(EIGHT, types.float64), code


def by_vectors(vectors: Callable[..., Any]) -> Callable[[F], F]:
    """A function in whose place the processor runs `vectors` when compiled, with the same bits; Python and GPUs run the function.

    The processor runs the function, too, if one of its two-dimensional arrays is not contiguous or not float64.
    """

    def made(function: F) -> F:
        @overload(function, strict=False, jit_options=INLINE, target="cpu")
        def _by_processor(*arguments: Any) -> Any:
            arrays = [one for one in arguments if isinstance(one, types.Array) and one.ndim == 2]
            return vectors if all(one.layout == "C" and one.dtype == types.float64 for one in arrays) else function

        @overload(function, strict=False, jit_options=INLINE, target="cuda")
        def _by_device(*arguments: Any) -> Any:
            return function

        return function

    return made
