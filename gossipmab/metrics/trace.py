"""What is measured: regrets against the true means, disagreement, messages and bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gossipmab.environments.environment import Environment
from gossipmab.metrics.equity import equity
from gossipmab.objectives import pareto
from gossipmab.objectives import solvers as welfare
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Bytes, Floats, Integers

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
    the rows of some only, these three are those of the worst row, over the agents that track it (see `metrics.consensus`).
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


class Truth(NamedTuple):
    """What regret is measured against.

    gaps: (K,) Delta_k. utilities: (K, N) U transposed. best: NSW(p*, U), an upper bound that exceeds it by 1e-9 relative at most.
    power: 1 for the product, 1/N for its N-th root. estimand: (M,) what the averages of the agents should come to, flat; (0,)
    where that is not known. members: (N, B) whose rows each agent tracks, ascending, then -1; (0, 0) where averages are alike.
    """

    gaps: Floats
    utilities: Floats
    best: float
    power: float
    estimand: Floats
    members: Integers = np.zeros((0, 0), np.int64)


def truth(environment: Environment, welfare_name: str = "product", estimand: Floats | None = None) -> Truth:
    """The truth of an environment. NSW is not defined where a utility is negative: then its regret is NaN."""
    U = environment.utilities
    power = 1.0 / environment.agents if welfare_name == "geometric" else 1.0
    best = float("nan")
    if (U >= 0).all():
        optimum = welfare.maximise_nash_welfare(U)
        lost = power < 1.0 and not LEAST < optimum.welfare < MOST
        best = math.exp(power * optimum.log_welfare) if lost else float(optimum.welfare**power)
    return Truth(
        pareto.gaps(environment.centred_means),
        np.ascontiguousarray(U.T),
        best,
        power,
        np.zeros(0) if estimand is None else estimand,
    )


def estimand(environment: Environment, estimates: str, local_mean: Floats) -> Floats:
    """(M,) what the local averages (N, ...) of an algorithm should come to in the mean over agents, flat.

    estimates: "means", the centred means (K, D), or "utilities", U (N, K). (0,) where the averages have another shape.
    """
    wanted = {"means": environment.centred_means, "utilities": environment.utilities}.get(estimates)
    if wanted is None or wanted.shape != local_mean.shape[1:]:
        return np.zeros(0)
    return np.ascontiguousarray(wanted, dtype=np.float64).ravel()


@jit
def nash_welfare_of(truth: Truth, p: Floats, utility: Floats) -> float:
    """prod_j ( sum_k p_k U[j, k] ), to the power of the truth; p (K,), utility (N,) scratch.

    Four partial products, in a fixed order, are twice as fast as one and the same in every engine.
    """
    K, N = truth.utilities.shape
    for j in range(N):
        utility[j] = 0.0
    for k in range(K):
        if p[k] > 0.0:
            for j in range(N):
                utility[j] += p[k] * truth.utilities[k, j]
    a, b, c, d = 1.0, 1.0, 1.0, 1.0
    whole = N - N % 4
    for j in range(0, whole, 4):
        a *= utility[j]
        b *= utility[j + 1]
        c *= utility[j + 2]
        d *= utility[j + 3]
    for j in range(whole, N):
        a *= utility[j]
    product = (a * b) * (c * d)
    if truth.power == 1.0:
        return product
    if LEAST < product < MOST:
        return float(product**truth.power)
    logarithm, product = 0.0, 1.0
    for j in range(N):
        if utility[j] <= 0.0:
            return 0.0
        if utility[j] < ROOM:
            logarithm += math.log(utility[j])
            continue
        product *= utility[j]
        if not ROOM < product < 1.0 / ROOM:  # a logarithm for some hundred agents, not for each
            logarithm += math.log(product)
            product = 1.0
    return math.exp(truth.power * (logarithm + math.log(product)))


class Memo(NamedTuple):
    """NSW regrets of policies met before: policies (S, K), gaps (S,), and met (S,), 1 where there is one. S = 0: remember none."""

    policies: Floats
    gaps: Floats
    met: Bytes


MEMO_AGENTS, MEMO_POLICIES, PROBES = 64, 4096, 16
GOLDEN = 0.6180339887498949


def memo(agents: int, arms: int) -> Memo:
    """Room for the policies of a trial: where agents are many, a welfare takes long, and many agents play the same policy."""
    size = MEMO_POLICIES if agents >= MEMO_AGENTS else 0
    return Memo(np.zeros((size, arms)), np.zeros(size), np.zeros(size, np.uint8))


@jit
def nsw_gap(truth: Truth, p: Floats, utility: Floats, memo: Memo) -> float:
    """NSW(p*) - NSW(p), from the memo where the policy was met before; utility (N,) scratch.

    Where NSW(p*) is not defined or below the least number, there is nothing to add up: NaN, or 0.
    """
    if not truth.best > 0.0:
        return truth.best - truth.best
    size = memo.gaps.shape[0]
    if size == 0:
        return truth.best - nash_welfare_of(truth, p, utility)
    place = 0.0
    for k in range(p.shape[0]):
        place = place * GOLDEN + p[k]
    place = 1e6 * place
    slot = int((place - math.floor(place)) * size)
    for probe in range(PROBES):
        at = (slot + probe) % size
        if memo.met[at] == 0:
            slot = at
            break
        equal = True
        for k in range(p.shape[0]):
            equal &= memo.policies[at, k] == p[k]
        if equal:
            return float(memo.gaps[at])
    gap = truth.best - nash_welfare_of(truth, p, utility)
    memo.met[slot] = 1
    memo.gaps[slot] = gap
    for k in range(p.shape[0]):
        memo.policies[slot, k] = p[k]
    return gap


@jit
def spreads(
    estimates: Floats, local_mean: Floats, estimand: Floats, mean: Floats, apart: Floats
) -> tuple[float, float, float]:
    """Disagreement, drift and sampling error of the estimates G (N, M) and the local averages L (N, M).

    disagreement = max_i || G_i - mean_j L_j ||_inf,  drift = max_m | mean_i G_i[m] - mean_i L_i[m] |,
    sampling error = max_m | mean_j L_j[m] - estimand[m] |

    estimand: (M,); of another size the sampling error is NaN. mean, apart: (M,) scratch. The first and the last bound
    every estimate's error: |G_i - truth| <= |G_i - mean_j L_j| + |mean_j L_j - truth|.
    """
    N, M = local_mean.shape
    for m in range(M):
        mean[m] = 0.0
        apart[m] = 0.0
    for j in range(N):
        for m in range(M):
            mean[m] += local_mean[j, m]
            apart[m] += estimates[j, m] - local_mean[j, m]
    disagreement, drift, error = 0.0, 0.0, 0.0
    for m in range(M):
        mean[m] /= N
        drift = max(drift, abs(apart[m]) / N)
    for i in range(N):
        for m in range(M):
            disagreement = max(disagreement, abs(estimates[i, m] - mean[m]))
    if estimand.shape[0] != M:
        return disagreement, drift, np.nan
    for m in range(M):
        error = max(error, abs(mean[m] - estimand[m]))
    return disagreement, drift, error
