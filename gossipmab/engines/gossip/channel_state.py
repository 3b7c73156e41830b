"""What the rounds of messages keep and go by, as arrays. No numba in this file: actors load it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.utils.types import Bytes, Floats, Integers

SPEAK, COUNT, PLAY = range(3)  # the stages of a round of an actor; between them it hears from others


class Rules(NamedTuple):
    """threshold: below 0 for none. steps: 2^bits - 1, or 0. low, high: what these steps lead from and to.

    top: entries of a message, or 0 for all. gain: of the mixing with `top`. mean: which of the boxes is `global_mean`.
    """

    threshold: float
    steps: float
    low: float
    high: float
    top: int
    gain: float
    mean: int


class Boxes(NamedTuple):
    """The fields of a state that have mailboxes, each flat, (N, any).

    now, after: as they stand before and after the round. inbox: what agent i reads, its own row and the messages that it received.
    memory: (P, N, any), what was to be sent in the last P rounds. spoken: what was sent when an agent last spoke.
    told: (2E, any), with `top` what the sender of an arc has told its receiver so far.
    """

    now: tuple[Floats, ...]
    after: tuple[Floats, ...]
    inbox: tuple[Floats, ...]
    memory: tuple[Floats, ...]
    spoken: tuple[Floats, ...]
    told: tuple[Floats, ...]


class Post(NamedTuple):
    """sender, reverse: (2E,) of every arc. heard: (2E,) scratch, arcs on which an agent hears something.

    speaks: (P, N) whether an agent spoke. arrived: (N,) messages in the round. clock: (N,).
    """

    sender: Integers
    reverse: Integers
    heard: Integers
    speaks: Bytes
    arrived: Integers
    clock: Integers


class Mailing(NamedTuple):
    """What all actors of a trial are told: the base graph's arcs, the weights, what is sent.

    offsets: (N + 1,), sender, reverse: (2E,) of every arc. rule, constant: of the weights. depth: rounds that messages are kept.
    """

    offsets: Integers
    sender: Integers
    reverse: Integers
    rule: int
    constant: float
    rules: Rules
    depth: int


class OwnFate(NamedTuple):
    """What happens in B rounds to an actor's n agents, and on the A arcs on which they receive.

    up, cold: (B, n), sent, age: (B, A), as in `failures.Fate`. takes: (B, A) rounds that a message sent takes, -1 if it is lost.
    """

    up: Bytes
    cold: Bytes
    sent: Bytes
    age: NDArray[np.int16]
    takes: NDArray[np.int16]


class Hand(NamedTuple):
    """The round that is being played. up: (N,), sent, age: (2E,), filled for own agents. messages_sent: (N,), by own agents."""

    up: Bytes
    sent: Bytes
    age: NDArray[np.int16]
    messages_sent: Integers
