"""Simulated NSW UCB Gossip among neighbours: the ordinary algorithm where all are near, its plain twin where they are not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, strategies as st
from twins import NeighbourhoodTwin, fair_objective, maximise_multi_start, play

import gossipmab as gm
from gossipmab.engines.gossip.channel import gossip
from gossipmab.engines.gossip.simulate import problem_info
from gossipmab.engines.pools.ray_session import session
from gossipmab.experiments.spec.loading import from_dict
from gossipmab.networks import neighbourhoods as balls
from gossipmab.objectives.solvers import maximise_nash_welfare
from tests.algorithms.test_algorithms import game_of, numbers_of
from tests.tiny import everyday, python, refuses, slow, tiny

KITE = nx.Graph([(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 4), (4, 5), (5, 6), (4, 6)])  # balls of 3 to 5 with one hop
LOST = {"message_loss": 0.2, "delay": 2, "random_delay": True, "crash_probability": 0.05, "recovery_probability": 0.3}
TROUBLE: dict[str, Any] = {
    "none": {},
    "failures": {"failures": gm.Failures(**LOST, keep_state=False)},  # type: ignore[arg-type]
    "few bits, seldom": {"communication": gm.CommunicationBudget(period=2, trigger_threshold=0.02, quantization_bits=8)},
    "top": {"communication": gm.CommunicationBudget(top_k=3)},
}


def kite(p: float = 0.6, weights: str = "metropolis", arms: int = 4, **more: Any) -> tuple[Any, Any]:
    return gm.Environment.sample(7, arms, 3, seed=2), gm.Network(KITE, link_probability=p, weights=weights, **more)


@given(st.integers(1, 25), st.integers(1, 5), st.integers(0, 999))
def test_balls_are_those_of_a_search_from_every_agent(agents: int, hops: int, seed: int) -> None:
    graph = nx.gnp_random_graph(agents, 0.12, seed=seed)
    graph.add_edges_from((i, i + 1) for i in range(agents - 1))
    edges = np.array(sorted(graph.edges), np.int64).reshape(-1, 2)
    members, sizes = balls.balls(edges, agents, hops)
    assert balls.largest_ball(edges, agents, hops) == members.shape[1] == sizes.max()
    for i in range(agents):
        near = sorted(nx.single_source_shortest_path_length(graph, i, cutoff=hops))
        assert members[i].tolist() == near + [-1] * (members.shape[1] - len(near)) and sizes[i] == len(near)
        assert [balls.slot_of(members[i], j) for j in near] == list(range(len(near)))


EQUAL: list[dict[str, Any]] = [{}, {"solver": "local"}, {"welfare": "geometric"}, {"no_gossip": True}, {"alpha": 0.1}]


@pytest.mark.parametrize("given", EQUAL, ids=str)
def test_with_everybody_near_the_bits_are_those_of_the_ordinary_algorithm(given: dict[str, Any]) -> None:
    """On the complete graph, and on a ring and a kite where the balls reach across; errors of the averages included."""
    for base, hops, weights in (
        ("complete", 1, "laplacian"),
        (nx.cycle_graph(5), 2, "metropolis"),
        (nx.cycle_graph(5), 9, "lazy_metropolis"),
        (nx.star_graph(4), 2, "max_degree"),
    ):
        environment, network = gm.Environment.sample(5, 4, 3, seed=1), gm.Network(base, 5, 0.6, weights)
        kwargs = {"horizon": 120, "seed": 3, "recorded_rounds": 120}
        ordinary = gm.simulate(gm.SimulatedNSWUCBGossip(**given), environment, network, **kwargs)
        near = gm.simulate(gm.SimulatedNSWUCBGossip(**given, hops=hops), environment, network, **kwargs)
        assert gm.same_bits(ordinary, near) == []
    for trouble in TROUBLE.values() if given == {} else ():  # with failures and communication budgets
        network = gm.Network(nx.cycle_graph(5), link_probability=0.6, weights="metropolis", **trouble)
        kwargs = {"horizon": 60, "seed": 3, "recorded_rounds": 60, "interpreted": True}
        ordinary, near = (gm.simulate(gm.SimulatedNSWUCBGossip(hops=hops), environment, network, **kwargs) for hops in (0, 2))
        assert gm.same_bits(ordinary, near) == []


@pytest.mark.parametrize("given", everyday([{}, {"hops": 2}, {"welfare": "geometric"}, {"no_gossip": True}], {}), ids=str)
def test_it_learns_mixes_and_decides_as_its_plain_twin(given: dict[str, Any], alone: Callable[..., Any]) -> None:
    """Every agent has nothing but its own rows and the messages received, NaN elsewhere; the twin follows what is played."""
    environment, network = kite()
    algorithm, horizon = gm.SimulatedNSWUCBGossip(**{"hops": 1} | given), 60
    game = alone(algorithm, environment, network, horizon=horizon, seed=3)
    trace = gm.simulate(algorithm, environment, network, horizon=horizon, seed=3, recorded_rounds=horizon)
    edges = [(int(i), int(j)) for i, j in network.edges]
    twin = NeighbourhoodTwin(7, 4, environment.preferences, edges=edges, hops=algorithm.hops, no_gossip=algorithm.no_gossip)

    def follow(t: int) -> Any:
        if t in (5, 20, 60):  # the agents' choices are as good as any that a search from many starts finds
            for i in range(7):
                root = 1.0 / twin.tracks[i].sum() if algorithm.welfare == "geometric" else 1.0
                goal = twin.estimate(i), twin.bonus(i, t), root
                best = fair_objective(maximise_multi_start(*goal), *goal)
                assert fair_objective(game.p[t - 1, i], *goal) >= best * (1 - 1e-7)
        return game.p[t - 1]

    kept = play(twin, game_of(environment, network), numbers_of(environment, network, horizon, 3), horizon, follow)
    np.testing.assert_array_equal(game.arms, kept["arms"])
    np.testing.assert_array_equal(trace.pulls, kept["pulls"])
    np.testing.assert_array_equal(trace.messages, kept["messages"])
    np.testing.assert_array_equal(trace.bytes, kept["bytes"])
    np.testing.assert_allclose(trace.nsw_regret, kept["nsw_regret"], rtol=1e-8, atol=1e-12)
    for i in range(7):
        tracked = np.flatnonzero(twin.tracks[i])
        for mine, other in ((game.local, twin.local), (game.world, twin.local if algorithm.no_gossip else twin.world)):
            np.testing.assert_allclose(mine[-1, i, : len(tracked)], other[i, tracked], rtol=0, atol=1e-12)
            assert not mine[:, i, len(tracked) :].any()
    errors = np.array(twin.errors)
    np.testing.assert_allclose(trace.disagreement, errors[:, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(trace.mean_drift, errors[:, 1], rtol=0, atol=1e-12)
    wrong = np.abs(errors[:, 2:] - environment.utilities.ravel()).max(axis=1)
    np.testing.assert_allclose(trace.sampling_error, wrong, rtol=0, atol=1e-12)
    assert trace.disagreement[-1] > 0.01


@pytest.mark.parametrize("weights", ["laplacian", "max_degree", "metropolis", "lazy_metropolis"])
def test_gossip_keeps_the_mean_of_every_row_over_those_that_track_it(weights: str, alone: Callable[..., Any]) -> None:
    """W is symmetric, and so is who tracks what both ends of a link track: what i gains j loses."""
    for hops in (1, 2):
        environment, network = kite(0.5, weights, arms=3)
        game = alone(gm.SimulatedNSWUCBGossip(hops=hops, solver="local"), environment, network, horizon=40, seed=1)
        members, sizes = balls.balls(network.edges, 7, hops)
        for j in range(7):
            slots = [(i, balls.slot_of(members[i], j)) for i in members[j, : sizes[j]]]
            G, L = (np.array([kept[:, i, b] for i, b in slots]) for kept in (game.world, game.local))
            np.testing.assert_allclose(G.mean(axis=0), L.mean(axis=0), rtol=0, atol=1e-13)
            assert np.abs(G - L).max() > 0.05


def test_a_round_of_a_path_of_four_by_hand() -> None:
    """Balls {0,1}, {0,1,2}, {1,2,3}, {2,3}. Agents 1 and 2 exchange rows 1 and 2, and keep 0 and 3 to themselves.

    They hold (1, 2), (3, 4, 5), (6, 7, 8) and (9, 10) for these. With w = 1/4 agent 1 comes to 3 + (1 - 3)/4 = 2.5 for agent 0,
    4 + (2 - 4)/4 + (6 - 4)/4 = 4 for itself and 5 + (7 - 5)/4 = 5.5 for agent 2. The rows' sums stay: 4, 12, 21, 18.
    """
    network, environment = gm.Network(nx.path_graph(4)), gm.Environment.sample(4, 1, 1, seed=0)
    algorithm = gm.SimulatedNSWUCBGossip(hops=1)
    state = algorithm.init(problem_info(environment, network, 1))
    assert state.known_members.tolist() == [[0, 1, -1], [0, 1, 2], [1, 2, 3], [2, 3, -1]]
    state.sent_global_mean[..., 0] = [[1, 2, np.nan], [3, 4, 5], [6, 7, 8], [9, 10, np.nan]]
    flat = [array.reshape(4, -1) for array in (state.global_mean, state.sent_global_mean)]
    for i, near in enumerate(([1], [0, 2], [1, 3], [2])):
        gossip(algorithm, True, state, *flat, i, np.array(near), np.full(2, 0.25))
    np.testing.assert_array_equal(flat[0], [[1.5, 2.5, np.nan], [2.5, 4, 5.5], [5.5, 7, 8.5], [8.5, 9.5, np.nan]])


SLOWLY = [slow("hops", trouble) for trouble in TROUBLE]  # a minute to compile the loop of messages


@pytest.mark.parametrize(("how", "trouble"), [("hops", ""), ("local", ""), *SLOWLY])
def test_interpreted_gives_the_bits_of_compiled(how: str, trouble: str) -> None:
    environment, network = kite(**(TROUBLE[trouble] if trouble else {}))
    algorithm = gm.SimulatedNSWUCBGossip(hops=2, solver="local") if how == "local" else gm.SimulatedNSWUCBGossip(hops=1)
    options: dict[str, Any] = {"horizon": 60, "seed": 4, "recorded_rounds": 9}
    one, other = (gm.simulate(algorithm, environment, network, interpreted=how, **options) for how in (False, True))
    assert gm.same_bits(one, other) == [] and np.isfinite(one.sampling_error).all()


def with_actors(hops: int, transport: str = "direct", **more: Any) -> list[str]:
    """The fields in which actors, NaN in all that they have not received, differ from the threads."""
    environment, network = kite(**more)
    algorithm, kwargs = gm.SimulatedNSWUCBGossip(hops=hops), {"horizon": 53, "seed": 3, "recorded_rounds": 17}
    with gm.ActorPool(transport, 3, 20, poison=True, patience=30.0, note=lambda line: None) as pool:
        got = gm.simulate_actors(algorithm, environment, network, pool=pool, **kwargs)
    return gm.same_bits(gm.simulate(algorithm, environment, network, **kwargs), got)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("trouble", TROUBLE)
def test_actors_have_the_bits_of_threads(trouble: str) -> None:
    with session(cpus=2):
        if trouble == "none":
            assert [with_actors(hops, transport) for hops in (1, 2) for transport in ("direct", "refs")] == [[]] * 4
        else:
            assert with_actors(1, **TROUBLE[trouble]) == []


LARGE = """
import gossipmab as gm
environment = gm.Environment.sample(20_000, 4, 2, seed=1)
network = gm.Network({"generator": "cycle_graph"}, 20_000, 0.5, "metropolis")
network.__dict__["algebraic_connectivity"] = 0.0  # on a long ring it takes minutes, and only Pareto Gossip looks at it
trace = gm.simulate(gm.SimulatedNSWUCBGossip(hops=2), environment, network, horizon=5, seed=0, recorded_rounds=1)
assert (trace.pulls.sum(axis=1) == 5).all() and trace.mean_drift[-1] < 1e-12 and trace.disagreement[-1] > 0.1
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
def test_a_ring_of_20_000_agents_stays_small() -> None:
    """Of everybody's preferences the averages alone would be 20,000 x 20,000 x 4 numbers, 12 GiB for each of four arrays."""
    assert int(python(LARGE)) < 700 * 1024  # KiB, of which the compiler takes most


def test_agents_come_to_play_what_is_best_for_their_neighbourhood(alone: Callable[..., Any]) -> None:
    """Three in a row of a ring of six like one objective, three the other; an arm for each, and one between.

    Rewards are certain and the same for all, so that every average of row j is of w_j . mu[k] alone and G tends to it. All
    links are present: all arms are valued for all neighbours at once. In the middle of a group the best is its arm, at its
    border a mixture, and for everybody together another one. Only arms are drawn, and the seed fixes them.
    """
    w = [[0.95, 0.05]] * 3 + [[0.05, 0.95]] * 3
    means = np.tile([[1.0, 0.1], [0.1, 1.0], [0.5, 0.5]], (6, 1, 1))
    environment = gm.Environment.sample(means=means, preferences=w, rewards="deterministic")
    network = gm.Network(nx.cycle_graph(6), weights="metropolis")
    game = alone(gm.SimulatedNSWUCBGossip(alpha=0.05, hops=1), environment, network, horizon=1000, seed=0)
    short, together = np.zeros(1000), maximise_nash_welfare(environment.utilities).p
    for i in range(6):
        near = environment.utilities[sorted([(i - 1) % 6, i, (i + 1) % 6])]
        best = maximise_nash_welfare(near).p
        short += float(np.prod(near @ best)) - np.prod(game.p[:, i] @ near.T, axis=1)
        assert np.abs(best - together).max() > 0.1 and np.abs(game.p[-1, i] - best).max() < 0.1
        np.testing.assert_allclose(game.world[-1, i], near, rtol=0, atol=1e-9)
    assert (short > -1e-9).all() and short[500:].mean() < 0.02 * short[:3].mean()


def experiment(*algorithms: dict[str, Any], **sweep: Any) -> dict[str, Any]:
    named = [{"name": "simulated_nsw_ucb_gossip", **given} for given in algorithms]
    environment, ring = {"agents": 5, "arms": 4, "objectives": 2}, {"base": "ring", "link_probability": 0.5}
    return tiny(20, 1, environment=environment, network=ring, algorithms=named, **({"sweep": sweep} if sweep else {}))


def test_the_key_of_the_experiment_file_leads_to_it_and_may_be_swept(tmp_path: Path) -> None:
    results = gm.run(experiment({}, {"label": "near", "hops": 2}, {"label": "nearer", "hops": 1}), out=tmp_path / "run", workers=1)
    ends = results.table().groupby("algorithm").last()
    assert ends.loc["simulated_nsw_ucb_gossip", "nsw_regret"] == ends.loc["near", "nsw_regret"]  # two hops: all of five
    assert ends.loc["nearer", "bytes"] * 5 == ends.loc["near", "bytes"] * 3
    assert [one.params["hops"] for one in gm.open_run(tmp_path / "run").spec.algorithms] == [0, 2, 1]
    swept = from_dict(experiment({}, **{"algorithms.simulated_nsw_ucb_gossip.hops": [0, 1, 2, 3]}))
    assert [cell.params["hops"] for cell in swept.cells()] == [0, 1, 2, 3]

    for wrong, line in (({"hops": -1}, "hops: got -1, allowed is a whole number >= 0"), ({"hops": 1.5}, "hops: got 1.5")):
        refuses(rf"^algorithms\.simulated_nsw_ucb_gossip.*{line}", from_dict, experiment(wrong))
