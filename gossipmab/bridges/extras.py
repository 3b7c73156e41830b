"""Libraries of the bridges, and the error if one is missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gossipmab.utils.errors import InputError


class MissingExtraError(InputError, ImportError):
    """A bridge's library is not installed; also an ImportError, as Python users expect of an import."""


def library(name: str, extra: str) -> Any:
    """The module called `name`, which comes with gossipmab[extra].

    Raises:
        MissingExtraError: it cannot be imported, with how to install it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"{name} cannot be imported ({error}); install it with: pip install 'gossipmab[{extra}]'"
        ) from error
