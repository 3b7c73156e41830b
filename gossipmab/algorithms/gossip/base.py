"""What an algorithm is: three methods that the engines call by its type, interpreted or compiled.

An algorithm is a `typing.NamedTuple` of hyperparameters with the methods `init`, `select` and `learn`, written for ONE
agent in plain loops over plain arrays. In interpreted code the functions below simply call the methods; in compiled
code numba resolves them by the algorithm's type, so that one loop serves every algorithm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from numba.extending import overload

from gossipmab.utils.types import Floats, Integers


class Shape(NamedTuple):
    """What is known before the first round. An algorithm takes from it what its paper grants it.

    agents, arms, objectives: N, K, D. horizon: T. link_probability: p.
    connectivity: gives lambda_{N-1}(Lap(G0)) of the base graph, which takes long where that is large: only those who ask pay.
    preferences: (N, D), rows on the simplex. edges: (E, 2), of the base graph, every edge once.
    """

    agents: int
    arms: int
    objectives: int
    horizon: int
    link_probability: float
    connectivity: Callable[[], float]
    preferences: Floats
    edges: Integers

    @property
    def algebraic_connectivity(self) -> float:
        """lambda_{N-1}(Lap(G0))."""
        return self.connectivity()


class Algorithm(Protocol):
    """The methods of an algorithm.

    State is a NamedTuple of arrays whose first axis is the agent. Agent i reads and writes row i only. A field
    `sent_X` is the mailbox of field `X`: its row j is X[j] as it stood at the end of round t-1, and may be read for j = i
    and the present neighbours j only. Before `learn` the engine has filled `global_mean[i]` with the gossip average of
    `sent_global_mean`; `learn` adds the agent's local change and fills the row of any other field that has a mailbox.
    A field `scratch_X`, an array or a tuple of arrays, is room to compute in, whose content no call may expect to find again:
    every thread and every actor has its own. A field `known_X` is what all were told beforehand, such as of the base graph.
    One of this name alone is filled: `scratch_numbers` (M,) holds M uniform numbers
    in [0, 1) of agent i and round t whenever `select` is called, for algorithms that need randomness beyond the draw of the
    arm from p; see `own_numbers`. Nothing else an algorithm does may be random.
    Averages estimate the means (K, D) of the arms; where they estimate utilities (N, K), its `estimates` is
    "utilities", by which the recorded sampling error knows the truth.
    An algorithm whose agents average different things in the places of `global_mean` has a method `blend`, as below, which
    mixes one message; without it the engine mixes whole rows.
    """

    @property
    def communicates(self) -> bool:
        """Whether agents send messages at all."""

    def check(self) -> None:
        """Raise InputError where a hyperparameter is out of range."""

    def init(self, shape: Shape) -> Any:
        """The state before the first round."""

    def select(self, state: Any, i: int, t: int, p: Floats) -> None:
        """Write agent i's distribution over the arms in round t = 1..T into p (K,)."""

    def learn(self, state: Any, i: int, t: int, arm: int, x: Floats, neighbours: Integers) -> None:
        """Take in the reward vector x (D,) of the arm pulled in round t, among the neighbours present in it (ascending)."""


def select(self: Any, state: Any, i: int, t: int, p: Floats) -> None:
    """Call the algorithm's `select`."""
    self.select(state, i, t, p)


def learn(self: Any, state: Any, i: int, t: int, arm: int, x: Floats, neighbours: Integers) -> None:
    """Call the algorithm's `learn`."""
    self.learn(state, i, t, arm, x, neighbours)


def blend(
    self: Any, state: Any, mine: Floats, before: Floats, theirs: Floats, i: int, j: int, weight: float
) -> None:  # fmt: skip
    """Mix what agent j sent into what agent i holds: the algorithm's `blend`, or G_i <- G_i + w_ij ( G_j(t-1) - G_i(t-1) ).

    Args:
        mine: (M,) G_i, is written. before, theirs: (M,) G_i(t-1) and G_j(t-1). weight: w_ij.
    """
    if hasattr(self, "blend"):
        self.blend(state, mine, before, theirs, i, j, weight)
    else:
        _blend_rows(self, state, mine, before, theirs, i, j, weight)


def _blend_rows(
    self: Any, state: Any, mine: Floats, before: Floats, theirs: Floats, i: int, j: int, weight: float
) -> None:  # fmt: skip
    for m in range(mine.shape[0]):
        mine[m] += weight * (theirs[m] - before[m])


@overload(select, strict=False, jit_options={"forceinline": True})
def _select(self: Any, state: Any, i: Any, t: Any, p: Any) -> Callable[..., None]:
    return self.instance_class.select  # type: ignore[no-any-return]


@overload(learn, strict=False, jit_options={"forceinline": True})
def _learn(self: Any, state: Any, i: Any, t: Any, arm: Any, x: Any, neighbours: Any) -> Callable[..., None]:
    return self.instance_class.learn  # type: ignore[no-any-return]


@overload(blend, strict=False, jit_options={"forceinline": True})
def _blend(
    self: Any, state: Any, mine: Any, before: Any, theirs: Any, i: Any, j: Any, weight: Any
) -> Callable[..., None]:  # fmt: skip
    return getattr(self.instance_class, "blend", _blend_rows)
