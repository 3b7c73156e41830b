"""The plug-ins of an experiment, for the run folder to record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gossipmab.algorithms import PROTOCOLS
from gossipmab.environments.registry import MODELS
from gossipmab.experiments.spec.python_objects import REGISTRIES
from gossipmab.networks.links import PROCESSES
from gossipmab.objectives import OBJECTIVE_REGISTRY
from gossipmab.utils import provenance
from gossipmab.utils.registry import Origin, Registry

if TYPE_CHECKING:
    from gossipmab.experiments.spec.spec import Spec


def names_of(spec: Spec) -> list[tuple[Registry, str]]:
    """Every name of an experiment that stands in a registry and is not shipped, at any point of the sweep, each once."""
    protocol = spec.experiment.protocol
    named: list[tuple[Registry, Any]] = [(PROTOCOLS[protocol], choice.name) for choice in spec.algorithms]
    if protocol == "central":
        named += [(OBJECTIVE_REGISTRY, choice.params.get("objective")) for choice in spec.algorithms]
        named += [(OBJECTIVE_REGISTRY, name) for name in spec.experiment.extra_objectives]
    links = [] if spec.network is None else [spec.network.links]
    rewards = [spec.environment.rewards]
    for key, values in spec.sweep.items():
        links += values if key == "network.links" else []
        rewards += values if key == "environment.rewards" else []
        named += [(OBJECTIVE_REGISTRY, value) for value in values if protocol == "central" and key.endswith(".objective")]
    named += [(PROCESSES, one.get("process") if isinstance(one, dict) else one) for one in links]
    named += [(MODELS, one.get("model") if isinstance(one, dict) else one) for one in rewards]
    foreign = [(registry, name) for registry, name in named if isinstance(name, str) and not registry.is_shipped(name)]
    return list(dict.fromkeys(foreign))


def origins(spec: Spec) -> list[Origin]:
    """The origin of each."""
    return [registry.origin(name) for registry, name in names_of(spec)]


def versions(spec: Spec) -> dict[str, str]:
    """Everything that could move a bit: `provenance.versions`, and of every plug-in its version and the hash of its source."""
    found = {f"{one.distribution} {one.object}".strip(): one.version_text for one in origins(spec)}
    return {**provenance.versions(), **found}


def absent(manifest: dict[str, Any]) -> list[str]:
    """The plug-ins of a run that are not installed now."""
    known = {registry.group: registry for registry in REGISTRIES}
    recorded = manifest.get("plugins", [])
    return [one["name"] for one in recorded if one["group"] not in known or one["name"] not in known[one["group"]]]


def registered(spec: Spec) -> list[tuple[str, type]]:
    """The group and the class of everything in the experiment that the caller passed."""
    found = names_of(spec)
    return [(registry.group, registry[name]) for registry, name in found if name in registry.registered()]


def register_all(classes: list[tuple[str, type]]) -> None:
    """Register, in another process, the classes that `registered` gave."""
    known = {registry.group: registry for registry in REGISTRIES}
    for group, kind in classes:
        known[group].register(kind)
