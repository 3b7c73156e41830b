"""Plays the cells of an experiment: builds environment and network, and times the rounds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from gossipmab.engines.conformance.first_rounds import check_outside
from gossipmab.engines.simulate import simulator
from gossipmab.experiments.spec import games, plugins
from gossipmab.experiments.spec.build import built, environment_of, network_of, options as options_of
from gossipmab.experiments.spec.hyperparameters import algorithm
from gossipmab.experiments.spec.network_cache import NetworkCache
from gossipmab.experiments.spec.spec import Cell, Point, Spec
from gossipmab.metrics.trace import TrialRecord
from gossipmab.utils.code_identity import code_hash
from gossipmab.utils.errors import InputError

SMALL = 500  # agents; a trial of so many takes little memory in any case


class Played(NamedTuple):
    """A cell's trace, and the seconds it took."""

    trace: TrialRecord
    seconds: float


def _kinds(cells: Sequence[Cell]) -> list[Cell]:
    """One cell for each algorithm, and for each swept model of rewards or process of links."""
    words = ("environment.rewards", "network.links")
    found = {
        (cell.name, *(str({**cell.point.values, **cell.params}.get(word)) for word in words)): cell for cell in reversed(cells)
    }
    return list(found.values())


class CellRunner:
    """Plays the cells of an experiment. It can be copied to other processes; networks that it has built stay here.

    files: name of a data file in the experiment -> its path. threads: that share the agents of a cell of gossip.
    on_gpu: tasks of Ray play their cells on a GPU.
    """

    on_gpu = False

    def __init__(self, spec: Spec, threads: int = 1) -> None:
        self._begin(spec.files, threads, plugins.registered(spec), spec.networks)

    def _begin(self, files: Mapping[str, Path], threads: int, classes: list[tuple[str, str, type]], networks: NetworkCache) -> None:
        self.files, self.threads, self._classes, self._networks = files, threads, classes, networks
        self._compiled: set[tuple[Any, ...]] = set()
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        classes = plugins.portable(self._classes)
        return {"files": self.files, "threads": self.threads, "classes": classes, "on_gpu": self.on_gpu}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.on_gpu = state.pop("on_gpu")
        self._begin(**state | {"classes": plugins.register_all(state["classes"])}, networks=NetworkCache())

    @property
    def code_hashes(self) -> dict[str, str]:
        """Of the classes that the caller passed: globals that they read may have other values in another process."""
        return {name: code_hash(kind)[:16] for _, name, kind in self._classes}

    def relocated(self, files: Mapping[str, Path]) -> CellRunner:
        """The same runner for a machine on which the files lie elsewhere."""
        other = type(self).__new__(type(self))
        other.on_gpu = self.on_gpu
        other._begin(files, self.threads, self._classes, NetworkCache())
        return other

    def __call__(
        self, cell: Cell, steps: Callable[[int], None] | None = None, simulate: Callable[..., TrialRecord] | None = None
    ) -> Played:
        """Play one cell. `simulate` replaces the protocol's own, if another engine plays the rounds."""
        try:
            return self._play(cell, steps, simulate)
        except SystemExit as error:  # a plug-in may end itself, not the run
            raise RuntimeError(f"it called sys.exit({error.code!r})") from error

    def _play(self, cell: Cell, steps: Callable[[int], None] | None, simulate: Callable[..., TrialRecord] | None) -> Played:
        (played, *world), settings = self.arguments(cell)
        if simulate is None:
            simulate = simulator(cell.point.experiment.protocol)
            settings |= self._shared(cell.point)
            self._compile(cell, played, world)
        begin = time.perf_counter()
        trace = simulate(played, *world, progress=steps, **settings)
        return self.finished(trace, time.perf_counter() - begin)

    def arguments(self, cell: Cell) -> tuple[list[Any], dict[str, Any]]:
        """What `simulate` takes for a cell: algorithm, environment or game, and network; and the settings."""
        experiment = cell.point.experiment
        settings = {
            "horizon": experiment.horizon,
            "seed": experiment.seed,
            "recorded_rounds": experiment.recorded_rounds,
            "trial": cell.trial,
            "stream_label": "" if experiment.common_random_numbers else cell.label,
            "welfare": experiment.welfare,
        }
        return self._parts(cell, cell.trial), settings | options_of(cell.point)

    def finished(self, trace: TrialRecord, seconds: float) -> Played:
        """The outcome of a cell."""
        return Played(trace, seconds)

    def prepare(self, cells: Sequence[Cell]) -> None:
        """Compile what the cells will need, before any of them is played."""
        for cell in _kinds(cells):
            with suppress(Exception, SystemExit):  # the cell will fail in the same way, and its error is reported then
                played, *world = self._parts(cell, 0)
                self._compile(cell, played, world)

    def check(self, cells: Sequence[Cell], compiled: bool) -> None:
        """Raise InputError unless the classes from outside the package pass their first rounds; see `check_outside`.

        compiled: whether all is compiled, too, for this process to play it.
        """
        for cell in _kinds(cells):
            try:
                played, environment, *network = self._parts(cell, 0)
                if cell.point.game is not None:
                    continue  # its learners are not compiled rounds
            except (Exception, SystemExit):  # noqa: S112
                continue  # as in `prepare`
            extra_objectives = cell.point.experiment.extra_objectives
            check_outside(played, environment, network[0] if network else None, extra_objectives=extra_objectives)
            if compiled:
                try:
                    self._compile(cell, played, [environment, *network])
                except InputError:
                    raise
                except (Exception, SystemExit):  # noqa: S110
                    pass  # as in `prepare`

    def _parts(self, cell: Cell, trial: int) -> list[Any]:
        """The algorithm, the environment of a trial or the game and, for who communicates, the network."""
        played = algorithm(cell.point.experiment.protocol, cell.name, cell.params)
        world, network = built(cell.point, self.files, trial, self._networks)
        used = network is not None and (cell.point.game is None or games.communicates(played))
        return [played, world, network] if used else [played, world]

    def _compile(self, cell: Cell, played: Any, world: Sequence[Any]) -> None:
        """Play one round of what has not been compiled yet, so that the seconds of a cell are those of playing it.

        A learner of a game is compiled as it is trained: there is no part of it that is small enough.
        """
        protocol = cell.point.experiment.protocol
        if cell.point.game is not None:
            return
        words = tuple(value for value in played if isinstance(value, str))  # an objective's name may choose its code
        kind = protocol, type(played), type(world[0].rewards), words, self.threads
        with self._lock:
            if kind not in self._compiled:
                options = options_of(cell.point) | self._shared(cell.point)
                simulator(protocol)(played, *world, horizon=1, seed=0, **options)
                self._compiled.add(kind)

    def _shared(self, point: Point) -> dict[str, Any]:
        return {"threads": self.threads} if point.experiment.protocol == "gossip" else {}

    def room(self, cells: Sequence[Cell]) -> tuple[int, int]:
        """The bytes of the largest cell of gossip, and the agents of the smallest.

        Raises:
            InputError: a cell does not fit the memory.
        """
        from gossipmab.engines.common import recorded_rounds
        from gossipmab.engines.gossip import memory

        largest, fewest = 0, 0
        checked: set[str] = set()
        for cell in cells:
            point, agents = cell.point, cell.point.agents
            if point.network is None or point.environment is None:
                return 0, 0
            fewest = min(fewest or agents, agents)
            if cell.trial > 0 or agents <= SMALL:
                continue
            key = json.dumps([point.network_key, point.environment.model_dump(), cell.name, cell.params], sort_keys=True)
            if key in checked:
                continue
            checked.add(key)
            network = self._networks.get(point.network_key, partial(network_of, point, self.files, agents))
            drawn = environment_of(point, self.files, 0, agents) if point.environment.arms is None else point.environment
            played = algorithm(point.experiment.protocol, cell.name, cell.params)
            recorded = len(recorded_rounds(point.experiment.horizon, point.experiment.recorded_rounds))
            arms, objectives = int(drawn.arms or 1), int(drawn.objectives or 1)
            largest = max(largest, memory.check(played, network, arms, objectives, recorded))
        return largest, fewest
