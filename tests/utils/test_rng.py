"""Streams: what differs anywhere is independent, what is the same is the same, and blocks do not show."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.engines.gossip import simulate as rounds
from gossipmab.utils.rng import Purpose, RandomSource, stream
from tests.algorithms.test_algorithms import VARIANTS
from tests.tiny import world

REWARDS = Purpose.REWARDS
KEY: dict[str, Any] = {"seed": 5, "trial": 1, "label": "x"}
SHAPES = {Purpose.ARMS: (3,), REWARDS: (3, 2), Purpose.POLICY: (3, 0)}


def test_a_stream_is_pcg64_of_its_key() -> None:
    """As the design says: Generator(PCG64(SeedSequence(seed, spawn_key=(trial, label, purpose)))), label 0 if shared."""
    sequence = np.random.SeedSequence(7, spawn_key=(3, 0, int(REWARDS)))
    expected = np.random.Generator(np.random.PCG64(sequence)).random(10)
    np.testing.assert_array_equal(stream(7, trial=3, purpose=REWARDS).random(10), expected)
    # every part of the key matters
    keys = itertools.product((0, 1), (0, 1, 2), ("", "a", "b", "no_sim"), Purpose)
    firsts = [stream(seed, trial=trial, label=label, purpose=why).random() for seed, trial, label, why in keys]
    assert len(set(firsts)) == len(firsts) == 2 * 3 * 4 * len(Purpose)


def test_a_number_stands_at_the_place_of_its_round_agent_and_objective() -> None:
    """Number (t, i, d) stands at position ((t - 1) N + i) D + d, in any split into blocks."""
    whole = stream(**KEY, purpose=REWARDS).random(20 * 3 * 2)
    for split in ((20,), (1,) * 20, (7, 13), (19, 1)):
        source = RandomSource(KEY, SHAPES)
        rewards = np.concatenate([source.block(rounds)[REWARDS].copy() for rounds in split])
        for t, i, d in ((1, 0, 0), (1, 2, 1), (8, 1, 0), (20, 2, 1)):
            assert rewards[t - 1, i, d] == whole[((t - 1) * 3 + i) * 2 + d]
        np.testing.assert_array_equal(rewards.ravel(), whole)


def test_threads_actors_and_restarts_draw_their_own_part() -> None:
    whole = RandomSource(KEY, SHAPES).block(20)
    with ThreadPoolExecutor(3) as pool:
        shared, again = RandomSource(KEY, SHAPES), RandomSource(KEY, SHAPES)
        parts = [shared.block(13, pool, 4)[REWARDS].copy(), shared.block(7, pool, 3)[REWARDS].copy()]
    np.testing.assert_array_equal(np.concatenate(parts), whole[REWARDS])
    for first, last in ((0, 3), (0, 1), (1, 3)):
        mine, late = RandomSource(KEY, SHAPES), RandomSource(KEY, SHAPES, played=8)
        for purpose in (Purpose.ARMS, REWARDS):
            rows = [mine.rows(8, first, last)[purpose], mine.rows(12, first, last)[purpose]]
            np.testing.assert_array_equal(np.concatenate(rows), whole[purpose][:, first:last])
            mine = RandomSource(KEY, SHAPES)
        np.testing.assert_array_equal(late.rows(12, first, last)[REWARDS], whole[REWARDS][8:, first:last])
    assert again.block(5)[Purpose.POLICY].shape == (5, 3, 0)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_length_of_blocks_does_not_show(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment, network = world(4, 3, 2, p=0.5, seed=9)
    options = {"horizon": 300, "seed": 9, "recorded_rounds": 11}
    whole = gm.simulate(VARIANTS[name], environment, network, **options)
    for length in (1, 2, 7, 150):
        monkeypatch.setattr(rounds, "BLOCK_NUMBERS", length * (4 * 3 + len(network.edges)))
        played: list[int] = []
        found = gm.simulate(VARIANTS[name], environment, network, progress=played.append, **options)
        assert gm.same_bits(whole, found) == [] and sum(played) == 1200 and max(played) == 4 * length


def test_labels_and_trials_are_other_streams_and_coupling_shares_them() -> None:
    place, keys = world(4, 3, 2, p=0.5, seed=9), ({}, {"stream_label": "a"}, {"trial": 1})
    plain, labelled, other = (gm.simulate(gm.ParetoUCBGossip(), *place, horizon=200, seed=9, **key) for key in keys)
    assert (plain.messages != labelled.messages).any() and (plain.messages != other.messages).any()
    elimination = gm.simulate(gm.ParetoGossip(), *place, horizon=200, seed=9)
    np.testing.assert_array_equal(elimination.messages, plain.messages)  # the same links
