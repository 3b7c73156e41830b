"""JAX, imported when it is first used: modules that write `from gossipmab.marl.xla import jax, jnp` load without it."""

from __future__ import annotations

from typing import Any

from gossipmab.bridges.extras import library


def import_jax(module: str = "jax") -> Any:
    """JAX, or a module of it such as "jax.numpy".

    Raises:
        MissingExtraError: it cannot be imported, with how to install it.
    """
    return library(module, "marl")


class LazyModule:
    """A module of JAX that is imported when its first attribute is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(import_jax(self._name), attribute)
        setattr(self, attribute, found)
        return found


jax: Any = LazyModule("jax")
jnp: Any = LazyModule("jax.numpy")
