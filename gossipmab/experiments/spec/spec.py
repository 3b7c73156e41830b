"""A valid experiment as frozen data: the points of its sweep, its algorithms, its cells, and how it is written out."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import tomli_w

from gossipmab.environments.logs import Labels
from gossipmab.experiments.spec import sweep
from gossipmab.experiments.spec.named_classes import renamed_files
from gossipmab.experiments.spec.network_cache import NetworkCache
from gossipmab.experiments.spec.sections import (
    OMIT_IF_DEFAULT,
    EnvironmentSection,
    ExperimentSection,
    GameSection,
    NetworkSection,
    ProbingSection,
)
from gossipmab.experiments.spec.validation import plain
from gossipmab.utils.atomic_write import file_hash

UNHASHED = ("name", "description")  # of [experiment]: what may change without changing a number


@dataclass(frozen=True)
class AlgorithmSpec:
    """An algorithm of the experiment: its label (legends), its registered name, all its hyperparameters."""

    label: str
    name: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """One point of the sweep, validated once: the experiment without a sweep that stands there.

    values: dotted key -> value, {} without a sweep. environment: None where a game stands in its place. agents, labels: N and the
    names of agents and arms, or 0 and none if the experiment was opened for reading only.
    """

    values: Mapping[str, Any]
    experiment: ExperimentSection
    environment: EnvironmentSection | None
    game: GameSection | None
    network: NetworkSection | None
    probing: ProbingSection | None
    algorithms: tuple[AlgorithmSpec, ...]
    agents: int = 0
    labels: Labels = Labels()

    @cached_property
    def network_key(self) -> str:
        """The same text for points that have the same network."""
        section = self.environment
        agents: Any = None if self.game is None else self.game.model_dump()
        if section is not None:
            agents = section.agents or [section.means, section.logged_rewards, section.log, section.dataset]
        return json.dumps([self.network and self.network.model_dump(), agents], sort_keys=True)

    def sections(self) -> dict[str, Any]:
        """The sections of the file with every default written out."""
        experiment = self.experiment.model_dump(exclude_none=True)
        data = {"experiment": plain({key: value for key, value in experiment.items() if OMIT_IF_DEFAULT.get(key) != value})}
        data |= {} if self.environment is None else {"environment": self.environment.dump()}
        for name in ("game", "network", "probing"):
            section = getattr(self, name)
            data |= {} if section is None else {name: plain(section.model_dump(exclude_none=True))}
        given = [{key: value for key, value in one.params.items() if value is not None} for one in self.algorithms]  # as in TOML
        named = [{"name": one.name, "label": one.label} for one in self.algorithms]
        return {**data, "algorithms": [name | params for name, params in zip(named, given, strict=True)]}


@dataclass(frozen=True)
class Cell:
    """One point, one algorithm, one trial: what an engine plays on its own. id: unique in the experiment, safe as a file name."""

    id: str
    point: Point = field(hash=False)
    algorithm: AlgorithmSpec = field(hash=False)
    trial: int

    @property
    def label(self) -> str:
        """The algorithm's label, as in legends."""
        return self.algorithm.label

    @property
    def name(self) -> str:
        """The algorithm's registered name."""
        return self.algorithm.name

    @property
    def params(self) -> Mapping[str, Any]:
        """All hyperparameters of the algorithm at this point."""
        return self.algorithm.params


@dataclass(frozen=True)
class Spec:
    """A valid experiment. Get one from `load_spec`.

    points: those of the sweep, in order; one without a sweep. sweep: dotted key -> values, with the types of the keys they stand
    for. files: name of a data file in the experiment -> its path. listed: the points of [[sweep.points]]; the values of their keys
    stand in `sweep` too, each once. trusted: opened from a run folder whose plug-ins are not installed: unknown names are
    accepted, and the experiment can be read but not run.
    """

    points: tuple[Point, ...]
    sweep: Mapping[str, tuple[Any, ...]]
    files: Mapping[str, Path]
    listed: tuple[Mapping[str, Any], ...] = ()
    trusted: bool = False
    networks: NetworkCache = field(default_factory=NetworkCache, compare=False, repr=False)

    @property
    def experiment(self) -> ExperimentSection:
        """[experiment], at the first point."""
        return self.points[0].experiment

    @property
    def environment(self) -> EnvironmentSection | None:
        """[environment], at the first point."""
        return self.points[0].environment

    @property
    def game(self) -> GameSection | None:
        """[game], at the first point."""
        return self.points[0].game

    @property
    def network(self) -> NetworkSection | None:
        """[network], at the first point."""
        return self.points[0].network

    @property
    def algorithms(self) -> tuple[AlgorithmSpec, ...]:
        """The algorithms, at the first point."""
        return self.points[0].algorithms

    @property
    def seed(self) -> int:
        """The experiment's seed."""
        return self.experiment.seed

    @property
    def crossed(self) -> dict[str, tuple[Any, ...]]:
        """The keys of the cross product -> their values."""
        together = self.listed[0] if self.listed else {}
        return {key: values for key, values in self.sweep.items() if key not in together}

    def cells(self) -> list[Cell]:
        """All cells: point by point, algorithm by algorithm, trial by trial."""
        return list(self._cells)

    @cached_property
    def _cells(self) -> tuple[Cell, ...]:
        trials = range(self.experiment.trials)
        parts = [(point, one, trial) for point in self.points for one in point.algorithms for trial in trials]
        ids = sweep.cell_ids([(point.values, one.label, trial) for point, one, trial in parts])
        return tuple(Cell(name, *part) for name, part in zip(ids, parts, strict=True))

    def with_files(self, files: Mapping[str, Path]) -> Spec:
        """The same experiment, everything that was derived from it included, with its data files elsewhere."""
        moved = copy.copy(self)
        object.__setattr__(moved, "files", files)
        return moved

    def resolved(self) -> dict[str, Any]:
        """The whole experiment with every default written out, in the shape of the TOML file."""
        data = self.points[0].sections()
        if self.sweep:
            data["sweep"] = {key: list(values) for key, values in self.crossed.items()}
        if self.listed:
            data["sweep"]["points"] = [dict(point) for point in self.listed]
        return data

    def to_toml(self, names: Mapping[str, str] | None = None) -> str:
        """The resolved experiment as TOML; `load_spec` reads it back to an equal one. names: others for some of its files."""
        return tomli_w.dumps(renamed_files(self.resolved(), names or {}))

    @cached_property
    def file_hashes(self) -> dict[str, str]:
        """Data file, as the experiment calls it -> SHA-256 of its contents."""
        return {name: file_hash(path) for name, path in sorted(self.files.items())}

    def canonical(self) -> dict[str, Any]:
        """Everything that a number of the results may depend on: the resolved experiment and its files' contents."""
        data = self.resolved()
        data["experiment"] = {k: v for k, v in data["experiment"].items() if k not in UNHASHED}
        return {**data, "sweep_order": list(self.sweep), "files": self.file_hashes}

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical experiment."""
        return canonical_hash(self.canonical())


def canonical_hash(canonical: Mapping[str, Any]) -> str:
    """SHA-256 of what `Spec.canonical` gives, also after a journey through JSON."""
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
