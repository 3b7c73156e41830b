"""JAX, imported when it is first used: learners can be listed and checked where it is not installed.

XLA is given one thread an operation: with more, results of the CPU are not repeatable to the bit (jax issue 39741).
"""

from __future__ import annotations

import os
import sys
from typing import Any

from gossipmab.bridges.extras import library

FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def import_jax(module: str = "jax") -> Any:
    """The module of JAX of this name.

    Raises:
        MissingExtraError: JAX is not installed; in one line, with how to install it.
    """
    if "jax" not in sys.modules and FLAGS not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}".strip()
    return library(module, "marl")


class Lazy:
    """A module of JAX that is imported at the first use of an attribute."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(import_jax(self._module), name)


jax: Any = Lazy("jax")
jnp: Any = Lazy("jax.numpy")
