"""Link processes by the names that experiment files use; and how a process is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from gossipmab.networks.links.base import KEY, LinkProcess
from gossipmab.networks.links.contact_trace import ContactTrace
from gossipmab.networks.links.erdos_renyi import ErdosRenyi
from gossipmab.networks.links.gilbert_elliott import GilbertElliott
from gossipmab.networks.links.one_peer_exponential import OnePeerExponential
from gossipmab.networks.links.random_matching import RandomMatching
from gossipmab.networks.links.randomized_gossip import RandomizedGossip
from gossipmab.networks.links.static import Static
from gossipmab.networks.links.stochastic_block import StochasticBlock
from gossipmab.networks.links.switching import Switching
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.registry import LINKS, Registry, call_plugin, coerce, hints_of
from gossipmab.utils.validation import probability

SHIPPED: dict[str, type[LinkProcess]] = {
    "static": Static,
    "erdos_renyi": ErdosRenyi,
    "gilbert_elliott": GilbertElliott,
    "random_matching": RandomMatching,
    "randomized_gossip": RandomizedGossip,
    "one_peer_exponential": OnePeerExponential,
    "stochastic_block": StochasticBlock,
    "switching": Switching,
    "contact_trace": ContactTrace,
}
PROCESSES = Registry(LINKS, SHIPPED, ("link_statistics", "sampler", "default_base"))


def parameters_of(name: str) -> dict[str, Any]:
    """The parameters of a process with their defaults, MISSING where there is none."""
    kind = PROCESSES[name]
    if not is_dataclass(kind) or not issubclass(kind, LinkProcess):
        raise InputError(f"{KEY}: {name!r} is no frozen dataclass that extends gossipmab.networks.links.LinkProcess")
    return {field.name: field.default for field in fields(kind) if field.init}


def process_of(links: Any, link_probability: float = 1.0) -> LinkProcess:
    """The process that `links` asks for.

    Args:
        links: None for Erdos-Renyi; a name; a table {"process": name, parameters}; a process.
        link_probability: of Erdos-Renyi, which alone has it; 1 leaves the process to itself.

    Raises:
        InputError: unknown name or parameter, a parameter that is missing or out of range.
    """
    default = ErdosRenyi(probability("network.link_probability", link_probability, positive=True))
    if isinstance(links, LinkProcess):
        process = links
    else:
        table = (
            {"process": "erdos_renyi" if links is None else links} if not isinstance(links, Mapping) else dict(links)
        )
        name = table.pop("process", None)
        if name is None:
            raise InputError(f"{KEY}.process is required and not given (allowed: {', '.join(sorted(PROCESSES))})")
        kind: Any = PROCESSES.get_named(KEY, name)
        known = parameters_of(name)
        for key in table:
            if key not in known:
                raise unknown(f"{KEY}: parameter of {name}", key, known or {"none": None})
        for key, value in known.items():
            if value is MISSING and key not in table:
                raise InputError(f"{KEY}.{key} is required by {name!r} and not given")
        if not PROCESSES.is_shipped(name):  # the shipped ones look at what they are given themselves
            hints = hints_of(kind, KEY)
            table = {key: coerce(f"{KEY}.{key}", hints[key], value) for key, value in table.items()}
        process = default if name == "erdos_renyi" and not table else call_plugin(KEY, lambda: kind(**table))
    if process is not default and default.probability != 1.0:
        what = "is for Erdos-Renyi links that say nothing else"
        raise InputError(f"network.link_probability: got {link_probability}, which {what}; links = {links!r}")
    return process


def located(links: Any, find: Callable[[str, str], str | Path]) -> Any:
    """The same `links` of an experiment, with find(parameter, name) in place of the name of every file in it."""
    if not isinstance(links, Mapping):
        return links
    table = dict(links)
    if links.get("process") == "contact_trace" and isinstance(table.get("file"), str):
        table["file"] = find("file", table["file"])
    if links.get("process") == "switching" and isinstance(table.get("graphs"), list):
        table["graphs"] = [find("graphs", graph) if isinstance(graph, str) else graph for graph in table["graphs"]]
    return table
