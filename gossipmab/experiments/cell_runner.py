"""Who plays the cells of an experiment: builds environment and network, and times the rounds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from gossipmab.experiments.spec import plugins as plugins_used
from gossipmab.experiments.spec.build import built, environment_of
from gossipmab.experiments.spec.build import options as options_of
from gossipmab.experiments.spec.hyperparameters import algorithm
from gossipmab.experiments.spec.settings import GAMES
from gossipmab.experiments.spec.spec import Spec
from gossipmab.experiments.spec.sweep import Cell
from gossipmab.metrics.trace import Recorded
from gossipmab.networks.network import Network


class Played(NamedTuple):
    """A cell's trace, and the seconds it took."""

    trace: Recorded
    seconds: float


SMALL = 500  # agents, of whom a trial takes little memory in any case


class Player:
    """Plays the cells of an experiment. Copies go to other processes as they are."""

    KEPT = 4  # networks: cells come point by point, and their spectral facts take time

    def __init__(self, spec: Spec, threads: int = 1) -> None:
        self.spec, self.threads = spec, threads  # that share the agents of a cell of gossip
        self._networks: dict[str, Network | None] = {}
        self._compiled: set[tuple[Any, ...]] = set()
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"spec": self.spec, "threads": self.threads, "lent": plugins_used.registered(self.spec)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        plugins_used.register_all(state.pop("lent"))
        self.__init__(**state)  # type: ignore[misc]

    def __call__(
        self, cell: Cell, steps: Callable[[int], None] | None = None, simulate: Callable[..., Recorded] | None = None
    ) -> Played:
        """Play one cell. `simulate` stands in for the protocol's own, where another engine plays the rounds."""
        try:
            return self._play(cell, steps, simulate)
        except SystemExit as error:  # an algorithm of somebody else's may end itself, not the run
            raise RuntimeError(f"it called sys.exit({error.code!r})") from error

    def _play(
        self, cell: Cell, steps: Callable[[int], None] | None, simulate: Callable[..., Recorded] | None
    ) -> Played:
        at = self.spec.at(cell.point)
        played, *world = self._parts(cell, at, cell.trial)
        options = options_of(at)
        if simulate is None:
            simulate = GAMES[at.experiment.protocol].simulator()
            options |= self._shared(at)
            self._compile(at, played, world)
        begin = time.perf_counter()
        trace = simulate(
            played,
            *world,
            horizon=at.experiment.horizon,
            seed=at.seed,
            recorded_rounds=at.experiment.record,
            trial=cell.trial,
            stream_label="" if at.experiment.coupled else cell.label,
            welfare=at.experiment.welfare,
            progress=steps,
            **options,
        )
        return Played(trace, time.perf_counter() - begin)

    @property
    def files(self) -> Mapping[str, Path]:
        """The data files: what the experiment calls them -> where they lie."""
        return self.spec.files

    def relocated(self, files: Mapping[str, Path]) -> Player:
        """The same player where the files lie elsewhere."""
        return Player(replace(self.spec, files=files), self.threads)

    def prepare(self, cells: Sequence[Cell]) -> None:
        """Compile what the cells will need, before any of them is played."""
        words = ("environment.rewards",)
        kinds = {
            (cell.name, *(str({**cell.point, **cell.params}.get(word)) for word in words)): cell
            for cell in reversed(cells)
        }
        for cell in kinds.values():
            at = self.spec.at(cell.point)
            with suppress(Exception, SystemExit):  # the cell will fail in the same way, and say so
                played, *world = self._parts(cell, at, 0)
                self._compile(at, played, world)

    def _parts(self, cell: Cell, at: Spec, trial: int) -> list[Any]:
        """The algorithm, the environment of a trial and, in gossip, the network."""
        network = self._network(cell, at)
        environment = environment_of(at, trial, None if network is None else network.agents)
        played = algorithm(at.experiment.protocol, cell.name, cell.params)
        return [played, environment] if network is None else [played, environment, network]

    def _compile(self, at: Spec, played: Any, world: Sequence[Any]) -> None:
        """Play one round of what has not been compiled yet, so that the seconds of a cell are those of playing it."""
        words = tuple(value for value in played if isinstance(value, str))  # an objective's name may choose its code
        kind = at.experiment.protocol, type(played), type(world[0].rewards), words
        with self._lock:
            if kind not in self._compiled:
                simulate = GAMES[at.experiment.protocol].simulator()
                simulate(played, *world, horizon=1, seed=0, **options_of(at), **self._shared(at))
                self._compiled.add(kind)

    def _shared(self, at: Spec) -> dict[str, Any]:
        return {"threads": self.threads} if at.experiment.protocol == "gossip" else {}

    def room(self, cells: Sequence[Cell]) -> tuple[int, int]:
        """The bytes of the largest cell of gossip, and the agents of the smallest; InputError where one does not fit the memory."""
        from gossipmab.engines.common import recorded_rounds
        from gossipmab.engines.gossip import memory

        largest, fewest = 0, 0
        kinds = {(json.dumps([dict(c.point), dict(c.params)], sort_keys=True), c.name): c for c in reversed(cells)}
        for cell in kinds.values():
            at = self.spec.at(cell.point)
            if at.environment.agents is not None and at.environment.agents <= SMALL:
                fewest = min(fewest or at.environment.agents, at.environment.agents)
                continue
            network = self._network(cell, at)
            if network is None:
                return 0, 0
            drawn = environment_of(at, 0, network.agents) if at.environment.arms is None else at.environment
            played = algorithm(at.experiment.protocol, cell.name, cell.params)
            recorded = len(recorded_rounds(at.experiment.horizon, at.experiment.record))
            arms, objectives = int(drawn.arms or 1), int(drawn.objectives or 1)
            largest = max(largest, memory.check(played, network, arms, objectives, recorded))
            fewest = min(fewest or network.agents, network.agents)
        return largest, fewest

    def _network(self, cell: Cell, at: Spec) -> Network | None:
        key = json.dumps(dict(cell.point), sort_keys=True)
        with self._lock:
            if key not in self._networks:
                while len(self._networks) >= self.KEPT:
                    del self._networks[next(iter(self._networks))]
                self._networks[key] = built(at, cell.trial)[1]
            return self._networks[key]
