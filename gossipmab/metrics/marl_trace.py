"""The trace of a trial of the protocol `marl`: what learners earn in a game, and how evenly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gossipmab.metrics.equity import mean_mre, outside
from gossipmab.metrics.trace import TrialRecord, array
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats, Integers
from gossipmab.utils.validation import whole_number


@dataclass(frozen=True, eq=False, repr=False)
class MarlTrace(TrialRecord):
    """R evaluations of N learners in a game, each over S whole episodes played with the policies of that moment.

    The outcome of an agent in an episode is its mean reward a step. Every measure is taken of each episode and then averaged,
    with its standard deviation over episodes beside it: the measure of averaged outcomes would call two monopolists in turn
    even. A learner without a price has a multiplier of NaN; agents that reach no further than their cell, radii of NaN. T steps of
    an episode, P = T + 1 positions, the first before the first step.

    >>> trace = gm.marl.train(gm.marl.Random(), gm.marl.JobScheduling(steps=50), horizon=1_600, seed=0)
    >>> trace.agents, trace.outcomes.shape
    (4, (16, 4))
    """

    rounds: Integers = array("R", "environment step", "step", name="round")
    utilisation: Floats = array("R", "utilisation, rewards of all agents a step", "reward", metric="utilisation", better="more")
    mre: Floats = array("R", "inequality of outcomes, H / N", "reward", metric="inequality of outcomes")
    team_return: Floats = array("R", "rewards of all agents in an episode", "reward", name="return", mean=True)
    minimum: Floats = array("R", "least outcome of an agent", "reward", mean=True)
    maximum: Floats = array("R", "largest outcome of an agent", "reward", mean=True)
    cv: Floats = array("R", "coefficient of variation of the outcomes", mean=True)
    excess: Floats = array("R", "E / N of the outcomes of an episode", "reward", mean=True)
    multiplier: Floats = array("R", "price on inequality, lambda", mean=True)
    utilisation_sd: Floats = array("R", "standard deviation of the utilisation over episodes", "reward")
    mre_sd: Floats = array("R", "standard deviation of H / N over episodes", "reward")
    minimum_sd: Floats = array("R", "standard deviation of the least outcome over episodes", "reward")
    maximum_sd: Floats = array("R", "standard deviation of the largest outcome over episodes", "reward")
    cv_sd: Floats = array("R", "standard deviation of the coefficient of variation over episodes")
    utility: Floats = array("N", "mean outcome in the last evaluation", "reward")
    outcomes: Floats = array("SN", "outcomes of the episodes of the last evaluation", "reward")
    path: Floats = array("PNX", "positions of the agents in one episode of the last evaluation")
    goals: Floats = array("PGX", "positions of the server or the resources in that episode")
    radii: Floats = array("PN", "how far an agent reaches in that episode")
    earned: Floats = array("TN", "rewards of that episode", "reward")

    CUMULATIVE: ClassVar[bool] = False
    TIME: ClassVar[str] = "step"

    def play(self, episodes: int = 100, seed: int = 0) -> Floats:
        """(episodes, N) the outcomes of further episodes with the trained policies, of random numbers of their own.

        >>> gm.marl.train(gm.marl.Random(), gm.marl.JobScheduling(steps=50), horizon=800, seed=0).play(20, seed=1).shape
        (20, 4)

        Raises:
            InputError: the trace was read from a file, which does not hold the policies; or a number that is not allowed.
        """
        player: Callable[[int, int], Floats] | None = vars(self).get("player")
        if player is None:
            raise InputError("play: this trace holds no policies, allowed is what gm.marl.train has just returned")
        return player(whole_number("episodes", episodes), whole_number("seed", seed, 0))

    def __getstate__(self) -> dict[str, Any]:
        """Without the player, which is compiled code of this process."""
        return {name: value for name, value in vars(self).items() if name != "player"}


def measures(x: Floats, tau: float) -> dict[str, Floats]:
    """Measures of the outcomes x (S, N) of S episodes, by the columns of `MarlTrace`: (S,) each.

    mre = 1/(2N) sum_i |e_i - E/N|, excess = E/N, with the e_i of `equity.excess`; cv is 0 where all outcomes are 0.
    """
    mean = x.mean(axis=1, keepdims=True)
    e = outside(x, mean, tau)
    spread = x.std(axis=1)
    return {
        "utilisation": x.sum(axis=1),
        "mre": mean_mre(e),
        "minimum": x.min(axis=1),
        "maximum": x.max(axis=1),
        "cv": np.divide(spread, np.abs(mean[:, 0]), out=np.zeros(len(x)), where=spread > 0),
        "excess": e.mean(axis=1),
    }
