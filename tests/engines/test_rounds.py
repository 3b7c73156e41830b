"""`gossipmab.play`: its rounds are those of `simulate`, and its links, arms and estimates follow from each other."""

from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.utils.rng import Purpose, stream
from tests.tiny import refuses

NETWORKS = {
    "direct": gm.Network("complete", agents=5, link_probability=0.5),
    "listed": gm.Network("complete", agents=150, link_probability=0.02),
}
FAILURES = gm.Failures(message_loss=0.2, crash_probability=0.1, recovery_probability=0.5)
NETWORKS["failing"] = gm.Network("ring", agents=5, link_probability=0.7, failures=FAILURES)


@pytest.mark.parametrize("name", NETWORKS)
def test_rounds_are_those_of_simulate(name: str) -> None:
    network, settings = NETWORKS[name], {"horizon": 40, "seed": 3, "trial": 1}
    environment = gm.Environment.sample(network.agents, 4, 2, seed=0)
    trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, recorded_rounds=40, **settings)
    pulls = np.zeros((network.agents, 4), np.int64)
    links = network.link_sampler(stream(seed=3, trial=1, label="", purpose=Purpose.LINKS))(40)
    away = 0
    for now in gm.play(gm.ParetoUCBGossip(), environment, network, **settings):
        np.testing.assert_array_equal(now.links, links[now.round - 1] > 0)
        playing = now.arms >= 0
        away += int((~playing).sum())
        pulls[np.flatnonzero(playing), now.arms[playing]] += 1
        np.testing.assert_array_equal(now.pulls, pulls)
        assert (now.distributions[playing, now.arms[playing]] > 0).all()
        assert now.pareto_regret.tolist() == trace.pareto_regret[now.round - 1].tolist()
        assert now.nsw_regret.tolist() == trace.nsw_regret[now.round - 1].tolist()
    assert now.round == 40 and (away > 0) == (name == "failing")


def test_estimates_are_mixed_over_the_links_of_the_round() -> None:
    """G(t) = W_t G(t-1) + L(t) - L(t-1), in plain NumPy."""
    network, environment = NETWORKS["direct"], gm.Environment.sample(5, 4, 2, seed=0)
    own, local = np.zeros((5, 4, 2)), np.zeros((5, 4, 2))
    for now in gm.play(gm.ParetoUCBGossip(), environment, network, horizon=30, seed=1):
        wanted = np.einsum("ij,jkd->ikd", network.mixing_matrix(now.links), own) + now.state.local_mean - local
        np.testing.assert_allclose(now.estimates, wanted, atol=1e-12)
        own, local = now.estimates.copy(), now.state.local_mean.copy()


def test_bad_arguments_are_refused_at_once() -> None:
    place: Any = gm.Environment.sample(5, 4, 1, seed=0), NETWORKS["direct"]
    refuses("algorithm: OFMUP does not gossip; allowed is a gossip algorithm and a network", gm.play, gm.OFMUP(), *place)
    for key, wrong in (("horizon", 0), ("trial", -1)):
        refuses(f"{key}: got {wrong}", gm.play, gm.ParetoUCBGossip(), *place, **{key: wrong})
