"""Failures beside the links: lost and late messages, agents that are down, partitions.

New kinds of failure go here. Start with `failures.py`, then `sampler.py`, which composes the others.
"""

from __future__ import annotations

from gossipmab.networks.failures.failures import Failures as Failures, Partition as Partition, made as made
from gossipmab.networks.failures.message_loss import Arcs as Arcs, arcs_of as arcs_of
from gossipmab.networks.failures.outages import Outage as Outage
from gossipmab.networks.failures.sampler import FailureEvents as FailureEvents, FailureSampler as FailureSampler
