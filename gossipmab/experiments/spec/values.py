"""Values of an experiment in TOML's own types."""

from __future__ import annotations

import math
from typing import Any

from gossipmab.utils.errors import InputError, shown


def plain(value: Any, key: str = "", depth: int = 0) -> Any:
    """The value in TOML's own types; NumPy arrays and paths, which Python callers pass, become lists and strings.

    Raises InputError for anything that TOML could not hold.
    """
    if depth > 50:
        raise InputError(f"{key}: nested deeper than 50 levels")
    if hasattr(value, "tolist"):
        value = value.tolist()
    elif hasattr(value, "__fspath__"):
        value = str(value)
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                raise InputError(f"{key or 'the experiment'}: key {shown(name)} is not a string")
        return {plain(k, key): plain(v, f"{key}.{k}" if key else k, depth + 1) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [plain(item, key, depth + 1) for item in value]
    if isinstance(value, str):
        if not value.isascii() and value.encode(errors="replace").decode() != value:
            raise InputError(f"{key}: got {shown(value)}, which UTF-8 cannot hold")
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise InputError(f"{key}: an integer of more than 64 bits, which TOML cannot hold")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputError(f"{key}: got {value}, allowed is a finite number")
        return value
    raise InputError(f"{key or 'the experiment'}: got {shown(value)}, allowed are TOML's strings, numbers, lists and tables")
