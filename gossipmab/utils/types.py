"""Array types, whose shapes and units stand in the docstring of what uses them, and what a class has beside its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bytes = NDArray[np.uint8]


class Description(NamedTuple):
    """In the annotation of a parameter: its description, for files that may not import pydantic."""

    description: str


def class_attributes(**attributes: Any) -> Callable[[type[T]], type[T]]:
    """Give a class these attributes and methods; in the body of a NamedTuple, type checkers would take them for fields."""

    def give(kind: type[T]) -> type[T]:
        for name, value in attributes.items():
            setattr(kind, name, value)
        return kind

    return give
