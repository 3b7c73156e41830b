"""What goes wrong beside the links: lost and late messages, agents that are away, a network that falls apart."""

from __future__ import annotations

from gossipmab.failures.absence import Absence as Absence
from gossipmab.failures.messages import Arcs as Arcs
from gossipmab.failures.messages import arcs_of as arcs_of
from gossipmab.failures.partition import Partition as Partition
from gossipmab.failures.plan import Failures as Failures
from gossipmab.failures.plan import Fate as Fate
from gossipmab.failures.plan import FateSampler as FateSampler
from gossipmab.failures.plan import made as made
