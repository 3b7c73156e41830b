"""Hyperparameters of registered algorithms, as experiment files give them: known, checked, and made into the algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gossipmab.algorithms import FLAGS, PROTOCOLS
from gossipmab.experiments.spec.sections import shown
from gossipmab.utils import registry as plugins
from gossipmab.utils.errors import InputError, unknown

Fields = dict[str, tuple[Any, Any]]


def _registered(protocol: str, name: str) -> Any:
    """The class of an algorithm registered for the protocol."""
    where = "" if protocol == "gossip" else f' with protocol = "{protocol}"'
    return PROTOCOLS[protocol].get_named(f"algorithms: name{where}", name)


def _fields(protocol: str, name: str) -> Fields:
    """Hyperparameter -> (type, default) of an algorithm registered for the protocol, those of its flags among them."""
    known = _own_fields(_registered(protocol, name), name)
    for flag, variant in _flags(protocol, name).items():
        more = _own_fields(variant, name)
        known |= {flag: (bool, False)} | {key: value for key, value in more.items() if key not in known}
    return known


def _own_fields(algorithm: Any, name: str) -> Fields:
    hints = plugins.hints_of(algorithm, f"algorithms: {name}")
    return {field: (hints[field], algorithm._field_defaults.get(field)) for field in algorithm._fields}


def _flags(protocol: str, name: str) -> dict[str, type]:
    return FLAGS.get(name, {}) if protocol == "gossip" else {}


def parameters_of(protocol: str, name: str) -> list[str]:
    """The names of a registered algorithm's hyperparameters."""
    return list(_fields(protocol, name))


def defaults_of(protocol: str, name: str) -> dict[str, Any]:
    """Hyperparameter -> default, of those that have one."""
    return {key: default for key, (_, default) in _fields(protocol, name).items() if default is not None}


def said(protocol: str, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is written out of an algorithm's hyperparameters: flags, and what goes with them, where these are set only.

    An experiment that sets none stays what it was before there were any, and so do the run folders that hold it.
    """
    unsaid: set[str] = set()
    for flag, variant in _flags(protocol, name).items():
        if not values[flag]:
            unsaid |= {flag, *_own_fields(variant, name)} - set(_registered(protocol, name)._fields)
    return {key: value for key, value in values.items() if key not in unsaid}


def parameters(protocol: str, name: str, label: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All hyperparameters of the algorithm: those given, checked, and the defaults.

    Raises:
        InputError: unknown algorithm or hyperparameter, a value of the wrong type or out of range.
    """
    known = _fields(protocol, name)
    for key in given:
        if key not in known:
            raise unknown(f"algorithms.{label}: hyperparameter", key, known)
    values = {}
    for key, (kind, default) in known.items():
        value = given.get(key, default)
        if value is None:
            raise InputError(f"algorithms.{label}.{key} is required and not given")
        values[key] = plugins.coerce(f"algorithms.{label}.{key}", kind, value, shown)
    try:
        algorithm(protocol, name, values)
    except InputError as error:
        raise InputError(f"algorithms.{label}.{error}") from None
    return values


def algorithm(protocol: str, name: str, values: Mapping[str, Any]) -> Any:
    """The algorithm with these hyperparameters, its own check passed."""
    kind, flag = _registered(protocol, name), ""
    flags = _flags(protocol, name)
    for other, variant in flags.items():
        if values[other]:
            kind, flag = variant, other
    for key, (_, default) in _fields(protocol, name).items() if flags else ():
        if key not in kind._fields and key != flag and values[key] != default:
            goes = f"not allowed with {flag} = true" if flag else f"allowed only with {' or '.join(flags)} = true"
            raise InputError(f"{key}: got {shown(values[key])}, {goes}")
    built = kind(**{key: value for key, value in values.items() if key in kind._fields})
    plugins.call_plugin(name, getattr(built, "check", lambda: None))
    return built
