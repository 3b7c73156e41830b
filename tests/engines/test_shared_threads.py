"""Threads that share the agents of a trial meet in compiled code; see test_large.py for the bits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.utils.atomic import fetch_add, wait_until
from gossipmab.utils.jit import jit


@jit
def counted(counters: Any, threads: int, rounds: int) -> int:
    """Add to a counter in each round, and wait for the others; how many rounds began before the one before was over."""
    early = 0
    for b in range(rounds):
        if b > 0 and fetch_add(counters, b - 1, 0) < threads:
            early += 1
        fetch_add(counters, b, 1)
        wait_until(counters, b, threads)
    return early


def test_no_thread_goes_on_before_all_have_come() -> None:
    threads, rounds = 5, 2_000  # more than processors
    counters = np.zeros(rounds, np.int64)
    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(lambda _: counted(counters, threads, rounds), range(threads))) == [0] * threads
    assert (counters == threads).all()


class Stops(NamedTuple):
    """Raises in round 20, and only there."""

    @property
    def communicates(self) -> bool:
        return True

    def init(self, info: Any) -> Any:
        return gm.ParetoUCBGossip().init(info)

    def select(self, state: Any, i: int, t: int, p: Any) -> None:
        if t == 20 and i == 3:
            raise ValueError("round 20")
        for k in range(p.shape[0]):
            p[k] = 1.0 if k == t % p.shape[0] else 0.0

    def update(self, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
        state.pulls[i, arm] += 1


@pytest.mark.slow
def test_an_error_in_one_thread_ends_all() -> None:
    environment, network = gm.Environment.sample(50, 4, 2, seed=0), gm.Network("ring", agents=50)
    with pytest.raises(ValueError, match="round 20"):
        gm.simulate(Stops(), environment, network, horizon=100, seed=0, threads=3)  # type: ignore[arg-type]
