"""Lost and late messages.

A link {i, j} carries two messages, i to j and j to i. An arc is one direction of a link; arcs are listed by receiver,
ascending, and then by sender, ascending: agent i receives on the arcs offsets[i] .. offsets[i + 1] - 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.networks.failures.failures import Failures
from gossipmab.utils.types import Bytes, Floats, Integers

NOTHING = -1


class Arcs(NamedTuple):
    """receiver, sender: (2E,) agents. link: (2E,) the arc's link. reverse: (2E,) the arc in the other direction."""

    receiver: Integers
    sender: Integers
    link: Integers
    reverse: Integers


def arcs_of(edges: Integers) -> Arcs:
    """The arcs of the links (E, 2)."""
    receiver, sender = np.concatenate([edges, edges[:, ::-1]]).T
    order = np.lexsort((sender, receiver))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    other = np.roll(np.arange(len(order)), len(edges))[order]  # the same link, in the other half
    return Arcs(receiver[order], sender[order], order % max(1, len(edges)), place[other])


class ArrivalSampler:
    """Losses and delays: on which arc a message arrives in a round, and how long ago it was sent.

    A message is lost, too, if its receiver is down on arrival.
    """

    def __init__(self, arcs: Arcs, plan: Failures) -> None:
        self.arcs, self.plan = arcs, plan
        self.columns = len(arcs.link) * ((plan.message_loss > 0.0) + (plan.random_delay and plan.delay > 0))
        self.under_way = np.full((plan.delay, len(arcs.link)), NOTHING, np.int16)  # sent in the last rounds: their delay
        self.takes = self.under_way[:0]  # (B, 2E) of the last block; NOTHING if none is sent, or it is lost

    def block(self, present: Bytes, up: Bytes, numbers: Floats) -> NDArray[np.int16]:
        """(B, 2E) rounds since the message that arrives was sent, NOTHING if none does; the most recent of two.

        Args:
            present: (B, E). up: (B, N). numbers: (B, columns) uniform.
        """
        A, plan = len(self.arcs.link), self.plan
        sent = present[:, self.arcs.link].astype(bool)
        if plan.message_loss > 0.0:
            lost = numbers[:, :A] < plan.message_loss
            sent &= ~(lost | lost[:, self.arcs.reverse]) if plan.symmetric_loss else ~lost
        takes = np.full(sent.shape, plan.delay, np.int16)
        if plan.random_delay and plan.delay > 0:
            takes = (numbers[:, -A:] * (plan.delay + 1)).astype(np.int16)
        self.takes = np.where(sent, takes, np.int16(NOTHING))
        all_sent = np.concatenate([self.under_way, self.takes])
        age = np.full(sent.shape, NOTHING, np.int16)
        for d in range(plan.delay, -1, -1):
            begin = plan.delay - d
            age[all_sent[begin : begin + len(sent)] == d] = d
        age[up[:, self.arcs.receiver] == 0] = NOTHING
        self.under_way = all_sent[len(sent) :]
        return age
