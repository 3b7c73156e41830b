"""The yardstick of the gossip experiments: what all would earn if all heard all."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import numbers_of

import gossipmab as gm
from gossipmab.objectives.solvers import maximise_with_bonus, warm_size, welfare_workspace
from tests.tiny import printed, refuses, tiny, world


def twin(
    alpha: float, pooled: bool, environment: gm.Environment, network: gm.Network, horizon: int, away: Any = lambda i, t: False
) -> np.ndarray:
    """(N, K) pulls, by plain NumPy: everybody's averages are pooled, everybody's rewards valued under all preferences.

    away: whether agent i is away in round t.
    """
    N, K, D = environment.means.shape
    numbers = numbers_of(environment, network, horizon, seed=4)
    sums, counts, x = np.zeros((N, K, D)), np.zeros((N, K)), np.zeros(D)
    warm, work, p = np.zeros((N, warm_size(N, K))), welfare_workspace(N, K), np.zeros(K)
    for now in range(1, horizon + 1):
        known, own = sums.copy(), counts.copy()
        for i in (i for i in range(N) if not away(i, now)):
            t = int(own[i].sum()) + 1
            if t <= K:
                p[:] = np.eye(K)[t - 1]
            else:
                mean = (known / np.maximum(own, 1)[:, :, None]).mean(axis=0)
                n = own.sum(axis=0) if pooled else own[i]
                G = environment.preferences @ mean.T
                maximise_with_bonus(G, alpha * np.sqrt(np.log(N * K * t) / n), 1.0, warm[i], work, p)
            arm = int(np.searchsorted(np.cumsum(p), numbers.arms[now - 1, i], side="right"))
            environment.rewards.draw(i, arm, numbers.rewards[now - 1, i], x)
            sums[i, arm] += x
            counts[i, arm] += 1
    return counts


@pytest.mark.parametrize("pooled", [False, True])
def test_it_pools_what_all_know(pooled: bool) -> None:
    environment, network = world(3, 4, 2, "ring", 0.2, rewards="beta", seed=1)
    played = gm.CentralizedNSW(alpha=0.3, pooled=pooled)
    trace = gm.simulate(played, environment, network, horizon=70, seed=4, interpreted=True)
    assert trace.pulls.tolist() == twin(0.3, pooled, environment, network, 70).tolist()
    assert trace.messages[-1] == 0 and trace.bytes[-1] == 0


@pytest.mark.slow
@pytest.mark.parametrize("pooled", [False, True])
def test_interpreted_and_compiled_are_the_same_bits(pooled: bool) -> None:
    played, place = gm.CentralizedNSW(alpha=0.3, pooled=pooled), world(3, 4, 2, "ring", 0.2, seed=1)
    compiled, slowly = (gm.simulate(played, *place, horizon=70, seed=4, interpreted=how) for how in (False, True))
    assert not gm.same_bits(compiled, slowly)


@pytest.mark.parametrize("rounds_away", range(6))
def test_who_is_away_loses_nothing(rounds_away: int) -> None:
    """By turns, so that two agents have the same clock in different rounds."""
    environment = gm.Environment.sample(agents=3, arms=4, objectives=2, rewards="beta", seed=1)
    turns = ((0, 20), (2, 20 + rounds_away)) if rounds_away else ()
    outages = [gm.Outage([agent], first, first + rounds_away - 1) for agent, first in turns]
    network = gm.Network("ring", agents=3, link_probability=0.2, failures=gm.Failures(outages=outages))
    trace = gm.simulate(gm.CentralizedNSW(alpha=0.3), environment, network, horizon=60, seed=4, interpreted=True)
    away = [(one.agents[0], t) for one in outages for t in range(one.first, one.last + 1)]
    assert trace.pulls.tolist() == twin(0.3, False, environment, network, 60, lambda i, t: (i, t) in away).tolist()


def test_links_do_not_matter_to_it() -> None:
    places = [world(4, 3, 2, base, p, seed=1) for base, p in (("complete", 1.0), ("path", 0.1))]
    for seed in (0, 1):
        one, other = (gm.simulate(gm.CentralizedNSW(), *place, horizon=40, seed=seed, interpreted=True) for place in places)
        assert one.pulls.tolist() == other.pulls.tolist()


@pytest.mark.slow
def test_the_price_of_decentralisation_is_a_column_of_the_summary(tmp_path: Path, capsys: Any) -> None:
    spec = tiny(300, 2, algorithms=[{"name": "simulated_nsw_ucb_gossip"}, {"name": "centralized_nsw"}])
    results = gm.run(spec, out=tmp_path / "run", workers=1)
    rows = results.summary().set_index("algorithm")
    assert rows.loc["centralized_nsw", "price_of_decentralisation"] == 1.0
    ratio = rows["nsw_regret"]["simulated_nsw_ucb_gossip"] / rows["nsw_regret"]["centralized_nsw"]
    assert rows.loc["simulated_nsw_ucb_gossip", "price_of_decentralisation"] == ratio
    assert "decentralisation" in printed(capsys, ["summary", str(results.path)])
    refuses(
        "^engine: got actors, allowed with centralized_nsw is threads or ray", gm.run, spec, out=tmp_path / "a", engine="actors"
    )
    alone = {**spec, "algorithms": spec["algorithms"][:1]}
    assert "price_of_decentralisation" not in gm.run(alone, out=tmp_path / "alone", workers=1).summary()
