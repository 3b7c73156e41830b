"""Failures beside the links: lost and late messages, agents that are down, partitions.

New kinds of failure go here. Start with `failures.py`, which composes the others and samples them.
"""

from __future__ import annotations

from gossipmab.networks.failures.failures import FailureEvents as FailureEvents
from gossipmab.networks.failures.failures import Failures as Failures
from gossipmab.networks.failures.failures import FailureSampler as FailureSampler
from gossipmab.networks.failures.failures import Partition as Partition
from gossipmab.networks.failures.failures import made as made
from gossipmab.networks.failures.message_loss import Arcs as Arcs
from gossipmab.networks.failures.message_loss import arcs_of as arcs_of
from gossipmab.networks.failures.outages import Outage as Outage
