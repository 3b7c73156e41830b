"""The price on unequal outcomes: closed forms, the bandits' own measures, the dual ascent, arrays of three libraries."""

import itertools
import re
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.marl.learners import LEARNERS
from gossipmab.marl.price import EquityPrice, PriceTerms
from gossipmab.metrics.marl_trace import measures
from tests.tiny import refuses

MONOPOLY = np.array([1.0, 0.0, 0.0, 0.0])


def test_signals_of_a_monopoly_and_of_two_haves() -> None:
    alone, pair = EquityPrice().signals(MONOPOLY), EquityPrice().signals([0.5, 0.5, 0.0, 0.0])
    assert alone.excess.tolist() == [0.625, 0.125, 0.125, 0.125]
    assert alone.identity.tolist() == [0.15625, 0.03125, 0.03125, 0.03125]
    assert alone.uneven == 0.09375 and pair.identity.tolist() == [0.03125] * 4
    assert pair.uneven == 0.0  # the blind spot of H: two haves and two have-nots
    assert EquityPrice(measure="excess").signals([0.5, 0.5, 0.0, 0.0]).uneven == 0.125
    assert EquityPrice(tau=0.0).signals([0.4, 0.3, 0.2, 0.1]).uneven == pytest.approx(0.025, rel=1e-14)
    assert EquityPrice().signals([0.1] * 3).excess.tolist() == [0.0] * 3  # rounding is no excess


@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0])
def test_measures_are_those_of_the_bandits(tau: float) -> None:
    x = np.random.default_rng(0).random((50, 7)) * 2.0 - 0.2
    price, found = EquityPrice(tau=tau), measures(x, tau)
    for row in range(50):
        expected = gm.equity(x[row], tau)
        assert price.signals(x[row]).excess == pytest.approx(expected.excess, abs=1e-15)
        assert price.signals(x[row]).uneven == pytest.approx(expected.mean_mre, abs=1e-15)
        assert found["mre"][row] == pytest.approx(expected.mean_mre, abs=1e-15)
        assert found["excess"][row] == pytest.approx(expected.mean_excess, abs=1e-15)
        assert found["cv"][row] == pytest.approx(expected.cv, rel=1e-12)
    assert measures(np.zeros((1, 3)), tau)["cv"].tolist() == [0.0]  # an episode in which nobody earns anything


@pytest.mark.parametrize("credit", ["identity", "team"])
@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
def test_arrays_of_other_libraries_stay_their_own(library: str, credit: Any) -> None:
    xp = pytest.importorskip(library)
    outcomes = np.random.default_rng(1).random((5, 4))
    price = EquityPrice(credit=credit, alpha=0.25, equity_discount=0.9)
    other = EquityPrice(credit=credit, alpha=0.25, equity_discount=0.9)
    price.observe(outcomes)
    theirs = xp.asarray(outcomes)
    other.observe(theirs)
    found, last = other.cost_advantages(theirs, 10, 0.9), other.last_cost(theirs[0])
    assert type(found) is type(theirs)
    np.testing.assert_allclose(np.asarray(found), price.cost_advantages(outcomes, 10, 0.9), rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(np.asarray(last), price.last_cost(outcomes[0]), rtol=2e-5)
    assert other.multiplier == pytest.approx(price.multiplier, rel=1e-5)
    other.observe(xp.asarray([1, 0, 0, 0]))  # whole numbers, too


def test_dual_ascent_in_closed_form() -> None:
    price = EquityPrice(step=2.0, budget=0.04375, cap=0.45)
    seen = []
    for _ in range(6):
        price.observe(MONOPOLY)  # a violation of 0.05
        seen.append(price.multiplier)
    assert seen == pytest.approx([min(0.45, n * 2.0 * 0.05) for n in range(1, 7)], rel=1e-14)
    for _ in range(8):
        price.observe(np.full(4, 0.25))  # slack of 0.04375
        seen.append(price.multiplier)
    assert seen[6:] == pytest.approx([max(0.0, 0.45 - n * 0.0875) for n in range(1, 9)], abs=1e-14) and seen[-1] == 0.0
    # a period takes the mean of its violations
    price = EquityPrice(step=1.0, budget=0.0, period=3)
    for outcome in (MONOPOLY, np.full(4, 0.25), np.stack([MONOPOLY, np.full(4, 0.25)])):
        assert price.multiplier == 0.0
        price.observe(outcome)
    assert price.multiplier == pytest.approx((0.09375 + 0.0 + 0.09375 / 2) / 3)


@pytest.mark.parametrize("agents", [4, 10])
@pytest.mark.parametrize("tau", [0.0, 0.5])
def test_multiplier_from_which_a_monopolist_gives_way(agents: int, tau: float) -> None:
    x = np.zeros(agents)
    x[0], h = 1.0, 1e-6
    price = EquityPrice(tau=tau)
    own = (price.signals(x).identity[0] - price.signals(x - h * (np.arange(agents) == 0)).identity[0]) / h
    team = (price.signals(x).uneven - price.signals(x - h * (np.arange(agents) == 0)).uneven) / h
    assert 1.0 / own == pytest.approx(agents / (1.0 - (1.0 + tau) / agents), rel=1e-6)
    assert 1.0 / team == pytest.approx(agents**3 / ((agents - 1) * (agents - 2)), rel=1e-6)


def test_costs_are_centred_over_the_batch_and_discounted_from_the_end() -> None:
    x = np.random.default_rng(2).random((6, 4))
    price = EquityPrice(equity_discount=0.5, alpha=0.25)
    price.multiplier = 3.0
    s = price.signals(x).identity
    expected = [[3.0 * (0.5 ** (3 - t) + 0.25) * (s[b] - s.mean(axis=0)) / 0.1 for b in range(6)] for t in range(4)]
    np.testing.assert_allclose(price.cost_advantages(x, 4, 0.9), expected, rtol=1e-12)
    assert abs(price.cost_advantages(x, 4).mean(axis=1)).max() < 1e-12
    one = price.cost_advantages(x[0], 4, 0.9)  # a single episode has nothing to be compared with
    np.testing.assert_allclose(one[3, 0], 3.0 * 1.25 * s[0] / 0.1)
    # the printed discount takes the price from nearly all steps
    printed = EquityPrice(equity_discount=0.98)
    printed.multiplier = 1.0
    felt = printed.cost_advantages(MONOPOLY, 1000)[:, 0, 0]
    assert (felt > 0.05 * felt[-1]).sum() == 149  # 0.98^148 > 0.05 > 0.98^149
    assert felt.sum() / (1000 * felt[-1]) == pytest.approx(0.05, abs=1e-6)  # as if 50 of 1,000 steps felt it


def test_steps_discount_and_agents_are_checked() -> None:
    price = EquityPrice(agents=4)
    for given, line in (
        ({"steps": 0}, "steps: got 0"),
        ({"steps": 2.5}, "steps: got 2.5"),
        ({"steps": 3, "gamma": 1.0}, "gamma: got 1.0"),
    ):
        refuses(re.escape(line), price.cost_advantages, np.zeros((2, 4)), **given)
    refuses(re.escape("outcomes: got shape (3,), allowed is (4,) or (episodes, 4), of 4 agents"), price.observe, np.zeros(3))


def test_alpha_raises_the_price_and_is_no_control_variate() -> None:
    """A game of one step, two agents, two actions, by enumeration: E[grad log pi A] = grad J - lambda (1 + alpha) grad E[s]."""
    rewards = np.random.default_rng(3).random((2, 2, 2))
    p, lam, alpha = np.array([0.3, 0.6]), 2.0, 0.7
    price = EquityPrice(tau=0.2, alpha=alpha)
    price.multiplier = lam

    def expected(value: Any, q: np.ndarray) -> np.ndarray:
        chances = itertools.product(range(2), range(2))
        return sum((q[0] if a else 1 - q[0]) * (q[1] if b else 1 - q[1]) * np.asarray(value(a, b)) for a, b in chances)  # type: ignore[return-value]

    def s(a: int, b: int) -> np.ndarray:
        return price.signals(rewards[a, b]).identity

    for i in range(2):

        def advantage(a: int, b: int, i: int = i) -> float:
            shift = price.cost_advantages(np.stack([rewards[a, b]]), 1, 0.0)[0, 0, i]
            return float(rewards[a, b, i] - shift)

        def score(a: int, b: int, i: int = i) -> float:  # d log pi / d logit
            return float((a, b)[i] - p[i])

        h = 1e-6
        by_logit = p[i] * (1 - p[i])
        up, down = p.copy(), p.copy()
        up[i], down[i] = p[i] + h, p[i] - h
        slope = (expected(lambda a, b: rewards[a, b], up) - expected(lambda a, b: rewards[a, b], down))[i] / (2 * h)
        cost = (expected(s, up) - expected(s, down))[i] / (2 * h)
        gradient = expected(lambda a, b: score(a, b) * advantage(a, b), p)
        assert gradient == pytest.approx(by_logit * (slope - lam * (1 + alpha) * cost), rel=1e-6)
        assert expected(score, p) == pytest.approx(0.0, abs=1e-15)  # so a baseline leaves the gradient


BAD = [
    ({"tau": -0.1}, "tau: got -0.1, allowed is a number >= 0"),
    ({"credit": "agent"}, "credit: 'agent' is not known (allowed: identity, team)"),
    ({"period": 0}, "period: got 0, allowed is a whole number >= 1"),
    ({"equity_discount": 1.5}, "equity_discount: got 1.5, allowed is a number >= 0 and <= 1"),
    ({"gamma": 1.0}, "gamma: got 1.0, allowed is a number >= 0 and < 1"),
    ({"gamma": "0.9"}, "gamma: got '0.9', allowed is a number >= 0 and < 1"),
    ({"agents": 0}, "agents: got 0"),
    ({"gap": 3.0}, "EquityPrice: argument: 'gap' is not known"),
]


@pytest.mark.parametrize(("given", "line"), BAD)
def test_bad_terms_are_refused_in_a_line(given: dict[str, Any], line: str) -> None:
    refuses("^" + re.escape(line), EquityPrice, **given)


def test_bad_outcomes_are_refused_in_a_line() -> None:
    for x in (3.0, "a", [np.nan, 1.0], None, [], [["a"]], np.zeros((0, 4)), np.zeros((2, 2, 4)), [1j, 0.0]):
        refuses("^outcomes: got .*, allowed are finite numbers", EquityPrice().observe, x)


@pytest.mark.parametrize("name", [name for name in LEARNERS if name.startswith("eld_")])
def test_a_learner_under_a_price_is_its_backbone_with_terms(name: str) -> None:
    kind: Any = LEARNERS[name]
    plain: Any = LEARNERS[name.removeprefix("eld_")]
    assert kind._fields == plain._fields + PriceTerms._fields and len(set(kind._fields)) == len(kind._fields)
    made = kind(cap=3.0, gamma=0.5)
    assert made.backbone == plain(gamma=0.5) and type(made.backbone) is plain
    assert made.terms == PriceTerms(cap=3.0, credit=plain.default_credit)


@pytest.mark.parametrize("given", [{"credit": "identity"}, {"alpha": 0.5}, {"equity_discount": 0.98}])
def test_terms_that_a_team_reward_cannot_have_are_refused(given: dict[str, Any]) -> None:
    (name, value), kind = next(iter(given.items())), LEARNERS["eld_wqmix"]
    with pytest.raises(gm.InputError, match=f"^{name}: got {value!r}, allowed for ELDWQMIX is"):
        gm.marl.train(kind(**given), gm.marl.JobScheduling(), horizon=16_000, seed=0)
