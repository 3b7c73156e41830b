"""The agents of one actor: private arrays, own rewards, own random streams. No Ray, no numba, no sockets in this file.

The arrays have full shape, so that the algorithms' methods run on them as they are; but only the own agents' rows, and the
messages received, ever hold anything that was learnt. In `poison` mode all other rows hold NaN.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.engines.actors.object_code_loader import Machine, Program
from gossipmab.engines.gossip.channel_state import Mailing
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.types import Floats, Integers

MAILBOX, SCRATCH = "sent_", "scratch_"
POISON = -(10**6)  # of integers, which have no NaN


class Common(NamedTuple):
    """What all actors of a trial are told.

    sizes: (N, K, D). bounds: (A + 1,) actor a has the agents bounds[a] .. bounds[a + 1] - 1. horizon, window: rounds.
    key: of the random streams. algorithm: its hyperparameters. names, values: of the initial state's fields.
    known: the fields that are known to all. prepares: the reward model, where it prepares uniform numbers, else None.
    rounds: (R,) to be recorded. boundary: of every actor, the agents with a neighbour elsewhere in G0, ascending.
    room: of every actor, the sum of its agents' degrees in G0.
    recipe: one reference to the types and whether to cache, from which another kind of processor compiles.
    mailing: where messages are things of their own, what is told about them.
    """

    sizes: tuple[int, int, int]
    bounds: Integers
    horizon: int
    window: int
    key: dict[str, Any]
    algorithm: tuple[Any, ...]
    communicates: bool
    names: tuple[str, ...]
    values: tuple[Any, ...]
    known: tuple[str, ...]
    prepares: Any
    rounds: Integers
    boundary: tuple[Integers, ...]
    room: tuple[int, ...]
    poison: bool
    program: Program
    recipe: tuple[Any, ...]
    mailing: Mailing | None = None


class Snapshot(NamedTuple):
    """All that must be kept of an actor: the rounds it has played, its own rows of every field, what it remembers of messages."""

    played: int
    rows: dict[str, NDArray[Any]]
    messages: tuple[NDArray[Any], ...] = ()


class OwnRows(NamedTuple):
    """In a reward model: the own agents' rows of an array (N, ...)."""

    rows: Floats


class Links(NamedTuple):
    """As in `own_rounds`, which numba compiles."""

    first: Integers
    neighbours: Integers
    weights: Floats


class Rows(NamedTuple):
    """As in `own_rounds`."""

    first: Integers
    agents: Integers
    box: Floats
    call_first: Integers
    calls: Integers


class Wire(NamedTuple):
    """As in `own_rounds`."""

    outgoing: Rows
    incoming: Rows
    sent: Integers
    done: Integers


class Window(NamedTuple):
    """As in `own_rounds`."""

    u_arms: Floats
    u_rewards: Floats
    arms: Integers
    p: Floats
    rounds: Integers
    own: Floats
    local: Floats


class OwnAgents:
    """The agents first .. last - 1 of a trial."""

    def __init__(
        self, common: Common, index: int, rewards: tuple[Any, ...], snapshot: Snapshot | None, machine: Machine
    ) -> None:
        """As they were at the snapshot, or before the first round."""
        self.common = common
        self.first, self.last = (int(bound) for bound in common.bounds[index : index + 2])
        self.agents = self.last - self.first
        self.owner = np.repeat(np.arange(len(common.bounds) - 1), np.diff(common.bounds))
        self.played = snapshot.played if snapshot else 0
        self._own = slice(self.first, self.last)
        fields = {name: self._private(name, value) for name, value in zip(common.names, common.values, strict=True)}
        for name, rows in (snapshot.rows if snapshot else {}).items():
            fields[name][self._own] = rows
        self._fields = fields, _exchanged(fields)  # now and after; the turn says which is which
        self._turn = 0
        self._machine = machine
        self._rewards = tuple(self._full(value) for value in rewards)
        keys = [common.key | {"agent": i} for i in range(self.first, self.last)]
        self._u_arms = [stream(**key, purpose=Purpose.ARMS) for key in keys]
        self._u_rewards = [stream(**key, purpose=Purpose.REWARDS) for key in keys]
        for generators, numbers in ((self._u_arms, 1), (self._u_rewards, common.sizes[2])):
            for generator in generators:
                generator.bit_generator.advance(numbers * self.played)  # type: ignore[attr-defined]
        self._x = np.zeros(common.sizes[2])
        self.message_size = sum(box.shape[1] for box in self.boxes())
        for array in self.rows().values() if common.poison else ():
            keep = array[self._own].copy()
            array[...] = np.nan if array.dtype.kind == "f" else POISON
            array[self._own] = keep

    def _private(self, name: str, value: Any) -> Any:
        """A copy of our own; pages that hold nothing but 0 are never touched."""
        if isinstance(value, tuple):
            return tuple(self._private(name, item) for item in value)
        if not isinstance(value, np.ndarray):
            return value
        private = np.zeros(value.shape, value.dtype)
        if value.any():
            private[...] = value
        return private

    def _full(self, value: Any) -> Any:
        if isinstance(value, OwnRows):
            full = np.full((self.common.sizes[0], *value.rows.shape[1:]), np.nan)
            full[self._own] = value.rows
            return full
        return np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value

    def rows(self) -> dict[str, NDArray[Any]]:
        """The fields that have a row for every agent, as they stand now."""
        return {
            name: value
            for name, value in self._fields[self._turn].items()
            if isinstance(value, np.ndarray)
            and len(value) == self.common.sizes[0]
            and name not in self.common.known
            and not name.startswith(SCRATCH)
        }

    def boxes(self, turn: int | None = None) -> tuple[Floats, ...]:
        """The fields that have a mailbox, (N, any) each, in the order of a message; they receive messages, too."""
        fields = self._fields[self._turn if turn is None else turn]
        names = [name.removeprefix(MAILBOX) for name in self.common.names if name.startswith(MAILBOX)]
        N = self.common.sizes[0]
        return tuple(fields[name].reshape(N, -1) for name in names) or (np.zeros((N, 0)),)

    def snapshot(self) -> Snapshot:
        """As they stand now."""
        return Snapshot(self.played, {name: value[self._own].copy() for name, value in self.rows().items()})

    def message(self, agents: Integers) -> bytes:
        """What these own agents send now."""
        return np.concatenate([box[agents] for box in self.boxes()], axis=1).tobytes()

    def open(self, links: Links, wire: Wire) -> Window:
        """Begin a window: draw its numbers, lay out what the compiled code takes."""
        window = self._window()
        self._tables = [self._machine.table(self._arguments(turn, links, wire)) for turn in (0, 1)]
        self._shifts = [table.words[-3:-2] for table in self._tables]
        return window

    def _window(self) -> Window:
        common = self.common
        B = min(common.window, common.horizon - self.played)
        K, D = common.sizes[1:]
        u_arms, u_rewards = np.empty((self.agents, B)), np.empty((self.agents, B, D))
        for a in range(self.agents):
            self._u_arms[a].random(out=u_arms[a])
            self._u_rewards[a].random(out=u_rewards[a])
        if common.prepares is not None:
            u_rewards = common.prepares.prepare(u_rewards)
        rounds = common.rounds[(common.rounds > self.played) & (common.rounds <= self.played + B)]
        local = self._fields[0]["local_mean"]
        kept = np.empty((2, len(rounds), self.agents, local[0].size))
        p = np.empty((B, self.agents, K))
        self.window = Window(u_arms, u_rewards, np.empty((B, self.agents), np.int64), p, rounds, kept[0], kept[1])
        self.t0 = self.played
        return self.window

    def _arguments(self, turn: int, links: Links, wire: Wire) -> tuple[Any, ...]:
        now, after = self._fields[turn], self._fields[1 - turn]
        flat = [np.zeros((self.common.sizes[0], 0))] * 2
        if "global_mean" in now:
            flat = [state["global_mean"].reshape(self.common.sizes[0], -1) for state in (now, after)]
        return (
            self.common.algorithm, self._rewards, tuple(now.values()), tuple(after.values()), *flat,
            now["local_mean"].reshape(self.common.sizes[0], -1), self.boxes(turn), self.boxes(1 - turn),
            self._x, self.first, self.common.communicates, self.common.poison, links, wire, self.window, self.t0, 0,
        )  # fmt: skip

    def play(self, begin: int, stop: int, shift: int = 0) -> int:
        """Play the rounds begin .. stop - 1 of the window, or as far as messages come; links and wire begin with `shift`.

        Returns:
            The round of the window that comes next.
        """
        self._shifts[self._turn][0] = shift
        done = self._machine.play(self._tables[self._turn], begin, stop)
        self._turn ^= done & 1
        self.played = self.t0 + begin + done
        return begin + done


def _exchanged(fields: dict[str, Any]) -> dict[str, Any]:
    """The same arrays, every field exchanged with its mailbox."""
    other = dict(fields)
    for box in fields:
        if box.startswith(MAILBOX):
            plain = box.removeprefix(MAILBOX)
            other[box], other[plain] = fields[plain], fields[box]
    return other
