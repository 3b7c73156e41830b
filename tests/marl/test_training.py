"""Training: batches, evaluations, refusals, networks of learners that communicate."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.marl.games import JobScheduling
from gossipmab.marl.learners import FEN, IPPO, Random
from gossipmab.marl.mixing import mixing_rounds
from gossipmab.utils.rng import Purpose, stream
from tests.tiny import refuses

pytest.importorskip("jax")

GAME = JobScheduling(steps=20)
RANDOM = Random(environments=4)
KEY = {"seed": 0, "trial": 0, "label": ""}


def test_evaluations_stand_after_whole_batches_and_the_last_among_them() -> None:
    found = gm.marl.train(RANDOM, GAME, horizon=800, seed=0, recorded_rounds=4)
    assert found.rounds.tolist() == [240, 400, 640, 800]  # batches 3, 5, 8, 10 of 80 steps
    assert found.outcomes.shape == (4, 4) and found.path.shape == (21, 4, 2) and found.earned.shape == (20, 4)
    np.testing.assert_array_equal(found.utility, found.outcomes.mean(axis=0))
    assert found.utilisation[-1] == pytest.approx(found.outcomes.sum(axis=1).mean())
    assert found.utilisation_sd[-1] == pytest.approx(found.outcomes.sum(axis=1).std())
    assert found.mre[-1] == pytest.approx(np.mean([gm.equity(x, 0.5).mean_mre for x in found.outcomes]))
    assert found.team_return[-1] == pytest.approx(20 * found.utilisation[-1])
    on_server = (found.path[1:] == found.goals[:-1]).all(axis=-1)
    np.testing.assert_array_equal(on_server, found.earned)  # what is drawn is what was paid
    np.testing.assert_allclose(found.earned.mean(axis=0), found.outcomes[0], rtol=1e-6)


def test_simulate_trains_and_a_price_object_is_the_learner_under_that_price() -> None:
    one = gm.simulate(IPPO(environments=2, hidden=8), GAME, horizon=80, seed=3, recorded_rounds=1)
    other = gm.marl.train(IPPO(environments=2, hidden=8), GAME, horizon=80, seed=3, recorded_rounds=1)
    np.testing.assert_array_equal(one.outcomes, other.outcomes)
    # a price object is the learner under that price
    given: dict[str, Any] = {"horizon": 160, "seed": 0, "recorded_rounds": 2}
    small = {"environments": 2, "hidden": 8}
    price = gm.marl.EquityPrice(budget=0.0, tau=0.0, step=100.0)
    one = gm.marl.train(IPPO(**small), GAME, price=price, **given)  # type: ignore[arg-type]
    other = gm.marl.train(gm.marl.ELDIPPO(**small, budget=0.0, tau=0.0, step=100.0), GAME, **given)
    np.testing.assert_array_equal(one.path, other.path)
    np.testing.assert_array_equal(one.multiplier, other.multiplier)
    assert one.multiplier[-1] > 0.0 and price.multiplier == 0.0


def test_a_trained_trace_plays_on_and_travels_without_its_policies() -> None:
    trace = gm.marl.train(IPPO(environments=2, hidden=8), GAME, horizon=80, seed=0)
    found = trace.play(5, seed=1)
    assert found.shape == (5, 4)
    np.testing.assert_array_equal(found, trace.play(5, seed=1))
    assert not np.array_equal(found, trace.play(5, seed=2))
    other = copy.copy(trace)
    np.testing.assert_array_equal(other.outcomes, trace.outcomes)
    refuses("^play: this trace holds no policies, allowed is what gm.marl.train has just returned", other.play)
    refuses("^episodes: got 0", trace.play, 0)


def test_a_callback_may_stop_the_training() -> None:
    seen: list[int] = []

    def stop(steps: int) -> None:
        seen.append(steps)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gm.marl.train(RANDOM, GAME, horizon=8_000, seed=0, progress=stop)
    assert seen == [320, 320]  # 4 agents x 80 steps


class Lonely(JobScheduling):
    traced = property()  # type: ignore[assignment]


BAD: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((RANDOM, GAME), {"horizon": 100}, "horizon: got 100, allowed are multiples of a batch, environments x steps = 80: such as 80"),
    ((RANDOM, GAME), {"horizon": 10}, "horizon: got 10, allowed are multiples of a batch, environments x steps = 80: such as 80"),
    ((RANDOM, "job"), {}, "game: got 'job', allowed is an object, such as gm.marl.JobScheduling()"),
    ((RANDOM, JobScheduling), {}, "game: got <class"),
    ((RANDOM, JobScheduling(agents=30)), {}, "agents: got 30, allowed with side = 5 is at most 25"),
    ((gm.HossainUCB(), GAME), {}, "learner: got HossainUCB("),
    ((IPPO(environments=10_000), JobScheduling()), {}, "environments: environments x (steps + 1) x agents"),
    ((gm.marl.WQMIX(buffer=10**9), JobScheduling()), {}, "buffer: buffer x agents x numbers of an obs"),
    ((IPPO(gamma=1.0), GAME), {}, "gamma: got 1.0, allowed is a number >= 0 and < 1"),
    ((RANDOM, GAME), {"seed": -1}, "seed: got -1"),
    ((RANDOM, GAME), {"tau": -1.0}, "tau: got -1.0, allowed is a number >= 0"),
    ((RANDOM, GAME), {"welfare": "geometric"}, "welfare: got 'geometric', allowed in a game is 'product', or nothing"),
    ((RANDOM, GAME), {"interpreted": True}, "interpreted: got True, allowed in a game is False, or nothing"),
    ((gm.marl.ELDIPPO(environments=1), GAME), {}, "environments: got 1, allowed under a price are 2 or more: it compares episodes"),
    ((IPPO(environments=1), GAME), {"price": gm.marl.EquityPrice()}, "environments: got 1, allowed under a price are 2 or more"),
    ((IPPO(gamma=0.9), GAME), {"price": gm.marl.EquityPrice()}, "price.gamma: got 0.98, allowed is that of the learner, 0.9"),
    ((IPPO(), GAME), {"price": gm.marl.EquityPrice(agents=5)}, "price.agents: got 5, allowed are 4, as the game has"),
    ((gm.marl.WQMIX(), GAME), {"price": gm.marl.EquityPrice(alpha=0.5)}, "alpha: got 0.5, allowed for ELDWQMIX is 0.0"),
    ((gm.marl.ELDIPPO(), GAME), {"price": gm.marl.EquityPrice()}, "price: given beside ELDIPPO, which has its own"),
    ((FEN(environments=4), GAME, gm.Network("ring", 4, failures=gm.Failures(outages=[gm.Outage([1], first=3, last=5)]))),
     {}, "network.failures.outages: planned by rounds, allowed with learners is none: episodes begin anew"),
    ((IPPO(), GAME), {"price": 3.0}, "price: got 3.0, allowed is an object, such as gm.marl.EquityPrice()"),
    ((RANDOM, GAME, gm.Network("ring", 4)), {}, "network: not used by Random, which does not communicate; leave it out"),
    ((FEN(environments=4, fully_decentralised=False), GAME, gm.Network("ring", 4)), {}, "network: not used by FEN"),
    ((FEN(environments=4), GAME, gm.Network("ring", 5)), {}, "network: has 5 agents, allowed are 4, as the game has"),
    ((FEN(environments=4), GAME, gm.Network("ring", 4, failures=gm.Failures(delay=2))), {}, "network.failures.delay: got 2"),
    ((FEN(environments=4), GAME, gm.Network("ring", 4, failures=gm.Failures(crash_probability=0.1, keep_state=False))),
     {}, "network.failures.keep_state: got false, allowed with learners is true"),
    ((FEN(environments=4), GAME, gm.Network("ring", 4, communication=gm.CommunicationBudget(quantization_bits=3))),
     {}, "network.communication.quantization_bits: got 3, allowed with learners is period alone"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "options", "line"), BAD)
def test_bad_input_is_refused_in_a_line(args: tuple[Any, ...], options: dict[str, Any], line: str) -> None:
    refuses("^" + re.escape(line), gm.marl.train, *args, **{"horizon": 80, "seed": 0} | options)


def test_without_jax_a_line_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "jax.py").write_text("raise ModuleNotFoundError('No module named jax')")
    code = "import gossipmab as gm; gm.marl.train(gm.marl.IPPO(), gm.marl.JobScheduling(), horizon=16_000, seed=0)"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert "jax cannot be imported (No module named jax); install it with: pip install 'gossipmab[marl]'" in found.stderr


@pytest.mark.parametrize("weights", ["laplacian", "max_degree", "metropolis", "lazy_metropolis"])
def test_mixing_matrices_are_those_of_the_network(weights: Any) -> None:
    network = gm.Network("complete", 5, link_probability=0.4, weights=weights)
    found = mixing_rounds(network, KEY)
    matrices = np.concatenate([found(7), found(3)])
    present = network.link_sampler(stream(seed=0, purpose=Purpose.LINKS))(10)
    np.testing.assert_allclose(matrices, [network.mixing_matrix(one) for one in present], atol=1e-15)


def test_mixing_matrices_of_a_failing_and_of_an_idle_network() -> None:
    failing = gm.Failures(message_loss=0.3, outages=[gm.Outage([1], first=3, last=5)])
    network = gm.Network("complete", 4, weights="metropolis", failures=failing)
    matrices = mixing_rounds(network, KEY)(200)
    np.testing.assert_allclose(matrices.sum(axis=2), 1.0, atol=1e-12)
    assert matrices.min() >= 0.0
    assert (matrices[2:5, 1] == np.eye(4)[1]).all() and (matrices[2:5, :, 1] == np.eye(4)[1]).all()
    lost = (matrices[5:][:, ~np.eye(4, dtype=bool)] == 0.0).mean()
    assert abs(lost - 0.3) < 4 * np.sqrt(0.3 * 0.7 / (195 * 12))
    assert not np.allclose(matrices[5:].sum(axis=1), 1.0)  # the mean is not kept
    rare = gm.Network("complete", 4, communication=gm.CommunicationBudget(period=5))
    idle = (mixing_rounds(rare, KEY)(20) == np.eye(4)).all(axis=(1, 2))
    assert idle.tolist() == [t % 5 != 0 for t in range(1, 21)]
    # an idle failures table changes no bit
    one = mixing_rounds(gm.Network("ring", 6, link_probability=0.5), KEY)(50)
    other = mixing_rounds(gm.Network("ring", 6, link_probability=0.5, failures=gm.Failures()), KEY)(50)
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_fen_over_a_network_of_its_own_and_without_links() -> None:
    learner = FEN(environments=2, hidden=8, segment=5, gossip_rounds=3, learning_rate=0.1)  # so that controllers differ soon
    given: dict[str, Any] = {"horizon": 400, "seed": 0, "recorded_rounds": 2}
    ring = gm.marl.train(learner, GAME, gm.Network("ring", 4), **given)
    again = gm.marl.train(learner, GAME, gm.Network("ring", 4, failures=gm.Failures()), **given)
    np.testing.assert_array_equal(ring.path, again.path)
    often = gm.marl.train(learner, GAME, gm.Network("ring", 4, link_probability=0.5), **(given | {"recorded_rounds": 5}))
    seldom = gm.marl.train(learner, GAME, gm.Network("ring", 4, link_probability=0.5), **(given | {"recorded_rounds": 1}))
    np.testing.assert_array_equal(often.play(4), seldom.play(4))  # evaluations change no training, nor the last of them
    np.testing.assert_array_equal(often.outcomes, seldom.outcomes)
    np.testing.assert_array_equal(often.play(4), often.play(4))
    sparse = gm.marl.train(learner, GAME, gm.Network("ring", 4, link_probability=0.1), **given)
    assert not np.array_equal(ring.path, sparse.path)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(
    ("name", "game", "steps"), [("ippo", JobScheduling(), 1_280_000), ("coma", JobScheduling(steps=200), 400_000)]
)
def test_a_price_lowers_inequality_on_paired_seeds(name: str, game: JobScheduling, steps: int) -> None:
    """Mean H of ten trainings each, below the backbone's with a 95 % interval below 0, at most .05 less utilisation."""
    from gossipmab.marl.learners import LEARNERS

    found: dict[str, list[tuple[float, float]]] = {}
    for kind in (name, f"eld_{name}"):
        for trial in range(10):
            trace = gm.marl.train(LEARNERS[kind](), game, horizon=steps, seed=0, trial=trial, recorded_rounds=20)
            late = trace.rounds >= 0.7 * steps
            found.setdefault(kind, []).append((trace.mre[late].mean(), trace.utilisation[late].mean()))
    plain, priced = (np.array(found[kind]) for kind in (name, f"eld_{name}"))
    less, rng = priced[:, 0] - plain[:, 0], np.random.default_rng(0)
    interval = np.percentile(rng.choice(less, (10_000, 10)).mean(axis=1), [2.5, 97.5])
    assert interval[1] < 0.0 and (plain[:, 1] - priced[:, 1]).mean() <= 0.05
