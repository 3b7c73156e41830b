"""Array types. Shapes and units stand in the docstring of what uses them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bytes = NDArray[np.uint8]


class Description(NamedTuple):
    """In the annotation of a parameter: its description, for files that may not import pydantic."""

    description: str
