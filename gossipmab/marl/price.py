"""The Equity-Lagrangian Dual as one plug-in: a price on unequal outcomes that any learner can add to its advantages.

Source: Nguyen, Pham, Le, Alam and Duong, "Beyond scalar welfare: enforcing identity-aware equity in multi-agent reinforcement
learning", AAMAS 2026, sections 3 and 4. Arrays of NumPy, PyTorch or JAX go in, and the same kind is returned.

    symbol      name             meaning
    x_i         x                outcome of agent i in an episode: its mean reward a step
    e_i, E      excess           how far x_i lies outside the band of tau around the mean, and the sum of all
    s_i         identity         e_i over the number of agents with an excess: the cost of agent i itself
    Hbar        uneven           H / N, the mean reallocation of excess, or E / N: the cost of the team
    epsilon     budget           what Hbar may be
    lambda      multiplier       the dual variable
    eta, K      step, period     of the dual ascent
    alpha       alpha            a further price on s_i itself, in (13)

Departure: costs are multiplied by 1 / (1 - gamma), the sum of the discounts, so that a price of 1 weighs an outcome, a mean
reward a step, as much as the discounted rewards themselves.
Departure: `equity_discount` is 1, not gamma as printed: with gamma = 0.98 and 1,000 steps, 95 % of the steps would feel nothing.
Departure: alpha is 0. s_i depends on the actions, so its term in (13) is no control variate but raises the price from lambda
to lambda (1 + alpha).
The measure H is 0 for two haves and two have-nots, (0.5, 0.5, 0, 0); `measure = "excess"`, E / N, is not.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.metrics.equity import dual_step, mean_mre, outside
from gossipmab.utils.errors import InputError, shown
from gossipmab.utils.parameters import check, fit, suggesting_arguments
from gossipmab.utils.validation import whole_number

Credit = Literal["identity", "team"]


class PriceTerms(NamedTuple):
    """The terms of a price on unequal outcomes."""

    tau: Annotated[float, Field(ge=0, description="half width of the band around the mean outcome, in units of the mean")] = 0.5
    budget: Annotated[float, Field(ge=0, description="epsilon, what H / N, or E / N, may be")] = 0.005
    step: Annotated[float, Field(ge=0, description="eta, of the dual ascent")] = 5.0
    period: Annotated[
        int, Field(ge=1, le=1_000_000, description="batches of episodes between two dual steps, which take their mean")
    ] = 1
    cap: Annotated[float, Field(ge=0, description="the most that the multiplier may be")] = 15.0
    alpha: Annotated[float, Field(ge=0, description="further price on an agent's own cost, whatever the step")] = 0.0
    credit: Annotated[Credit, Field(description="whether an agent pays its own cost or that of the team")] = "identity"
    measure: Annotated[Literal["mre", "excess"], Field(description="budget and cost of the team: H / N or E / N")] = "mre"
    equity_discount: Annotated[float, Field(ge=0, le=1, description="of the cost, for each step before the last")] = 1.0


class Signals(NamedTuple):
    """Of outcomes x (..., N): excess (..., N) e, identity (..., N) s, uneven (...,) H / N or E / N."""

    excess: Any
    identity: Any
    uneven: Any

    def cost(self, credit: Credit, xp: Any = np) -> Any:
        """(..., N) what each agent pays, before the multiplier."""
        return self.identity if credit == "identity" else xp.zeros_like(self.identity) + self.uneven[..., None]


def signals(x: Any, tau: Any, measure: str, xp: Any = np) -> Signals:
    """The signals of the outcomes x (..., N).

    s_i = e_i / max(1, #{j: e_j > 0}),   H / N = 1/(2N) sum_i |e_i - E/N|
    """
    N = x.shape[-1]
    e = outside(x, xp.sum(x, -1)[..., None] / N, tau, xp)
    outliers = xp.sum(xp.where(e > 0, xp.ones_like(e), xp.zeros_like(e)), -1)[..., None]
    uneven = mean_mre(e, xp) if measure == "mre" else xp.sum(e, -1) / N
    return Signals(e, e / xp.where(outliers > 1, outliers, xp.ones_like(outliers)), uneven)


def cost_advantages(cost: Any, steps: int, gamma: Any, alpha: Any, discount: Any, xp: Any = np) -> Any:
    """(T, B, N) what a multiplier of 1 takes from the advantages of every step, from the costs (B, N) of B episodes.

    ( discount^(T-1-t) + alpha ) (cost - b) / (1 - gamma),   b = the mean cost over the episodes, if they are several
    """
    weights = xp.asarray(discount ** (xp if xp.__name__ == "jax.numpy" else np).arange(steps - 1, -1, -1) + alpha)
    if hasattr(cost, "device") and xp.__name__ == "torch":
        weights = weights.to(cost)
    centred = cost - xp.sum(cost, 0) / len(cost) if len(cost) > 1 else cost
    return weights[:, None, None] * centred / (1.0 - gamma)


def namespace(x: Any) -> Any:
    """The array library of x: numpy, torch or jax.numpy."""
    if type(x).__module__.partition(".")[0] == "torch":
        return sys.modules["torch"]
    return x.__array_namespace__() if hasattr(x, "__array_namespace__") else np


class EquityPrice:
    """A price on unequal outcomes, and its dual ascent: `observe` the outcomes of episodes, then take `cost_advantages`.

    >>> price = gm.marl.EquityPrice()
    >>> price.observe([1.0, 0.0, 0.0, 0.0])  # one agent has it all: H / N = 0.09375
    >>> price.multiplier
    0.44375
    >>> price.last_cost(np.array([1.0, 0.0, 0.0, 0.0])).round(3).tolist()
    [3.467, 0.693, 0.693, 0.693]

    Args:
        tau, budget, step, period, cap, alpha, credit, measure, equity_discount: see `PriceTerms`. Without a credit agents pay
            their own costs, and in `gm.marl.train` what the learner is made for.
        gamma: the learner's discount; costs are multiplied by 1 / (1 - gamma).
        agents: N, for outcomes of another number to be refused; any by default.

    Attributes:
        multiplier: lambda, a float.

    Raises:
        InputError: a term of another type or out of range.
    """

    @suggesting_arguments
    def __init__(
        self, tau: float = 0.5, budget: float = 0.005, step: float = 5.0, period: int = 1, cap: float = 15.0, alpha: float = 0.0,
        credit: Credit | None = None, measure: Literal["mre", "excess"] = "mre", equity_discount: float = 1.0, gamma: float = 0.98,
        agents: int | None = None,
    ) -> None:  # fmt: skip
        self.terms = PriceTerms(tau, budget, step, period, cap, alpha, credit or "identity", measure, equity_discount)
        check(self.terms)
        self.credit = credit  # None: `train` takes the learner's own
        self.agents = None if agents is None else whole_number("agents", agents)
        self.gamma, self.multiplier = discount_of(gamma), 0.0
        self._violations: list[float] = []

    def __repr__(self) -> str:
        return f"EquityPrice({', '.join(f'{k}={v!r}' for k, v in self.terms._asdict().items())}, multiplier={self.multiplier!r})"

    def signals(self, x: Any) -> Signals:
        """Excess, identity signal and cost of the team of the outcomes x (..., N)."""
        x = _outcomes(x, self.agents)
        return signals(x, self.terms.tau, self.terms.measure, namespace(x))

    def observe(self, x: Any) -> None:
        """The dual step after one episode, x (N,), or after a batch of them, x (B, N), whose mean violation counts.

        lambda <- clip( lambda + eta mean(Hbar - epsilon), 0, cap ), every `period` calls
        """
        self._violations.append(float(self.signals(x).uneven.mean()) - self.terms.budget)
        if len(self._violations) == self.terms.period:
            mean = sum(self._violations) / self.terms.period
            self.multiplier = float(dual_step(self.multiplier, mean, self.terms.step, self.terms.cap))
            self._violations = []

    def cost_advantages(self, x: Any, steps: int, gamma: float | None = None) -> Any:
        """(T, B, N) to subtract from the advantages of the T steps of the episodes with outcomes x (B, N).

        Subtract before the advantages are standardised, and leave it out of the critic's targets, or it counts twice. It is
        centred over the episodes of the batch: with one alone there is nothing to compare, and with `equity_discount` 1 the cost
        is the same in every step, which standardised advantages do not notice. gamma: another discount than that of the price.
        """
        x = _outcomes(x, self.agents)
        xp, steps = namespace(x), whole_number("steps", steps)
        cost = self.signals(x if x.ndim > 1 else x[None]).cost(self.terms.credit, xp)
        gamma = self.gamma if gamma is None else discount_of(gamma)
        return self.multiplier * cost_advantages(cost, steps, gamma, self.terms.alpha, self.terms.equity_discount, xp)

    def last_cost(self, x: Any) -> Any:
        """(N,) what to subtract from the rewards of an episode's last step, for a learner that sees nothing but rewards.

        lambda cost_i / (1 - gamma). Of episodes that are longer than 1 / (1 - gamma) steps, early steps hardly feel it.
        """
        x = _outcomes(x, self.agents)
        return self.multiplier * self.signals(x).cost(self.terms.credit, namespace(x)) / (1.0 - self.gamma)


def discount_of(gamma: Any) -> float:
    """The discount. Raises InputError unless it is a number >= 0 and < 1."""
    found: float = fit("gamma", Annotated[float, Field(ge=0, lt=1)], gamma)
    return found


def _outcomes(x: Any, agents: int | None) -> Any:
    """The outcomes as an array of floats. Raises InputError if they are none."""
    if isinstance(x, list | tuple | np.ndarray) and np.asarray(x).dtype.kind != "c":
        with suppress(TypeError, ValueError):
            x = np.asarray(x, dtype=np.float64)
    wrong = not hasattr(x, "ndim") or x.ndim not in (1, 2) or 0 in x.shape or "complex" in str(x.dtype)
    if wrong or not bool(namespace(x).isfinite(x).all()):
        raise InputError(f"outcomes: got {shown(x)}, allowed are finite numbers, (agents,) or (episodes, agents)")
    if agents is not None and x.shape[-1] != agents:
        raise InputError(
            f"outcomes: got shape {tuple(x.shape)}, allowed is ({agents},) or (episodes, {agents}), of {agents} agents"
        )
    return 1.0 * x  # whole numbers, too
