"""What the code of a class from outside the package is: its methods, with the globals and closures that they read."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

LIBRARIES = {*sys.stdlib_module_names, "numpy", "scipy", "numba", "gossipmab"} - {"__main__"}  # their code does not change
DEEPEST = 20


class Held:
    """A value known by its identity alone. Its text, which is the same in every process, names it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)

    def __repr__(self) -> str:
        named = self.value if hasattr(self.value, "__qualname__") else type(self.value)
        return f"{getattr(named, '__module__', '')}.{named.__qualname__}"


class Reader:
    """Reads what a value means to the code that uses it, as something hashable: equal for equal code.

    functions: those of other classes and modules that were met, plain or compiled by numba, called ones before their callers.
    """

    def __init__(self) -> None:
        self.seen: dict[int, tuple[int, Any]] = {}
        self.functions: dict[Any, Any] = {}

    def read(self, value: Any, names: Collection[str] = (), depth: int = 0) -> Any:
        """What the value means. names: that the code around it mentions, which matter of a module."""
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
            return type(value).__name__, repr(value)
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.flags.c_contiguous, hashlib.sha256(value.tobytes()).hexdigest()
        if id(value) in self.seen or depth > DEEPEST:
            return "met before", self.seen.get(id(value), (-1,))[0]
        function = getattr(value, "py_func", value)
        if from_library(function):
            return Held(value)
        self.seen[id(value)] = len(self.seen), value
        if isinstance(value, (tuple, list)):
            return Held(type(value)), tuple(self.read(item, names, depth + 1) for item in value)
        if isinstance(value, dict):
            return tuple((repr(key), self.read(item, names, depth + 1)) for key, item in value.items())
        if isinstance(value, ModuleType):
            return tuple((name, self.read(vars(value)[name], names, depth + 1)) for name in sorted(names) if name in vars(value))
        if isinstance(function, FunctionType):
            found = self.of_function(function, depth)
            self.functions[value] = found
            return found
        return Held(value)

    def of_function(self, function: FunctionType, depth: int = 0) -> Any:
        """The function's code, and the values that it reads."""
        codes = list(codes_of(function.__code__))
        names = {name for code in codes for name in code.co_names}
        used = {name: function.__globals__[name] for name in sorted(names) if name in function.__globals__}
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                used[name] = cell.cell_contents
            except ValueError:  # not filled yet
                continue
        texts = tuple((code.co_code, code.co_names, code.co_varnames, constants(code)) for code in codes)
        values = tuple((name, self.read(value, names, depth + 1)) for name, value in used.items())
        return texts, self.read(function.__defaults__, names, depth + 1), values

    def methods(self, kind: type, names: Collection[str]) -> Any:
        """These methods of the class."""
        found = {name: getattr(kind, name) for name in sorted(names) if hasattr(kind, name)}
        found = {name: getattr(value, "fget", None) or getattr(value, "__func__", value) for name, value in found.items()}
        read = tuple((name, self.read(value)) for name, value in found.items())
        for value in found.values():
            if isinstance(value, FunctionType):  # compiled anew for every class
                self.functions.pop(value, None)
        return read


def from_library(value: Any) -> bool:
    """Whether the code belongs to this package or another library that does not change while a process runs."""
    module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] in LIBRARIES and isinstance(value, (FunctionType, ModuleType))


def codes_of(code: CodeType) -> Iterator[CodeType]:
    """The code, and that of the functions within."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_of(constant)


def constants(code: CodeType) -> str:
    """The constants of the code, in an order that is the same in every process."""
    plain = [value for value in code.co_consts if not isinstance(value, CodeType)]
    return repr([sorted(map(repr, value)) if isinstance(value, frozenset) else value for value in plain])


def code_hash(kind: type) -> str:
    """SHA-256 of all methods and plain attributes of the class, the same in every process."""
    names = [name for name in dir(kind) if not name.startswith("__")]
    return hashlib.sha256(repr(Reader().methods(kind, names)).encode()).hexdigest()
