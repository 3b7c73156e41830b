"""What a gossip algorithm is: three methods, written for ONE agent in plain loops over plain arrays."""

from __future__ import annotations

from typing import Any, Protocol

from gossipmab.algorithms.base import ProblemInfo
from gossipmab.utils.types import Floats, Integers

MAILBOX, SCRATCH, KNOWN = "sent_", "scratch_", "known_"


class Algorithm(Protocol):
    """The methods of a gossip algorithm.

    The state is a NamedTuple of arrays whose first axis is the agent. Agent i reads and writes row i only. A field
    `sent_X` is the mailbox of field `X`, both float64: its row j is X[j] as it stood at the end of round t-1, and may be read for
    j = i and for the present neighbours j only. Before `update` the engine has filled `global_mean[i]` with the gossip average
    of `sent_global_mean`; `update` adds the agent's local change and fills the row of any other field that has a mailbox.
    A field `scratch_X`, an array or a tuple of arrays, is working memory, whose content no call may expect to find again: every
    thread and every actor has its own. A field `known_X` is known to all agents before round 1, such as of the base graph.
    `scratch_uniforms`: see `gossipmab.algorithms.base`.
    Averages estimate the means (K, D) of the arms; if they estimate utilities (N, K), `estimates` of the algorithm is
    "utilities", by which the sampling error is measured. `flags` of the algorithm names the fields with mailboxes whose entries are
    0.0 or 1.0: never rounded, and one bit each if numbers are. An algorithm whose agents average different things in the places of
    `global_mean` has a method `blend`, which mixes one message, and a property `blends`, whether it is to be used;
    otherwise the engine mixes whole rows.
    """

    @property
    def communicates(self) -> bool:
        """Whether agents send messages."""

    def init(self, info: ProblemInfo) -> Any:
        """Return the state before the first round."""

    def select(self, state: Any, i: int, t: int, p: Floats) -> None:
        """Write agent i's distribution over the arms in round t = 1..T into p (K,)."""

    def update(self, state: Any, i: int, t: int, arm: int, x: Floats, neighbours: Integers) -> None:
        """Learn from the reward vector x (D,) of the arm pulled in round t, given its present neighbours (n,), ascending."""


def mailboxes(state: Any) -> list[str]:
    """The fields that have a mailbox, in the order of a message."""
    return [name.removeprefix(MAILBOX) for name in state._fields if name.startswith(MAILBOX)]


def exchanged(state: Any) -> Any:
    """The same arrays with every field exchanged with its mailbox."""
    names = mailboxes(state)
    return state._replace(**{name: getattr(state, MAILBOX + name) for name in names},
                          **{MAILBOX + name: getattr(state, name) for name in names})  # fmt: skip


def flags(algorithm: Any) -> tuple[str, ...]:
    """The fields with mailboxes that hold flags, 0.0 or 1.0, in place of numbers."""
    return tuple(getattr(algorithm, "flags", ()))


def message_size(algorithm: Any, state: Any) -> tuple[int, int]:
    """Entries in one message, the rows of all mailboxes, and how many of them are flags; 0 if agents send none."""
    names = mailboxes(state) if algorithm.communicates else []
    sizes = {name: getattr(state, name)[0].size for name in names}
    return sum(sizes.values()), sum(size for name, size in sizes.items() if name in flags(algorithm))


def estimates(algorithm: Any) -> str:
    """What the averages estimate: "means" of the arms, (K, D), unless the algorithm's `estimates` is "utilities", (N, K)."""
    return str(getattr(algorithm, "estimates", "means"))
