"""From an experiment file, a dictionary or a shipped name to a valid `Spec`: everything is checked before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from gossipmab.algorithms import PROTOCOLS
from gossipmab.environments.logs import Labels
from gossipmab.environments.registry import GAMES
from gossipmab.experiments.spec import build, games, hyperparameters, plugins, sweep
from gossipmab.experiments.spec.inline_graphs import graphs_as_files
from gossipmab.experiments.spec.named_classes import load_named, renamed_files
from gossipmab.experiments.spec.network_cache import NetworkCache
from gossipmab.experiments.spec.renamed import check_renamed
from gossipmab.experiments.spec.sections import SECTIONS_OF, Document, ProbingSection
from gossipmab.experiments.spec.spec import AlgorithmSpec, Point, Spec
from gossipmab.experiments.spec.validation import plain, validated
from gossipmab.experiments.storage import manifest
from gossipmab.metrics.columns import is_reserved
from gossipmab.objectives import OBJECTIVE_REGISTRY
from gossipmab.utils import resources
from gossipmab.utils.errors import InputError, shown
from gossipmab.utils.safe_read import parsed_toml, text_of


def load_spec(source: str | Path | Mapping[str, Any] | Spec, overrides: Iterable[str] = (), algorithms: Any = ()) -> Spec:
    """The experiment from a file, from the name of a shipped one, or from a dictionary.

    Args:
        source: the user's path first, then a shipped experiment's name; a dictionary, as `from_dict` takes it; or a Spec.
        overrides: "dotted.key=value", the value as TOML, or a string if it is not TOML.
        algorithms: further ones, a list of objects or label -> object.

    Raises:
        InputError: no such file, not TOML, or anything that is not allowed in it.
    """
    overrides = list(overrides)
    if isinstance(source, Spec):
        if not (overrides or algorithms or source.files or source.trusted):
            return source
        return from_dict(source.resolved(), ".", source.files, overrides=overrides, algorithms=algorithms)
    if isinstance(source, Mapping):
        return from_dict(source, overrides=overrides, algorithms=algorithms)
    path = resources.resolve(source, "experiments", [".toml"], key="experiment")
    data, files = read_toml(path), None
    if path.name == "spec.toml":  # of a run folder, whose manifest knows how its files are called
        with suppress(InputError):
            found = manifest.read(path.parent)
            if found is not None:
                data, files = with_original_names(data, path.parent, found)
    return from_dict(data, path.parent, files, overrides=overrides, algorithms=algorithms)


def with_original_names(data: Any, folder: Path, found: Mapping[str, Any]) -> tuple[Any, dict[str, Path]]:
    """The data of a run folder's spec.toml, its files called as in the experiment, and where they lie."""
    copies = {name: entry["copy"] for name, entry in found["files"].items()}
    files = {name: folder / copy for name, copy in copies.items()}
    return renamed_files(data, {copy: name for name, copy in copies.items()}), files


def from_dict(
    data: Mapping[str, Any],
    folder: Path | str = ".",
    files: Mapping[str, Path] | None = None,
    trusted: bool = False,
    overrides: Iterable[str] = (),
    algorithms: Any = (),
    code: bool = True,
) -> Spec:
    """The experiment of this data, in the shape of the TOML file.

    Args:
        data: the sections. NumPy arrays are allowed for means and preferences, networkx graphs for base graphs, classes and
            objects as in `plugins`.
        folder: the folder of relative file names.
        files: paths of data files that lie elsewhere, such as the copies in a run folder.
        trusted: accept unknown names; see `Spec`.
        overrides, algorithms: as in `load_spec`.
        code: run files and import modules whose classes the experiment names; else, if they have not been, it is `trusted`.

    Raises:
        InputError: at the first thing wrong anywhere in the file or at any point of the sweep.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"the experiment: got {shown(data)}, allowed is a table with [experiment] and so on")
    data, graphs = graphs_as_files(dict(data))
    if algorithms:
        data = plugins.with_algorithms(data, algorithms)
    content = overridden(plain(plugins.named(data)), overrides)
    check_renamed(content)
    keys = content.pop("sweep", {})
    if not isinstance(keys, dict):
        raise InputError(f"sweep: got {shown(keys)}, allowed is a table of dotted keys and lists")
    listed = sweep.listed(keys.pop("points")) if "points" in keys else []
    crossed, found = sweep.flattened(keys), {**(files or {}), **graphs}
    if not trusted:
        swept = [crossed, *({key: [value] for key, value in point.items()} for point in listed)]
        trusted = not load_named(content, swept, Path(folder), found, code)
    return _checked(content, crossed, listed, Path(folder), found, trusted)


def overridden(content: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """The experiment's data with every "dotted.key=value" of the command line set."""
    for text in overrides:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or "." not in key:
            raise InputError(f"--set {shown(text)}: allowed is KEY=VALUE, such as network.link_probability=0.3")
        swept = content.get("sweep")
        flat = sweep.flattened(swept) if isinstance(swept, dict) else {}
        together = sweep.listed(flat["points"])[0] if flat.get("points") else {}
        if key.startswith("sweep."):
            content = {**content, "sweep": {**flat, key.removeprefix("sweep."): toml_value(value)}}
        elif key in together:
            raise InputError(f"--set {key}: it stands in [[sweep.points]]; set sweep.points=[{{...}}, ...] instead")
        elif key in flat:
            raise InputError(f"--set {key}: it is swept; set sweep.{key}=[...] instead")
        else:
            content = sweep.with_values(content, {key: toml_value(value)}, "--set")
    return content


def toml_value(text: str) -> Any:
    """The text as a TOML value, or as the string it is."""
    try:
        parsed = parsed_toml(f"value = {text}")
    except ValueError:
        return text.strip()
    return plain(parsed["value"]) if set(parsed) == {"value"} else text.strip()


def _point(data: dict[str, Any], values: Mapping[str, Any], trusted: bool) -> Point:
    """One point: sections and algorithms validated, nothing built."""
    document = validated(Document, data)
    protocol = document.experiment.protocol
    for name, (owners, required) in SECTIONS_OF.items():
        given = getattr(document, name) is not None
        if given and protocol not in owners:
            allowed = " or ".join(f'"{one}"' for one in owners)
            raise InputError(f'{name}: is for protocol = {allowed} only, got protocol = "{protocol}"')
        if protocol in required and not given:
            raise InputError(f"{name} is required and not given")
    probing = document.probing or ProbingSection.model_validate({}) if protocol == "assignment" else None
    algorithms: dict[str, AlgorithmSpec] = {}
    for section in document.algorithms:
        label = section.label or section.name
        if label in algorithms:
            advice = "give each its own label" if section.label else 'tell them apart by label = "..."'
            raise InputError(f"algorithms: two are labelled {label!r}; {advice}")
        params = section.parameters
        objective = params.get("objective")
        if not trusted or (section.name in PROTOCOLS[protocol] and (objective is None or objective in OBJECTIVE_REGISTRY)):
            params = hyperparameters.parameters(protocol, section.name, label, params)
        algorithms[label] = AlgorithmSpec(label, section.name, params)
    chosen = tuple(algorithms.values())
    game = document.game
    if game is not None and not (trusted and game.name not in GAMES):
        game = games.completed(game)
    return Point(values, document.experiment, document.environment, game, document.network, probing, chosen)


def _checked(
    data: dict[str, Any],
    crossed: dict[str, list[Any]],
    listed: list[dict[str, Any]],
    folder: Path,
    files: dict[str, Path],
    trusted: bool,
) -> Spec:
    """The experiment with its sweep, every point of it validated once, and built once if no other point is built alike."""
    together = list(listed[0]) if listed else []
    keys = [*together, *crossed]
    for key in keys:
        if key in sweep.FIXED or key.startswith("sweep."):
            raise InputError(f"sweep: {key!r} cannot be swept")
        name = key.rpartition(".")[2]
        if key.startswith("algorithms.") and is_reserved(name) and not trusted:
            raise InputError(f"sweep: {key!r} cannot be swept: {name!r} is also a column of the tables; rename the hyperparameter")
    for key in together:
        if key in crossed:
            raise InputError(f"sweep: {key!r} stands in the cross product and in [[sweep.points]]")
    given = sweep.points(crossed, listed)
    each = len(given) // max(1, len(listed))  # points of the product for each one listed
    typed: list[dict[str, Any]] = []
    found: dict[str, dict[str, Any]] = {key: {} for key in keys}  # key -> its values, each once, by their JSON
    built: dict[str, build.Built] = {}
    networks = NetworkCache()
    points: list[Point] = []
    for values in given:
        try:
            point = _point(sweep.with_values(data, values, trusted=trusted), values, trusted)
            build.find_files(point, folder, files)
            agents, labels = (0, Labels()) if trusted else build.check(point, files, built, networks)
        except InputError as error:
            where = ", ".join(f"{key} = {shown(value)}" for key, value in values.items())
            raise InputError(f"{error} (at the sweep's point {where})" if values else str(error)) from None
        if len(given) * len(point.algorithms) * point.experiment.trials > sweep.MOST_CELLS:
            raise InputError(f"the experiment has more than {sweep.MOST_CELLS} cells")
        here = {key: build.value_at(point, key) for key in keys}
        if together and len(points) % each == 0:
            typed.append({key: here[key] for key in together})
        for key, value in here.items():
            found[key].setdefault(json.dumps(value, sort_keys=True), value)
        points.append(replace(point, values=here, agents=agents, labels=labels))
    for key, swept in crossed.items():
        if len(found[key]) != len(swept):
            raise InputError(f"sweep: {key!r} holds a value twice: {shown(swept)}")
    if len({json.dumps(values, sort_keys=True) for values in typed}) < len(typed):
        raise InputError("sweep.points: a point stands there twice")
    swept_values = {key: tuple(values.values()) for key, values in found.items()}
    spec = Spec(tuple(points), swept_values, files, tuple(typed), trusted, networks)
    sweep.columns(keys)
    _ = spec.file_hashes  # now: what was checked is what is hashed, even if a file changes later
    return spec


def read_toml(path: Path) -> dict[str, Any]:
    """The file's contents. Raises InputError if it is not TOML in UTF-8, or larger or deeper than an experiment can be."""
    text = text_of(path, "experiment")
    try:
        return parsed_toml(text)
    except (ValueError, MemoryError) as error:
        raise InputError(f"{path} is not valid TOML: {error}") from None
