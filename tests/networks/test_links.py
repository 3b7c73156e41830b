"""Link processes: frequencies, bursts, matchings, E[W] and E[W^2] against closed forms; blocks; what the file may say.

Statistical tests have fixed seeds; with other seeds each would fail as often as it says.
"""

import copy
import math
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import tomli_w
from hypothesis import given, strategies as st

import gossipmab as gm
from gossipmab.engines.gossip import simulate as rounds
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.networks.links import PROCESSES, process_of
from gossipmab.utils.rng import Purpose, stream
from tests.tiny import FOUR, KITE, Patch, refusal, refuses, tiny

HALVES = {"edges": [[0, 1], [2, 3]]}, {"edges": [[1, 2], [0, 3]]}
BLOCK = {"process": "stochastic_block", "within": 1, "between": 1}


@pytest.fixture(scope="session")
def contacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rounds of 20: a-b and b-c in the first, c-d in the second, none in the third, a-b in the fourth."""
    path = tmp_path_factory.mktemp("contacts") / "contacts.csv"
    path.write_text("# contacts\ntime,i,j\n100,b,a\n100,c,b,further,columns\n139.9,c,d\n160,a,b\n160,b,a\n")
    return path


# One of every process, and variants that take other paths: the arguments of `Network`; the file of contacts is filled in below.
NETWORKS: dict[str, dict[str, Any]] = {
    "static": {"base": KITE, "links": "static"},
    "erdos_renyi": {"base": KITE, "link_probability": 0.3},
    "erdos_renyi, each its own": {"base": KITE, "links": gm.ErdosRenyi(np.linspace(0.1, 1.0, 7))},
    "gilbert_elliott": {"base": KITE, "links": gm.GilbertElliott(0.1, 0.25)},
    "gilbert_elliott, noisy": {"base": KITE, "links": gm.GilbertElliott(0.2, 0.1, 0.9, 0.2)},
    "random_matching": {"base": KITE, "links": "random_matching", "weights": "metropolis"},
    "random_matching, complete": {"base": "complete", "agents": 6, "links": "random_matching", "weights": "metropolis"},
    "randomized_gossip": {"base": KITE, "links": "randomized_gossip", "weights": "metropolis"},
    "one_peer_exponential": {"agents": 8, "links": "one_peer_exponential", "weights": "metropolis"},
    "one_peer_exponential, six": {"base": "complete", "agents": 6, "links": "one_peer_exponential"},
    "stochastic_block": {"agents": 6, "links": gm.StochasticBlock(0.8, 0.1, [4, 2])},
    "switching": {"links": gm.Switching(HALVES, hold=2), "weights": "metropolis"},
    "contact_trace": {"weights": "lazy_metropolis"},
}
NAMES = list(NETWORKS)


@pytest.fixture(scope="session")
def every(contacts: Path) -> dict[str, gm.Network]:
    assert {name.partition(",")[0] for name in NAMES} == set(PROCESSES)
    files = {"contact_trace": {"links": gm.ContactTrace(contacts, step=20)}}
    return {name: gm.Network(**named, **files.get(name, {})) for name, named in NETWORKS.items()}


refused = partial(refusal, gm.Network)


def sampled(network: gm.Network, rounds: int, seed: int = 1) -> np.ndarray:
    return network.link_sampler(np.random.default_rng(seed))(rounds)


def links_of_trial(network: gm.Network, rounds: int) -> np.ndarray:
    return network.link_sampler(stream(1, purpose=Purpose.LINKS))(rounds)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_and_copies_have_the_same_links_and_gossip_keeps_the_mean(
    name: str, every: dict[str, gm.Network], alone: Callable[..., Any]
) -> None:
    network = every[name]

    @given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(0, 2**32))
    def check(blocks: list[int], seed: int) -> None:
        sampler = network.link_sampler(np.random.default_rng(seed))
        parts = [sampler(rounds) for rounds in blocks]
        whole = network.link_sampler(np.random.default_rng(seed))(sum(blocks))
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        assert whole.dtype == np.uint8 and whole.shape == (sum(blocks), len(network.edges)) and set(whole.flat) <= {0, 1}

    check()
    for other in (pickle.loads(pickle.dumps(network)), copy.deepcopy(network)):
        np.testing.assert_array_equal(sampled(other, 30), sampled(network, 30))
    environment = gm.Environment.sample(network.agents, 3, 2, heterogeneity=0.5, seed=1)
    game = alone(gm.ParetoUCBGossip(), environment, network, horizon=40, seed=1)
    np.testing.assert_allclose(game.world.mean(axis=1), game.local.mean(axis=1), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(game.links, links_of_trial(network, 40))


@pytest.mark.parametrize("name", NAMES)
def test_frequencies_are_those_declared(name: str, every: dict[str, gm.Network]) -> None:
    """20,000 rounds, in batches of 200 whose means are nearly independent: 5 standard errors, a false alarm of 6e-7 a link.

    Periodic processes are exact over whole periods; what random matching declares is sampled, and its error counts too.
    """
    network = every[name]
    link_statistics = network.link_statistics
    links = sampled(network, link_statistics.period or 20_000).astype(float)
    assert network.link_probability == pytest.approx(link_statistics.frequencies.mean())
    if link_statistics.period:
        np.testing.assert_allclose(links.mean(axis=0), link_statistics.frequencies, rtol=0, atol=1e-15)
        return
    error = links.reshape(100, 200, -1).mean(axis=1).std(axis=0, ddof=1) / 10
    error *= 1 if link_statistics.exact else math.sqrt(2)
    assert (abs(links.mean(axis=0) - link_statistics.frequencies) <= 5 * error + 1e-12).all()


@pytest.mark.parametrize("name", NAMES)
def test_eigenvalues_of_the_expected_matrices_are_those_of_sampled_ones(name: str, every: dict[str, gm.Network]) -> None:
    """Facts against the means of W and W^2 over 4,000 rounds (whole periods where there are some).

    Weyl: eigenvalues differ by no more than the norm of the matrices' difference. Its entries have standard errors
    s <= 1/sqrt(4,000), twice that for chains with memory; Frobenius' norm of the errors, three times over, bounds it in all
    but 1e-4 of other seeds.
    """
    network = every[name]
    facts, link_statistics = network.facts(), network.link_statistics
    memory = 3 if "gilbert" in name else 1
    links = sampled(network, 100 * link_statistics.period if link_statistics.period else 4_000, seed=2)
    matrices = np.array([network.mixing_matrix(present) for present in links])
    squares = matrices @ matrices
    for mean, spread, value in (
        (matrices.mean(axis=0), matrices.std(axis=0), facts.second_eigenvalue),
        (squares.mean(axis=0), squares.std(axis=0), facts.second_eigenvalue_squared),
    ):
        largest = np.abs(np.linalg.eigvalsh(mean - 1 / network.agents)).max()
        bound = 1e-12 if link_statistics.period else 3 * memory * math.sqrt((spread**2).sum() / 4_000) + 1e-12
        assert abs(largest - value) <= bound
    assert facts.gap_obtained == facts.squared_obtained == ("sampled" if name == "random_matching" else "exact")
    agreed = math.log(network.agents) / facts.spectral_gap if facts.spectral_gap > 1e-12 else math.inf
    assert facts.consensus_rounds == pytest.approx(agreed)


@pytest.mark.parametrize("name", ["gilbert_elliott", "switching", "contact_trace", "one_peer_exponential"])
def test_processes_with_a_memory_go_on_from_block_to_block(name: str, every: dict[str, gm.Network], monkeypatch: Patch) -> None:
    network = every[name]
    environment = gm.Environment.sample(network.agents, 3, 2, seed=1)
    whole = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=100, seed=1)
    monkeypatch.setattr(rounds, "BLOCK_NUMBERS", 7 * (len(network.edges) + 3 * network.agents))  # seven rounds, or so
    parts = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=100, seed=1)
    for field in ("pareto_regret", "disagreement", "messages"):
        assert getattr(whole, field).tobytes() == getattr(parts, field).tobytes()
    np.testing.assert_array_equal(whole.messages_sent.sum(), 2 * links_of_trial(network, 100).sum())


def test_erdos_renyi_is_what_it_was_to_the_bit() -> None:
    """The link processes came later: the numbers of a run must not change."""
    network = gm.Network("petersen", link_probability=0.4)
    expected = np.random.default_rng(3).random((50, 15)) < 0.4
    np.testing.assert_array_equal(sampled(network, 50, seed=3), expected)
    other = gm.Network("petersen", links={"process": "erdos_renyi", "probability": 0.4})
    np.testing.assert_array_equal(sampled(other, 50, seed=3), expected)
    for spared in (gm.Network("petersen"), gm.Network("petersen", links="static")):
        generator = np.random.default_rng(0)
        assert spared.link_sampler(generator)(5).all() and generator.random() == np.random.default_rng(0).random()
    # probabilities of links one by one or as a matrix
    matrix = np.array([[0, 0.2, 0], [0.2, 0, 0.9], [0, 0.9, 0]])
    for given_as in ([0.2, 0.9], matrix, matrix.tolist()):
        network = gm.Network("path", 3, links=gm.ErdosRenyi(given_as))
        assert network.link_statistics.frequencies.tolist() == [0.2, 0.9]
        assert network.link_probability == pytest.approx(0.55)
    # W = I - B01 L01 / 3 - B12 L12 / 3 by hand
    weights = np.array([[1 - 0.2 / 3, 0.2 / 3, 0], [0.2 / 3, 1 - 1.1 / 3, 0.3], [0, 0.3, 0.7]])
    expected = np.sort(np.abs(np.linalg.eigvalsh(weights)))[-2]
    assert network.facts().second_eigenvalue == pytest.approx(expected, abs=1e-14)


def test_gilbert_elliott_by_hand() -> None:
    """failure 0.3, recovery 0.6, pi = 2/3: from u = .7 .5 .6 .2 .7 .8: bad, good (.5 < .6), good (.6 < .7), good, bad, bad."""

    class Given:
        def random(self, shape: tuple[int, ...]) -> np.ndarray:
            return np.array([0.7, 0.5, 0.6, 0.2, 0.7, 0.8]).reshape(shape)

    network = gm.Network("path", 2, links=gm.GilbertElliott(0.3, 0.6))
    assert network.link_sampler(Given())(6).ravel().tolist() == [0, 1, 1, 1, 0, 0]  # type: ignore[arg-type]


@given(st.integers(2, 14), st.integers(0, 10**6))
def test_random_matchings_are_maximal_matchings(agents: int, seed: int) -> None:
    graph, rng = nx.random_labeled_tree(agents, seed=seed), np.random.default_rng(seed)
    graph.add_edges_from((i, j) for i in range(agents) for j in range(i) if rng.random() < 0.3)
    process = gm.RandomMatching()
    base = gm.Network(graph).graph
    for present in process.sampler(base, rng)(20):
        taken = [(int(i), int(j)) for i, j in base.edges[present == 1]]
        assert nx.is_maximal_matching(graph, set(taken))


def test_random_matching_on_complete_graphs_is_uniform() -> None:
    """K4 has three perfect matchings; chi-square with 2 degrees of freedom under 27.6: a false alarm of 1e-6."""
    network = gm.Network("complete", 4, links="random_matching", weights="metropolis")
    counts = np.unique(sampled(network, 6_000), axis=0, return_counts=True)[1]
    assert len(counts) == 3 and ((counts - 2_000) ** 2 / 2_000).sum() < 27.6
    facts = network.facts()  # f = 1/3, Lap_f has the eigenvalue 4/3: E[W] has 1 - 2/3, and so has E[W^2], a projection's mean
    assert facts.second_eigenvalue == pytest.approx(1 / 3) and facts.second_eigenvalue_squared == pytest.approx(1 / 3)
    assert gm.Network("complete", 5, links="random_matching").link_statistics.frequencies == pytest.approx(np.full(10, 0.2))


def test_one_pair_is_boyds_matrix() -> None:
    """E[W] = I - D/2N + (P + P')/2N with P_ij = 1/deg(i), D_i = sum_j (P_ij + P_ji); E[W^2] = E[W]: W projects."""
    network = gm.Network(KITE, links="randomized_gossip", weights="metropolis")
    P = nx.to_numpy_array(KITE, nodelist=range(5))
    P /= P.sum(axis=1, keepdims=True)
    both = P + P.T
    expected = np.eye(5) - np.diag(both.sum(axis=1)) / 10 + both / 10
    value = np.sort(np.linalg.eigvalsh(expected))[-2]
    assert network.facts().second_eigenvalue == pytest.approx(value, abs=1e-14)
    assert network.facts().second_eigenvalue_squared == pytest.approx(value, abs=1e-14)
    assert (sampled(network, 500).sum(axis=1) == 1).all() and network.link_statistics.frequencies.sum() == pytest.approx(1)


@pytest.mark.parametrize("agents", [1, 2, 3, 4, 5, 6, 7, 8, 9, 32])
def test_one_peer_exponential_goes_round_the_bits_and_averages_exactly(agents: int) -> None:
    """In round k agents i and i xor 2^k meet; powers of two hold the same mean after log2 rounds."""
    network = gm.Network(agents=agents, links="one_peer_exponential", weights="metropolis")
    period = max(1, (agents - 1).bit_length())
    links = sampled(network, 2 * period)
    np.testing.assert_array_equal(links[:period], links[period:])
    x = np.random.default_rng(0).integers(0, 1024, agents).astype(float)
    for k, present in enumerate(links[:period]):
        assert network.edges[present == 1].tolist() == [[i, i ^ 2**k] for i in range(agents) if i < i ^ 2**k < agents]
        x = network.mixing_matrix(present) @ x
    if agents.bit_count() == 1:  # the hypercube; halves of whole numbers: exact
        assert len(network.edges) == agents * (agents.bit_length() - 1) // 2
        np.testing.assert_array_equal(x, np.full(agents, x[0]))


def test_stochastic_block_within_and_between() -> None:
    network = gm.Network(agents=5, links=gm.StochasticBlock(within=1.0, between=0.25))  # groups 0 1 2 | 3 4
    assert network.name == "complete"
    within = (network.edges < 3).all(axis=1) | (network.edges >= 3).all(axis=1)
    assert network.link_statistics.frequencies.tolist() == np.where(within, 1.0, 0.25).tolist()
    # Lap_f off the mean: (2, 2, 2, -3, -3) has 5/4; W has 1 - 1/4. Within a group of n of the other size m: n + m/4.
    assert network.facts().second_eigenvalue == pytest.approx(1 - 1.25 / 5)
    apart = gm.Network(agents=4, links=gm.StochasticBlock(1.0, 0.0)).facts()
    assert apart.second_eigenvalue == pytest.approx(1) and apart.consensus_rounds == math.inf


def test_switching_takes_the_graphs_in_turn() -> None:
    network = gm.Network(links=gm.Switching([HALVES[0], HALVES[1], "ring"], hold=2), agents=4)
    assert network.edges.tolist() == [[0, 1], [0, 3], [1, 2], [2, 3]]
    first, second, ring = [1, 0, 0, 1], [0, 1, 1, 0], [1, 1, 1, 1]
    assert sampled(network, 8).tolist() == [first, first, second, second, ring, ring, first, first]
    by_label = nx.Graph()
    by_label.add_nodes_from("dcba")
    by_label.add_edge("a", "d")
    base = nx.relabel_nodes(nx.path_graph(4), dict(enumerate("abcd")))
    base.add_edge("a", "d")
    matched = gm.Network(base, links=gm.Switching([by_label]))
    assert [matched.labels[i] for i in matched.edges[sampled(matched, 1)[0] == 1][0]] == ["a", "d"]
    # Pairs 01 23, then 12 03, with metropolis weights: after both every estimate is the mean.
    network = gm.Network(links=gm.Switching(HALVES), weights="metropolis")
    x = np.array([8.0, 0, 4, 0])
    for present, expected in zip(sampled(network, 2), ([4, 4, 2, 2], [3, 3, 3, 3]), strict=True):
        x = network.mixing_matrix(present) @ x
        assert x.tolist() == expected


def test_a_trace_is_played_as_it_was_recorded(contacts: Path) -> None:
    network = gm.Network(links=gm.ContactTrace(contacts, step=20))
    assert network.labels == ("a", "b", "c", "d") and network.edges.tolist() == [[0, 1], [1, 2], [2, 3]]
    once = [[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert sampled(network, 6).tolist() == [*once, *once[:2]]
    assert network.link_statistics.frequencies.tolist() == [0.5, 0.25, 0.25]
    spent = gm.Network(links=gm.ContactTrace(contacts, step=20, repeat=False))
    assert sampled(spent, 6).tolist() == [*once, [0, 0, 0], [0, 0, 0]]
    wider = nx.relabel_nodes(nx.complete_graph(4), dict(enumerate("dcba")))
    other = gm.Network(wider, links={"process": "contact_trace", "file": str(contacts), "step": 20.0})
    pairs = [{other.labels[i], other.labels[j]} for i, j in other.edges[sampled(other, 1)[0] == 1]]
    assert sorted(map(sorted, pairs)) == [["a", "b"], ["b", "c"]]


@pytest.mark.parametrize(("links", "message"), [
    ("gilbert_eliott", "network.links: 'gilbert_eliott' is not known; did you mean 'gilbert_elliott'?"),
    (7, "network.links: 7 is not known"),
    ({"failure": 0.1}, "network.links.process is required and not given"),
    ({"process": "gilbert_elliott", "failure": 0.1}, "network.links.recovery is required and not given"),
    ({"process": "gilbert_elliott", "failure": 0.1, "recovry": 0.2},
     "network.links: parameter of gilbert_elliott: 'recovry' is not known; did you mean 'recovery'?"),
    ({"process": "gilbert_elliott", "failure": 0, "recovery": 0.2}, "network.links.failure: got 0, allowed is a number"),
    ({"process": "stochastic_block", "within": 0.5, "between": True}, "network.links.between: got True, allowed is"),
    (BLOCK | {"within": 0, "between": 0}, "network.links: no link is ever present"),
    (BLOCK | {"groups": [2, 2]}, "network.links.groups: sizes [2, 2] sum to 4"),
    (BLOCK | {"groups": 9}, "network.links.groups: got 9, allowed are at most 5"),
    (BLOCK | {"groups": 0}, "network.links.groups: got 0, allowed is a whole"),
    ({"process": "erdos_renyi", "probability": [0.1, 0.2]}, "network.links.probability: has shape (2,), allowed are"),
    ({"process": "erdos_renyi", "probability": [0.1, 1.2]}, "network.links.probability: allowed are numbers in [0, 1]"),
    ({"process": "erdos_renyi", "probability": ["x"]}, "network.links.probability: allowed are numbers in [0, 1]"),
    ({"process": "erdos_renyi", "probability": np.tri(5)}, "network.links.probability: the matrix is not symmetric"),
    ({"process": "switching", "graphs": []}, "network.links.graphs: allowed is a list"),
    ({"process": "switching", "graphs": ["rings"]}, "network.links.graphs: 'rings' is not known; did you mean 'ring'?"),
    ({"process": "switching", "graphs": ["ring"], "hold": 0}, "network.links.hold: got 0, allowed is a whole number >= 1"),
    ({"process": "switching", "graphs": ["petersen"]}, "network.links.graphs: 'petersen' has 10 agents"),
    ({"process": "switching", "graphs": [{"edges": [[0]]}]}, "network.links.graphs: a table of edges is"),
    ({"process": "switching", "graphs": ["complete"]}, "network.links: 'complete' has a link between 0 and 3, which the"),
    ("one_peer_exponential", "network.links: one_peer_exponential has a link between 0 and 4, which the base graph"),
    ({"process": "contact_trace", "file": "no_such_file"}, "network.links.file: cannot read 'no_such_file'"),
    ({"process": "contact_trace", "file": 3}, "network.links.file: got 3, allowed is the name of a file"),
    ({"process": "contact_trace", "file": "x", "step": 0}, "network.links.step: got 0, allowed is a number > 0"),
    ({"process": "contact_trace", "file": "x", "repeat": 1}, "network.links.repeat: got 1, allowed is true or false"),
    ({"process": "static", "p": 1}, "network.links: parameter of static: 'p' is not known"),
])  # fmt: skip
def test_what_is_refused(links: Any, message: str) -> None:
    assert refused(KITE, links=links).startswith(message)


@pytest.mark.parametrize(("text", "message"), [
    ("1 a b\n2 a\n", "line 2: 2 columns; a line is 'time i j'"), ("1 a b\nx a b\n", "line 2: 'x' is not a time"),
    ("2020-01-01 a b\n1 b c\n", "line 1: '2020-01-01' is not a time; times are numbers, such as seconds"),
    ("nan a b\n1 a b\n", "line 1: 'nan' is not a time"), ("NA a b\n1 b a\n", "'NA' of the first line is not a time"),
    ("1 a a\n", "line 1: agent 'a' has a link with itself"),
    ("# nothing\n", "has no contacts"),
    ("0 a b\n1e300 a b\n", "gives more than"), ("1 a b\n2 c d\n", "'trace' is disconnected"),
])  # fmt: skip
def test_files_of_contacts_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.txt").write_text(text)
    assert message in refused(links=gm.ContactTrace(tmp_path / "x.txt"))


@pytest.mark.parametrize(("labels", "links", "message"), [
    ("abcd", gm.Switching([nx.Graph(["ab", "bc", "ce"])]), "'graph' has 'e', which 'graph' has not"),
    (range(4), gm.Switching([nx.Graph(["ab", "bc", "cd"])]), "'graph' has 'a', 'b', 'c', 'd', which 'graph' has not"),
    ("abcd", gm.Switching([nx.Graph(["ab", "bc", "cd"]), nx.Graph(["ab", "bc", "ce"])]), "'graph' has 'e'"),
    ("aabc", gm.Switching([nx.Graph(["ab", "bc", "cd"])]), "has 'd', which"),
    ("aabb", gm.Switching([nx.Graph([(0, 1), (1, 2), (2, 3)])]), ""),
    ("aacd", gm.Switching([nx.relabel_nodes(nx.path_graph(4), {0: "a", 1: "c", 2: "d", 3: "x"})]), "has 'x'"),
])  # fmt: skip
def test_agents_are_matched_by_label(labels: Any, links: gm.Switching, message: str) -> None:
    """By position where the graphs of the list have no labels but 0..N-1."""
    base = nx.path_graph(4)
    nx.set_node_attributes(base, dict(enumerate(map(str, labels))), "label")
    assert (message in refused(base, links=links)) if message else len(sampled(gm.Network(base, links=links), 1)[0]) == 3


def test_contacts_need_one_agent_of_each_name(contacts: Path) -> None:
    base = nx.path_graph(5)
    nx.set_node_attributes(base, dict(enumerate("abcda")), "label")
    assert "and 'graph' has two agents 'a'" in refused(base, links=gm.ContactTrace(contacts))
    assert "and 'graph' has two agents 'a'" in refused(base, links=gm.Switching([base]))
    kite = nx.Graph(KITE, name="kite")
    assert "has an agent 'a', which the base graph 'kite' has not" in refused(kite, links=gm.ContactTrace(contacts))


def test_link_probability_is_for_erdos_renyi() -> None:
    said = refused(KITE, link_probability=0.5, links="randomized_gossip")
    assert said.startswith("network.link_probability: got 0.5, which is for Erdos-Renyi links without parameters")
    assert gm.Network(KITE, link_probability=0.5, links="erdos_renyi").link_probability == 0.5
    assert refused(links="random_matching") == "network.base is required and not given"
    assert refused(agents=4) == "network.base is required and not given"
    assert refused(links="one_peer_exponential").endswith("is made for any number of agents, so give agents")
    refuses("one_peer", process_of, "one_peer")


def experiment(tmp_path: Path, network: dict[str, Any], **sweep: list[Any]) -> Path:
    path = tmp_path / "links.toml"
    data = tiny(50, 1, environment=FOUR, network=network, algorithms=[{"name": "pareto_ucb_gossip"}], sweep=sweep)
    path.write_text(tomli_w.dumps(data))
    return path


def test_in_the_file_with_a_sweep(tmp_path: Path) -> None:
    links = {"process": "gilbert_elliott", "failure": 0.1, "recovery": 0.5}
    path = experiment(tmp_path, {"base": "complete", "links": links}, **{"network.links.failure": [0.1, 0.5]})
    assert list(gm.run(path, out=tmp_path / "run").table()["failure"].unique()) == [0.1, 0.5]
    spec = load_spec(path)
    at = spec.points[1]
    assert at.network.links == {"process": "gilbert_elliott", "failure": 0.5, "recovery": 0.5}
    assert load_spec(spec.resolved()).hash == spec.hash
    swept = ["static", "random_matching", {"process": "stochastic_block", "within": 0.9, "between": 0.1}]
    path = experiment(tmp_path, {"base": "complete"}, **{"network.links": swept})
    points = ["random_matching", "static", "stochastic_block(within=0.9, between=0.1)"]
    assert sorted(gm.run(path, out=tmp_path / "processes").table()["links"].unique()) == points
    # errors of the file
    for key, value, message in (
        ("links", 3, 'network.links: got 3, allowed is a name, or { process = "...", its parameters }'),
        ("link", "one_pair", "key in [network]: 'link' is not known; did you mean 'links'?"),
    ):
        assert refusal(load_spec, experiment(tmp_path, {"base": "ring", key: value})).startswith(message)


def test_files_go_into_the_run_folder(tmp_path: Path, contacts: Path) -> None:
    """So that the folder stands on its own: the files may be gone when it is opened again."""
    (tmp_path / "contacts.csv").write_bytes(contacts.read_bytes())
    (tmp_path / "pairs.edges").write_text("0 1\n2 3\n")
    trace = {"process": "contact_trace", "file": "contacts.csv", "step": 20}
    for links, files in ((trace, 1), ({"process": "switching", "graphs": ["pairs.edges", "ring"]}, 2)):
        out = tmp_path / f"run{files}"
        before = gm.run(experiment(tmp_path, {"links": links}), out=out).table()
        (tmp_path / "links.toml").unlink()
        assert all(finding.sound for finding in gm.verify(out)) and len(before) == 5
        assert len(list((out / "data").iterdir())) == files
    nowhere = experiment(tmp_path, {"links": {**trace, "file": "nowhere.csv"}})
    refuses(r"network\.links\.file: there is no file 'nowhere\.csv'", load_spec, nowhere)
