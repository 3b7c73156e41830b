"""Failures: games of three agents played by hand, a plain twin for all of them together, what keeps the mean and what does not.

Statistical tests have fixed seeds and state their false-alarm rate.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, strategies as st

import gossipmab as gm
from gossipmab.algorithms import ALGORITHMS as REGISTERED
from gossipmab.engines.gossip import simulate as rounds, unreliable as message_rounds
from gossipmab.networks.failures import FailureEvents, arcs_of
from gossipmab.networks.failures.message_loss import ArrivalSampler
from gossipmab.utils.rng import Purpose, stream
from tests.tiny import FOUR, KITE, Patch, refusal, refuses, slow, tiny

MEANS = np.array([0.9, 0.3, 0.6]).reshape(3, 1, 1)  # one arm, one objective: L_i is agent i's mean from its first round on
SEEN: list[tuple[int, int, np.ndarray, np.ndarray]] = []


class Watched(NamedTuple):
    """Pareto UCB1 Gossip; keeps (agent, its t, G_i, L_i) of every round of every agent."""

    communicates: bool = True

    def init(self, shape: Any) -> Any:
        SEEN.clear()
        return gm.ParetoUCBGossip().init(shape)

    def select(self, state: Any, i: int, t: int, p: np.ndarray) -> None:
        gm.ParetoUCBGossip().select(state, i, t, p)

    def update(self, state: Any, i: int, t: int, arm: int, x: np.ndarray, neighbours: np.ndarray) -> None:
        gm.ParetoUCBGossip().update(state, i, t, arm, x, neighbours)
        SEEN.append((i, t, state.global_mean[i].ravel().copy(), state.local_mean[i].ravel().copy()))


def by_hand(failures: Any, *expected: str, **named: Any) -> Any:
    """The trace of three agents on the complete graph, w = 1/3.

    expected: of every agent, G_i after each of the rounds that it plays.
    """
    horizon = max(len(text.split()) for text in expected)
    environment = gm.Environment.sample(means=MEANS, preferences=np.ones((3, 1)), rewards="deterministic")
    network = gm.Network("complete", 3, failures=failures, **named)
    trace = gm.simulate(Watched(), environment, network, horizon=horizon, seed=0, recorded_rounds=horizon, interpreted=True)
    for i, text in enumerate(expected):
        close([float(G[0]) for agent, _, G, _ in SEEN if agent == i], thirds(text))
    return trace


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, [float(x) for x in expected], rtol=0, atol=1e-12)


def thirds(text: str) -> list[Fraction]:
    return [Fraction(word) for word in text.split()]


@pytest.mark.slow
def test_without_failures() -> None:
    """t = 1: G = L = (9, 3, 6)/10. t = 2: all links, w = 1/3: all hold the mean, 6/10."""
    trace = by_hand(gm.Failures(), "9/10 6/10 6/10", "3/10 6/10 6/10", "6/10 6/10 6/10")
    np.testing.assert_array_equal(trace.messages, [6, 12, 18])
    assert trace.mean_drift.max() < 1e-15


def test_an_agent_is_away() -> None:
    """Agent 2 is away in rounds 2 and 3.

    t = 2: only 0 - 1: 9/10 - 2/10, 3/10 + 2/10. t = 3: 7/10 - 2/30, 5/10 + 2/30.
    t = 4: 0: 19/30 + (17 - 19 + 18 - 19)/90 = 18/30. 1: 17/30 + (2 + 1)/90 = 18/30. 2: 18/30 + (1 - 1)/90 = 18/30.
    """
    plan = gm.Failures(outages=[gm.Outage([2], 2, 3)])
    trace = by_hand(plan, "9/10 7/10 19/30 18/30", "3/10 5/10 17/30 18/30", "6/10 18/30")
    np.testing.assert_array_equal(trace.messages, np.cumsum([6, 2, 2, 6]))
    np.testing.assert_array_equal(trace.messages_sent, [2 + 1 + 1 + 2, 2 + 1 + 1 + 2, 4])
    np.testing.assert_array_equal(trace.pulls, [[4], [4], [2]])
    close(trace.disagreement, thirds("3/10 1/10 1/30 0"))
    assert trace.mean_drift.max() < 1e-15


def test_a_late_start() -> None:
    """Agent 2 begins in round 3. t = 2: (7, 5, 0)/10. t = 3: 0: 7/10 + (5 - 7 + 0 - 7)/30 = 4/10. 1: 5/10 + (7 - 5 - 5)/30 = 4/10.
    2: 0 + (7 + 5)/30 + 6/10 = 1. The sum, 18/10, is that of the L_i."""
    trace = by_hand(gm.Failures(outages=[gm.Outage([2], last=2)]), "9/10 7/10 4/10", "3/10 5/10 4/10", "1")
    np.testing.assert_array_equal(trace.messages, np.cumsum([2, 2, 6]))
    assert trace.mean_drift.max() < 1e-15
    assert [t for agent, t, _, _ in SEEN if agent == 2] == [1]  # its own clock


def test_an_agent_comes_back_knowing_nothing() -> None:
    """Agent 0 is away in round 3, when all hold 6/10, and forgets. t = 4: 0: 0 + (6 + 6)/30 + 9/10 = 13/10.
    1 and 2: 6/10 + (0 - 6 + 6 - 6)/30 = 4/10. The sum is 21/10 and not 18/10: the drift is 1/10."""
    plan = gm.Failures(outages=[gm.Outage([0], 3, 3, keep_state=False)])
    trace = by_hand(plan, "9/10 6/10 13/10", "3/10 6/10 6/10 4/10", "6/10 6/10 6/10 4/10")
    close(trace.mean_drift, thirds("0 0 0 1/10"))
    assert [t for agent, t, _, _ in SEEN if agent == 0] == [1, 2, 1]
    np.testing.assert_array_equal(trace.pulls, [[3], [4], [4]])


def test_a_message_is_lost(monkeypatch: Patch) -> None:
    """In round 2 the message from 1 to 0 is lost. 0: 9/10 + (6 - 9)/30 = 8/10. 1: 3/10 + (9 - 3 + 6 - 3)/30 = 6/10. 2: 6/10.
    t = 3: the mean of these, 2/3, whatever the L_i: the drift of 1/15 stays."""

    def fates(self: Any, generator: Any) -> Callable[[np.ndarray], FailureEvents]:
        def fate(present: np.ndarray) -> FailureEvents:
            age = np.zeros((3, 6), np.int16)
            age[1, 0] = -1  # arcs: 0 hears 1, 0 hears 2, 1 hears 0, ...
            return FailureEvents(np.ones((3, 3), np.uint8), np.zeros((3, 3), np.uint8), np.ones((3, 6), np.uint8), age)

        return fate

    monkeypatch.setattr(gm.Network, "failure_sampler", fates)
    trace = by_hand(gm.Failures(message_loss=0.1), "9/10 8/10 2/3", "3/10 6/10 2/3", "6/10 6/10 2/3")
    close(trace.mean_drift, thirds("0 1/15 1/15"))
    np.testing.assert_array_equal(trace.messages, [6, 12, 18])  # counted as sent


def test_messages_take_three_rounds() -> None:
    """G_i(t) = G_i(t-1) + sum_j (G_j(t-4) - G_i(t-1))/3 from t = 4 on, when the messages of round 1, which carry G(0) = 0, arrive.

    t = 4: a third of each. t = 5, with G(1) = (9, 3, 6)/10: 0: 3/10 + (3 + 6 - 3 - 3)/30 = 4/10. 1: 1/10 + (9 + 6 - 2)/30 = 16/30.
    2: 2/10 + (9 + 3 - 4)/30 = 14/30. t = 6, with G(2) = G(1): 0: 12/30 + (9 - 8)/30 = 13/30. 1: 16/30 + (45 - 32)/90 = 61/90.
    2: 14/30 + (36 - 28)/90 = 50/90. t = 7, with G(3) = G(1): 0: 39/90 + (81 - 78)/270 = 40/90.
    1: 61/90 + (135 - 122)/270 = 196/270. 2: 50/90 + (108 - 100)/270 = 158/270. t = 8, with G(4) = (81, 27, 54)/270: 0: 120/270 +
    (81 - 240)/810 = 201/810. 1: 196/270 + (135 - 392)/810 = 331/810. 2: 158/270 + (108 - 316)/810 = 266/810.
    """
    G = (
        "9/10 9/10 9/10 3/10 4/10 13/30 40/90 201/810",
        "3/10 3/10 3/10 1/10 16/30 61/90 196/270 331/810",
        "6/10 6/10 6/10 2/10 14/30 50/90 158/270 266/810",
    )
    trace = by_hand(gm.Failures(delay=3), *G)
    close(trace.mean_drift, [abs(sum(of_round) / 3 - Fraction(6, 10)) for of_round in zip(*map(thirds, G), strict=True)])
    np.testing.assert_array_equal(trace.messages, 6 * np.arange(1, 9))


def test_a_partition() -> None:
    """Agent 2 is cut off in rounds 2 and 3, and plays on: the estimates are those of its absence, but it pulls."""
    plan = gm.Failures(partitions=[gm.Partition([[2]], 2, 3)])
    trace = by_hand(plan, "9/10 7/10 19/30 18/30", "3/10 5/10 17/30 18/30", "6/10 6/10 6/10 18/30")
    np.testing.assert_array_equal(trace.pulls, [[4]] * 3)
    assert trace.mean_drift.max() < 1e-15


def test_arcs_and_the_freshest_of_the_messages_that_arrive_together() -> None:
    """The path 0 - 1 - 2: 0 hears 1; 1 hears 0 and 2; 2 hears 1."""
    arcs = arcs_of(np.array([[0, 1], [1, 2]]))
    assert (arcs.receiver.tolist(), arcs.sender.tolist()) == ([0, 1, 1, 2], [1, 0, 2, 1])
    assert (arcs.link.tolist(), arcs.reverse.tolist()) == ([0, 0, 1, 1], [1, 0, 3, 2])
    # One link, both directions alike. Sent in rounds 1, 2, 4 with 2, 1, 0 rounds to go: both arrive in round 3, the last in 4.
    post = ArrivalSampler(arcs_of(np.array([[0, 1]])), gm.Failures(delay=2, random_delay=True))
    takes = np.array([2, 1, 0, 0]) / 3 + 0.1
    present, up = np.array([[1], [1], [0], [1]], np.uint8), np.ones((4, 2), np.uint8)
    numbers = np.column_stack([takes, takes])
    assert post.block(present, up, numbers)[:, 0].tolist() == [-1, -1, 1, 0]
    away = ArrivalSampler(post.arcs, post.plan)
    up[2, 0] = 0  # what arrives while its receiver is away is lost
    assert away.block(present, up, numbers).tolist() == [[-1, -1], [-1, -1], [-1, 1], [0, 0]]


@pytest.mark.parametrize("acknowledged", [False, True])
def test_losses_are_as_frequent_as_declared(acknowledged: bool) -> None:
    """Binomial, 5 standard deviations: a false alarm of 6e-7. Directions are independent, or both or none."""
    network = gm.Network(KITE, failures=gm.Failures(message_loss=0.3, symmetric_loss=acknowledged))
    fate = network.failure_sampler(np.random.default_rng(0))(np.ones((5_000, 7), np.uint8))
    arrives, q = fate.age >= 0, 0.7**2 if acknowledged else 0.7
    reverse = arcs_of(network.edges).reverse
    assert abs(arrives.mean() - q) < 5 * np.sqrt(q * (1 - q) / (arrives.size / 2))
    both = (arrives & arrives[:, reverse]).mean()
    assert abs(both - 0.49) < 5 * np.sqrt(0.49 * 0.51 / (arrives.size / 2)) and fate.sent.all()


def test_delays_and_crashes_are_as_long_as_declared() -> None:
    """Without the freshest's precedence: links that are there every tenth round. Chi-square, 3 degrees: 30.7 is 1e-6."""
    present = np.zeros((20_000, 7), np.uint8)
    present[::10] = 1
    network = gm.Network(KITE, failures=gm.Failures(delay=3, random_delay=True))
    age = network.failure_sampler(np.random.default_rng(0))(present).age
    counts = np.bincount(age[age >= 0], minlength=4)
    expected = 2_000 * 14 / 4
    assert counts.sum() == 2_000 * 14 and (((counts - expected) ** 2) / expected).sum() < 30.7
    # Geometric spells with means 1/crash and 1/rejoin; 5 standard errors, 6e-7 each. All are there at first.
    network = gm.Network("complete", 8, failures=gm.Failures(crash_probability=0.05, recovery_probability=0.2, keep_state=False))
    fate = network.failure_sampler(np.random.default_rng(1))(np.ones((20_000, 28), np.uint8))
    for value, q in ((1, 0.05), (0, 0.2)):
        lengths = []
        for column in fate.up.T:
            changes = np.flatnonzero(np.diff(column)) + 1
            lengths += np.diff(changes)[column[changes[:-1]] == value].tolist()
        assert abs(np.mean(lengths) - 1 / q) < 5 * np.sqrt(1 - q) / q / np.sqrt(len(lengths))
    back = np.diff(fate.up.astype(int), axis=0) == 1
    np.testing.assert_array_equal(fate.cold[1:], back)  # whoever comes back has forgotten
    arcs = arcs_of(network.edges)
    assert not fate.sent[(fate.up[:, arcs.receiver] & fate.up[:, arcs.sender]) == 0].any()


EVERYTHING = gm.Failures(
    message_loss=0.2, delay=2, random_delay=True, crash_probability=0.1, recovery_probability=0.3, keep_state=False,
    outages=[gm.Outage([1, 3], 4, 9, keep_state=False), gm.Outage([0], 1, 6)],
    partitions=[gm.Partition([[0, 1], [2]], 5, 12)],
)  # fmt: skip


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(0, 2**32))
def test_any_split_into_blocks_gives_the_same_fate(blocks: list[int], seed: int) -> None:
    network = gm.Network(KITE, failures=EVERYTHING)
    present = network.link_sampler(np.random.default_rng(0))(sum(blocks))
    whole = network.failure_sampler(np.random.default_rng(seed))(present)
    sampler, played, parts = network.failure_sampler(np.random.default_rng(seed)), 0, []
    for count in blocks:
        parts.append(sampler(present[played : played + count]))
        played += count
    for field in FailureEvents._fields:
        np.testing.assert_array_equal(np.concatenate([getattr(part, field) for part in parts]), getattr(whole, field))


def twin(network: gm.Network, fate: FailureEvents, local: np.ndarray) -> np.ndarray:
    """(T, N, M) all G_i, from L (T, N, M) as they stood after every round: the gossip of one round, written out.

    What is lost when an agent forgets, it forgets before the round in which it is back.
    """
    T, N, _ = local.shape
    world: list[np.ndarray] = []
    sent: list[np.ndarray] = []  # in every round
    edges = {(int(i), int(j)) for i, j in network.edges}
    arcs = [(i, j) for i in range(N) for j in range(N) if (min(i, j), max(i, j)) in edges]
    for t in range(T):
        before, was = (rows[t - 1].copy() if t else np.zeros(local.shape[1:]) for rows in (world, local))
        before[fate.cold[t] == 1] = was[fate.cold[t] == 1] = 0
        sent.append(before)
        arriving = [arc for arc in range(len(arcs)) if fate.age[t, arc] >= 0]
        heard = np.bincount([arcs[arc][0] for arc in arriving], minlength=N)
        after = before.copy()
        for arc in arriving:
            i, j = arcs[arc]
            w = 1 / N if network.weights == "laplacian" else 1 / (1 + max(heard[i], heard[j]))
            after[i] += w * (sent[t - int(fate.age[t, arc])][j] - before[i])
        world.append(after + (local[t] - was))
    return np.array(world)


@pytest.mark.parametrize("weights", ["laplacian", "metropolis"])
@pytest.mark.parametrize("seed", [0, 1])
def test_all_failures_together_against_a_plain_twin(weights: str, seed: int) -> None:
    links = gm.GilbertElliott(0.1, 0.4)
    network = gm.Network(KITE, links=links, weights=weights, failures=EVERYTHING)
    environment, horizon = gm.Environment.sample(5, 3, 2, seed=1), 60
    gm.simulate(Watched(), environment, network, horizon=horizon, seed=seed, interpreted=True)
    present = network.link_sampler(stream(seed, purpose=Purpose.LINKS))(horizon)
    fate = network.failure_sampler(stream(seed, purpose=Purpose.FAILURES))(present)
    local, world = np.zeros((2, horizon, 5, 6))
    played = iter(SEEN)
    for t in range(horizon):
        if t:
            local[t], world[t] = local[t - 1], world[t - 1]
        for i in np.flatnonzero(fate.up[t]):
            agent, _, world[t, i], local[t, i] = next(played)
            assert agent == i
    assert next(played, None) is None
    np.testing.assert_allclose(twin(network, fate, local), world, rtol=0, atol=1e-12)
    assert (fate.age > 0).any() and (fate.up == 0).any() and fate.cold.any()


EAGER = gm.ParetoGossip(sampling=0.3, burn_in=0.02, mixing=0.02)
FAIR = slow(gm.SimulatedNSWUCBGossip(solver="local"))  # a minute to compile both loops
ALGORITHMS = [gm.ParetoUCBGossip(), slow(gm.ParetoUCB()), EAGER, FAIR]


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("weights", ["laplacian", "metropolis"])
def test_where_nothing_fails_and_all_is_sent_the_bits_are_those_of_the_fast_loop(algorithm: Any, weights: str) -> None:
    environment = gm.Environment.sample(5, 4, 2, seed=1)
    rules = [{}, {"failures": {}}, *({"communication": budget} for budget in ({}, {"period": 1}, {"top_k": 10_000}))]
    nets = (gm.Network(KITE, link_probability=0.6, weights=weights, **named) for named in rules)  # type: ignore[arg-type]
    plain, *careful = (gm.simulate(algorithm, environment, net, horizon=301, seed=2) for net in nets)
    assert [gm.same_bits(plain, other) for other in careful] == [[]] * 4


EVERYONE: list[Any] = [
    *(kind() for name, kind in REGISTERED.items() if name != "pareto_gossip"), EAGER, gm.ParetoUCBGossip(pooled=True),
    gm.CentralizedNSW(pooled=True), *(gm.SimulatedNSWUCBGossip(solver="local", **{flag: True}) for flag in ("no_gossip", "no_sim")),
    gm.SimulatedNSWUCBGossip(hops=1), gm.SimulatedNSWUCBGossip(hops=1, no_gossip=True),
]  # fmt: skip
IDLE: list[dict[str, Any]] = [
    {"failures": gm.Failures()},
    {"failures": gm.Failures(outages=[gm.Outage([0], 50)], partitions=[gm.Partition([[0, 1]], 50, 60)])},
    {"communication": gm.CommunicationBudget()},
    {"communication": gm.CommunicationBudget(top_k=10_000)},
]


@pytest.mark.parametrize("algorithm", EVERYONE, ids=str)
def test_a_table_that_changes_nothing_changes_no_bit_of_any_algorithm(algorithm: Any) -> None:
    environment = gm.Environment.sample(5, 4, 2, seed=1)
    nets = [gm.Network(KITE, link_probability=0.6, **idle) for idle in ({}, *IDLE)]
    plain, *others = (gm.simulate(algorithm, environment, net, horizon=40, seed=2, interpreted=True) for net in nets)
    assert [gm.same_bits(plain, other) for other in others] == [[]] * len(IDLE)


@pytest.mark.parametrize("rounds_away", range(6))
def test_who_was_away_goes_on_from_what_it_knew(alone: Any, rounds_away: int) -> None:
    """Every algorithm, agent by agent with the public methods; two agents are away by turns."""
    outages = [gm.Outage([1], 20, 19 + rounds_away), gm.Outage([3], 19, 18 + rounds_away)] if rounds_away else []
    network = gm.Network(KITE, link_probability=0.6, failures=gm.Failures(outages=outages))
    environment = gm.Environment.sample(5, 4, 2, rewards="beta", seed=1)
    for algorithm in EVERYONE:
        if not isinstance(algorithm, gm.CentralizedNSW):  # it has a twin of its own
            trace = gm.simulate(algorithm, environment, network, horizon=60, seed=2, interpreted=True)
            twin = alone(
                algorithm, environment, network, horizon=60, seed=2,
                away=lambda t: {one.agents[0] for one in outages if one.first <= t <= one.last},
            )  # fmt: skip
            assert trace.pulls.tolist() == [np.bincount(arms[arms >= 0], minlength=4).tolist() for arms in twin.arms.T]


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: type(a).__name__)
def test_compiled_and_interpreted_are_the_same_to_the_bit(algorithm: Any, monkeypatch: Patch) -> None:
    """And so are blocks of any length."""
    environment = gm.Environment.sample(5, 4, 2, seed=1)
    network = gm.Network(KITE, link_probability=0.6, failures=EVERYTHING)
    one = gm.simulate(algorithm, environment, network, horizon=120, seed=2)
    other = gm.simulate(algorithm, environment, network, horizon=120, seed=2, interpreted=True)
    assert gm.same_bits(one, other) == []
    monkeypatch.setattr(rounds, "BLOCK_ROWS", 7 * 40)
    assert gm.same_bits(one, gm.simulate(algorithm, environment, network, horizon=120, seed=2)) == []


@pytest.mark.parametrize(("failures", "kept"), [
    (gm.Failures(message_loss=0.2), False), (gm.Failures(message_loss=0.2, symmetric_loss=True), True),
    (gm.Failures(delay=1), False), (gm.Failures(delay=4, random_delay=True), False),
    (gm.Failures(crash_probability=0.05, recovery_probability=0.2), True),
    (gm.Failures(crash_probability=0.05, recovery_probability=0.2, keep_state=False), False),
    (gm.Failures(outages=[gm.Outage([1, 2], 1, 50), gm.Outage([0], 90)]), True),
    (gm.Failures(outages=[gm.Outage([1], 40, 50, keep_state=False)]), False),
    (gm.Failures(partitions=[gm.Partition([[0, 1], [2]], 10, 100)]), True),
])  # fmt: skip
def test_the_mean_is_kept_where_it_is_said_to_be(failures: gm.Failures, kept: bool) -> None:
    environment = gm.Environment.sample(5, 3, 2, heterogeneity=0.5, seed=1)
    for weights in ("laplacian", "metropolis"):
        network = gm.Network(KITE, link_probability=0.7, weights=weights, failures=failures)
        trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=200, seed=3, recorded_rounds=200)
        assert failures.keeps_mean == kept
        assert trace.mean_drift.max() < 1e-13 if kept else trace.mean_drift[-1] > 1e-3


def test_regret_and_pulls_of_who_is_away() -> None:
    """Who is away pulls nothing and regrets nothing; a late starter begins with arm 0, by its own clock."""
    environment = gm.Environment.sample(3, 4, 2, seed=1)
    failures = gm.Failures(outages=[gm.Outage([1], last=60), gm.Outage([2], 2, 2, keep_state=False)])
    network = gm.Network("complete", 3, failures=failures)
    for algorithm in (gm.ParetoUCBGossip(), gm.ParetoUCB()):
        trace = gm.simulate(algorithm, environment, network, horizon=63, seed=1, recorded_rounds=63, interpreted=True)
        np.testing.assert_array_equal(trace.pulls.sum(axis=1), [63, 3, 62])
        assert (trace.pareto_regret[:60, 1] == 0).all() and (trace.nsw_regret[:60, 1] == 0).all()
        assert (trace.pulls[1] == [1, 1, 1, 0]).all()
        assert (trace.pulls[2, 1:] >= 1).all() and trace.pulls[2, 0] >= 2  # arm 0 in round 1, and again when it was back
        assert np.isfinite(trace.nsw_regret).all()


@pytest.mark.parametrize(("failures", "message"), [
    ({"mesage_loss": 0.1}, "network.failures: parameter: 'mesage_loss' is not known; did you mean 'message_loss'?"),
    ({"message_loss": 1.5}, "network.failures.message_loss: got 1.5, allowed is a number >= 0 and <= 1"),
    ({"recovery_probability": 0}, "network.failures.recovery_probability: got 0, allowed is a number > 0 and <= 1"),
    ({"delay": 1.0}, "network.failures.delay: got 1.0, allowed is a whole number >= 0"),
    ({"delay": 1001}, "network.failures.delay: got 1001, allowed is a whole number >= 0 and <= 1000"),
    ({"random_delay": 1}, "network.failures.random_delay: got 1, allowed is true or false"),
    ({"outages": 3}, "network.failures.outages: got 3, allowed is a list"),
    ({"outages": [3]}, "network.failures.outages: got 3, allowed is a table"),
    ({"outages": [{"first": 3}]}, "network.failures.outages.agents is required and not given"),
    ({"outages": [{"agents": [0], "until": 3}]}, "network.failures.outages: parameter: 'until' is not known"),
    ({"outages": [{"agents": []}]}, "network.failures.outages.agents: got (), allowed is a list of one or more"),
    ({"outages": [{"agents": [0], "first": 5, "last": 4}]}, "network.failures.outages.last: got 4, allowed is a"),
    ({"outages": [{"agents": [5]}]}, "network.failures.outages: got agent 5, allowed are 0 to 4"),
    ({"partitions": [{"groups": [[0, 7]]}]}, "network.failures.partitions: got agent 7, allowed are 0 to 4"),
    ({"partitions": [{"groups": [[0], [0]]}]}, "network.failures.partitions.groups: an agent is in two groups"),
    ({"partitions": [{"groups": [0, 1]}]}, "network.failures.partitions.groups: got (0, 1), allowed is a list"),
    (5, "network.failures: got 5, allowed is a table"),
])  # fmt: skip
def test_what_is_refused(failures: Any, message: str) -> None:
    assert refusal(gm.Network, KITE, failures=failures).startswith(message)


def test_past_messages_must_fit_into_the_memory(monkeypatch: Patch) -> None:
    """Five agents with six numbers each: 30 in a round, kept for three; told over 14 arcs, 84."""
    environment = gm.Environment.sample(5, 3, 2, seed=1)
    monkeypatch.setattr(message_rounds, "LARGEST", 80)
    for section, key, value, size in (("failures", "delay", 2, 90), ("communication", "top_k", 1, 84)):
        network = gm.Network(KITE, **{section: {key: value}})  # type: ignore[arg-type]
        line = rf"^network\.{section}\.{key}: {size} numbers of past messages, allowed are 80$"
        refuses(line, gm.simulate, gm.ParetoUCBGossip(), environment, network, horizon=1, seed=0)


def file_of(network: dict[str, Any], sweep: dict[str, list[Any]]) -> dict[str, Any]:
    """An experiment of four agents, as in its file."""
    return tiny(40, 1, environment=FOUR, network=network, algorithms=[{"name": "pareto_ucb_gossip"}], sweep=sweep)


def test_in_the_file(tmp_path: Path) -> None:
    outages, cut = [{"agents": [3], "last": 20}], [{"groups": [[0, 1], [2, 3]], "first": 10, "last": 30}]
    failures = {"message_loss": 0.1, "outages": outages, "partitions": cut}
    section = {"base": "complete", "link_probability": 0.5, "failures": failures}
    table = gm.run(file_of(section, {"network.failures.message_loss": [0.0, 0.1]}), out=tmp_path / "run").table()
    last = table[table["round"] == 40].set_index("message_loss")
    assert last.loc[0.0, "mean_drift"] < 1e-13 < 1e-4 < last.loc[0.1, "mean_drift"]
    assert all(finding.sound for finding in gm.verify(tmp_path / "run"))
