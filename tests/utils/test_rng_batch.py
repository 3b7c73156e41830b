"""Many streams in plain arrays against NumPy's own generators."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipmab.utils.errors import InputError
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.rng_batch import Streams

SEEDS = [0, 1, 2**32 - 1, 2**32, 2**64 + 5, 2**96 + 3, 2**128 - 1, 2**130 + 7, 123_456_789]


def check(seed: int, trial: int, label: str, agents: int, first: int, purpose: Purpose, counts: list[int]) -> None:
    streams = Streams(seed, trial=trial, label=label, agents=agents, first=first, purpose=purpose)
    others = [stream(seed, trial=trial, label=label, agent=first + i, purpose=purpose) for i in range(agents)]
    for count in counts:
        numbers = np.empty((agents, count, 2))
        streams.draw(numbers)
        assert np.array_equal(numbers, [other.random((count, 2)) for other in others])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("trial", "label"), [(0, ""), (3, "a label"), (2**33, "x")])
def test_they_are_numpys_streams(seed: int, trial: int, label: str) -> None:
    check(seed, trial, label, 5, 0, Purpose.ARMS, [3, 0, 1, 7])
    check(seed, trial, label, 3, 2**31, Purpose.REWARDS, [4])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**200), st.integers(0, 2**70), st.text(max_size=5), st.integers(0, 2**32 - 3))
def test_they_are_numpys_streams_for_any_key(seed: int, trial: int, label: str, first: int) -> None:
    check(seed, trial, label, 2, first, Purpose.REWARDS, [2, 1])


def test_a_part_of_the_agents_draws_what_all_would() -> None:
    whole, parts = (Streams(4, agents=9, purpose=Purpose.ARMS) for _ in range(2))
    for _ in range(3):
        expected, found = np.empty((2, 9, 6))
        whole.draw(expected)
        for begin, end in ((5, 9), (0, 2), (2, 5)):
            parts.draw(found[begin:end], begin)
        assert np.array_equal(expected, found)


def test_bad_keys_are_refused() -> None:
    for seed, trial in ((-1, 0), (1.5, 0), (0, -1)):
        with pytest.raises(InputError, match="allowed is a whole number >= 0"):
            Streams(seed, trial=trial, agents=1, purpose=Purpose.ARMS)  # type: ignore[arg-type]
