"""Generators of random numbers and clocks that the methods of a class refer to."""

from __future__ import annotations

import random
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

FORBIDDEN = ("random", "numpy.random", "secrets", "time", "uuid", "datetime")
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
    """Name -> value of the globals, closures and defaults of a function, and of attributes of modules."""
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
    """The first reference of a method to a generator or a clock; None if there is none."""
    for function in functions_of(kind, methods):
        for name, value in referred(function):
            module = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
            if isinstance(value, GENERATORS) or (
                module in FORBIDDEN and (callable(value) or module == getattr(value, "__name__", ""))
            ):
                return f"{function.__qualname__} refers to {name}"
    return None
