"""What the coordinator of a trial needs where messages are things of their own: what to tell the actors, and what to compile."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numba import types

from gossipmab.algorithms.gossip.base import Algorithm
from gossipmab.engines.actors.block_loop import Window
from gossipmab.engines.actors.object_code import signature_of
from gossipmab.engines.actors.unreliable_loop import play_own_messages
from gossipmab.engines.gossip.channel_state import Hand, Mailing, OwnFate
from gossipmab.engines.gossip.step import Base
from gossipmab.engines.gossip.unreliable import MessageRounds, play_messages
from gossipmab.environments.environment import Environment
from gossipmab.networks.failures import FailureSampler
from gossipmab.networks.network import Network
from gossipmab.utils.types import Bytes, Integers


class MessagePlan:
    """Failures and communication rules of one trial, for actors that have the agents bounds[a] .. bounds[a + 1] - 1."""

    function = play_own_messages

    def __init__(self, algorithm: Algorithm, network: Network, state: Any, initial: Any, bounds: Integers) -> None:
        """Raises InputError where past messages would fill the memory."""
        self.algorithm, self.network, self.bounds = algorithm, network, bounds
        self.loop = MessageRounds(algorithm, network, state, initial, play_messages)
        post = self.loop.post
        self.mailing = Mailing(
            network.offsets, post.sender, post.reverse, network.weight_rule, network.constant_weight, self.loop.rules,
            len(post.speaks),
        )  # fmt: skip
        boxes = self.loop.boxes
        self.bytes = sum(box.nbytes for kept in (boxes.inbox, boxes.memory, boxes.spoken, boxes.told) for box in kept)

    def parts(self, sampler: FailureSampler, present: Bytes) -> list[OwnFate]:
        """Every actor's part of the next rounds, of which `present` (B, E) are the links."""
        fate = sampler(present)
        parts = []
        for a, z in pairwise(self.bounds.tolist()):
            arcs = slice(*self.network.offsets[[a, z]].tolist())
            parts.append(
                OwnFate(
                    fate.up[:, a:z].copy(), fate.cold[:, a:z].copy(), fate.sent[:, arcs].copy(), fate.age[:, arcs].copy(),
                    sampler.channel.takes[:, arcs].copy(),
                )
            )  # fmt: skip
        return parts

    def signature(self, environment: Environment) -> tuple[types.Type, ...]:
        """The types of the arguments of the actors' code."""
        loop, network = self.loop, self.network
        N, K, D = environment.means.shape
        floats, integers, bits = np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.uint8)
        base = Base(np.zeros((0, 2), np.int64), integers, network.weight_rule, network.constant_weight)
        hand = Hand(bits, bits, np.zeros(0, np.int16), integers)
        kept = np.zeros((0, 0, 0))
        window = Window(np.zeros((0, 0)), np.zeros((0, 0, D)), np.zeros((0, 0), np.int64), kept, integers, kept, kept)
        samples = (
            self.algorithm, environment.rewards, *loop.reading, base, loop.boxes, loop.mail.after, loop.mail.now, loop.inbox,
            loop.post, loop.rules, hand, window, floats, integers, floats, 0, True, True, 0,
        )  # fmt: skip
        return signature_of(play_own_messages, samples)
