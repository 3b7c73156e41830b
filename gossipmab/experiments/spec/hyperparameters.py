"""Hyperparameters of registered algorithms, as experiment files give them: known, checked, and made into the algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gossipmab.algorithms import PROTOCOLS
from gossipmab.utils import parameters as declared
from gossipmab.utils.errors import InputError
from gossipmab.utils.registry import call_plugin


def _registered(protocol: str, name: str) -> Any:
    """The class of an algorithm registered for the protocol."""
    where = "" if protocol == "gossip" else f' with protocol = "{protocol}"'
    return PROTOCOLS[protocol].get_named(f"algorithms: name{where}", name)


def defaults_of(protocol: str, name: str) -> dict[str, Any]:
    """Hyperparameter of a registered algorithm -> its default, None if it has none."""
    return {key: None if one.default is declared.MISSING else one.default for key, one in _declared(protocol, name).items()}


def _declared(protocol: str, name: str) -> dict[str, declared.Parameter]:
    kind = _registered(protocol, name)
    try:
        return declared.parameters_of(kind)
    except InputError as error:
        raise InputError(f"algorithms: {name}: {error}") from None


def parameters(protocol: str, name: str, label: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All hyperparameters of the algorithm: those given, checked, and the defaults.

    Raises:
        InputError: unknown algorithm or hyperparameter, a value of the wrong type or out of range.
    """
    _declared(protocol, name)
    values = declared.coerce(_registered(protocol, name), given, f"algorithms.{label}", "hyperparameter")
    try:
        built = algorithm(protocol, name, values)
        call_plugin(name, lambda: declared.check(built))
    except InputError as error:
        raise InputError(f"algorithms.{label}.{error}") from None
    return values


def algorithm(protocol: str, name: str, values: Mapping[str, Any]) -> Any:
    """The algorithm with these hyperparameters, as `parameters` checked them."""
    return call_plugin(name, lambda: _registered(protocol, name)(**values))
