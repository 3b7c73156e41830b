"""The one definition of a parameter: an annotated field, from which its checks, its documentation and its JSON schema come.

    alpha: Annotated[float, Field(ge=0, description="exploration factor")] = 0.5

A class with parameters is a NamedTuple or a dataclass. Values are never converted, but for a whole number given for a float and
NumPy's numbers; a bool is no number, and numbers are finite. A class may have a method `check()` beside, which raises
InputError for conditions between several fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING as MISSING, fields, is_dataclass
from functools import lru_cache, wraps
from inspect import signature
from typing import Any, NamedTuple, ParamSpec, TypeVar, get_args, get_type_hints

import numpy as np
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from gossipmab.utils.errors import InputError, shown, unknown, whole
from gossipmab.utils.notebook import html_table

WORDS = {"boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "a string"}
SIGNS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)

K = TypeVar("K")
P = ParamSpec("P")
R = TypeVar("R")


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
    return {name: Parameter(hints[name], default, _description(hints[name])) for name, default in defaults.items()}


def suggesting(kind: type[K]) -> type[K]:
    """The class: an unknown parameter is an InputError with the nearest spelling, a notebook shows a table of the parameters."""
    name = "__init__" if is_dataclass(kind) else "__new__"
    plain: Callable[..., Any] = getattr(kind, name)

    @wraps(plain)
    def made(self: Any, *args: Any, **given: Any) -> Any:
        owner: Any = kind
        known = parameters_of(owner)
        for one in given:
            if one not in known:
                raise unknown(f"{kind.__name__}: parameter", one, known or ("none",))
        return plain(self, *args, **given)

    def shown_as_table(self: Any) -> str:
        owner: Any = kind
        return html_table(kind.__name__, ((key, getattr(self, key), one.description) for key, one in parameters_of(owner).items()))

    setattr(kind, name, made if name == "__init__" else staticmethod(made))
    if not hasattr(kind, "_repr_html_"):
        kind._repr_html_ = shown_as_table  # type: ignore[attr-defined]
    return kind


def suggesting_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """The function, of which an unknown argument is an InputError with the nearest spelling in place of a TypeError."""
    known = [name for name in signature(function).parameters if name not in ("self", "cls")]
    what = f"{function.__qualname__.removesuffix('.__init__')}: argument"

    @wraps(function)
    def called(*args: P.args, **given: P.kwargs) -> R:
        for one in given:
            if one not in known:
                raise unknown(what, one, known)
        return function(*args, **given)

    return called


def check_names(
    kind: type, given: Mapping[str, Any], key: str, what: str = "parameter", without: tuple[str, ...] = ()
) -> dict[str, Parameter]:
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
    kind: type, given: Mapping[str, Any], key: str, what: str = "parameter", without: tuple[str, ...] = ()
) -> dict[str, Any]:
    """All parameters of the class but those in `without`: those given, checked, and the defaults.

    Raises:
        InputError: an unknown parameter, one that is missing, of another type or out of range; the line begins with `key`.
    """
    known = check_names(kind, given, key, what, without)
    return {name: fit(f"{key}.{name}", one.hint, given.get(name, one.default)) for name, one in known.items()}


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


def fit(key: str, hint: Any, value: Any) -> Any:
    """The value as a parameter of this annotated type.

    Raises:
        InputError: another type or out of range, or a type that no parameter may have.
    """
    if isinstance(value, np.generic):
        value = value.item()
    given, found = value, _adapter(hint)
    if found is None:
        raise InputError(f"{key}: its type is {hint}, allowed for a parameter are bool, int, float, str")
    adapter, schema, types = found
    try:
        if isinstance(value, int) and not isinstance(value, bool) and "number" in types and "integer" not in types:
            value = float(value)
        return adapter.validate_python(value)
    except (ValidationError, OverflowError) as error:
        for one in error.errors() if isinstance(error, ValidationError) else ():
            cause = one.get("ctx", {}).get("error")
            if isinstance(cause, InputError):
                parent = key.rpartition(".")[0]
                raise InputError(f"{parent}.{cause}" if parent else str(cause)) from None
        if "enum" in schema and isinstance(value, str):
            raise unknown(key, value, schema["enum"]) from None
        near = whole(given) if "integer" in types else ""
        raise InputError(f"{key}: got {shown(given)}, allowed is {allowed(hint)}{near}") from None


def allowed(hint: Any) -> str:
    """The values of an annotated type in words, such as "a number > 0 and <= 1"."""
    return _words(schema_of(hint)) or str(hint)


def _words(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        kinds = [one for one in schema["anyOf"] if one.get("type") != "null"]
        words = dict.fromkeys(_words(one) for one in kinds if one.get("type") != "array")
        return " or ".join(words) + (" or a list of them" if any(one.get("type") == "array" for one in kinds) else "")
    if schema.get("type") == "array":
        return f"a list {'of one or more, ' if 'minItems' in schema else ''}each {_words(schema.get('items', {}))}"
    if "enum" in schema:
        return " or ".join(map(repr, schema["enum"]))
    limits = " and ".join(f"{sign} {schema[name]}" for name, sign in SIGNS.items() if name in schema)
    return f"{WORDS.get(schema.get('type', ''), '')} {limits}".strip()


def schema_of(hint: Any) -> dict[str, Any]:
    """The JSON schema of an annotated type, not to be changed; {} if no parameter may have it."""
    found = _adapter(hint)
    return {} if found is None else found[1]


def _types(schema: Mapping[str, Any]) -> set[str]:
    """The names of all scalar types in a schema."""
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if isinstance(schema.get("items"), dict) else [])]
    return ({schema.get("type", "")} & set(WORDS)).union(*map(_types, inner))


@lru_cache(1024)
def _adapter(hint: Any) -> tuple[TypeAdapter[Any], dict[str, Any], set[str]] | None:
    """Pydantic's validator of a type, its JSON schema and its `_types`, or None for a type that no parameter may have."""
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint, config=STRICT)
        schema = adapter.json_schema()
    except PydanticUserError:
        return None
    types = _types(schema)
    return (adapter, schema, types) if types and "$defs" not in schema else None


def _description(hint: Any) -> str:
    """The description in the metadata of an annotated type, or of a part of a union."""
    metadata = [one for part in (hint, *get_args(hint)) for one in getattr(part, "__metadata__", ())]
    return next((str(one.description) for one in metadata if getattr(one, "description", None)), "")
