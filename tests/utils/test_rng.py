"""Streams: what differs anywhere is independent, what is the same is the same, and blocks do not show."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.engines.gossip import simulate as rounds
from gossipmab.engines.gossip.simulate import Source
from gossipmab.utils.rng import Purpose, stream
from tests.algorithms.test_algorithms import VARIANTS, world
from tests.utils.test_jit import same_bits

REWARDS = Purpose.REWARDS


def test_a_stream_is_pcg64_of_its_key() -> None:
    """As the design says: Generator(PCG64(SeedSequence(seed, spawn_key=(trial, label, agent, purpose)))), label 0 where coupled."""
    sequence = np.random.SeedSequence(7, spawn_key=(3, 0, 5, int(REWARDS)))
    expected = np.random.Generator(np.random.PCG64(sequence)).random(10)
    np.testing.assert_array_equal(stream(7, trial=3, agent=5, purpose=REWARDS).random(10), expected)


def test_every_part_of_the_key_matters() -> None:
    keys = itertools.product((0, 1), (0, 1), ("", "a", "b", "no_sim"), (0, 1, 2), Purpose)
    firsts = [
        stream(seed, trial=trial, label=label, agent=i, purpose=why).random() for seed, trial, label, i, why in keys
    ]
    assert len(set(firsts)) == len(firsts) == 2 * 2 * 4 * 3 * len(Purpose)


def test_streams_are_uncorrelated() -> None:
    """45 pairs, 4 standard errors: a false alarm in 0.3 % of other seeds."""
    draws = np.array([stream(0, agent=i, purpose=REWARDS).random(20_000) for i in range(10)])
    off = np.corrcoef(draws)[np.triu_indices(10, 1)]
    assert np.abs(off).max() < 4 / np.sqrt(20_000)


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_any_split_into_blocks_gives_the_same_numbers(p: float) -> None:
    environment = gm.Environment.sample(3, 2, 2, rewards="gaussian", seed=1)
    network = gm.Network("complete", agents=3, link_probability=p)

    def numbers(*lengths: int) -> tuple[np.ndarray, ...]:
        source = Source(environment, network, seed=5, trial=1, label="x")
        blocks = [type(block)(*(array.copy() for array in block)) for block in map(source.block, lengths)]
        return (
            np.concatenate([block.arms for block in blocks], axis=1),
            np.concatenate([block.rewards for block in blocks], axis=1),
            np.concatenate([block.links for block in blocks]),
        )

    for split in ((1,) * 20, (7, 13), (19, 1)):
        for whole, parts in zip(numbers(20), numbers(*split), strict=True):
            np.testing.assert_array_equal(parts, whole)


def test_advance_finds_any_round() -> None:
    """D numbers a round: round t starts t D numbers in."""
    whole = stream(3, agent=1, purpose=REWARDS).random((50, 4))
    late = stream(3, agent=1, purpose=REWARDS)
    assert isinstance(late.bit_generator, np.random.PCG64)
    late.bit_generator.advance(30 * 4)
    np.testing.assert_array_equal(late.random((20, 4)), whole[30:])


def test_agents_of_a_larger_network_keep_their_streams() -> None:
    """An agent's stream hangs on its own index alone."""
    network = {n: gm.Network("complete", agents=n) for n in (3, 5)}
    blocks = {n: Source(gm.Environment.sample(n, 2, 2), network[n], seed=0, trial=0, label="").block(8) for n in (3, 5)}
    np.testing.assert_array_equal(blocks[3].arms, blocks[5].arms[:3])
    np.testing.assert_array_equal(blocks[3].rewards, blocks[5].rewards[:3])


@pytest.mark.parametrize("name", VARIANTS)
def test_the_length_of_blocks_does_not_show(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment, network = world(4, 3, 2, p=0.5, seed=9)
    whole = gm.simulate(VARIANTS[name], environment, network, horizon=300, seed=9, recorded_rounds=11)
    for length in (1, 2, 7, 150):
        monkeypatch.setattr(
            rounds,
            "BLOCK_NUMBERS",
            length * rounds.Source(environment, network, seed=0, trial=0, label="").numbers_per_round,
        )
        played: list[int] = []
        same_bits(
            whole,
            gm.simulate(
                VARIANTS[name], environment, network, horizon=300, seed=9, recorded_rounds=11, progress=played.append
            ),
        )
        assert sum(played) == 1200 and max(played) == 4 * length


def test_labels_and_trials_are_other_streams_and_coupling_shares_them() -> None:
    environment, network = world(4, 3, 2, p=0.5, seed=9)
    play_it = lambda **key: gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=200, seed=9, **key)  # noqa: E731
    plain, labelled, other = play_it(), play_it(label="a"), play_it(trial=1)
    assert (plain.messages != labelled.messages).any() and (plain.messages != other.messages).any()
    elimination = gm.simulate(gm.ParetoGossip(), environment, network, horizon=200, seed=9)
    np.testing.assert_array_equal(elimination.messages, plain.messages)  # the same links
