"""JAX, imported when it is first used: learners can be listed and checked where it is not installed.

XLA gets one thread: with more, results of the CPU are not repeatable to the bit (jax issue 39741). Cells are what is played side
by side.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from gossipmab.bridges.extras import library
from gossipmab.utils.code_cache import cache_folder


def import_jax(module: str = "jax") -> Any:
    """The module of JAX of this name.

    Raises:
        MissingExtraError: JAX is not installed; in one line, with how to install it.
    """
    _configure()
    return library(module, "marl")


@cache
def _configure() -> None:
    """One thread, and compiled programs kept beside numba's, for processors like this one; unless the user chose otherwise."""
    if "jax" in sys.modules and "PJRT_NPROC" not in os.environ:
        note = "JAX was imported before: if it has computed already, it keeps its threads, and last bits of a training may differ"
        logging.getLogger("gossipmab").info("%s; to be sure, set PJRT_NPROC=1", note)
    os.environ.setdefault("PJRT_NPROC", "1")  # read when the first array is made
    config = library("jax", "marl").config
    folder = cache_folder()
    if folder is not None and config.jax_compilation_cache_dir is None:
        processor = f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
        place = folder / f"xla-{hashlib.sha256(processor.encode()).hexdigest()[:16]}"
        config.update("jax_compilation_cache_dir", str(place))


class Lazy:
    """A module of JAX that is imported at the first use of an attribute."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(import_jax(self._module), name)


jax: Any = Lazy("jax")
jnp: Any = Lazy("jax.numpy")
