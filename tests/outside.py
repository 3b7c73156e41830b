"""Classes of a user who is no part of the package: link processes, rewards, an objective. See also `broken.Sound`."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import gossipmab as gm
from gossipmab.networks.links.base import PeriodicLinks
from gossipmab.utils.jit import jit_uncached


@dataclass(frozen=True)
class EveryOther(PeriodicLinks):
    """All links in every `rest`-th round, none in the others."""

    rest: int = 2

    def __post_init__(self) -> None:
        if self.rest < 1:
            raise gm.InputError(f"network.links.rest: got {self.rest}, allowed is a whole number >= 1")

    def rounds(self, graph: Any) -> np.ndarray:
        period = np.zeros((self.rest, len(graph.edges)), np.uint8)
        period[0] = 1
        return period


class Triangular(NamedTuple):
    """x = mu + width (u - 1/2): of a NamedTuple with the means first, and ranges of these."""

    means: np.ndarray
    width: float = 0.2
    RANGE = (0.0, 1.0)

    def prepare(self, u: Any) -> Any:
        return u

    def draw(self, i: int, arm: int, u: Any, x: Any) -> None:
        for d in range(x.shape[0]):
            x[d] = self.means[i, arm, d] + self.width * (u[d] - 0.5)


@jit_uncached
def dictated(utilities: Any, bonus: Any, p: Any) -> float:
    """Methods do not call one another, for compiled code knows them one by one; they share functions."""
    best = 0
    for k in range(p.shape[0]):
        p[k] = 0.0
        if utilities[0, k] + bonus[k] > utilities[0, best] + bonus[best]:
            best = k
    p[best] = 1.0
    return utilities[0, best] + bonus[best]


class First(NamedTuple):
    """The utility of agent 0: a dictator's objective."""

    @property
    def requires_nonnegative(self) -> bool:
        return False

    def value(self, utilities: Any, p: Any, workspace: Any) -> float:
        total = 0.0
        for k in range(p.shape[0]):
            total += p[k] * utilities[0, k]
        return total

    def maximise(self, utilities: Any, workspace: Any, p: Any) -> tuple[float, float]:
        workspace.bonus[:] = 0.0
        return dictated(utilities, workspace.bonus, p), 0.0

    def maximise_with_bonus(self, utilities: Any, bonus: Any, workspace: Any, p: Any) -> tuple[float, float]:
        return dictated(utilities, bonus, p), 0.0
