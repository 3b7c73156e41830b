"""What the methods of a class refer to: generators of random numbers, clocks, and globals that could keep something."""

from __future__ import annotations

import random
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

FORBIDDEN = ("random", "numpy.random", "secrets", "time", "uuid", "datetime")
KEEPERS = (bool, int, float, str, bytes, bytearray, list, dict, set, tuple, np.ndarray)
GENERATORS = (random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)


def functions_of(kind: type, methods: tuple[str, ...]) -> list[Any]:
    """The methods, and all plain or compiled functions of Python that they call by name, each once."""
    found: list[Any] = []
    waiting = [getattr(kind, name, None) for name in methods]
    while waiting:
        function = getattr(waiting[-1], "py_func", waiting[-1])  # a compiled function's own
        waiting.pop()
        if not isinstance(function, types.FunctionType) or function in found:
            continue
        if function.__module__.startswith(("numpy", "numba")):
            continue
        found.append(function)
        waiting += [value for _, value in referred(function)]
    return found


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code and all that is nested in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


def referred(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Name -> value of the globals, closures and defaults of a function, and of what it takes out of modules by name."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    yield from ((name, cell.cell_contents) for name, cell in cells if cell != types.CellType())
    yield from (("a default", value) for value in function.__defaults__ or ())
    for code in codes(function.__code__):
        for name in code.co_names:
            if name in function.__globals__:
                value = function.__globals__[name]
                yield name, value
                if isinstance(value, types.ModuleType):
                    yield from ((f"{name}.{a}", getattr(value, a)) for a in code.co_names if hasattr(value, a))


def randomness_in(kind: type, methods: tuple[str, ...]) -> str | None:
    """Where a method refers to a generator or a clock; None where none does."""
    for function in functions_of(kind, methods):
        for name, value in referred(function):
            module = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
            if isinstance(value, GENERATORS) or (
                module in FORBIDDEN and (callable(value) or module == getattr(value, "__name__", ""))
            ):
                return f"{function.__qualname__} refers to {name}"
    return None


def kept_outside(kind: type, methods: tuple[str, ...]) -> dict[str, str]:
    """What could keep something between calls, as text: attributes of the class, and globals that its methods refer to."""
    things = {f"{kind.__name__}.{name}": value for name, value in vars(kind).items() if not name.startswith("__")}
    for function in functions_of(kind, methods):
        things |= {f"{function.__module__}.{name}": value for name, value in referred(function)}
        things |= {f"{function.__qualname__}.{name}": value for name, value in vars(function).items()}
    return {name: as_text(value) for name, value in things.items() if isinstance(value, KEEPERS)}


def as_text(value: Any) -> str:
    """The value, and all that it holds, such that two texts are equal where nothing changed."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {value.tobytes()!r}"
    if isinstance(value, dict):
        return f"{[(as_text(key), as_text(one)) for key, one in value.items()]}"
    if isinstance(value, list | tuple):
        return f"{[as_text(one) for one in value]}"
    return repr(value)
