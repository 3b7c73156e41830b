"""Classes from outside the package in an experiment: those that the caller passed, and plug-ins, for the run folder to record.

Of a dictionary, Python classes and objects are replaced by registry names, registered for this process:

    algorithms         MyAlgorithm(0.3), or {"name": MyAlgorithm, "label": "mine", "alpha": 0.3}
    network.links      MyLinks(0.2), MyLinks, or {"process": MyLinks, "share": 0.2}
    environment.rewards    MyRewards, or {"model": MyRewards, "shift": 0.1}; an object has its means, which are yet to be drawn
    game               MyGame(agents=3), or {"name": MyGame, "agents": 3, "tau": 0.2}
    objective          MyObjective: in an algorithm's table, in its field `objective`, and in experiment.extra_objectives

The experiment then holds names and parameters only, so that it can be written to the run folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from gossipmab.algorithms import PROTOCOLS
from gossipmab.environments.registry import GAMES, MODELS
from gossipmab.networks.links import PROCESSES, LinkProcess
from gossipmab.objectives import OBJECTIVE_REGISTRY
from gossipmab.utils import provenance
from gossipmab.utils.class_files import Source, class_of, source_of
from gossipmab.utils.errors import InputError
from gossipmab.utils.registry import Origin, Registry

if TYPE_CHECKING:
    from gossipmab.experiments.spec.spec import Spec

REGISTRIES = (*PROTOCOLS.values(), PROCESSES, MODELS, OBJECTIVE_REGISTRY, GAMES)


def named(data: Mapping[str, Any]) -> dict[str, Any]:
    """The experiment's data with names for classes and objects; whatever holds none is as it was.

    Raises:
        InputError: a class or an object that is not what stands in its place.
    """
    for known in REGISTRIES:
        known.begin_experiment()
    found = dict(data)
    experiment = found.get("experiment")
    protocol = experiment.get("protocol", "gossip") if isinstance(experiment, Mapping) else "gossip"
    registry = PROTOCOLS.get(protocol, PROTOCOLS["gossip"]) if isinstance(protocol, str) else PROTOCOLS["gossip"]
    if isinstance(found.get("algorithms"), list | tuple) and not hasattr(found["algorithms"], "_fields"):
        found["algorithms"] = [_algorithm(one, registry) for one in found["algorithms"]]
    if isinstance(experiment, Mapping) and isinstance(experiment.get("extra_objectives"), list | tuple):
        found["experiment"] = dict(experiment) | {
            "extra_objectives": [_name(one, OBJECTIVE_REGISTRY) for one in experiment["extra_objectives"]]
        }
    if "game" in found:
        found["game"] = _game(found["game"])
    _replace(found, "network", "links", _links)
    _replace(found, "environment", "rewards", _rewards)
    return found


def with_algorithms(data: Mapping[str, Any], algorithms: Any) -> dict[str, Any]:
    """The data with further algorithms: an object, a class or a name, a list of them, or label -> object."""
    if isinstance(algorithms, str | type) or hasattr(algorithms, "_fields"):
        algorithms = [algorithms]
    if isinstance(algorithms, Mapping):
        tables = [{"name": one, "label": label} for label, one in algorithms.items()]
    elif isinstance(algorithms, list | tuple):
        tables = list(algorithms)
    else:
        raise InputError(f"algorithms: got {algorithms!r}, allowed is a list of objects, or label -> object")
    return {**data, "algorithms": [*data.get("algorithms", []), *tables]}


def _replace(data: dict[str, Any], section: str, key: str, change: Any) -> None:
    table = data.get(section)
    if isinstance(table, Mapping) and key in table:
        data[section] = {**table, key: change(table[key])}


def _name(value: Any, registry: Registry) -> Any:
    """The name of a class; anything else as it is."""
    return registry.register(value) if isinstance(value, type) else value


def _algorithm(one: Any, registry: Registry) -> Any:
    table = dict(one) if isinstance(one, Mapping) else {"name": one}
    if isinstance(table.get("name"), str | None):
        return table
    given = table["name"]
    kind: Any = given if isinstance(given, type) else type(given)
    name = registry.register(kind)
    values = {} if isinstance(given, type) else given._asdict()
    twice = sorted(set(values) & set(table) - {"name", "label"})
    if twice:
        raise InputError(f"algorithms: {twice[0]!r} is given beside {given!r}, which has it; allowed is one of them")
    reserved = sorted({"name", "label"} & set(kind._fields))
    if reserved:
        raise InputError(f"algorithms: {kind.__name__} has a field {reserved[0]!r}, which experiments use otherwise")
    table = {"label": kind.__name__, **values, **table, "name": name}
    return {key: _name(value, OBJECTIVE_REGISTRY) for key, value in table.items()}


def _game(game: Any) -> Any:
    """The table of a game, of which an object stands for its settings; what is none, as it is."""
    if not (isinstance(game, Mapping | type) or hasattr(game, "_fields")):
        return game
    table = dict(game) if isinstance(game, Mapping) else {"name": game}
    given: Any = table.get("name")
    if hasattr(given, "_fields") and not isinstance(given, type):
        table = {**given._asdict(), **table, "name": type(given)}
    return table | {"name": _name(table.get("name"), GAMES)}


def _links(links: Any) -> Any:
    if isinstance(links, LinkProcess) and is_dataclass(links):
        values = {field.name: getattr(links, field.name) for field in fields(links) if field.init}
        return {"process": PROCESSES.register(type(links)), **values}
    if isinstance(links, Mapping) and "process" in links:
        return {**links, "process": _name(links["process"], PROCESSES)}
    return _name(links, PROCESSES)


def _rewards(rewards: Any) -> Any:
    if hasattr(rewards, "_fields") and not isinstance(rewards, type):
        kind = type(rewards).__name__
        raise InputError(
            f"environment.rewards: got a {kind} with means of its own, allowed is the class {kind}, or "
            f'{{"model": {kind}, ...}} with its other parameters'
        )
    if isinstance(rewards, Mapping) and "model" in rewards:
        return {**rewards, "model": _name(rewards["model"], MODELS)}
    return _name(rewards, MODELS)


def names_of(spec: Spec) -> list[tuple[Registry, str]]:
    """Every name of an experiment that stands in a registry and is not shipped, at any point of the sweep, each once."""
    protocol = spec.experiment.protocol
    named: list[tuple[Registry, Any]] = [(PROTOCOLS[protocol], choice.name) for choice in spec.algorithms]
    if protocol == "central":
        named += [(OBJECTIVE_REGISTRY, choice.params.get("objective")) for choice in spec.algorithms]
        named += [(OBJECTIVE_REGISTRY, name) for name in spec.experiment.extra_objectives]
    links = [] if spec.network is None else [spec.network.links]
    rewards = [] if spec.environment is None else [spec.environment.rewards]
    games = [] if spec.game is None else [spec.game.name]
    for key, values in spec.sweep.items():
        links += values if key == "network.links" else []
        rewards += values if key == "environment.rewards" else []
        games += values if key == "game.name" else []
        named += [(OBJECTIVE_REGISTRY, value) for value in values if protocol == "central" and key.endswith(".objective")]
    named += [(PROCESSES, one.get("process") if isinstance(one, dict) else one) for one in links]
    named += [(MODELS, one.get("model") if isinstance(one, dict) else one) for one in rewards]
    named += [(GAMES, one) for one in games]
    foreign = [(registry, name) for registry, name in named if isinstance(name, str) and not registry.is_shipped(name)]
    return list(dict.fromkeys(foreign))


def origins(spec: Spec) -> list[Origin]:
    """The origin of each."""
    return [registry.origin(name) for registry, name in names_of(spec)]


def versions(spec: Spec) -> dict[str, str]:
    """Everything that could move a bit: `provenance.versions`, and of every plug-in its version and the hash of its source."""
    found = {f"{one.distribution} {one.object}" if one.distribution else one.name: one.version_text for one in origins(spec)}
    return {**provenance.versions(*(["jaxlib"] if spec.game is not None else [])), **found}


def absent(manifest: dict[str, Any]) -> list[str]:
    """The plug-ins of a run that are not installed now."""
    known = {registry.group: registry for registry in REGISTRIES}
    recorded = manifest.get("plugins", [])
    return [one["name"] for one in recorded if one["group"] not in known or one["name"] not in known[one["group"]]]


def registered(spec: Spec) -> list[tuple[str, str, type]]:
    """Group, name and class of everything in the experiment that the caller passed, or that it names by file or module."""
    found = names_of(spec)
    return [(registry.group, name, registry[name]) for registry, name in found if name in registry.registered()]


def portable(classes: list[tuple[str, str, type]]) -> list[tuple[str, str, Any]]:
    """The same for another process, with the source of what comes from a file."""
    return [(group, name, source_of(kind) or kind) for group, name, kind in classes]


def register_all(classes: list[tuple[str, str, Any]]) -> list[tuple[str, str, type]]:
    """Register, in another process, the classes that `portable` gave."""
    known = {registry.group: registry for registry in REGISTRIES}
    found = [(group, name, class_of(kind) if isinstance(kind, Source) else kind) for group, name, kind in classes]
    for group, name, kind in found:
        known[group].restore(name, kind)
    return found
