"""JAX, imported when it is first used: learners can be listed and checked where it is not installed.

XLA gets one thread. With more, results of the CPU are not repeatable to the bit (jax issue 39741), and on two cores three loops
side by side in a program wait for each other for ever. Cells are what is played side by side.
"""

from __future__ import annotations

import os
from typing import Any

from gossipmab.bridges.extras import library


def import_jax(module: str = "jax") -> Any:
    """The module of JAX of this name.

    Raises:
        MissingExtraError: JAX is not installed; in one line, with how to install it.
    """
    os.environ.setdefault("PJRT_NPROC", "1")  # read when the first array is made
    return library(module, "marl")


class Lazy:
    """A module of JAX that is imported at the first use of an attribute."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(import_jax(self._module), name)


jax: Any = Lazy("jax")
jnp: Any = Lazy("jax.numpy")
