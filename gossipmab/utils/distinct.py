"""Classes from outside the package as numba must be given them: each with a name of its own, and anew if its code has changed."""

from __future__ import annotations

from threading import Lock
from typing import Any

from numba import config

from gossipmab.utils.code_identity import Reader
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import METHODS, is_builtin

_distinct: dict[Any, type] = {}  # (a class, its methods as they were) -> the class as numba is given it
_plain: dict[type, type] = {}  # and the way back
_compiled_with: dict[Any, Any] = {}  # a function that such methods call -> what it read when it was last compiled
_lock = Lock()


def distinct(thing: Any) -> Any:
    """The thing for compiled code: equal, and of a class whose name no other class in this process has.

    numba tells named tuples apart by the bare names of their classes and the types of their fields, and values that a method
    reads are constants of what it compiled. So a class from outside the package is replaced by a subclass, one for each
    state of what its methods read. Built-in classes stay; tuples are looked into.

    Raises:
        InputError: a function that a method calls reads what has changed, and cannot be compiled again.
    """
    kind: Any = type(thing)
    if getattr(config, "DISABLE_JIT", False) or not (kind is tuple or hasattr(kind, "_make")):
        return thing
    items = [distinct(item) for item in thing]
    if kind is tuple:
        return tuple(items)
    if not is_builtin(thing):
        with _lock:
            kind = _subclass(_plain.get(kind, kind))
    same = kind is type(thing) and all(old is new for old, new in zip(thing, items, strict=True))
    return thing if same else kind._make(items)


def _subclass(kind: type) -> type:
    reader = Reader()
    key = kind, reader.methods(kind, METHODS)
    for function, now in reader.functions.items():
        before = _compiled_with.get(function)
        if getattr(function, "overloads", None) and before != now:
            function.recompile()
        elif before not in (None, now) and not hasattr(function, "overloads"):
            what = f"{function.__module__}.{function.__qualname__} reads a global that has changed since it was compiled"
            raise InputError(f"{kind.__name__}: {what}; define the function again, or compile it by numba.njit")
        _compiled_with[function] = now
    if key not in _distinct:
        name = f"{kind.__name__}#{len(_distinct) + 1}"
        space = {"__slots__": (), "__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
        _distinct[key] = type(kind)(name, (kind,), space)
        _plain[_distinct[key]] = kind
    return _distinct[key]
