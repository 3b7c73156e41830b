"""A sound algorithm, and others that are each broken in one way, for the conformance suite to find."""

import random
from typing import Any, NamedTuple

import numpy as np

GENERATOR = np.random.default_rng(0)
MEMORY = {"calls": 0}


class State(NamedTuple):
    pulls: np.ndarray
    local_mean: np.ndarray
    global_mean: np.ndarray
    sent_global_mean: np.ndarray
    scratch_last: np.ndarray


class Sound(NamedTuple):
    """The best arm of the gossip averages of objective 0, with a share of uniform exploration."""

    explore: float = 0.1

    @property
    def communicates(self) -> bool:
        return True

    def check(self) -> None:
        pass

    def init(self, info: Any) -> State:
        size = (info.agents, info.arms, info.objectives)
        return State(np.zeros(size[:2], np.int64), np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(1))

    def select(self, state: Any, i: int, t: int, p: Any) -> None:
        K = p.shape[0]
        best = (t - 1) % K
        if t > K:
            for k in range(K):
                if state.global_mean[i, k, 0] > state.global_mean[i, best, 0]:
                    best = k
        for k in range(K):
            p[k] = self.explore / K
        p[best] += 1.0 - self.explore

    def update(self, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
        state.pulls[i, arm] += 1
        for d in range(x.shape[0]):
            change = (x[d] - state.local_mean[i, arm, d]) / state.pulls[i, arm]
            state.local_mean[i, arm, d] += change
            state.global_mean[i, arm, d] += change


def broken(name: str, **methods: Any) -> Any:
    """A class like `Sound`, with other methods."""
    body = {key: value for key, value in vars(Sound).items() if key in ("communicates", "check", "init", "select", "update")}
    kind = NamedTuple(name, [("explore", float)])  # type: ignore[misc]  # noqa: UP014
    kind.__new__.__defaults__ = (0.1,)
    kind.__module__ = __name__
    for key, value in (body | methods).items():
        setattr(kind, key, value)
    return kind


def select_from_stranger(self: Any, state: Any, i: int, t: int, p: Any) -> None:
    """Row i + 2 of the ring, which is never a neighbour's."""
    Sound.select(self, state, (i + 2) % state.pulls.shape[0], t, p)


def learn_from_stranger(self: Any, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
    Sound.update(self, state, i, t, arm, x, neighbours)
    state.global_mean[i, 0, 0] += 1e-3 * state.sent_global_mean[(i + 2) % state.pulls.shape[0], 0, 0]


def learn_into_neighbour(self: Any, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
    Sound.update(self, state, i, t, arm, x, neighbours)
    for j in neighbours:
        state.local_mean[j, arm, 0] += 0.01


def learn_into_mailbox(self: Any, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
    Sound.update(self, state, i, t, arm, x, neighbours)
    state.sent_global_mean[i, arm, 0] = x[0]


def select_with_memory(self: Any, state: Any, i: int, t: int, p: Any) -> None:
    MEMORY["calls"] += 1
    Sound.select(self, state, i, t + MEMORY["calls"], p)


def select_allocating(self: Any, state: Any, i: int, t: int, p: Any) -> None:
    index = state.global_mean[i, :, 0] + np.ones(p.shape[0])
    for k in range(p.shape[0]):
        p[k] = 1.0 if k == np.argmax(index) else 0.0


def select_too_much(self: Any, state: Any, i: int, t: int, p: Any) -> None:
    for k in range(p.shape[0]):
        p[k] = 0.3


def select_negative(self: Any, state: Any, i: int, t: int, p: Any) -> None:
    Sound.select(self, state, i, t, p)
    p[0] += 0.5
    p[1] -= 0.5


def select_after_others(self: Any, state: Any, i: int, t: int, p: Any) -> None:
    Sound.select(self, state, i, t + int(state.scratch_last[0]), p)


def learn_for_others(self: Any, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
    Sound.update(self, state, i, t, arm, x, neighbours)
    state.scratch_last[0] = i + arm


def select_with(draw: Any) -> Any:
    def select(self: Any, state: Any, i: int, t: int, p: Any) -> None:
        Sound.select(self, state, i, t + int(draw(4)), p)

    return select


Peeking = broken("Peeking", select=select_from_stranger)
PeekingMail = broken("PeekingMail", update=learn_from_stranger)
Trespassing = broken("Trespassing", update=learn_into_neighbour)
Posting = broken("Posting", update=learn_into_mailbox)
Remembering = broken("Remembering", select=select_with_memory)
Allocating = broken("Allocating", select=select_allocating)
Excessive = broken("Excessive", select=select_too_much)
Negative = broken("Negative", select=select_negative)
Following = broken("Following", select=select_after_others, update=learn_for_others)
Gambling = broken("Gambling", select=select_with(GENERATOR.integers))
GamblingGlobally = broken("GamblingGlobally", select=select_with(np.random.randint))  # noqa: NPY002
GamblingPlainly = broken("GamblingPlainly", select=select_with(random.randrange))


def select_halves_later(self: Any, state: Any, i: int, t: int, p: Any) -> None:
    for k in range(p.shape[0]):
        p[k] = 1.0 / p.shape[0] if t < 15 else 0.5


def select_uncompiled(self: Any, state: Any, i: int, t: int, p: Any) -> None:
    for k in range(p.shape[0]):
        p[k] = 1.0 / p.shape[0]
    p[0] += np.nanpercentile(p, 50, method="lower") * 0.0


def select_undefined(self: Any, state: Any, i: int, t: int, p: Any) -> None:
    p[0] = wieght  # noqa: F821


def select_until_20(self: Any, state: Any, i: int, t: int, p: Any) -> None:
    if t == 20 and i == 3:
        raise ValueError("round 20")
    for k in range(p.shape[0]):
        p[k] = 1.0 / p.shape[0]


def learn_from_last(self: Any, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
    """What the last agent sent, whether it was received or not."""
    state.local_mean[i, arm, 0] = x[0]
    state.global_mean[i, arm, 0] = x[0] + state.sent_global_mean[state.pulls.shape[0] - 1, arm, 0]


Stopping = broken("Stopping", select=select_until_20)
PeepingFar = broken("PeepingFar", update=learn_from_last)
Later = broken("Later", select=select_halves_later)
Uncompiled = broken("Uncompiled", select=select_uncompiled)
Undefined = broken("Undefined", select=select_undefined)
