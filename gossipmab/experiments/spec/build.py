"""From an experiment's sections to what is played: algorithms, network, environment; and the check that all can be."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gossipmab.algorithms.base import ProblemInfo
from gossipmab.environments.environment import Environment
from gossipmab.experiments.spec.hyperparameters import algorithm
from gossipmab.experiments.spec.sections import NetworkSection, shown
from gossipmab.networks import links
from gossipmab.networks.neighbourhoods import largest_ball
from gossipmab.networks.network import Network
from gossipmab.objectives import OBJECTIVE_REGISTRY
from gossipmab.objectives.probing import check_rewards, check_sets, terms
from gossipmab.utils import resources as shipped
from gossipmab.utils.errors import InputError
from gossipmab.utils.safe_read import is_file

if TYPE_CHECKING:
    from gossipmab.experiments.spec.spec import Spec

LARGEST_TENSOR = 50_000_000  # numbers in (N, K, D), or in (N, rows, K); what a cell holds is a small multiple of it
TOPOLOGIES = (".toml", ".edges", ".graphml")


def find_files(spec: Spec, folder: Path, files: dict[str, Path]) -> None:
    """Add to `files` where the named data files lie: beside the experiment first, then among the shipped ones."""
    environment = spec.environment
    if environment.logged_rewards is not None and environment.rewards != "table":
        raise InputError(
            f'environment.logged_rewards: is for rewards = "table" only, got rewards = "{environment.rewards}"'
        )
    for key in ("means", "preferences", "logged_rewards"):
        name = getattr(environment, key)
        if isinstance(name, str) and name not in files:
            files[name] = _existing(folder / name, f"environment.{key}", name)
    if spec.network is None:
        return
    if isinstance(spec.network.base, str):
        _find_graph(spec.network.base, "network.base", folder, files)

    def find(parameter: str, name: str) -> str:
        key = f"network.links.{parameter}"
        if parameter == "graphs":
            _find_graph(name, key, folder, files)
        elif name not in files:
            files[name] = _existing(folder / name, key, name)
        return name

    links.located(spec.network.links, find)


def _find_graph(name: str, key: str, folder: Path, files: dict[str, Path]) -> None:
    if name not in files:
        beside = name.endswith(TOPOLOGIES) and is_file(folder / name)
        files[name] = folder / name if beside else shipped.resolve(name, "topologies", TOPOLOGIES, key=key)


def _existing(path: Path, key: str, name: str) -> Path:
    if not is_file(path):
        raise InputError(f"{key}: there is no file {shown(name)}")
    return path


def environment_of(spec: Spec, trial: int, agents: int | None = None) -> Environment:
    """The environment of a trial. `agents` stands in where the experiment leaves them to the base graph."""
    given = spec.environment.model_dump(exclude_none=True)
    for key in ("means", "preferences", "logged_rewards"):
        if isinstance(given.get(key), str):
            given[key] = spec.files[given[key]]
    if agents is not None:
        given["agents"] = agents
    return Environment.sample(**given, seed=spec.seed, trial=trial)


def network_of(section: NetworkSection, spec: Spec, agents: int | None) -> Network:
    """The network; `agents` as the environment has them, or None where the base graph fixes them."""
    base = spec.files[section.base] if isinstance(section.base, str) else section.base
    process = links.located(section.links, lambda _, name: spec.files[name])
    return Network(
        base, agents, section.link_probability, section.weights, process, section.failures, section.communication
    )


def built(spec: Spec, trial: int) -> tuple[Environment, Network | None]:
    """Environment and network, if there is one, of a trial of an experiment without a sweep, with the same agents."""
    environment = spec.environment
    if spec.network is None:
        return environment_of(spec, trial), None
    if environment.agents is None and environment.means is None and environment.rewards != "table":
        network = network_of(spec.network, spec, None)
        return environment_of(spec, trial, network.agents), network
    drawn = environment_of(spec, trial)
    return drawn, network_of(spec.network, spec, drawn.agents)


def check(spec: Spec, done: set[str]) -> None:
    """Raise InputError unless the experiment can be built. Remembers in `done` what was, since sweeps repeat much."""
    environment, network = spec.environment, spec.network
    if spec.experiment.measure and spec.experiment.protocol != "central":
        raise InputError(f'experiment.measure: is for protocol = "central" only, got "{spec.experiment.protocol}"')
    for name in spec.experiment.measure:
        OBJECTIVE_REGISTRY.get_named("experiment.measure: objective", name)
        if spec.experiment.measure.count(name) > 1:
            raise InputError(f"experiment.measure: names {name!r} twice")
    tracking = _tracking(spec)
    drawn: list[Any] = [environment.model_dump(), network and network.model_dump(), options(spec)]
    drawn += [[label, getattr(played, "hops", None)] for label, played in tracking.items()]
    if spec.probing is not None:  # algorithms are checked against the budget
        drawn += [spec.experiment.welfare, [choice.params for choice in spec.algorithms]]
    what = json.dumps(drawn, sort_keys=True)
    if what in done:
        return
    sizes = [environment.agents or 1, environment.arms or 1, environment.objectives or 1]
    if math.prod(sizes) > LARGEST_TENSOR:
        product = " x ".join(map(str, sizes))
        raise InputError(f"environment: agents x arms x objectives = {product}, allowed are {LARGEST_TENSOR} numbers")
    try:
        world, linked = built(spec, 0)
        if spec.probing is not None:
            _check_probing(spec, world)
        if linked is not None:
            _check_rows(tracking, world, linked)
    except InputError:
        raise
    except (MemoryError, OverflowError) as error:
        raise InputError(f"the experiment is too large to be built ({error})") from None
    done.add(what)


def options(spec: Spec) -> dict[str, Any]:
    """What the `simulate` of the experiment's protocol takes beside what all take."""
    if spec.probing is not None:
        return spec.probing.model_dump()
    return {"extra_objectives": spec.experiment.measure} if spec.experiment.measure else {}


def _check_probing(spec: Spec, environment: Environment) -> None:
    """Raise InputError where terms, rewards or an algorithm's demands do not fit."""
    given = options(spec)
    given.pop("samples")
    try:
        agreed = terms(environment.agents, environment.arms, **given)
    except InputError as error:
        raise InputError(f"probing.{error}") from None
    check_sets(environment.arms, agreed.budget)
    check_rewards(environment)
    N, K, D = environment.means.shape
    info = ProblemInfo(N, K, D, spec.experiment.horizon, environment.preferences, costs=agreed)
    for choice in spec.algorithms:
        try:
            algorithm(spec.experiment.protocol, choice.name, choice.params).init(info)
        except InputError as error:
            raise InputError(f"algorithms.{choice.label}.{error}") from None


def _tracking(spec: Spec) -> dict[str, Any]:
    """Label -> algorithm, of those whose agents average rows of utilities, one for each agent that they track."""
    made = {c.label: algorithm(spec.experiment.protocol, c.name, c.params) for c in spec.algorithms}
    return {label: played for label, played in made.items() if getattr(played, "estimates", "") == "utilities"}


def _check_rows(tracking: Mapping[str, Any], environment: Environment, network: Network) -> None:
    """Raise InputError where such averages are more than a machine should be asked for."""
    N, K = environment.agents, environment.arms
    for label, played in tracking.items():
        near = getattr(played, "hops", 0) > 0
        rows = largest_ball(network.edges, N, played.hops) if near else N
        if N * rows * K > LARGEST_TENSOR:
            what = f"agents x {'largest neighbourhood' if near else 'agents'} x arms = {N} x {rows} x {K}"
            advice = "fewer hops" if near and played.hops > 1 else "fewer agents"
            advice = (
                advice
                if near
                else "simulated_nsw_ucb_gossip with hops = 1, which tracks the preferences of neighbours only"
            )
            raise InputError(f"algorithms.{label}: {what}, allowed are {LARGEST_TENSOR} numbers; use {advice}")


def value_at(spec: Spec, key: str) -> Any:
    """The value, with its proper type, that a swept key has at the experiment of one point."""
    section, _, rest = key.partition(".")
    if section == "algorithms":
        label, _, parameter = rest.rpartition(".")
        owners = [c for c in spec.algorithms if c.label == label or (label == "*" and parameter in c.params)]
        return owners[0].params[parameter]
    value: Any = getattr(spec, section).model_dump()
    for step in rest.split("."):
        value = value[step]
    return value
