"""Whether an algorithm and its state have the form that all engines build on."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import numpy as np

from gossipmab.algorithms import METHODS
from gossipmab.algorithms.base import UNIFORMS
from gossipmab.algorithms.gossip.base import MAILBOX, estimates
from gossipmab.engines.conformance.errors import ConformanceError
from gossipmab.engines.conformance.reference_trial import Fields, same
from gossipmab.utils import parameters

refused = partial(ConformanceError, "shape")


def check_hyperparameters(algorithm: Any) -> None:
    """Raise ConformanceError unless the algorithm is a NamedTuple of plain values, with all methods, that can travel."""
    name = type(algorithm).__name__
    if not (issubclass(type(algorithm), tuple) and hasattr(algorithm, "_fields")):
        raise refused(f"{name} is no typing.NamedTuple; its fields are the hyperparameters, and frozen")
    for field, value in zip(algorithm._fields, algorithm, strict=True):
        if type(value) not in (bool, int, float, str):
            raise refused(f"{name}.{field} is a {type(value).__name__}; a hyperparameter is a bool, int, float or str")
    for method in METHODS:
        if not hasattr(algorithm, method):
            raise refused(f"{name} has no {method}; an algorithm has {', '.join(METHODS[1:])}")
    if type(algorithm.communicates) is not bool:
        raise refused(f"{name}.communicates is {algorithm.communicates!r}; allowed is a property that is True or False")
    parameters.check(algorithm)
    kind = type(algorithm)
    found: Any = sys.modules.get(kind.__module__)
    for part in kind.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not kind:  # other processes find a class by its name
        raise refused(f"{name} is not what {kind.__module__}.{kind.__qualname__} names; define the class at the top of a module")


def check_state(algorithm: Any, info: Any) -> None:
    """Raise ConformanceError unless `init` gives a fresh NamedTuple of arrays with the fields that the engines know by name."""
    name = f"{type(algorithm).__name__}.init"
    state, second = algorithm.init(info), algorithm.init(info)
    if not (issubclass(type(state), tuple) and hasattr(state, "_fields")):
        raise refused(f"{name} returns a {type(state).__name__}; allowed is a typing.NamedTuple of arrays")
    if not same(state, second):
        raise refused(f"{name} returns another state when called again; every trial begins alike")
    N, K, D = info.agents, info.arms, info.objectives
    fields, held = Fields(state, info.preferences), state._asdict()
    needed = ["local_mean"]
    if algorithm.communicates:
        needed += ["global_mean", f"{MAILBOX}global_mean"]
    rows = getattr(getattr(state, "known_members", None), "shape", (0, 0))[1] or N  # of agents that track some agents only
    means = (N, rows, K) if estimates(algorithm) == "utilities" else (N, K, D)
    for field in needed:
        value = held.get(field)
        if not isinstance(value, np.ndarray) or value.shape != means or value.dtype != np.float64:
            raise refused(f"{name}: state.{field} is {form(value)}; allowed is float64 of shape {means}")
    for box in [field for field in held if field.startswith(MAILBOX)]:
        value, twin = held[box], held.get(box.removeprefix(MAILBOX))
        if form(value) != form(twin) or not isinstance(value, np.ndarray) or value.dtype != np.float64 or len(value) != N:
            raise refused(
                f"{name}: state.{box} is {form(value)}, and what it is the mailbox of {form(twin)}; both are float64 with a row "
                "for every agent"
            )
    if UNIFORMS in held and (not isinstance(held[UNIFORMS], np.ndarray) or held[UNIFORMS].shape != (held[UNIFORMS].size,)):
        raise refused(f"{name}: state.{UNIFORMS} is {form(held[UNIFORMS])}; allowed is float64 of one axis")
    arrays = [(field, value) for field, value in held.items() if isinstance(value, np.ndarray)]
    for place, (field, value) in enumerate(arrays):
        if not value.flags.c_contiguous or value.dtype.kind not in "fiub":
            raise refused(f"{name}: state.{field} is {form(value)}; allowed are arrays of numbers in C order")
        if field in fields.known:
            continue
        if np.shares_memory(value, getattr(second, field)):
            raise refused(f"{name}: state.{field} is the same array in two states; every trial has its own")
        for other, another in arrays[:place]:
            if np.shares_memory(value, another):
                raise refused(f"{name}: state.{field} and state.{other} share memory; every field is an array of its own")


def form(value: Any) -> str:
    """What a value is, in words."""
    return f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
