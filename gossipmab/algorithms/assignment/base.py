"""What an algorithm of the protocol `assignment` is: which arms to probe, and upper confidence bounds of the others.

The engine does the rest: it reveals the rewards of the probed arms, assigns arms to agents so that the Nash social welfare of
what was seen and of the bounds is largest (or, for a baseline, at random), and returns what the agents saw.
"""

from __future__ import annotations

from typing import Any, Protocol

from gossipmab.algorithms.base import ProblemInfo
from gossipmab.utils.jit import method
from gossipmab.utils.types import Floats, Integers

ucb_index = method("ucb_index")


class Assigner(Protocol):
    """The methods of an algorithm; random numbers as in `gossipmab.algorithms.base`."""

    @property
    def warm_start(self) -> str:
        """How the first rounds go.

        "rotation": in rounds t = 1..K agent j is given arm (j + t - 1) mod K. "pairs": in rounds t = 1..N K only agent
        (t - 1) mod N pulls, arm (t - 1) // N, which counts as probed; the others get nothing. "none": no such rounds.
        """

    @property
    def assigns_at_random(self) -> bool:
        """Whether every agent is given an arm at random, instead of the best assignment."""

    def init(self, info: ProblemInfo) -> Any:
        """Return the state before the first round. InputError if a hyperparameter does not fit the problem."""

    def select(self, state: Any, t: int, probed: Integers) -> None:
        """Write the probing set of round t into probed (K,), 0 or 1; a set beyond the budget costs all of the welfare."""

    def ucb_index(self, state: Any, t: int, index: Floats) -> None:
        """Write into index (N, K), numbers >= 0, the value taken for each pair whose arm is not probed."""

    def update(self, state: Any, j: int, arm: int, x: float) -> None:
        """Learn from agent j's reward x of an arm, probed or pulled; a reward that is both comes once."""
