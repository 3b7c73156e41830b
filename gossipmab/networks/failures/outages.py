"""Agents that are down: planned outages, late starts, random crashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import jit
from gossipmab.utils.parameters import check
from gossipmab.utils.types import Bytes, Floats

FOREVER = 2**53
KEY = "network.failures.outages"
First = Annotated[int, Field(ge=1, description="first round")]
Last = Annotated[int, Field(ge=1, le=FOREVER, description="last round; by default it never ends")]
Indices = Sequence[Annotated[int, Field(ge=0)]]


@dataclass(frozen=True)
class Outage:
    """Some agents are down in the rounds first .. last. With first = 1 it is a late start.

    An agent that is down pulls no arm, sends and receives nothing, and has no regret; its row of W_t is that of the identity,
    so the mean is preserved. Its t counts the rounds it has played. Without its state, G_i and L_i restart at 0 together, and
    the mean is not preserved.

    >>> gm.Failures(outages=[gm.Outage([3], first=1, last=100)]).keeps_mean
    True
    """

    agents: Annotated[Indices, Field(min_length=1, description="indices of the agents")]
    first: First = 1
    last: Last = FOREVER
    keep_state: Annotated[bool, Field(description="whether the agents return with their state")] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "agents", plain([self.agents] if isinstance(self.agents, int | np.integer) else self.agents))
        check(self, KEY)
        check_order(KEY, self.first, self.last)


def plain(value: Any) -> Any:
    """The value with tuples in the place of lists and arrays."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    return tuple(map(plain, value)) if isinstance(value, (list, tuple)) else value


def check_order(key: str, first: int, last: int) -> None:
    """Raise InputError if the rounds first .. last are none."""
    if last < first:
        raise InputError(f"{key}.last: got {last}, allowed is a whole number >= first = {first}")


def planned(outages: Sequence[Outage], agents: int, played: int, rounds: int) -> Bytes:
    """(rounds, N): 0 up, 1 down, 2 down and losing its state; of the rounds after `played`."""
    away = np.zeros((rounds, agents), np.uint8)
    for outage in outages:
        begin, end = max(0, outage.first - 1 - played), max(0, outage.last - played)
        for agent in outage.agents:
            rows = away[begin:end, agent]
            np.maximum(rows, 1 if outage.keep_state else 2, out=rows)
    return away


@jit
def walk(
    numbers: Floats, crash: float, recovery: float, forgets: int, planned: Bytes, state: Bytes, up: Bytes, cold: Bytes
) -> None:
    """Advance the agents' crash states by a block of rounds.

    Args:
        numbers: (B, N) uniform, or (B, 0) if none crash. forgets: 1 if a crash loses the state. planned: (B, N).
        state: (2, N) in and out, whether crashed, whether the state is lost. up, cold: (B, N) out, whether the agent is up, and
            whether it restarts from its initial state.
    """
    for b in range(up.shape[0]):
        for i in range(up.shape[1]):
            if numbers.shape[1] > 0:
                if state[0, i] == 1:
                    state[0, i] = 0 if numbers[b, i] < recovery else 1
                else:
                    state[0, i] = 1 if numbers[b, i] < crash else 0
            if planned[b, i] > 0 or state[0, i] == 1:
                up[b, i] = 0
                cold[b, i] = 0
                if planned[b, i] == 2 or (state[0, i] == 1 and forgets == 1):
                    state[1, i] = 1
            else:
                up[b, i] = 1
                cold[b, i] = state[1, i]
                state[1, i] = 0
