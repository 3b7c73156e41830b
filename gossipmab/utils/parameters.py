"""The one definition of a parameter: an annotated field, from which its checks, its documentation and its JSON schema come.

    alpha: Annotated[float, Field(ge=0, description="exploration factor")] = 0.5

A class with parameters is a NamedTuple or a dataclass. Values are never converted, but for a whole number given for a float and
NumPy's numbers; a bool is no number, and numbers are finite. A class may have a method `check()` beside, which raises
InputError for conditions between several fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

from gossipmab.utils.errors import InputError, unknown

WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)


class Parameter(NamedTuple):
    """hint: its annotated type. default: MISSING if it is required. description: for a table of parameters."""

    hint: Any
    default: Any
    description: str


@lru_cache(256)
def parameters_of(kind: type) -> dict[str, Parameter]:
    """Name -> parameter of a NamedTuple or a dataclass.

    Raises:
        InputError: its type hints cannot be read.
    """
    try:
        hints = get_type_hints(kind, include_extras=True)
    except Exception as error:
        raise InputError(f"the type hints of {kind.__name__} cannot be read ({error})") from error
    if is_dataclass(kind):
        defaults = {field.name: field.default for field in fields(kind) if field.init}
    else:
        given = getattr(kind, "_field_defaults", {})
        defaults = {name: given.get(name, MISSING) for name in getattr(kind, "_fields", ())}
    return {
        name: Parameter(hints[name], default, next((d for d in map(_description, _parts(hints[name])) if d), ""))
        for name, default in defaults.items()
    }


def check_names(
    kind: type, given: Mapping[str, Any], key: str, what: str = "parameter", without: tuple[str, ...] = ()
) -> dict[str, Parameter]:  # fmt: skip
    """Name -> parameter of the class, but for those in `without`.

    Raises:
        InputError: an unknown name is given, or a required one is not; the line begins with `key`.
    """
    known = {name: one for name, one in parameters_of(kind).items() if name not in without}
    for name in given:
        if name not in known:
            raise unknown(f"{key}: {what}", name, known or ("none",))
    for name, parameter in known.items():
        if name not in given and parameter.default is MISSING:
            raise InputError(f"{key}.{name} is required and not given")
    return known


def coerce(
    kind: type,
    given: Mapping[str, Any],
    key: str,
    what: str = "parameter",
    shown: Callable[[Any], str] = repr,
    without: tuple[str, ...] = (),
) -> dict[str, Any]:
    """All parameters of the class but those in `without`: those given, checked, and the defaults.

    Raises:
        InputError: an unknown parameter, one that is missing, of another type or out of range; the line begins with `key`.
    """
    known = check_names(kind, given, key, what, without)
    return {name: fit(f"{key}.{name}", one.hint, given.get(name, one.default), shown) for name, one in known.items()}


def check(instance: Any, key: str = "") -> None:
    """Check the parameters of an object, and the conditions of its own `check()` if it has one.

    A dataclass keeps the values as they are after the check, such as 1.0 for a whole number 1 in the place of a float.
    Objects in the place of a name, such as an objective, are left to what uses them.

    Raises:
        InputError: a parameter of another type or out of range, in one line that names it.
    """
    prefix = f"{key}." if key else ""
    kind: Any = type(instance)
    for name, parameter in parameters_of(kind).items():
        value = getattr(instance, name)
        plain = value is None or isinstance(value, bool | int | float | str | np.generic)
        if plain or (type(value) in (list, tuple, dict) and _adapter(parameter.hint) is not None):
            fitted = fit(prefix + name, parameter.hint, value)
            if fitted is not value and is_dataclass(instance):
                object.__setattr__(instance, name, fitted)
    own: Callable[[], None] | None = getattr(instance, "check", None)
    if own is not None:
        own()


def fit(key: str, hint: Any, value: Any, shown: Callable[[Any], str] = repr) -> Any:
    """The value as a parameter of this annotated type.

    Raises:
        InputError: another type or out of range, or a type that no parameter may have.
    """
    if isinstance(value, np.generic):
        value = value.item()
    given, adapter = value, _adapter(hint)
    if adapter is None:
        raise InputError(f"{key}: its type is {hint}, allowed for a parameter are bool, int, float, str")
    try:
        if isinstance(value, int) and not isinstance(value, bool) and float in _kinds(hint) and int not in _kinds(hint):
            value = float(value)
        return adapter.validate_python(value)
    except (ValidationError, OverflowError) as error:
        for one in error.errors() if isinstance(error, ValidationError) else ():
            cause = one.get("ctx", {}).get("error")
            if isinstance(cause, InputError):
                parent = key.rpartition(".")[0]
                raise InputError(f"{parent}.{cause}" if parent else str(cause)) from None
        choices = [choice for part in _parts(hint) if get_origin(part) is Literal for choice in get_args(part)]
        if choices and isinstance(value, str):
            raise unknown(key, value, choices) from None
        raise InputError(f"{key}: got {shown(given)}, allowed is {allowed(hint)}") from None


def allowed(hint: Any) -> str:
    """The values of an annotated type in words, such as "a number > 0 and <= 1"."""
    plain = hint.__origin__ if get_origin(hint) is Annotated else hint
    if get_origin(plain) is Sequence:
        least = "of one or more, " if any(hasattr(part, "min_length") for part in _parts(hint)) else ""
        return f"a list {least}each {allowed(get_args(plain)[0])}"
    parts = _parts(hint)
    choices = [repr(choice) for part in parts if get_origin(part) is Literal for choice in get_args(part)]
    kinds = choices or [word for kind, word in WORDS.items() if kind in parts]
    others = " or a list of them" if any(get_origin(part) is Sequence for part in parts) else ""
    limits = [f"{sign} {getattr(part, name)}" for name, sign in SIGNS.items() for part in parts if hasattr(part, name)]
    return " ".join(filter(None, (" or ".join(kinds) or str(hint), " and ".join(dict.fromkeys(limits))))) + others


def schema_of(hint: Any) -> dict[str, Any]:
    """The JSON schema of an annotated type; {} if JSON has no word for it."""
    adapter = _adapter(hint)
    try:
        found: dict[str, Any] = adapter.json_schema() if adapter is not None else {}
    except PydanticUserError:
        return {}
    return found


@lru_cache(1024)
def _adapter(hint: Any) -> TypeAdapter[Any] | None:
    """Pydantic's validator of a type, or None for a type that it does not know."""
    kinds = _kinds(hint)
    if not kinds and not any(get_origin(part) is Literal for part in _parts(hint)):
        return None
    try:
        return TypeAdapter(hint, config=STRICT)
    except (PydanticSchemaGenerationError, PydanticUserError):
        return None


def _kinds(hint: Any) -> list[Any]:
    return [part for part in _parts(hint) if part in WORDS]


def _parts(hint: Any) -> list[Any]:
    """The type, what it is made of, and all metadata, without None."""
    found = [hint]
    for part in found:  # the list grows as it is read
        if get_origin(part) is Literal:
            continue
        more = [*get_args(part)] if get_origin(part) is not Annotated else [part.__origin__, *part.__metadata__]
        inner = getattr(part, "metadata", ())  # the limits of a FieldInfo
        found += [one for one in (*more, *(inner if isinstance(inner, list | tuple) else ())) if one is not NoneType]
    return [part for part in found if _hashable(part)]


def _description(part: Any) -> str:
    return str(getattr(part, "description", None) or "")


def _hashable(part: Any) -> bool:
    try:
        hash(part)
    except TypeError:
        return _description(part) != ""
    return True


__all__ = ["MISSING", "Parameter", "allowed", "check", "check_names", "coerce", "fit", "parameters_of", "schema_of"]
