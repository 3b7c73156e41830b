"""Whether the methods compile without allocating, and compiled give the bits of interpreted."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import njit
from numba.core.errors import NumbaError
from numpy.typing import NDArray

from gossipmab.algorithms.base import select, update
from gossipmab.engines.conformance.errors import ConformanceError, fault_if
from gossipmab.engines.conformance.reference_trial import copied, same
from gossipmab.utils.distinct import distinct
from gossipmab.utils.jit import SETTINGS, is_builtin, jit


def _select(algorithm: Any, state: Any, i: int, t: int, p: Any) -> None:
    select(algorithm, state, i, t, p)


def _update(algorithm: Any, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
    update(algorithm, state, i, t, arm, x, neighbours)


@cache
def _methods(kept: bool, allocating: bool = False) -> tuple[Any, Any]:
    """Both, kept on the disk for classes of this package, or allowed to allocate."""
    if kept:
        return jit(_select), jit(_update)
    settings = SETTINGS | {"_nrt": allocating}
    return njit(**settings)(_select), njit(**settings)(_update)


class Compiled:
    """A caller of compiled methods, and compares them with the interpreted ones."""

    def __init__(self, algorithm: Any) -> None:
        self.algorithm, self.name = algorithm, type(algorithm).__name__
        self.methods = _methods(is_builtin(algorithm))

    def select(self, state: Any, i: int, t: int, p: NDArray[Any]) -> None:
        """Both, on equal states; the interpreted one counts."""
        other, q = copied(state), p.copy()
        self.call(0, other, i, t, q)
        self.algorithm.select(state, i, t, p)
        self.compare("select", i, t, (other, q), (state, p))

    def update(self, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
        """As `select`."""
        other = copied(state)
        self.call(1, other, i, t, arm, x.copy(), neighbours.copy())
        self.algorithm.update(state, i, t, arm, x, neighbours)
        self.compare("update", i, t, other, state)

    def call(self, which: int, state: Any, *rest: Any) -> None:
        """Call a compiled method. Raises ConformanceError if it does not compile, or only with allocation."""
        arguments = (*distinct((self.algorithm, state)), *rest)
        try:
            self.methods[which](*arguments)
        except (NumbaError, NotImplementedError) as error:
            method = f"{self.name}.{('select', 'update')[which]}"
            try:
                _methods(False, allocating=True)[which](*map(copied, arguments))
            except (NumbaError, NotImplementedError) as worse:
                useful = [line.strip() for line in str(worse).splitlines() if not line.startswith(("File ", "During:"))]
                raise ConformanceError("compilation", f"{method} does not compile: {' '.join(useful).strip()[:300]}") from worse
            what = "allocates: it compiles only if it may make arrays or other objects; take room for them in fields scratch_..."
            raise ConformanceError("allocation", f"{method} {what} of the state") from error

    def compare(self, method: str, i: int, t: int, fast: Any, plain: Any) -> None:
        """Raise ConformanceError unless both, compiled and interpreted, are the same."""
        where = f"{self.name}.{method}, in round {t} of agent {i},"
        what = (
            "gives other bits compiled than interpreted; plain loops, and math.log and math.sqrt in place of NumPy's, give the same"
        )
        fault_if(not same(fast, plain), "compilation", f"{where} {what}")
