"""From an experiment's sections to what is played: algorithms, network, environment; and the check that all can be."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gossipmab.algorithms.base import ProblemInfo
from gossipmab.engines.common import check_names
from gossipmab.environments.environment import Environment
from gossipmab.environments.logs import Labels, Log
from gossipmab.experiments.spec import games
from gossipmab.experiments.spec.hyperparameters import algorithm
from gossipmab.experiments.spec.network_cache import NetworkCache
from gossipmab.experiments.spec.sections import EnvironmentSection
from gossipmab.experiments.spec.spec import Point
from gossipmab.networks import links
from gossipmab.networks.neighbourhoods import largest_ball
from gossipmab.networks.network import Network
from gossipmab.objectives import OBJECTIVE_REGISTRY
from gossipmab.objectives.probing import check_rewards, check_sets, terms
from gossipmab.utils import resources as shipped
from gossipmab.utils.errors import InputError, shown
from gossipmab.utils.safe_read import is_file

LARGEST_TENSOR = 50_000_000  # numbers in (N, K, D), or in (N, rows, K); a cell takes a small multiple of it
TOPOLOGIES = (".toml", ".edges", ".graphml")
Built = tuple[int, Labels]  # agents, and the names of agents and arms
Files = Mapping[str, Path]  # name in the experiment -> path


def find_files(point: Point, folder: Path, files: dict[str, Path]) -> None:
    """Add the paths of the named data files to `files`: those beside the experiment first, then shipped ones."""
    environment = point.environment
    if environment is not None:
        _find_data(environment, folder, files)
    if point.network is None:
        return
    if isinstance(point.network.base, str):
        _find_graph(point.network.base, "network.base", folder, files)

    def find(parameter: str, name: str) -> str:
        key = f"network.links.{parameter}"
        if parameter == "graphs":
            _find_graph(name, key, folder, files)
        elif name not in files:
            files[name] = _existing(folder / name, key, name)
        return name

    links.located(point.network.links, find)


def _find_data(environment: EnvironmentSection, folder: Path, files: dict[str, Path]) -> None:
    if environment.logged_rewards is not None and environment.rewards != "table":
        raise InputError(f'environment.logged_rewards: is for rewards = "table" only, got rewards = "{environment.rewards}"')
    for key in ("means", "preferences", "logged_rewards"):
        name = getattr(environment, key)
        if isinstance(name, str) and name not in files:
            files[name] = _existing(folder / name, f"environment.{key}", name)
    if environment.data is not None and environment.data.file not in files:
        files[environment.data.file] = _existing(folder / environment.data.file, "environment", environment.data.file)


def _find_graph(name: str, key: str, folder: Path, files: dict[str, Path]) -> None:
    if name not in files:
        beside = name.lower().endswith(TOPOLOGIES) and is_file(folder / name)
        files[name] = folder / name if beside else shipped.resolve(name, "topologies", TOPOLOGIES, key=key)


def _existing(path: Path, key: str, name: str) -> Path:
    if not is_file(path):
        raise InputError(f"{key}: there is no file {shown(name)}")
    return path


def environment_of(point: Point, files: Files, trial: int, agents: int | None = None) -> Environment:
    """The environment of a trial. `agents` stands in if the experiment leaves them to the base graph."""
    assert point.environment is not None
    given = point.environment.arguments()
    for key in ("means", "preferences", "logged_rewards"):
        if isinstance(given.get(key), str):
            given[key] = files[given[key]]
    if agents is not None:
        given["agents"] = agents
    if isinstance(data := point.environment.data, Log):
        given["logged_rewards"] = data.logged(files[data.file])
    elif data is not None:
        given["logged_rewards"] = data.logged(files[data.file], point.experiment.seed, trial)
    return Environment.sample(**given, seed=point.experiment.seed, trial=trial)


def network_of(point: Point, files: Files, agents: int | None) -> Network:
    """The network; `agents` as the environment has them, or None if the base graph fixes them."""
    section = point.network
    assert section is not None
    base = files[section.base] if isinstance(section.base, str) else section.base
    process = links.located(section.links, lambda _, name: files[name])
    return Network(base, agents, section.link_probability, section.weights, process, section.failures, section.communication)


def built(point: Point, files: Files, trial: int, networks: NetworkCache | None = None) -> tuple[Any, Network | None]:
    """Environment or game, and network if there is one, of a trial at a point, with the same agents."""
    known = NetworkCache() if networks is None else networks

    def network(agents: int | None) -> Network:
        return known.get(point.network_key, lambda: network_of(point, files, agents))

    environment = point.environment
    if environment is None:
        assert point.game is not None
        made = games.game(point.game)
        return made, None if point.network is None else network(made.agents)
    if point.network is None:
        return environment_of(point, files, trial), None
    if environment.agents is None and environment.means is None and environment.rewards != "table":
        linked = network(None)
        return environment_of(point, files, trial, linked.agents), linked
    drawn = environment_of(point, files, trial)
    return drawn, network(drawn.agents)


def check(point: Point, files: Files, done: dict[str, Built], networks: NetworkCache) -> Built:
    """The agents of a point and their names, having built it.

    `done` remembers what was built, for points of a sweep are often built alike.

    Raises:
        InputError: the point cannot be built.
    """
    experiment = point.experiment
    if experiment.extra_objectives and experiment.protocol != "central":
        raise InputError(f'experiment.extra_objectives: is for protocol = "central" only, got "{experiment.protocol}"')
    for name in experiment.extra_objectives:
        OBJECTIVE_REGISTRY.get_named("experiment.extra_objectives: objective", name)
        if experiment.extra_objectives.count(name) > 1:
            raise InputError(f"experiment.extra_objectives: names {name!r} twice")
    environment = point.environment
    if environment is None:
        world, network = built(point, files, 0, networks)
        games.check(point, world, network)
        return world.agents, Labels()
    tracking = _tracking(point)
    drawn: list[Any] = [environment.model_dump(), point.network and point.network.model_dump(), options(point)]
    drawn += [[label, getattr(played, "hops", None)] for label, played in tracking.items()]
    if point.probing is not None:  # algorithms are checked against the budget
        drawn += [experiment.welfare, [one.params for one in point.algorithms]]
    what = json.dumps(drawn, sort_keys=True)
    if what in done:
        return done[what]
    sizes = [environment.agents or 1, environment.arms or 1, environment.objectives or 1]
    if math.prod(sizes) > LARGEST_TENSOR:
        product = " x ".join(map(str, sizes))
        raise InputError(f"environment: agents x arms x objectives = {product}, allowed are {LARGEST_TENSOR} numbers")
    try:
        world, network = built(point, files, 0, networks)
        if point.probing is not None:
            _check_probing(point, world)
        if network is not None:
            _check_rows(tracking, world, network)
    except InputError:
        raise
    except (MemoryError, OverflowError) as error:
        raise InputError(f"the experiment is too large to be built ({error})") from None
    if network is not None:
        check_names(world, network)
    done[what] = world.agents, world.labels
    return done[what]


def options(point: Point) -> dict[str, Any]:
    """The options of `simulate` that only the experiment's protocol has."""
    if point.game is not None:
        return {"tau": point.game.tau}
    if point.probing is not None:
        return point.probing.model_dump()
    return {"extra_objectives": point.experiment.extra_objectives} if point.experiment.extra_objectives else {}


def _check_probing(point: Point, environment: Environment) -> None:
    """Raise InputError if terms, rewards or an algorithm's demands do not fit."""
    given = options(point)
    given.pop("samples")
    try:
        agreed = terms(environment.agents, environment.arms, **given)
    except InputError as error:
        raise InputError(f"probing.{error}") from None
    check_sets(environment.arms, agreed.budget)
    check_rewards(environment)
    N, K, D = environment.means.shape
    info = ProblemInfo(N, K, D, point.experiment.horizon, environment.preferences, costs=agreed)
    for one in point.algorithms:
        try:
            algorithm(point.experiment.protocol, one.name, one.params).init(info)
        except InputError as error:
            raise InputError(f"algorithms.{one.label}.{error}") from None


def _tracking(point: Point) -> dict[str, Any]:
    """Label -> algorithm, of those whose agents average rows of utilities, one for each agent that they track."""
    made = {one.label: algorithm(point.experiment.protocol, one.name, one.params) for one in point.algorithms}
    return {label: played for label, played in made.items() if getattr(played, "estimates", "") == "utilities"}


def _check_rows(tracking: Mapping[str, Any], environment: Environment, network: Network) -> None:
    """Raise InputError if such averages are more than a machine should hold."""
    N, K = environment.agents, environment.arms
    for label, played in tracking.items():
        near = getattr(played, "hops", 0) > 0
        rows = largest_ball(network.edges, N, played.hops) if near else N
        if N * rows * K > LARGEST_TENSOR:
            what = f"agents x {'largest neighbourhood' if near else 'agents'} x arms = {N} x {rows} x {K}"
            advice = "fewer hops" if near and played.hops > 1 else "fewer agents"
            advice = advice if near else "hops = 1, which tracks the preferences of neighbours only"
            raise InputError(f"algorithms.{label}: {what}, allowed are {LARGEST_TENSOR} numbers; use {advice}")


def value_at(point: Point, key: str) -> Any:
    """The value, with its proper type, that a swept key has at the experiment of one point."""
    section, _, rest = key.partition(".")
    if section == "algorithms":
        label, _, parameter = rest.rpartition(".")
        owners = [one for one in point.algorithms if one.label == label or (label == "*" and parameter in one.params)]
        return owners[0].params[parameter]
    first, *steps = rest.split(".")
    value: Any = getattr(getattr(point, section), first)
    for step in steps:
        value = value[step]
    return value
