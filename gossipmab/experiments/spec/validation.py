"""Data of an experiment in TOML's own types, and against the models of its sections; pydantic's errors as one line each."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gossipmab.experiments.spec.sections import SECTIONS, hint_of
from gossipmab.utils.errors import InputError, shown, unknown, whole
from gossipmab.utils.parameters import allowed

M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], data: Any) -> M:
    """The model of `data`, or one InputError that names the key."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise translated(error, model) from None


def translated(error: ValidationError, model: type[BaseModel]) -> InputError:
    """Pydantic's errors as one line: a misspelt key first, since it often is why another one is missing."""
    errors = sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    first = errors[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join(path) or "the experiment"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    owner: type[BaseModel] = SECTIONS.get(path[0], model) if len(path) > 1 else model
    if first["type"] == "extra_forbidden":
        return unknown(f"key in {f'[{path[0]}]' if len(path) > 1 else 'the experiment'}", path[-1], owner.model_fields)
    if first["type"] == "missing":
        return InputError(f"{key} is required and not given{more}")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return cause
    hint = hint_of(owner, path[-1]) if len(path) == 2 else None
    limits = allowed(hint) if hint is not None and first["type"] not in ("value_error", "literal_error") else ""
    why = limits if ">" in limits or "<" in limits else first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    near = whole(first["input"]) if first["type"].startswith("int_") else ""
    if first["type"] == "literal_error" and isinstance(first["input"], str):
        match = get_close_matches(first["input"], first["ctx"]["expected"].replace("'", " ").split(), n=1)
        near = f"; did you mean {match[0]!r}?" if match else ""
    return InputError(f"{key}: got {shown(first['input'])}, allowed is {why}{near}{more}")


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
    if isinstance(value, list | tuple | range):
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
