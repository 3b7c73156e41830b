"""The round of one agent: the one definition that every gossip engine plays.

The order within a round: G_t is sampled; every agent selects from what it held at the end of round t-1, pulls, and sees a
reward vector; it averages the messages of its present neighbours, which carry what they held at the end of round t-1; it adds
its own local change.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gossipmab.algorithms.base import fill_uniforms, select, update
from gossipmab.engines.common import sample_arm
from gossipmab.engines.gossip.channel import awake, clock, mix, receive, rest
from gossipmab.engines.gossip.channel_state import RandomBlock
from gossipmab.environments.reward_models import draw
from gossipmab.utils.jit import dual
from gossipmab.utils.types import Floats

AWAY = -1  # no arm


class Scratch(NamedTuple):
    """Working memory of a step: p (K,) the distribution played, x (D,) the reward vector."""

    p: Floats
    x: Floats


@dual
def step(
    algorithm: Any, rewards: Any, channel: Any, now: Any, after: Any, numbers: RandomBlock, scratch: Scratch, i: int, b: int,
    t: int, last: int,
) -> int:  # fmt: skip
    """Play agent i's part of round t, the b-th of the block; returns the arm, AWAY if the agent is away.

    Args:
        algorithm, rewards, channel: their types decide which methods run.
        now, after: the state before and after the round: the same arrays, every field exchanged with its mailbox.
        last: one behind the last agent that is played after this one in the same call.
    """
    if not awake(channel, i, b):
        rest(channel, i)
        return AWAY
    neighbours, weights = receive(channel, i, b, t, last)
    own_t, n = clock(channel, i, t), i - numbers.first
    fill_uniforms(now, numbers.own[b, n])
    select(algorithm, now, i, own_t, scratch.p)
    arm = sample_arm(scratch.p, numbers.arms[b, n])
    draw(rewards, i, arm, numbers.rewards[b, n], scratch.x)
    mix(channel, algorithm, after, i, neighbours, weights)
    update(algorithm, after, i, own_t, arm, scratch.x, neighbours)
    return arm
