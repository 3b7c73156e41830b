"""The communication budget: games of three agents by hand, the mean kept, messages and bytes as sent."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.algorithms.gossip.base import exchanged
from gossipmab.engines.gossip.simulate import problem_info
from gossipmab.engines.gossip.trial import averages_of
from gossipmab.engines.gossip.unreliable import speak, unreliable
from gossipmab.utils.rng import Purpose, stream
from tests.networks.test_failures import EAGER, SEEN, Watched, by_hand, close, file_of
from tests.tiny import KITE, refusal


def budget(**rules: Any) -> dict[str, Any]:
    return {"communication": gm.CommunicationBudget(**rules)}


def test_every_third_round() -> None:
    agreed = " 6/10 6/10 6/10 6/10 6/10"
    trace = by_hand(None, "9/10 9/10" + agreed, "3/10 3/10" + agreed, "6/10 6/10" + agreed, **budget(period=3))
    np.testing.assert_array_equal(trace.messages, [0, 0, 6, 6, 6, 12, 12])


def test_only_who_has_something_to_say() -> None:
    """Threshold 3/4: in round 1 nobody has moved from 0; in round 2 only agent 0 has, by 9/10, and 1 and 2 answer it.

    0: 9/10 + (3 - 9 + 6 - 9)/30 = 6/10. 1: 3/10 + (9 - 3)/30 = 5/10. 2: 6/10 + (9 - 6)/30 = 7/10. From then on nobody has
    moved by more than 7/10 since it spoke.
    """
    G = "9/10 6/10 6/10 6/10", "3/10 5/10 5/10 5/10", "6/10 7/10 7/10 7/10"
    trace = by_hand(None, *G, **budget(trigger_threshold=0.75))
    np.testing.assert_array_equal(trace.messages, [0, 4, 4, 4])
    np.testing.assert_array_equal(trace.messages_sent, [2, 1, 1])
    assert trace.mean_drift.max() < 1e-15
    # Round 1: nothing has changed yet. Rounds 2 and 3: all changed, to 6/10 but for agent 2, which answers. Then silence.
    agreed = " 6/10 6/10 6/10 6/10"
    trace = by_hand(None, "9/10" + agreed, "3/10" + agreed, "6/10" + agreed, **budget(trigger_threshold=1e-9))
    np.testing.assert_array_equal(trace.messages, [0, 6, 12, 12, 12])


def test_two_bits_a_number() -> None:
    """Values 0, 1/3, 2/3, 1: (9, 3, 6)/10 are sent as 1, 1/3, 2/3. 0: 9/10 + (1/3 + 2/3 - 2)/3 = 17/30.
    1: 3/10 + (1 + 2/3 - 2/3)/3 = 19/30. 2: 6/10 + (1 + 1/3 - 4/3)/3 = 18/30. Then all are sent as 2/3, and nothing moves."""
    G = "9/10 17/30 17/30 17/30", "3/10 19/30 19/30 19/30", "6/10 18/30 18/30 18/30"
    trace = by_hand(None, *G, **budget(quantization_bits=2))
    np.testing.assert_array_equal(trace.bytes, trace.messages)  # two bits need a byte
    assert trace.mean_drift.max() < 1e-15


def test_flags_travel_as_flags() -> None:
    """Which arms are dropped is not rounded: on [-1, 1] no zero can be sent. 2 bits a number, 1 bit a flag."""
    environment = gm.Environment.sample(5, 4, 2, seed=1)
    network = gm.Network(KITE, link_probability=1.0, **budget(quantization_bits=2, low=-1.0, high=1.0))
    state = EAGER.init(problem_info(environment, network, 100))
    state.active[:] = state.sent_active[:] = np.eye(5, 4)
    channel, *_ = unreliable(EAGER, network, state, averages_of(state, exchanged(state), True), False)
    speak.py_func(channel, np.ones(5, np.uint8), 0, 0, 5)
    mean, active = (box[0] for box in channel.buffers.memory)
    np.testing.assert_array_equal(active, np.eye(5, 4))
    assert set(np.unique(mean * 3).round(12)) <= {-3.0, -1.0, 1.0, 3.0}
    trace = gm.simulate(EAGER, environment, network, horizon=10, seed=1, interpreted=True)
    assert (trace.bytes == trace.messages * ((2 * 8 + 4 + 7) // 8)).all()


def test_the_largest_change_only() -> None:
    """Two arms, one entry a message, gain 1/2: w gain = 1/6. Rewards (8, 1)/10, (2, 7)/10, (2, 1/2)/10.

    Round 2: before it, G(1) = (8, 0)/10, (2, 0)/10, (2, 0)/10, and all tell arm 0. 0: 8/10 + (2 - 8 + 2 - 8)/60 = 6/10.
    1: 2/10 + (8 - 2)/60 = 3/10. 2: the same. Arm 1 is pulled: (6, 1)/10, (3, 7)/10, (3, 1/2)/10.
    Round 3: told were (8, 2, 2)/10 of arm 0 and 0 of arm 1. Changes: 0: 2/10 of arm 0, 1/10 of arm 1: it tells arm 0, 6/10.
    1: 1/10 and 7/10: it tells arm 1. 2: 1/10 and 1/20: it tells arm 0, 3/10.
    Known then: arm 0 (6, 2, 3)/10, arm 1 (0, 7, 0)/10.
    Arm 0: 6/10 + (2 - 6 + 3 - 6)/60 = 29/60; 3/10 + (6 - 2 + 3 - 2)/60 = 23/60; 3/10 + (6 - 3 + 2 - 3)/60 = 20/60.
    Arm 1: 1/10 + 7/60 = 13/60; 7/10 - 14/60 = 28/60; 1/20 + 7/60 = 10/60.
    """
    means = np.array([[[0.8], [0.1]], [[0.2], [0.7]], [[0.2], [0.05]]])
    environment = gm.Environment.sample(means=means, preferences=np.ones((3, 1)), rewards="deterministic")
    network = gm.Network("complete", 3, **budget(top_k=1))
    trace = gm.simulate(Watched(), environment, network, horizon=3, seed=0, recorded_rounds=3, interpreted=True)
    G = np.array([world for _, _, world, _ in SEEN]).reshape(3, 3, 2)
    close(G[0].ravel(), [0.8, 0, 0.2, 0, 0.2, 0])
    close(G[1].ravel(), [0.6, 0.1, 0.3, 0.7, 0.3, 0.05])
    close(60 * G[2].ravel(), [29, 13, 23, 28, 20, 10])
    np.testing.assert_array_equal(trace.bytes, 9 * trace.messages)  # 64 bits and 1 for the index
    assert trace.mean_drift.max() < 1e-15


RULES: list[dict[str, Any]] = [
    {"period": 4}, {"trigger_threshold": 0.02}, {"quantization_bits": 6}, {"top_k": 2},
    {"top_k": 2, "consensus_step_size": 0.2, "quantization_bits": 12},
    {"period": 2, "trigger_threshold": 0.01, "quantization_bits": 10},
]  # fmt: skip


@pytest.mark.parametrize("rules", RULES, ids=str)
@pytest.mark.parametrize("weights", ["laplacian", "metropolis"])
def test_the_mean_is_kept_and_agents_agree(rules: dict[str, Any], weights: str) -> None:
    """With links that come and go, agents that are away, and messages that are acknowledged."""
    environment = gm.Environment.sample(5, 3, 2, heterogeneity=0.5, seed=1)
    failures = gm.Failures(message_loss=0.2, symmetric_loss=True, crash_probability=0.01, recovery_probability=0.2)
    network = gm.Network(KITE, links=gm.GilbertElliott(0.2, 0.4), weights=weights, failures=failures, **budget(**rules))
    trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=3_000, seed=3, recorded_rounds=3_000)
    assert trace.mean_drift.max() < 1e-12
    alone = np.abs(environment.means - environment.centred_means).max()
    assert trace.disagreement[-1] < alone / 3  # on their own they would be that far apart


@pytest.mark.parametrize("algorithm", [gm.ParetoUCBGossip(), EAGER], ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("rules", RULES, ids=str)
def test_compiled_and_interpreted_are_the_same_to_the_bit(algorithm: Any, rules: dict[str, Any]) -> None:
    environment = gm.Environment.sample(5, 4, 2, seed=1)
    failures = gm.Failures(crash_probability=0.05, recovery_probability=0.2)
    network = gm.Network(KITE, link_probability=0.6, failures=failures, **budget(**rules))
    one, other = (gm.simulate(algorithm, environment, network, horizon=100, seed=2, interpreted=how) for how in (False, True))
    assert gm.same_bits(one, other) == []


def test_many_bits_are_nearly_all_of_them() -> None:
    environment = gm.Environment.sample(5, 1, 2, seed=1)  # one arm: no ties for a rounding to decide
    options: Any = {"horizon": 20, "seed": 2, "recorded_rounds": 20}
    nets = (gm.Network(KITE, **named) for named in ({}, budget(quantization_bits=32, low=-1.0, high=2.0)))  # nothing is clipped
    one, other = (gm.simulate(gm.ParetoUCBGossip(), environment, net, **options) for net in nets)
    np.testing.assert_allclose(one.disagreement, other.disagreement, rtol=0, atol=20 * 3 / 2**31)
    assert not np.array_equal(one.disagreement, other.disagreement)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [4, 6, 8])
def test_disagreement_ends_where_roundings_do(bits: int) -> None:
    """Deterministic rewards, so that estimates would agree exactly: the rounded ones end within a few steps."""
    environment = gm.Environment.sample(5, 2, 2, rewards="deterministic", heterogeneity=0.5, seed=1)
    network = gm.Network(KITE, link_probability=0.5, weights="metropolis", **budget(quantization_bits=bits))
    trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=3_000, seed=1, recorded_rounds=10)
    step = 1 / (2**bits - 1)
    assert 0.01 * step < trace.disagreement[-1] < 4 * step  # within diameter + 1 steps


def test_savings_are_counted_as_sent() -> None:
    """Six numbers a message: 48 bytes, or 6 with 8 bits each, or with two of them 2 (64 + 3) quantization_bits = 17 bytes."""
    environment = gm.Environment.sample(5, 3, 2, seed=1)
    budgets: dict[str, Any] = {"all": {}, "every": {"period": 5}, "few": {"trigger_threshold": 0.05}}
    budgets |= {"bits": {"quantization_bits": 8}, "top": {"top_k": 2}}
    nets = {name: gm.Network(KITE, link_probability=0.5, **budget(**rules)) for name, rules in budgets.items()}
    found = {name: gm.simulate(gm.ParetoUCBGossip(), environment, net, horizon=1_000, seed=1) for name, net in nets.items()}
    messages = {name: int(trace.messages[-1]) for name, trace in found.items()}
    links = gm.Network(KITE, link_probability=0.5)
    present = links.link_sampler(stream(1, purpose=Purpose.LINKS))(1_000).sum(axis=1)
    assert messages["all"] == messages["bits"] == messages["top"] == 2 * present.sum()
    assert messages["every"] == 2 * present[4::5].sum() and 0 < messages["few"] < messages["all"] / 2
    for name, each, numbers in (("all", 48, 6), ("every", 48, 6), ("few", 48, 6), ("bits", 6, 6), ("top", 17, 2)):
        assert found[name].bytes[-1] == each * messages[name]
        assert found[name].scalars_sent.tolist() == (numbers * found[name].messages).tolist()
    assert found["all"].messages_sent.sum() == messages["all"]
    many, few = gm.CommunicationBudget(top_k=9), gm.CommunicationBudget(top_k=1, quantization_bits=4)
    assert (many.bytes(6), many.floats(6), few.bytes(6), few.floats(6)) == (48, 6, 1, 1)


@pytest.mark.parametrize(("rules", "message"), [
    ({"perod": 2}, "network.communication: parameter: 'perod' is not known; did you mean 'period'?"),
    ({"period": 0}, "network.communication.period: got 0, allowed is a whole number >= 1"),
    ({"trigger_threshold": -1}, "network.communication.trigger_threshold: got -1, allowed is a number >= 0"),
    ({"quantization_bits": 0}, "network.communication.quantization_bits: got 0, allowed is a whole number >= 1"),
    ({"quantization_bits": 33}, "network.communication.quantization_bits: got 33, allowed is a whole number >= 1 and <= 32"),
    ({"low": 1}, "network.communication.high: got 1.0, allowed is a number > low = 1"),
    ({"high": "x"}, "network.communication.high: got 'x', allowed is a number"),
    ({"top_k": 0}, "network.communication.top_k: got 0, allowed is a whole number >= 1"),
    ({"consensus_step_size": 0.5}, "network.communication.consensus_step_size: got 0.5, allowed is none without top_k"),
    ({"top_k": 1, "consensus_step_size": 1.5}, "network.communication.consensus_step_size: got 1.5, allowed is a number > 0 and"),
])  # fmt: skip
def test_what_is_refused(rules: Any, message: str) -> None:
    assert refusal(gm.Network, KITE, communication=rules).startswith(message)


def test_in_the_file(tmp_path: Path) -> None:
    """Parts of messages need failures that keep the mean."""
    line = refusal(gm.Network, KITE, failures={"delay": 1}, communication={"top_k": 1})
    assert line.startswith("network.communication.top_k: not with failures that do not keep the mean")
    gm.Network(KITE, failures={"message_loss": 0.5, "symmetric_loss": True}, communication={"top_k": 1})
    section = {"base": "complete", "communication": {"period": 2}}
    data = file_of(section, {"network.communication.quantization_bits": [4, 8]})
    last = gm.run(data, out=tmp_path / "run").table()
    last = last[last["round"] == 40].set_index("quantization_bits")
    assert last["messages"].tolist() == [20 * 12, 20 * 12] and last["bytes"].tolist() == [20 * 12 * 3, 20 * 12 * 6]
    assert last["scalars_sent"].tolist() == [20 * 12 * 6, 20 * 12 * 6]
