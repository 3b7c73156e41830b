"""What an algorithm of the protocol `assignment` is: which arms to probe, and what to believe of the others.

The engine does the rest: it shows the rewards of the probed arms, assigns arms to agents so that the Nash social welfare of
what was seen and what is believed is largest (or, for a baseline, at random), and hands back what the agents saw.
An algorithm is a `typing.NamedTuple` of hyperparameters; as in gossip, the same methods run interpreted and compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from numba.extending import overload

from gossipmab.objectives.probing.costs import Terms
from gossipmab.utils.types import Floats, Integers

WARM_STARTS = ("rotation", "pairs", "none")


class Task(NamedTuple):
    """What is known before the first round: agents N, arms K, horizon T, and the terms of probing and assigning."""

    agents: int
    arms: int
    horizon: int
    terms: Terms


class Assigner(Protocol):
    """The methods of an algorithm."""

    @property
    def warm_start(self) -> str:
        """How the first rounds go.

        "rotation": in rounds t = 1..K agent j is given arm (j + t - 1) mod K. "pairs": in rounds t = 1..N K only agent
        (t - 1) mod N pulls, arm (t - 1) // N, which counts as probed; the others get nothing. "none": at once as ever.
        """

    @property
    def assigns_at_random(self) -> bool:
        """Whether every agent is given an arm at random, instead of the best assignment."""

    def check(self) -> None:
        """Raise InputError where a hyperparameter is out of range."""

    def init(self, task: Task) -> Any:
        """The state before the first round. InputError where a hyperparameter does not fit the task."""

    def probe(self, state: Any, t: int, uniforms: Floats, probed: Integers) -> None:
        """Write the probing set of round t into probed (K,), 0 or 1; uniforms (K,) are fresh numbers in [0, 1).

        At most the budget: a larger set costs all of the welfare.
        """

    def believe(self, state: Any, t: int, index: Floats) -> None:
        """Write into index (N, K), numbers >= 0, what each pair is taken to be worth where the arm is not probed."""

    def learn(self, state: Any, j: int, arm: int, x: float) -> None:
        """Take in agent j's reward x of an arm, probed or pulled; a reward that is both comes once."""


def probe(self: Any, state: Any, t: int, uniforms: Floats, probed: Integers) -> None:
    """Call the algorithm's `probe`."""
    self.probe(state, t, uniforms, probed)


def believe(self: Any, state: Any, t: int, index: Floats) -> None:
    """Call the algorithm's `believe`."""
    self.believe(state, t, index)


def learn(self: Any, state: Any, j: int, arm: int, x: float) -> None:
    """Call the algorithm's `learn`."""
    self.learn(state, j, arm, x)


@overload(probe, strict=False, jit_options={"forceinline": True})
def _probe(self: Any, state: Any, t: Any, uniforms: Any, probed: Any) -> Callable[..., None]:
    return self.instance_class.probe  # type: ignore[no-any-return]


@overload(believe, strict=False, jit_options={"forceinline": True})
def _believe(self: Any, state: Any, t: Any, index: Any) -> Callable[..., None]:
    return self.instance_class.believe  # type: ignore[no-any-return]


@overload(learn, strict=False, jit_options={"forceinline": True})
def _learn(self: Any, state: Any, j: Any, arm: Any, x: Any) -> Callable[..., None]:
    return self.instance_class.learn  # type: ignore[no-any-return]
