"""Failures beside the links: lost and late messages, agents that are down, partitions.

New kinds of failure go here. Start with `failures.py`, which composes the others and samples them.
"""

from __future__ import annotations

from gossipmab.networks.failures.failures import (
    FailureEvents as FailureEvents,
    Failures as Failures,
    FailureSampler as FailureSampler,
    Partition as Partition,
    made as made,
)
from gossipmab.networks.failures.message_loss import Arcs as Arcs, arcs_of as arcs_of
from gossipmab.networks.failures.outages import Outage as Outage
