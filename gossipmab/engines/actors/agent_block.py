"""The agents of one actor: private arrays, own rewards, own parts of the random streams. No Ray, no numba, no sockets here.

The arrays have full shape, so that the algorithms' methods run on them as they are; but only the own agents' rows, and the
messages received, are ever filled. In `poison` mode all other rows hold NaN.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.engines.actors.object_code_loader import Machine, Program
from gossipmab.engines.gossip.channel_state import Averages, HaloFields, MessageInfo, RandomBlock, WindowFields, Wire
from gossipmab.utils.rng import Purpose, RandomSource
from gossipmab.utils.types import Floats, Integers

POISON = -(10**6)  # of integers, which have no NaN


class TrialInfo(NamedTuple):
    """What all actors of a trial know.

    sizes: (N, K, D). uniforms: M of the algorithm. bounds: (A + 1,) actor a has the agents bounds[a] .. bounds[a + 1] - 1.
    horizon, window: rounds. key: of the random streams. algorithm: its hyperparameters.
    names, values: of the initial state's fields. boxes: fields that have a mailbox -> it. rows: fields with a row for each agent.
    prepares: the reward model, if it prepares uniform numbers, else None. rounds: (R,) to be recorded.
    boundary: of every actor, the agents with a neighbour elsewhere in G0, ascending. room: of every actor, the sum of
    its agents' degrees in G0. recipe: one reference to what `program` takes, to compile for another kind of processor.
    messages: of an unreliable channel, else None.
    """

    sizes: tuple[int, int, int]
    uniforms: int
    bounds: Integers
    horizon: int
    window: int
    key: dict[str, Any]
    algorithm: tuple[Any, ...]
    communicates: bool
    blends: bool
    names: tuple[str, ...]
    values: tuple[Any, ...]
    boxes: dict[str, str]
    rows: tuple[str, ...]
    prepares: Any
    rounds: Integers
    boundary: tuple[Integers, ...]
    room: tuple[int, ...]
    poison: bool
    program: Program
    recipe: tuple[Any, ...]
    messages: MessageInfo | None = None


class Snapshot(NamedTuple):
    """All that must be kept of an actor: the rounds it has played, its own rows of every field, its memory of messages."""

    played: int
    rows: dict[str, NDArray[Any]]
    messages: tuple[NDArray[Any], ...] = ()


class OwnRows(NamedTuple):
    """In a reward model: the own agents' rows of an array (N, ...)."""

    rows: Floats


class AgentBlock:
    """The agents first .. last - 1 of a trial, whose messages go to other processes by a halo exchange."""

    def __init__(self, info: TrialInfo, index: int, rewards: tuple[Any, ...], snapshot: Snapshot | None, machine: Machine) -> None:
        """As they were at the snapshot, or before the first round."""
        self.info, self.index = info, index
        self.first, self.last = (int(bound) for bound in info.bounds[index : index + 2])
        self.agents, self.own = self.last - self.first, slice(self.first, self.last)
        self.owner = np.repeat(np.arange(len(info.bounds) - 1), np.diff(info.bounds))
        self.t0 = self.played = snapshot.played if snapshot else 0
        fields = {name: self._private(name, value) for name, value in zip(info.names, info.values, strict=True)}
        for name, rows in (snapshot.rows if snapshot else {}).items():
            fields[name][self.own] = rows
        after = fields | {box: fields[name] for name, box in info.boxes.items()}
        self._fields = fields, after | {name: fields[box] for name, box in info.boxes.items()}
        self._turn = 0  # which of the fields stands before the round
        self._machine = machine
        self._rewards = tuple(self._full(value) for value in rewards)
        N, K, D = info.sizes
        shapes = {Purpose.ARMS: (N,), Purpose.REWARDS: (N, D), Purpose.POLICY: (N, info.uniforms)}
        self._source = RandomSource(info.key, shapes, self.played)
        self._scratch = np.zeros(K), np.zeros(D)
        self.message_size = sum(box.shape[1] for box in self.boxes()) if info.communicates else 0
        for array in self.rows().values() if info.poison else ():
            keep = array[self.own].copy()
            array[...] = np.nan if array.dtype.kind == "f" else POISON
            array[self.own] = keep

    def _private(self, name: str, value: Any) -> Any:
        """A private copy; pages that hold nothing but 0 are never touched."""
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
            full = np.full((self.info.sizes[0], *value.rows.shape[1:]), np.nan)
            full[self.own] = value.rows
            return full
        return np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value

    def rows(self) -> dict[str, NDArray[Any]]:
        """The fields with a row for each agent, as they stand before the next round."""
        return {name: self._fields[self._turn][name] for name in self.info.rows}

    def boxes(self, turn: int | None = None) -> tuple[Floats, ...]:
        """The fields that have a mailbox, (N, any) each, in the order of a message; they receive messages, too."""
        fields, N = self._fields[self._turn if turn is None else turn], self.info.sizes[0]
        return tuple(fields[name].reshape(N, -1) for name in self.info.boxes) or (np.zeros((N, 0)),)

    def snapshot(self) -> Snapshot:
        """The state before the next round."""
        return Snapshot(self.played, {name: value[self.own].copy() for name, value in self.rows().items()})

    def message(self, agents: Integers) -> bytes:
        """What these own agents send in the next round."""
        return np.concatenate([box[agents] for box in self.boxes()], axis=1).tobytes()

    def begin_window(self, part: tuple[Integers, Integers, Floats], wire: Wire) -> WindowFields:
        """Begin a window with these links (first, neighbours, weights) of its rounds, or of the one that `play_round` names."""
        self._origin = np.zeros(1, np.int64)
        numbers = self._window()
        channels = [
            HaloFields(
                self._averages(turn), self.boxes(turn), self.boxes(1 - turn), *part, wire, self._origin, self.first,
                self.agents, self.info.communicates, self.info.blends, self.info.poison,
            )
            for turn in (0, 1)
        ]  # fmt: skip
        self._lay_out(channels, numbers, self._fields)
        return self.window

    def _window(self) -> RandomBlock:
        """Draw the numbers of a window, and make its record."""
        info, self.t0 = self.info, self.played
        B, n = min(info.window, info.horizon - self.played), self.agents
        drawn = self._source.rows(B, self.first, self.last)
        rewards = drawn[Purpose.REWARDS]
        if info.prepares is not None:
            rewards = np.ascontiguousarray(info.prepares.prepare(rewards))
        rounds = info.rounds[(info.rounds > self.played) & (info.rounds <= self.played + B)]
        kept = np.empty((2, len(rounds), n, self._fields[0]["local_mean"][0].size))
        arms, sent = np.zeros((2, B, n), np.int64)
        self.window = WindowFields(self.first, arms, np.zeros((B, n, info.sizes[1])), sent, np.zeros(1, np.int64), rounds, *kept)
        return RandomBlock(self.first, drawn[Purpose.ARMS], rewards, drawn[Purpose.POLICY])

    def _averages(self, turn: int) -> Averages:
        N, (now, after) = self.info.sizes[0], (self._fields[turn], self._fields[1 - turn])
        own, sent = (state["global_mean"].reshape(N, -1) if self.info.communicates else np.zeros((N, 0)) for state in (after, now))
        return Averages(own, sent, after["local_mean"].reshape(N, -1), now["local_mean"].reshape(N, -1))

    def _lay_out(self, channels: Any, numbers: RandomBlock, states: Any) -> None:
        """Lay out what the compiled loop takes, in rounds of either turn."""
        self._tables = [
            self._machine.table(
                (
                    self.info.algorithm, self._rewards, tuple(states[turn].values()), tuple(states[1 - turn].values()),
                    channels[turn], self.window, numbers, self._scratch, self.t0,
                )
            )
            for turn in (0, 1)
        ]  # fmt: skip

    def play(self, begin: int, stop: int) -> int:
        """Play the rounds begin .. stop - 1 of the window, or as far as messages are there; returns the round that comes next."""
        reached = self._machine.play(self._tables[self._turn], begin, stop, self.first, self.last)
        self._turn ^= (reached - begin) & 1
        self.played = self.t0 + reached
        return reached

    def play_round(self, b: int) -> None:
        """Play the one round b of the window with the links and rows that stand in `begin_window`'s arrays."""
        self._origin[0] = b
        self.play(b, b + 1)
