"""Large networks: several threads in one trial, links listed where they are few, curves summed over the agents."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import broken
import networkx as nx
import numpy as np
import pytest

import gossipmab as gm
from gossipmab.algorithms import ALGORITHMS
from gossipmab.engines.gossip import simulate as rounds
from gossipmab.networks.links.sparse import FEW, MANY, few_of_many, spread
from gossipmab.networks.mixing import neighbours_of_listed, neighbours_of_round
from gossipmab.utils.atomic import fetch_add, wait_until
from gossipmab.utils.jit import jit
from gossipmab.utils.rng import Purpose, stream
from tests.tiny import Patch, refusal, refuses, slow, tiny, world

GAMES = [("pareto_ucb_gossip", "bernoulli"), slow("pareto_ucb_gossip", "gaussian"), slow("pareto_ucb", "bernoulli")]
GAMES += [slow("pareto_gossip", "bernoulli"), slow("simulated_nsw_ucb_gossip", "bernoulli")]


def same(one: gm.GossipTrace, other: gm.GossipTrace) -> bool:
    return gm.same_bits(one, other) == []


@pytest.mark.parametrize("weights", ["laplacian", "metropolis"])
@pytest.mark.parametrize(("name", "rewards"), GAMES)
def test_threads_change_no_bit(name: str, weights: str, rewards: str) -> None:
    environment, network = world(7, 4, 3, "wheel", 0.4, weights, rewards=rewards, seed=3)

    def play(threads: int) -> gm.GossipTrace:
        algorithm = ALGORITHMS[name]()
        return gm.simulate(algorithm, environment, network, horizon=60, seed=2, recorded_rounds=9, threads=threads)

    one = play(1)
    assert all(same(one, play(threads)) for threads in (2, 3, 7, 12))


def test_threads_with_many_agents_and_any_block(monkeypatch: Patch) -> None:
    """Far rows are fetched ahead here, and blocks are of one round, of three, of all."""
    agents = 4_000
    environment, network = world(agents, 6, 3, nx.random_regular_graph(6, agents, seed=0), seed=1)
    played = []
    for threads, numbers in ((1, 10**9), (2, 1), (2, 3 * (agents * 4 + len(network.edges))), (5, 10**9)):
        monkeypatch.setattr(rounds, "BLOCK_NUMBERS", numbers)
        played.append(gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=20, seed=5, threads=threads))
    assert all(same(played[0], other) for other in played[1:])


@pytest.mark.slow
def test_what_threads_cannot_share_is_played_by_one() -> None:
    """A yardstick computes once a round what all agents use."""
    environment, network = world(4, 3, 2, "ring", seed=1)
    one, two = (gm.simulate(gm.CentralizedNSW(), environment, network, horizon=40, seed=5, threads=threads) for threads in (1, 2))
    assert same(one, two)


def test_an_interrupt_ends_the_threads() -> None:
    environment, network = world(50, 3, 2, "ring", 1.0, seed=1)
    stop = Mock(side_effect=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=10**7, seed=5, threads=3, progress=stop)


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


@pytest.mark.slow
def test_an_error_in_one_thread_ends_all() -> None:
    environment, network = gm.Environment.sample(50, 4, 2, seed=0), gm.Network("ring", agents=50)
    with pytest.raises(ValueError, match="round 20"):
        gm.simulate(broken.Stopping(), environment, network, horizon=100, seed=0, threads=3)


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "3", math.nan, math.inf, [3]])
@pytest.mark.parametrize("name", ["horizon", "recorded_rounds", "threads", "seed", "trial"])
def test_numbers_are_whole(name: str, wrong: Any) -> None:
    environment, network = gm.Environment.sample(2, 2, 2), gm.Network("complete", agents=2)
    counts = {"horizon": 4, "recorded_rounds": 2, "threads": 1, "seed": 3, "trial": 1}

    def play(**changed: Any) -> gm.GossipTrace:
        return gm.simulate(gm.ParetoUCB(), environment, network, interpreted=True, **{**counts, **changed})  # type: ignore[no-any-return]

    refuses(f"^{name}: got .*, allowed is a whole number >= [01]$", play, **{name: wrong})
    for value in (float(counts[name]), np.int8(counts[name]), np.float64(counts[name])):
        assert same(play(), play(**{name: value}))


def test_a_class_or_a_name_for_an_object_is_refused_in_a_line() -> None:
    environment, network = gm.Environment.sample(2, 2, 2), gm.Network("complete", agents=2)
    world = {"algorithm": gm.ParetoUCB(), "environment": environment, "network": network}
    wrongs = (("environment", None), ("environment", gm.Environment), ("network", "complete"), ("network", gm.Network))
    for name, wrong in wrongs:
        line = refusal(gm.simulate, **{**world, name: wrong}, horizon=2, seed=0)
        assert line.startswith(f"{name}: got ") and ", allowed is an object" in line


@pytest.mark.parametrize("threads", [1, 2])
def test_curves_summed_over_the_agents_are_the_sums(threads: int) -> None:
    place = world(6, 4, 3, "ring", 0.4, seed=3)
    options = {"horizon": 90, "seed": 2, "threads": threads}
    each, all_ = (gm.simulate(gm.ParetoUCBGossip(), *place, per_agent_curves=by_agent, **options) for by_agent in (True, False))
    assert all_.pareto_regret.shape == all_.nsw_regret.shape == (90, 1)
    for name, values in each.per_round().items():
        assert np.array_equal(values, all_.per_round()[name]), name
    for name, values in each.per_agent().items():
        assert np.array_equal(values, all_.per_agent()[name]), name
    curves = {"pareto_regret": each.pareto_regret, "nsw_regret": each.nsw_regret}
    assert same(each, replace(all_, **curves)) and np.array_equal(each.final_pareto_regret, each.pareto_regret[-1])
    assert np.array_equal(each.final_nsw_regret, each.nsw_regret[-1])


def test_large_trials_keep_sums_and_come_back_from_their_folder(monkeypatch: Patch, tmp_path: Path) -> None:
    environment, network = gm.Environment.sample(6, 3, 2), gm.Network("ring", agents=6)

    def columns(limit: int) -> int:
        monkeypatch.setattr(rounds, "LARGE_CURVES", limit)
        trace = gm.simulate(gm.ParetoUCB(), environment, network, horizon=40, seed=0, recorded_rounds=10)
        return int(trace.pareto_regret.shape[1])

    assert columns(60) == 6 and columns(59) == 1
    spec = tiny(50, 2, environment={"agents": 6, "arms": 3, "objectives": 2})
    # a large run comes back from its folder
    small = gm.run(spec, out=tmp_path / "small")
    monkeypatch.setattr(rounds, "LARGE_CURVES", 10)
    large = gm.run(spec, out=tmp_path / "large")
    again = gm.open_run(tmp_path / "large")
    assert all(trace.pareto_regret.shape == (5, 1) for trace in again.traces.values())
    for one, other in ((small.table(), again.table()), (small.agents(), again.agents()), (small.summary(), large.summary())):
        assert one.drop(columns="steps_per_second", errors="ignore").equals(other.drop(columns="steps_per_second", errors="ignore"))
    assert all(finding.sound for finding in gm.verify(tmp_path / "large"))


def test_few_links_by_hand() -> None:
    """ln(1 - u) / ln(1/2): u = 0.7 leaves out one link, 0.2 none, 0.9 three; the next round goes on where this one ends."""

    class Given:
        numbers = [0.7, 0.2, 0.9, 0.0, 0.6]

        def random(self, count: int) -> np.ndarray:
            taken, self.numbers = self.numbers[:count], self.numbers[count:]
            return np.array(taken + [1.0 - 2.0**-53] * (count - len(taken)))

    first, listed = few_of_many(Given(), 0.5, 4)(3)  # type: ignore[arg-type]
    # of the row of trials: 1, 2, 6, 7, 9; then far away
    assert first.tolist() == [0, 2, 4, 5] and listed.tolist() == [1, 2, 2, 3, 1]


@pytest.mark.parametrize("blocks", [[1] * 40, [7, 0, 13, 20], [39, 1]])
@pytest.mark.parametrize(("p", "edges"), [(0.1, 50), (0.001, 300), (1e-9, 20), (0.6, 3)])
def test_any_split_gives_the_same_few(p: float, edges: int, blocks: list[int]) -> None:
    whole = spread(few_of_many(np.random.default_rng(1), p, edges), edges)(40)
    sampler = spread(few_of_many(np.random.default_rng(1), p, edges), edges)
    assert np.array_equal(whole, np.concatenate([sampler(block) for block in blocks]))


def test_few_are_independent_and_as_frequent_as_they_should_be() -> None:
    """Binomial: each of these three bounds is 5 standard deviations, together below one false alarm in 500,000."""
    p, edges, rounds_played = 0.05, 400, 20_000
    present = spread(few_of_many(np.random.default_rng(11), p, edges), edges)(rounds_played).astype(float)
    trials = edges * rounds_played
    assert abs(present.mean() - p) < 5 * np.sqrt(p * (1 - p) / trials)
    together = (present[:, :-1] * present[:, 1:]).mean()
    assert abs(together - p**2) < 5 * np.sqrt(p**2 * (1 - p**2) / trials)
    assert abs((present[:-1] * present[1:]).mean() - p**2) < 5 * np.sqrt(p**2 * (1 - p**2) / trials)


def test_erdos_renyi_lists_what_it_would_draw_where_links_are_few_and_alike() -> None:
    network = gm.Network("complete", agents=150, link_probability=FEW)
    assert len(network.edges) >= MANY
    sparse_sampler = network.sparse_link_sampler(stream(3, purpose=Purpose.LINKS))
    assert sparse_sampler is not None
    first, listed = sparse_sampler(30)
    present = network.link_sampler(stream(3, purpose=Purpose.LINKS))(30)
    scratch = [(np.zeros(2 * len(network.edges), np.int64), np.zeros(150, np.int64)) for _ in range(2)]
    for b in range(30):
        mine = listed[first[b] : first[b + 1]]
        assert np.array_equal(np.flatnonzero(present[b]), mine)
        neighbours_of_listed(network.edges, network.offsets, mine, *scratch[0])
        neighbours_of_round(network.edges, network.offsets, present[b], *scratch[1])
        assert np.array_equal(scratch[0][1], scratch[1][1])
        for i in range(150):
            rows = [s[network.offsets[i] : network.offsets[i] + degrees[i]] for s, degrees in scratch]
            assert np.array_equal(*rows)
    # where links are many or of several probabilities they are not listed
    generator = np.random.default_rng(0)
    assert gm.Network("complete", agents=150, link_probability=0.2).sparse_link_sampler(generator) is None
    assert gm.Network("ring", agents=150, link_probability=0.01).sparse_link_sampler(generator) is None
    several = gm.ErdosRenyi(np.full(150 * 149 // 2, 0.01))
    assert gm.Network("complete", agents=150, links=several).sparse_link_sampler(generator) is None
    assert gm.Network("complete", agents=150, links="static").sparse_link_sampler(generator) is None


@pytest.mark.parametrize("weights", ["laplacian", "metropolis"])
def test_a_trial_with_listed_links_is_the_one_with_rows(weights: str, monkeypatch: Patch) -> None:
    environment, network = world(150, 3, 2, "complete", 0.02, weights, seed=3)

    def play(**options: Any) -> gm.GossipTrace:
        return gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=60, seed=2, **options)

    listed = play()
    assert same(listed, play(threads=3)) and same(listed, play(interpreted=True))
    monkeypatch.setattr(gm.Network, "sparse_link_sampler", lambda self, generator: None)
    assert same(listed, play()) and 0 < listed.messages[-1] < 60 * 2 * len(network.edges) * 0.04
