"""The error of every check, and how it is worded."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gossipmab.utils.code_identity import LIBRARIES
from gossipmab.utils.errors import InputError

TOLERANCE = 1e-12  # by which probabilities may miss their sum in a small trial
PLAYED = 1e-9  # and in any


class ConformanceError(AssertionError):
    """A class is not what the engines need. The message is one sentence: what it does, in which call, and what to do instead.

    kind: what is wrong, in a word or two, such as "peek" or "hidden state"; docs/plugins.md lists all.
    """

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(" ".join(message.split()))


def fault_if(bad: bool, kind: str, message: str) -> None:
    """Raise a ConformanceError if what was found is bad."""
    if bad:
        raise ConformanceError(kind, message)


def distribution_fault(p: Iterable[float], tolerance: float = TOLERANCE) -> str:
    """What is wrong with p (K,), "" if it is a distribution over the arms."""
    values = list(map(float, p))
    total = math.fsum(values) if all(map(math.isfinite, values)) else math.nan
    if abs(total - 1.0) <= tolerance and min(values) >= 0.0:
        return ""
    shown = ", ".join(f"{value:.6g}" for value in values[:8]) + (", ..." if len(values) > 8 else "")
    return f"writes [{shown}], which sums to {total:.12g}; allowed are probabilities >= 0 that sum to 1"


def check_distribution(where: str, p: Iterable[float], tolerance: float = TOLERANCE) -> None:
    """Raise a ConformanceError, which begins with `where`, unless p (K,) is a distribution over the arms."""
    fault = distribution_fault(p, tolerance)
    fault_if(bool(fault), "distribution", f"{where} {fault}")


def check_played_distribution(where: str, p: Iterable[float]) -> None:
    """Raise InputError, which begins with `where`, if p (K,), which was played, is no distribution over the arms."""
    if fault := distribution_fault(p, PLAYED):
        raise InputError(f"{where} {fault}")


def class_name(thing: Any) -> str:
    """The name of the class as its author wrote it."""
    return type(thing).__qualname__.rpartition(".")[2]


def described(error: BaseException) -> str:
    """The error with the line of code outside libraries that raised it."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [frame for frame in frames if str(frame.f_globals.get("__name__")).partition(".")[0] not in LIBRARIES]
    where = f" ({Path(own[-1].f_code.co_filename).name}, line {own[-1].f_lineno})" if own else ""
    return f"{type(error).__name__}: {error}{where}"
