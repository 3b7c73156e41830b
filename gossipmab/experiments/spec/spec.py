"""The experiment file: read, checked as a whole before anything runs, turned into cells, written out resolved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import tomli_w

from gossipmab.algorithms import PROTOCOLS
from gossipmab.experiments.spec import build as spec_build
from gossipmab.experiments.spec import hyperparameters, sweep
from gossipmab.experiments.spec import python_objects as passed
from gossipmab.experiments.spec.inline_graphs import graphs_as_files
from gossipmab.experiments.spec.overrides import overridden
from gossipmab.experiments.spec.renamed import check_renamed
from gossipmab.experiments.spec.sections import (
    UNSAID,
    Document,
    EnvironmentSection,
    ExperimentSection,
    NetworkSection,
    ProbingSection,
    plain,
    shown,
    validated,
)
from gossipmab.experiments.spec.sweep import Cell
from gossipmab.utils import resources as shipped
from gossipmab.utils.atomic_write import file_hash
from gossipmab.utils.errors import InputError
from gossipmab.utils.safe_read import parsed_toml, text_of

UNHASHED = ("name", "description")  # of [experiment]: what may change without changing a number


@dataclass(frozen=True)
class Choice:
    """An algorithm of the experiment: its label (legends), its registered name, all its hyperparameters."""

    label: str
    name: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Spec:
    """A valid experiment. Get one from `load_spec` or `Spec.from_dict`.

    sweep: dotted key -> values, with the types of the keys they stand for.
    files: what the experiment calls a data file -> where that file lies.
    listed: the points of [[sweep.points]]; the values of their keys stand in `sweep` too, each once.
    trusted: written by a run whose plug-ins are not all there, so taken as it stands: to be looked at, not to be played.
    """

    experiment: ExperimentSection
    environment: EnvironmentSection
    network: NetworkSection | None
    probing: ProbingSection | None
    algorithms: tuple[Choice, ...]
    sweep: Mapping[str, tuple[Any, ...]]
    files: Mapping[str, Path]
    listed: tuple[Mapping[str, Any], ...] = ()
    trusted: bool = False

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        folder: Path | str = ".",
        files: Mapping[str, Path] | None = None,
        trusted: bool = False,
    ) -> Spec:
        """The experiment of this data, in the shape of the TOML file.

        Args:
            data: the sections. NumPy arrays are welcome for means and preferences, networkx graphs for base graphs, classes and
                objects as `passed` says.
            folder: where relative file names start.
            files: where data files lie, if elsewhere; used when a run folder with its own copies is opened.
            trusted: names that are not known are taken as they stand.

        Raises:
            InputError: at the first thing wrong anywhere in the file or at any point of the sweep.
        """
        if not isinstance(data, Mapping):
            raise InputError(f"the experiment: got {shown(data)}, allowed is a table with [experiment] and so on")
        data, graphs = graphs_as_files(data)
        content = plain(passed.named(data))
        keys = content.pop("sweep", {})
        if not isinstance(keys, dict):
            raise InputError(f"sweep: got {shown(keys)}, allowed is a table of dotted keys and lists")
        listed = sweep.listed(keys.pop("points")) if "points" in keys else []
        return _checked(content, sweep.flattened(keys), listed, Path(folder), {**(files or {}), **graphs}, trusted)

    @property
    def seed(self) -> int:
        """The experiment's seed."""
        return self.experiment.seed

    def points(self) -> list[dict[str, Any]]:
        """The sweep's points in order: dotted key -> value. One empty point without a sweep."""
        return sweep.points(self.crossed, self.listed)

    @property
    def crossed(self) -> dict[str, tuple[Any, ...]]:
        """The keys of the cross product -> their values."""
        together = self.listed[0] if self.listed else {}
        return {key: values for key, values in self.sweep.items() if key not in together}

    def at(self, point: Mapping[str, Any]) -> Spec:
        """The experiment without a sweep that stands at a point."""
        if not point:
            return self
        data = sweep.with_values(self._sections(), point, trusted=self.trusted)
        return _single(data, self.files, self.trusted)

    def choice(self, label: str) -> Choice:
        """The algorithm with this label."""
        return next(choice for choice in self.algorithms if choice.label == label)

    def cells(self) -> list[Cell]:
        """All cells: point by point, algorithm by algorithm, trial by trial."""
        return list(self._cells)

    @cached_property
    def _cells(self) -> tuple[Cell, ...]:
        described = []
        for point in self.points():
            at = self.at(point)
            for choice in at.algorithms:
                described += [(point, choice, trial) for trial in range(self.experiment.trials)]
        ids = sweep.cell_ids([(point, choice.label, trial) for point, choice, trial in described])
        return tuple(
            Cell(name, point, choice.label, choice.name, choice.params, trial)
            for name, (point, choice, trial) in zip(ids, described, strict=True)
        )

    def _sections(self) -> dict[str, Any]:
        said = self.experiment.model_dump(exclude_none=True)
        network = {} if self.network is None else {"network": self.network.model_dump(exclude_none=True)}
        probing = {} if self.probing is None else {"probing": plain(self.probing.model_dump(exclude_none=True))}
        return {
            "experiment": plain({key: value for key, value in said.items() if UNSAID.get(key) != value}),
            "environment": self.environment.model_dump(exclude_none=True),
            **network,
            **probing,
            "algorithms": [{"name": c.name, "label": c.label, **c.params} for c in self.algorithms],
        }

    def resolved(self) -> dict[str, Any]:
        """The whole experiment with every default written out, in the shape of the TOML file."""
        data = self._sections()
        if self.sweep:
            data["sweep"] = {key: list(values) for key, values in self.crossed.items()}
        if self.listed:
            data["sweep"]["points"] = [dict(point) for point in self.listed]
        return data

    def to_toml(self) -> str:
        """The resolved experiment as TOML; `load_spec` reads it back to an equal one."""
        return tomli_w.dumps(self.resolved())

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


def _single(data: dict[str, Any], files: Mapping[str, Path], trusted: bool) -> Spec:
    """An experiment without a sweep: sections and algorithms checked, nothing built."""
    document = validated(Document, data)
    protocol = document.experiment.protocol
    if protocol == "gossip" and document.network is None:
        raise InputError("network is required and not given")
    if protocol != "gossip" and document.network is not None:
        raise InputError(f'network: is for protocol = "gossip" only, got protocol = "{protocol}"')
    if protocol != "assignment" and document.probing is not None:
        raise InputError(f'probing: is for protocol = "assignment" only, got protocol = "{protocol}"')
    probing = document.probing or ProbingSection() if protocol == "assignment" else None
    choices: dict[str, Choice] = {}
    for section in document.algorithms:
        label = section.label or section.name
        if label in choices:
            advice = "give each its own label" if section.label else 'tell them apart by label = "..."'
            raise InputError(f"algorithms: two are labelled {label!r}; {advice}")
        if trusted and section.name not in PROTOCOLS[protocol]:
            values = section.parameters
        else:
            values = hyperparameters.parameters(protocol, section.name, label, section.parameters)
        choices[label] = Choice(label, section.name, values)
    chosen = tuple(choices.values())
    return Spec(document.experiment, document.environment, document.network, probing, chosen, {}, files, (), trusted)


def _checked(
    data: dict[str, Any],
    crossed: dict[str, list[Any]],
    listed: list[dict[str, Any]],
    folder: Path,
    files: dict[str, Path],
    trusted: bool,
) -> Spec:
    """The experiment with its sweep, every point of it built once."""
    together = list(listed[0]) if listed else []
    keys = [*together, *crossed]
    for key in keys:
        if key in sweep.FIXED or key.startswith("sweep."):
            raise InputError(f"sweep: {key!r} cannot be swept")
    for key in together:
        if key in crossed:
            raise InputError(f"sweep: {key!r} stands in the cross product and in [[sweep.points]]")
    points = sweep.points(crossed, listed)
    each = len(points) // max(1, len(listed))  # points of the product for each one listed
    typed: list[dict[str, Any]] = []
    coerced: dict[str, list[Any]] = {key: [] for key in keys}
    built: set[str] = set()
    singles: list[Spec] = []
    for point in points:
        try:
            single = _single(sweep.with_values(data, point, trusted=trusted), files, trusted)
            spec_build.find_files(single, folder, files)
            if not trusted:
                spec_build.check(single, built)
        except InputError as error:
            where = ", ".join(f"{key} = {shown(value)}" for key, value in point.items())
            raise InputError(f"{error} (at the sweep's point {where})" if point else str(error)) from None
        if len(points) * len(single.algorithms) * single.experiment.trials > sweep.MOST_CELLS:
            raise InputError(f"the experiment has more than {sweep.MOST_CELLS} cells")
        here = {key: spec_build.value_at(single, key) for key in keys}
        if together and len(singles) % each == 0:
            typed.append({key: here[key] for key in together})
        for key, value in here.items():
            if value not in coerced[key] or any(type(value) is not type(v) for v in coerced[key] if v == value):
                coerced[key].append(value)
        singles.append(single)
    for key, values in crossed.items():
        if len(coerced[key]) != len(values):
            raise InputError(f"sweep: {key!r} holds a value twice: {shown(values)}")
    if len({json.dumps(point, sort_keys=True) for point in typed}) < len(typed):
        raise InputError("sweep.points: a point stands there twice")
    first = singles[0]
    swept = {key: tuple(values) for key, values in coerced.items()}
    spec = Spec(
        first.experiment, first.environment, first.network, first.probing, first.algorithms, swept, files, tuple(typed),
        trusted,
    )  # fmt: skip
    _ = spec.file_hashes  # now: what was checked is what is hashed, even if a file changes later
    return spec


def load_spec(
    source: str | Path | Mapping[str, Any] | Spec, overrides: Iterable[str] = (), algorithms: Any = ()
) -> Spec:
    """The experiment from a file, from the name of a shipped one, or from a dictionary.

    Args:
        source: the user's path first, then a shipped experiment's name; a dictionary or a Spec is taken as it is.
        overrides: "dotted.key=value", the value as TOML, or a string where it is not TOML.
        algorithms: further ones, a list of objects or label -> object.

    Raises:
        InputError: no such file, not TOML, or anything that is not allowed in it.
    """
    folder, files = Path(), {}
    if isinstance(source, Spec):
        data, files = source.resolved(), dict(source.files)
    elif isinstance(source, Mapping):
        data, files = graphs_as_files(dict(source))
        data = passed.named(data)
    else:
        path = shipped.resolve(source, "experiments", [".toml"], key="experiment")
        data, folder = read_toml(path), path.parent
    if algorithms:
        data = passed.named(passed.with_algorithms(data, algorithms))
    data = overridden(data, overrides)
    check_renamed(data)
    return Spec.from_dict(data, folder, files)


def read_toml(path: Path) -> dict[str, Any]:
    """The file's contents; InputError where it is not TOML in UTF-8, or larger or deeper than an experiment can be."""
    text = text_of(path, "experiment")
    try:
        return parsed_toml(text)
    except (ValueError, MemoryError) as error:
        raise InputError(f"{path} is not valid TOML: {error}") from None
