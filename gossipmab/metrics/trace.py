"""The trace of a gossip trial, and what the traces of all protocols have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from gossipmab.metrics.equity import equity
from gossipmab.utils.types import Floats, Integers

# A product of many agents' utilities outside of these is left to logarithms; ROOM is where a partial product is taken in.
LEAST, MOST, ROOM = 1e-300, 1e300, 1e-100


class TrialRecord(Protocol):
    """What every protocol's trace has: a frozen dataclass of arrays, R recorded rounds of N agents.

    AXES: field -> its axes. What begins with R is recorded round by round, the rest is known at the end only; "rounds" is
    among them. METRICS: column of `per_round` -> what it is called in tables and figures; those that a run's columns lack are
    passed over. MEANS: other columns of `per_round` whose mean at the last round stands in the summary. SUMMED: whether
    the metrics are sums over the agents.
    """

    AXES: ClassVar[dict[str, str]]
    METRICS: ClassVar[dict[str, str]]
    MEANS: ClassVar[tuple[str, ...]]
    SUMMED: ClassVar[bool]

    @property
    def rounds(self) -> Integers:
        """(R,) the recorded rounds."""

    @property
    def agents(self) -> int:
        """N."""

    def per_round(self) -> dict[str, NDArray[Any]]:
        """(R,) each: the rows of a cell in results.parquet, "round" first."""

    def per_agent(self) -> dict[str, NDArray[Any]]:
        """(N,) each: the rows of a cell in agents.parquet, "agent" first."""


@dataclass(frozen=True, eq=False)
class GossipTrace:
    """What came out of a cell, R recorded rounds of N agents.

    rounds: (R,). pareto_regret, nsw_regret: (R, N), cumulative, in units of reward and of welfare; of large trials (R, 1), summed
    over the agents. final_pareto_regret, final_nsw_regret: (N,), at the end. disagreement: (R,), in units of the averages.
    messages, floats (numbers in them), bytes: (R,), as sent, cumulative over all agents. pulls: (N, K), at the end. messages_sent:
    (N,), at the end. utility: (N,), the sum over rounds of w_i . mu[i, arm], what agent i could itself expect of what it pulled.
    drift: (R,) max |mean_i G_i - mean_i L_i|, 0 to rounding where every W_t is doubly stochastic.
    sampling_error: (R,) how far the mean of all local averages is from the truth, in units of the averages. An agent's estimate
    is wrong by disagreement + sampling_error at most: what it has not heard yet, and what nobody has seen yet. Where agents track
    the rows of some only, these three are those of the worst row, over the agents that track it (see `gossipmab.metrics.consensus`).
    """

    rounds: Integers
    pareto_regret: Floats
    nsw_regret: Floats
    disagreement: Floats
    messages: Integers
    bytes: Integers
    pulls: Integers
    utility: Floats
    messages_sent: Integers
    drift: Floats
    sampling_error: Floats
    floats: Integers
    final_pareto_regret: Floats
    final_nsw_regret: Floats

    AXES: ClassVar[dict[str, str]] = {
        "rounds": "R",
        "pareto_regret": "RN",
        "nsw_regret": "RN",
        "disagreement": "R",
        "messages": "R",
        "bytes": "R",
        "pulls": "NK",
        "utility": "N",
        "messages_sent": "N",
        "drift": "R",
        "sampling_error": "R",
        "floats": "R",
        "final_pareto_regret": "N",
        "final_nsw_regret": "N",
    }

    METRICS: ClassVar[dict[str, str]] = {"pareto_regret": "Pareto regret", "nsw_regret": "NSW regret"}
    MEANS: ClassVar[tuple[str, ...]] = ("disagreement", "messages", "bytes")
    SUMMED: ClassVar[bool] = True

    @property
    def agents(self) -> int:
        """N."""
        return len(self.utility)

    def per_round(self) -> dict[str, NDArray[Any]]:
        """(R,) each: the rows of a cell in results.parquet; cumulative, summed over the agents."""
        return {
            "round": self.rounds,
            "pareto_regret": over_agents(self.pareto_regret),
            "nsw_regret": over_agents(self.nsw_regret),
            "disagreement": self.disagreement,
            "messages": self.messages,
            "bytes": self.bytes,
            "drift": self.drift,
            "sampling_error": self.sampling_error,
            "floats": self.floats,
        }

    def per_agent(self) -> dict[str, NDArray[Any]]:
        """(N,) each: the rows of a cell in agents.parquet, at the end; the equity columns say the same of all agents."""
        return {
            "agent": np.arange(len(self.utility)),
            "pareto_regret": self.final_pareto_regret,
            "nsw_regret": self.final_nsw_regret,
            "utility": self.utility,
            "messages_sent": self.messages_sent,
            **equity_columns(self.utility),
        }


def equity_columns(x: Floats) -> dict[str, Floats]:
    """(N,) each: the excess e_i of every agent's outcome x (N,), and the equity of all outcomes, repeated, without a band.

    equity_mre: H. equity_excess: E / N. The others as in `equity.Equity`.
    """
    found = equity(x)
    whole = {"mre": found.mre, "excess": found.mean_excess, "incidence": found.incidence}
    whole |= {"cv": found.cv, "gini": found.gini, "jain": found.jain, "theil": found.theil, "atkinson": found.atkinson}
    return {"excess": found.excess, **{f"equity_{name}": np.full(len(x), value) for name, value in whole.items()}}


def over_agents(array: Floats) -> Floats:
    """(R,) the sum over the agents of an array (R, N), in ascending order: the same bits everywhere."""
    total = np.zeros(array.shape[0])
    for i in range(array.shape[1]):
        total += array[:, i]
    return total
