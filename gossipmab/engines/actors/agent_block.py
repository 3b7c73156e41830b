"""The agents of one actor: private arrays, own rewards, own parts of the random streams. No Ray, no numba, no sockets here.

The arrays have full shape, so that the algorithms' methods run on them as they are; but only the own agents' rows, and the
messages received, are ever filled. In `poison` mode all other rows hold NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.engines.actors.object_code_loader import Machine, Program
from gossipmab.engines.gossip.channel_state import Averages, HaloFields, MessageInfo, RandomBlock, Rows, WindowFields, Wire
from gossipmab.utils.rng import Purpose, RandomSource
from gossipmab.utils.types import Floats, Integers

POISON = -(10**6)  # of integers, which have no NaN


class TrialInfo(NamedTuple):
    """What all actors of a trial know.

    sizes: (N, K, D). uniforms: M of the algorithm. bounds: (A + 1,) actor a has the agents bounds[a] .. bounds[a + 1] - 1.
    key: of the random streams. algorithm: its hyperparameters.
    names, values: of the initial state's fields. boxes: fields that have a mailbox -> it. rows: fields with a row for each agent.
    prepares: the reward model, if it prepares uniform numbers, else None. rounds: (R,) to be recorded.
    boundary: of every actor, the agents with a neighbour elsewhere in G0, ascending. recipe: one reference to what `program`
    takes, to compile for another kind of processor. messages: of an unreliable channel, else None.
    """

    sizes: tuple[int, int, int]
    uniforms: int
    bounds: Integers
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
    poison: bool
    program: Program
    recipe: tuple[Any, ...]
    messages: MessageInfo | None = None


class Snapshot(NamedTuple):
    """All that must be kept of an actor: the rounds it has played, its own rows of every field, its memory of messages."""

    played: int
    rows: dict[str, NDArray[Any]]
    messages: tuple[NDArray[Any], ...] = ()


class WindowGraph(NamedTuple):
    """An actor's part of a window: degrees (B, n) of its agents, and their neighbours and weights (L,) in that order."""

    degrees: Integers
    neighbours: Integers
    weights: Floats

    def peers(self, owner: Integers, index: int) -> list[list[int]]:
        """Of every round, the actors other than `index` that own present neighbours, ascending. owner: (N,) of each agent."""
        ends, owners = np.cumsum(self.degrees.sum(axis=1))[:-1], owner[self.neighbours]
        return [np.setdiff1d(present, index).tolist() for present in np.split(owners, ends)]


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

    def message(self) -> bytes:
        """The rows that the agents at the border send in the next round."""
        return np.concatenate([box[self.info.boundary[self.index]] for box in self.boxes()], axis=1).tobytes()

    def enter(self, wire: Wire, b: int, messages: Sequence[bytes]) -> None:
        """Take the rows that enter in round b of the window from the `message` of each actor that sends some, ascending."""
        agents = wire.incoming.agents[slice(*wire.incoming.first[b : b + 2])]
        peers = self.owner[agents]
        for peer, message in zip(np.unique(peers), messages, strict=True):
            rows, here = np.frombuffer(message).reshape(-1, self.message_size), np.flatnonzero(peers == peer)
            wire.incoming.box[here] = rows[np.searchsorted(self.info.boundary[peer], agents[here])]
            wire.sent[b] += len(message)
        wire.done[2] = 1  # no socket is left to wait for

    def begin_window(self, part: WindowGraph, sockets: Mapping[int, int]) -> Wire:
        """Lay out a window with these links; returns what crosses the border. sockets: as in `crossing_of`."""
        numbers, wire = self._window(len(part.degrees)), crossing_of(part, self, sockets)
        first = np.append(0, np.cumsum(part.degrees))
        channels = [
            HaloFields(
                self._averages(turn), self.boxes(turn), self.boxes(1 - turn), first, part.neighbours, part.weights, wire,
                self.first, self.agents, self.info.communicates, self.info.blends, self.info.poison,
            )
            for turn in (0, 1)
        ]  # fmt: skip
        self._lay_out(channels, numbers, self._fields)
        return wire

    def _window(self, B: int) -> RandomBlock:
        """Draw the numbers of a window of B rounds, and make its record."""
        info, self.t0, n = self.info, self.played, self.agents
        drawn = self._source.rows(B, self.first, self.last)
        rewards = drawn[Purpose.REWARDS]
        if getattr(info.prepares, "common_draw", False):  # every actor takes the number of the first of all agents
            shape = {Purpose.REWARDS: self._source.shapes[Purpose.REWARDS]}
            rewards[...] = RandomSource(info.key, shape, self.played).rows(B, 0, 1)[Purpose.REWARDS]
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
        fields, rest = [tuple(state.values()) for state in states], (self.window, numbers, self._scratch, self.t0)
        self._tables = [
            self._machine.table((self.info.algorithm, self._rewards, fields[turn], fields[1 - turn], channels[turn], *rest))
            for turn in (0, 1)
        ]

    def play(self, begin: int, stop: int) -> int:
        """Play the rounds begin .. stop - 1 of the window, or as far as messages are there; returns the round that comes next."""
        reached = self._machine.play(self._tables[self._turn], begin, stop, self.first, self.last)
        self._turn ^= (reached - begin) & 1
        self.played = self.t0 + reached
        return reached


def crossing_of(part: WindowGraph, own: AgentBlock, sockets: Mapping[int, int]) -> Wire:
    """What crosses an actor's border in a window. A row goes to a peer once, however many agents read it there.

    Links are mutual: the peers that agent i sends to in a round are those that own its present neighbours.

    Args:
        sockets: the number of the socket of every peer. Raises KeyError where one is missing.
    """
    B, n = part.degrees.shape
    N, actors = own.info.sizes[0], len(own.info.bounds) - 1
    entering = leaving = np.zeros(0, np.int64)
    if own.info.communicates and actors > 1:
        reader = np.repeat(np.arange(B * n), part.degrees.ravel())
        peer = own.owner[part.neighbours]
        away = peer != own.index
        place = (reader[away] // n * actors + peer[away]) * N
        entering = np.unique(place + part.neighbours[away])
        leaving = np.unique(place + own.first + reader[away] % n)
    number = np.full(actors, -1, np.int64)
    for other in np.unique(entering // N % actors).tolist():
        number[other] = sockets[other]
    rows = [_by_round(keys, B, number, N, own.message_size) for keys in (leaving, entering)]
    return Wire(rows[0], rows[1], np.zeros(B, np.int64), np.zeros(3, np.int64))


def _by_round(keys: Integers, B: int, number: Integers, N: int, size: int) -> Rows:
    """The rows with these keys, (round A + peer) N + agent, ascending."""
    actors = len(number)
    place = keys // N
    first = np.searchsorted(place, np.arange(B + 1) * actors).astype(np.int64)
    begins = np.flatnonzero(np.diff(place, prepend=-1))
    ends = np.append(begins[1:], len(place))[: len(begins)]
    rounds, peers = np.divmod(place[begins], actors)
    box = np.zeros((int(np.diff(first).max()), size))
    calls = np.stack([number[peers], box.ctypes.data + (begins - first[rounds]) * 8 * size, (ends - begins) * 8 * size], axis=1)
    call_first = np.searchsorted(rounds, np.arange(B + 1)).astype(np.int64)
    return Rows(first, keys % N, box, call_first, np.ascontiguousarray(calls))
