"""Looks at every call of `select` and `update`: what it writes, what it reads, and whether it does the same again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gossipmab.testing.errors import ConformanceError, DistributionError, HiddenStateError, PeekError, TrespassError
from gossipmab.testing.reference_trial import Fields, copied, poisoned, same

TOLERANCE = 1e-12
Call = Callable[[Any, Any], None]  # of a method, with a state and the array p


class Inspector:
    """A `stage.Caller` that calls the methods several times: as they are, again, and where all that is not theirs is spoilt."""

    def __init__(self, algorithm: Any, fields: Fields) -> None:
        self.algorithm, self.fields, self.name = algorithm, fields, type(algorithm).__name__
        self.stale = [name for name in fields.boxed if name != "global_mean"] if algorithm.communicates else []

    def select(self, state: Any, i: int, t: int, p: Any) -> None:
        """Call `select`; agent i's row is all it may read."""
        keep = {name: [i] for name in self.fields.rows if name not in self.fields.sent}
        where = f"{self.name}.select, in round {t} of agent {i},"
        self.look(where, state, i, p, lambda one, q: self.algorithm.select(one, i, t, q), keep)
        if not (np.isfinite(p).all() and (p >= 0.0).all() and abs(p.sum() - 1.0) <= TOLERANCE):
            raise DistributionError(
                f"{where} writes {p.tolist()}, which sums to {p.sum():.12g}; allowed are probabilities >= 0 that sum to 1"
            )

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
            if not (same(x, before[0]) and same(neighbours, before[1])):
                raise TrespassError(f"{where} writes into an argument; its own row is all that it may write")

        self.look(where, state, i, np.zeros(0), call, keep)

    def look(self, where: str, state: Any, i: int, p: Any, call: Call, keep: dict[str, list[int]]) -> None:
        """Make the call, and compare it with others."""
        before, q = copied(state), p.copy()
        try:
            call(state, p)
        except ConformanceError:
            raise
        except Exception as error:
            raise ConformanceError(f"{where} raises {type(error).__name__}: {error}") from error
        self.look_at_writing(where, before, state, i)
        again = copied(before)
        call(again, again_p := q.copy())
        if not (same(again, state) and same(again_p, p)):
            raise HiddenStateError(
                f"{where} gives another outcome when called again with equal arguments: it keeps hidden state, where what "
                "carries over belongs into the agent's row of the state"
            )
        for kind in (0, 1):
            other, other_p = poisoned(before, self.fields, keep, kind), q.copy()
            try:
                call(other, other_p)
                alike = same(other_p, p) and all(
                    same(getattr(other, name)[i], getattr(state, name)[i])
                    for name in self.fields.rows
                    if name not in self.fields.sent
                )
            except Exception:
                alike = False
            if not alike:
                raise PeekError(f"{where} {self.what(before, i, call, p, q, keep, kind, state)}")

    def look_at_writing(self, where: str, before: Any, after: Any, i: int) -> None:
        """Raise TrespassError unless agent i's own row, and scratch, are all that changed."""
        for name in (*self.fields.rows, *self.fields.fixed):
            old, new = getattr(before, name), getattr(after, name)
            if same(old, new):
                continue
            if name in self.fields.fixed:
                raise TrespassError(
                    f"{where} writes state.{name}, which has no row for every agent; call it scratch_{name} if no call relies "
                    "on what it held before"
                )
            j = next(j for j in range(len(new)) if not same(old[j], new[j]))
            if name in self.fields.sent:
                raise TrespassError(
                    f"{where} writes row {j} of the mailbox state.{name}; what is to be sent belongs into "
                    f"state.{name.removeprefix('sent_')}[i]"
                )
            others = [j for j in range(len(new)) if j != i and not same(old[j], new[j])]
            if others:
                raise TrespassError(
                    f"{where} writes row {others[0]} of state.{name}, which is another agent's; row {i} is all that it may write"
                )

    def what(
        self, before: Any, i: int, call: Call, p: Any, q: Any, keep: dict[str, list[int]], kind: int, state: Any
    ) -> str:  # fmt: skip
        """Which field was read that should not have been: the first that alone makes a difference."""
        every = list(range(len(before.local_mean)))
        for name in self.fields.rows:
            alone = {other: every for other in self.fields.rows} | {name: keep.get(name, [])}
            other, other_p = poisoned(before, self.fields, alone, kind), q.copy()
            try:
                call(other, other_p)
                alike = same(other_p, p) and all(
                    same(getattr(other, f)[i], getattr(state, f)[i]) for f in keep if f != name
                )
                alike = alike and (name in self.fields.sent or same(getattr(other, name)[i], getattr(state, name)[i]))
            except Exception:
                alike = False
            if alike:
                continue
            if name in self.stale:
                return f"reads state.{name}, which holds what it did two rounds ago; write it anew, from state.sent_{name}[i]"
            allowed = f"rows {keep[name]}" if keep.get(name) else "none of its rows"
            return f"reads rows of state.{name} that the agent was not told; it may read {allowed}"
        return "reads rows of the state that the agent was not told"
