"""The inspection of every call of `select` and `update`: what it writes and reads, and whether it does the same again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from gossipmab.algorithms import ORACLES
from gossipmab.engines.conformance.errors import ConformanceError, check_distribution, class_name, described, fault_if
from gossipmab.engines.conformance.reference_trial import Fields, copied, poisoned, same

Call = Callable[[Any, Any], None]  # of a method, with a state and the array p


def global_generators() -> tuple[Any, ...]:
    """The states of NumPy's and Python's global generators."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return kind, np.asarray(keys).tobytes(), *rest, random.getstate()


class Inspector:
    """A caller that makes every call several times: as it is, again, and with everything poisoned that it may not read."""

    def __init__(self, algorithm: Any, fields: Fields) -> None:
        self.algorithm, self.fields, self.name = algorithm, fields, class_name(algorithm)
        self.oracle = isinstance(algorithm, tuple(ORACLES.values()))
        self.stale = [name for name in fields.boxed if name != "global_mean"] if algorithm.communicates else []

    def select(self, state: Any, i: int, t: int, p: Any) -> None:
        """Call `select`; agent i's row is all it may read."""
        keep = {name: [i] for name in self.fields.rows if name not in self.fields.sent}
        where = f"{self.name}.select, in round {t} of agent {i},"
        self.look(where, state, i, p, lambda one, q: self.algorithm.select(one, i, t, q), keep)
        check_distribution(where, p)

    def update(self, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
        """Call `update`; agent i's row is all it may read, and of mailboxes also those of its present neighbours."""
        keep = {
            name: [i, *neighbours.tolist()] if name in self.fields.sent else [] if name in self.stale else [i]
            for name in self.fields.rows
        }
        where = f"{self.name}.update, in round {t} of agent {i},"
        before = x.copy(), neighbours.copy()

        def call(one: Any, q: Any) -> None:
            self.algorithm.update(one, i, t, arm, x, neighbours)
            wrote = not (same(x, before[0]) and same(neighbours, before[1]))
            fault_if(wrote, "trespass", f"{where} writes into an argument; its own row is all that it may write")

        self.look(where, state, i, np.zeros(0), call, keep)

    def look(self, where: str, state: Any, i: int, p: Any, call: Call, keep: dict[str, list[int]]) -> None:
        """Make the call, and compare it with others."""
        before, q, generators = copied(state), p.copy(), global_generators()
        try:
            call(state, p)
        except ConformanceError:
            raise
        except Exception as error:
            raise ConformanceError("failure", f"{where} raises {described(error)}") from error
        if global_generators() != generators:
            raise ConformanceError("randomness", f"{where} draws from a global generator; numbers come in state.scratch_uniforms")
        self.look_at_writing(where, before, state, i)
        again = copied(before)
        call(again, again_p := q.copy())
        what = "gives another outcome when called again with equal arguments: it keeps hidden state, where what carries over"
        alike = same(again, state) and same(again_p, p)
        fault_if(not alike, "hidden state", f"{where} {what} belongs into the agent's row of the state")
        for kind in () if self.oracle else (0, 1):
            if not self.unmoved(call, before, keep, kind, i, state, p, q):
                raise ConformanceError("peek", f"{where} {self.culprit(call, before, keep, kind, i, state, p, q)}")

    def unmoved(self, call: Call, before: Any, keep: dict[str, list[int]], kind: int, i: int, state: Any, p: Any, q: Any) -> bool:
        """Whether the call gives the same row i and the same p with all rows poisoned but those to keep."""
        other, other_p = poisoned(before, self.fields, keep, kind), q.copy()
        try:
            call(other, other_p)
        except Exception:
            return False
        own = [name for name in self.fields.rows if name not in self.fields.sent]
        return same(other_p, p) and all(same(getattr(other, name)[i], getattr(state, name)[i]) for name in own)

    def culprit(self, call: Call, before: Any, keep: dict[str, list[int]], *rest: Any) -> str:
        """The field that was read and should not have been: the first that alone makes a difference."""
        every = list(range(len(before.local_mean)))
        for name in self.fields.rows:
            if self.unmoved(call, before, {**dict.fromkeys(self.fields.rows, every), name: keep.get(name, [])}, *rest):
                continue
            if name in self.stale:
                return f"reads state.{name}, which holds what it did two rounds ago; write it anew, from state.sent_{name}[i]"
            allowed = f"rows {keep[name]}" if keep.get(name) else "none of its rows"
            return f"reads rows of state.{name} that the agent has not received; it may read {allowed}"
        return "reads rows of the state that the agent has not received"

    def look_at_writing(self, where: str, before: Any, after: Any, i: int) -> None:
        """Raise ConformanceError unless agent i's own row, and scratch, are all that changed."""
        for name in (*self.fields.rows, *self.fields.fixed):
            old, new = getattr(before, name), getattr(after, name)
            if same(old, new):
                continue
            what = (
                f"state.{name}, which has no row for every agent; call it scratch_{name} if no call relies on what it held before"
            )
            fault_if(name in self.fields.fixed, "trespass", f"{where} writes {what}")
            rows = [j for j in range(len(new)) if not same(old[j], new[j])]
            what = f"the mailbox state.{name}; what is to be sent belongs into state.{name.removeprefix('sent_')}[i]"
            fault_if(name in self.fields.sent, "trespass", f"{where} writes row {rows[0]} of {what}")
            for j in rows:
                what = f"of state.{name}, which is another agent's; row {i} is all that it may write"
                fault_if(j != i, "trespass", f"{where} writes row {j} {what}")
