"""Names of agents that follow from their numbers, made when they are asked for: a million strings would take 60 MB.

Both sequences equal the tuple of the same names, hash like it, and come out of a slice as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np

from gossipmab.utils.types import Integers


class Labels(Sequence[str]):
    """Names 0..N-1 of which only `_name` says how they read."""

    __slots__ = ("_count",)
    _count: int

    def _name(self, i: int) -> str:
        raise NotImplementedError

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, i: int) -> str: ...
    @overload
    def __getitem__(self, i: slice) -> tuple[str, ...]: ...
    def __getitem__(self, i: int | slice) -> str | tuple[str, ...]:
        chosen = range(self._count)[i]  # counts from the end, and raises IndexError
        return tuple(map(self._name, chosen)) if isinstance(chosen, range) else self._name(chosen)

    def __iter__(self) -> Iterator[str]:
        return map(self._name, range(self._count))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Labels, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        some = ", ".join(map(repr, self[:6]))
        return f"({some}{', ...' if len(self) > 6 else ''})"


class Numbers(Labels):
    """The numbers themselves: 0..N-1, or (N,) int64 whole numbers of the user's."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: int | Integers) -> None:
        self._count = numbers if isinstance(numbers, int) else len(numbers)
        self._numbers: Any = None if isinstance(numbers, int) else numbers

    def _name(self, i: int) -> str:
        return str(i) if self._numbers is None else str(self._numbers[i])


class Places(Labels):
    """Places in a box of this shape, the last coordinate running fastest: "(0, 0)", "(0, 1)", ..."""

    __slots__ = ("_shape",)

    def __init__(self, *shape: int) -> None:
        self._count = int(np.prod(shape))
        self._shape = shape

    def _name(self, i: int) -> str:
        return str(tuple(int(x) for x in np.unravel_index(i, self._shape)))
