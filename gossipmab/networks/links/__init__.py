"""Link processes: the links of the base graph that are present in every round.

A new one is a frozen dataclass in its own file and a line in `registry.py`. Start with `base.py`, then `erdos_renyi.py`.
"""

from __future__ import annotations

from gossipmab.networks.links.base import (
    LinkProcess as LinkProcess,
    LinkStatistics as LinkStatistics,
    Sampler as Sampler,
    SparseLinkSampler as SparseLinkSampler,
)
from gossipmab.networks.links.contact_trace import ContactTrace as ContactTrace
from gossipmab.networks.links.erdos_renyi import ErdosRenyi as ErdosRenyi
from gossipmab.networks.links.gilbert_elliott import GilbertElliott as GilbertElliott
from gossipmab.networks.links.one_peer_exponential import OnePeerExponential as OnePeerExponential
from gossipmab.networks.links.random_matching import RandomMatching as RandomMatching
from gossipmab.networks.links.randomized_gossip import RandomizedGossip as RandomizedGossip
from gossipmab.networks.links.registry import PROCESSES as PROCESSES, located as located, process_of as process_of
from gossipmab.networks.links.static import Static as Static
from gossipmab.networks.links.stochastic_block import StochasticBlock as StochasticBlock
from gossipmab.networks.links.switching import Switching as Switching
