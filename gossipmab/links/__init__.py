"""Link processes: which links of the base graph are present in every round."""

from __future__ import annotations

from gossipmab.links.contact_trace import ContactTrace as ContactTrace
from gossipmab.links.erdos_renyi import ErdosRenyi as ErdosRenyi
from gossipmab.links.gilbert_elliott import GilbertElliott as GilbertElliott
from gossipmab.links.one_pair import OnePair as OnePair
from gossipmab.links.one_peer_exponential import OnePeerExponential as OnePeerExponential
from gossipmab.links.process import Law as Law
from gossipmab.links.process import LinkProcess as LinkProcess
from gossipmab.links.process import Lister as Lister
from gossipmab.links.process import Sampler as Sampler
from gossipmab.links.random_matching import RandomMatching as RandomMatching
from gossipmab.links.registry import PROCESSES as PROCESSES
from gossipmab.links.registry import located as located
from gossipmab.links.registry import process_of as process_of
from gossipmab.links.static import Static as Static
from gossipmab.links.stochastic_block import StochasticBlock as StochasticBlock
from gossipmab.links.switching import Switching as Switching
