"""The one way in which this package compiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any, TypeVar, cast
from zlib import crc32

import numpy as np
from numba import config, njit, types
from numba.core.registry import CPUDispatcher
from numba.extending import overload

from gossipmab.utils.code_cache import CodeCache, PartCache
from gossipmab.utils.parts import EntryCompiler, PartCompiler

F = TypeVar("F", bound=Callable[..., Any])
# No fastmath: arithmetic as written. No NRT, numba's run time: what allocates does not compile, and no view of an array costs
# atomic counts of its references, which were a tenth of a Pareto step and two thirds of a global NSW step. Not saying
# `forceinline` would mean what the caller says: all of a solver, copied wherever one of its functions is called.
SETTINGS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False, "forceinline": False, "no_cfunc_wrapper": True}
SETTINGS["pipeline_class"] = EntryCompiler
# What only compiled code calls, as a part of it.
PART: Any = {"pipeline_class": PartCompiler, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
INLINE: Any = PART | {"forceinline": True}


class Entry(CPUDispatcher):
    """What Python calls; compiled callers get the part in its place."""

    def __init__(self, function: Any, part: Any, cached: bool = False) -> None:
        options = {"nopython": True, "boundscheck": None, **SETTINGS}
        super().__init__(function, targetoptions=options, pipeline_class=options.pop("pipeline_class"))
        self.part = part
        if cached:
            self._cache, part._cache = CodeCache(function), PartCache(function)

    @property
    def _numba_type_(self) -> Any:
        return self.part._numba_type_


METHODS: set[str] = set()  # names of those that compiled code calls of its arguments


def jit(function: F) -> F:
    """Compile for the hot loop: no interpreter's lock, no allocation, cached on disk."""
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    return cast(F, Entry(function, njit(**SETTINGS | PART)(function), cached=True))


def jit_uncached(function: F) -> F:
    """Compile without the disk cache, and allowed to allocate: for code that runs classes from outside the package."""
    return cast(F, njit(**SETTINGS | {"_nrt": True})(function))


def is_builtin(*things: Any) -> bool:
    """Whether the classes of all these, and their methods, are of this package: compiled, they may be kept on the disk."""
    kinds = [type(thing) for thing in things]
    spaces = [vars(base) for kind in kinds for base in kind.__mro__]
    methods = [space[name] for space in spaces for name in METHODS if name in space]
    return all(one.__module__.startswith("gossipmab.") for one in (*kinds, *methods) if hasattr(one, "__module__"))


def jit_inline(function: F) -> F:
    """Compile into every caller, so that an argument that is a constant there is a constant here."""
    return cast(F, function if config.DISABLE_JIT else Entry(function, njit(**SETTINGS | INLINE)(function)))  # type: ignore[attr-defined]


@cache
def plain(function: Any) -> Any:
    """A function of `jit`, and those that it calls by their names, for Python to run: for work of less time than compiling takes.

    The bits are those of compiled code. Where IEEE arithmetic goes on and Python does not, as at log(0), it raises ArithmeticError
    or ValueError; NumPy's numbers warn.
    """
    function = getattr(function, "py_func", function)
    names = function.__globals__
    called = {name: plain(names[name]) for name in function.__code__.co_names if isinstance(names.get(name), Entry)}
    return FunctionType(function.__code__, names | called, function.__name__, function.__defaults__, function.__closure__)


def variable(value: Any) -> Any:
    """A constant that numba does not see as one: it compiles a function anew for every literal argument."""
    return np.bool_(value) if isinstance(value, bool) else np.int64(value)


def method(name: str, inline: bool = True) -> Callable[..., Any]:
    """The function that calls the method `name` of its first argument; compiled, the argument's type determines the method."""
    METHODS.add(name)

    def call(self: Any, *args: Any) -> Any:
        return getattr(self, name)(*args)

    @overload(call, strict=False, jit_options=INLINE | {"forceinline": inline})
    def _typed(self: Any, *args: Any) -> Any:
        return getattr(self.instance_class, name)

    return call


def code_of(name: str) -> int:
    """The number that stands for a name on a device, which has no strings."""
    return crc32(name.encode())


def option(name: str) -> Callable[[Any], bool]:
    """The function that says whether a hyperparameter is `name`, or the number that stands for it."""
    code = code_of(name)

    def chosen(value: Any) -> bool:
        return value in (name, code)

    @overload(chosen, strict=False, jit_options=INLINE)
    def _typed(value: Any) -> Any:
        if isinstance(value, types.Integer):
            return lambda value: value == code
        return lambda value: value == name

    return chosen


def dual(function: F) -> F:
    """A function that is plain Python for Python callers, for debugging, and compiled into every compiled caller."""

    @overload(function, strict=False, jit_options=INLINE)
    def _same(*args: Any) -> Any:
        return function

    return function
