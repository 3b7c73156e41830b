"""Link processes by the names that experiment files use, and their construction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from gossipmab.utils.errors import InputError
from gossipmab.utils.parameters import check_names, fit, parameters_of
from gossipmab.utils.registry import LINKS, Registry, call_plugin

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


def process_of(links: Any, link_probability: float = 1.0) -> LinkProcess:
    """The link process of an experiment.

    Args:
        links: None for Erdos-Renyi; a name or class; a table {"process": name, parameters}; a process.
        link_probability: p of Erdos-Renyi links; 1 for all other processes.

    Raises:
        InputError: unknown name or parameter, a parameter that is missing or out of range.
    """
    fit("network.link_probability", parameters_of(ErdosRenyi)["probability"].hint, link_probability)
    default = ErdosRenyi(link_probability)
    if isinstance(links, LinkProcess):
        process = links
    else:
        table = dict(links) if isinstance(links, Mapping) else {"process": "erdos_renyi" if links is None else links}
        name = table.pop("process", None)
        if name is None:
            raise InputError(f"{KEY}.process is required and not given (allowed: {', '.join(sorted(PROCESSES))})")
        if isinstance(name, type):
            name = PROCESSES.register(name)
        kind: Any = PROCESSES.get_named(KEY, name)
        if not issubclass(kind, LinkProcess) or not hasattr(kind, "__dataclass_fields__"):
            raise InputError(f"{KEY}: {name!r} is no frozen dataclass that extends gossipmab.networks.links.LinkProcess")
        known = check_names(kind, table, KEY, f"parameter of {name}")
        if not PROCESSES.is_shipped(name):  # the shipped ones check their parameters themselves
            table = {key: fit(f"{KEY}.{key}", known[key].hint, value) for key, value in table.items()}
        process = default if name == "erdos_renyi" and not table else call_plugin(KEY, lambda: kind(**table))
    if process is not default and default.probability != 1.0:
        what = "is for Erdos-Renyi links without parameters"
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
