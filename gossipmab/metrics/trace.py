"""The trace of a gossip trial, and what the traces of all protocols have in common.

An array of a trace is declared once, by `array`: its axes, its title and unit, and its column in the tables. All else is derived:
the rows of results.parquet and agents.parquet, the names that a swept key may not take, and what a cell's file holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.metrics.equity import equity
from gossipmab.utils.notebook import html_table, plotted
from gossipmab.utils.types import Floats, Integers

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes

DIMENSIONS = {
    "R": "round", "N": "agent", "K": "arm", "M": "measure", "O": "objective", "S": "episode", "T": "step", "P": "position",
    "G": "goal", "X": "coordinate",
}  # fmt: skip  # axis -> its name in a dataset


class Column(NamedTuple):
    """An array of a trace.

    axes: R recorded rounds, N agents, K arms, others by their own letter. What begins with R is recorded round by round, the rest
    at the end of the trial. title, unit: of plots and datasets; "reward" and "welfare" are the units of the environment's rewards
    and of what is maximised, "1" is none. name: the column in results.parquet (axes R...) or agents.parquet (N), "" for none.
    metric: the title of a metric, which summaries test; "" for other columns. better: whether "less" or "more" of it is better.
    mean: whether its mean at the last round stands in the summary.
    """

    axes: str
    title: str
    unit: str
    name: str
    metric: str
    better: str
    mean: bool


def array(
    axes: str, title: str, unit: str = "1", *, name: str | None = None, metric: str = "", better: str = "less", mean: bool = False
) -> Any:
    """A field of a trace. name: its column if that is not called as the field is; "" for an array that no table has."""
    return field(metadata={"column": (axes, title, unit, name, metric, better, mean)})


class TrialRecord:
    """What every protocol's trace is: a frozen dataclass of arrays, R recorded rounds of N agents.

    COLUMNS: field -> its declaration. AXES: field -> its axes. METRICS: column of `per_round` -> its title in tables and figures;
    LARGEST: those of them of which more is better. MEANS: other columns of `per_round` whose mean at the last round stands in the
    summary. SUMMED: whether the metrics are sums over the agents. CUMULATIVE: whether they are regrets, sums over the rounds so
    far. TIME: what a round is called. MORE: columns that are made from arrays by `per_round` and `per_agent` -> (title, unit).
    """

    COLUMNS: ClassVar[dict[str, Column]]
    AXES: ClassVar[dict[str, str]]
    METRICS: ClassVar[dict[str, str]]
    LARGEST: ClassVar[tuple[str, ...]]
    MEANS: ClassVar[tuple[str, ...]]
    SUMMED: ClassVar[bool] = False
    CUMULATIVE: ClassVar[bool] = True
    TIME: ClassVar[str] = "round"
    MORE: ClassVar[Mapping[str, tuple[str, str]]] = {}
    rounds: Integers
    utility: Floats

    def __init_subclass__(cls) -> None:
        fields = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        cls.COLUMNS = {}
        for key, value in fields.items():
            axes, title, unit, name, *rest = value.metadata["column"]
            listed = key if axes in ("R", "RN", "N") else ""
            cls.COLUMNS[key] = Column(axes, title, unit, listed if name is None else name, *rest)
        cls.AXES = {key: one.axes for key, one in cls.COLUMNS.items()}
        cls.METRICS = {one.name: one.metric for one in cls.COLUMNS.values() if one.metric and one.axes.startswith("R")}
        cls.LARGEST = tuple(one.name for one in cls.COLUMNS.values() if one.metric and one.better == "more")
        cls.MEANS = tuple(one.name for one in cls.COLUMNS.values() if one.mean)

    @property
    def agents(self) -> int:
        """N."""
        return len(self.utility)

    def __repr__(self) -> str:
        last = {name: float(values[-1]) for name, values in self.per_round().items() if name in self.METRICS}
        figures = "".join(f", {name}={value:,.6g}" for name, value in last.items() if np.isfinite(value))
        recorded = f"agents={self.agents}, {self.TIME}s={self.rounds[-1]:,}, recorded={len(self.rounds)}"
        return f"{type(self).__name__}({recorded}{figures})"

    def _repr_html_(self) -> str:
        title = f"{type(self).__name__}: {self.agents} agents after {self.rounds[-1]:,} {self.TIME}s"
        titles = {one.name: one.title for one in self.COLUMNS.values() if one.axes.startswith("R")} | {
            n: t for n, (t, _) in self.MORE.items()
        }
        return html_table(title, ((name, float(values[-1]), titles.get(name, "")) for name, values in self.per_round().items()))

    def table(self) -> pd.DataFrame:
        """One row a recorded round, with the columns of `per_round`.

        >>> trace.table()[["round", "messages"]].tail(1).values.tolist()
        [[30, 240]]
        """
        import pandas as pd

        return pd.DataFrame(self.per_round())

    def dataset(self) -> xr.Dataset:
        """The arrays with named dimensions: round, agent, arm, and others; each with its long_name and units.

        Regret curves that were kept as sums over the agents have the dimension round only.

        >>> trace.dataset()["pareto_regret"].dims
        ('round', 'agent')
        """
        import xarray as xr

        arrays = {}
        for name, one in self.COLUMNS.items():
            values, axes = getattr(self, name), one.axes
            if name != "rounds" and values is not None:
                if axes == "RN" and values.shape[1] != self.agents:
                    values, axes = values[:, 0], "R"
                arrays[name] = ([DIMENSIONS[axis] for axis in axes], values, {"long_name": one.title, "units": one.unit})
        return xr.Dataset(arrays, {"round": self.rounds, "agent": np.arange(self.agents)})

    def plot(self, metric: str | None = None, ax: Axes | None = None, label: str = "") -> Axes:
        """Draw a metric of the trial over its rounds; the axes.

        >>> trace.plot().get_ylabel()
        'cumulative Pareto regret, summed over agents'

        Args:
            metric: "pareto" or "nsw" of gossip, "regret" of a centre, "utilisation" or "mre" of a game; by default the first
                that is defined.
            ax: the axes; by default those of a new figure, which a notebook shows at the end of the cell.
            label: in the legend, if there is one. Traces that are drawn into the same axes differ in colour and line.

        Raises:
            InputError: an unknown metric.
        """
        return plotted("plot_trace", self, metric, ax, label)  # type: ignore[no-any-return]

    def per_round(self) -> dict[str, NDArray[Any]]:
        """(R,) each: the rows of a cell in results.parquet, "round" first; arrays (R, N) summed over the agents.

        >>> int(trace.per_round()["messages"][-1])
        240
        """
        named = {one.name: getattr(self, key) for key, one in self.COLUMNS.items() if one.axes in ("R", "RN") and one.name}
        return {name: values if values.ndim == 1 else over_agents(values) for name, values in named.items()}

    def per_agent(self) -> dict[str, NDArray[Any]]:
        """(N,) each: the rows of a cell in agents.parquet, at the end of the trial; equity is that of `utility`.

        >>> trace.per_agent()["messages_sent"].tolist()
        [60, 60, 60, 60]
        """
        named = {one.name: getattr(self, key) for key, one in self.COLUMNS.items() if one.axes == "N" and one.name}
        return {"agent": np.arange(self.agents), **named, **equity_columns(self.utility)}


@dataclass(frozen=True, eq=False, repr=False)
class GossipTrace(TrialRecord):
    """The trace of a gossip trial, R recorded rounds of N agents on K arms.

    Curves are cumulative. Of large trials the regrets are (R, 1), summed over the agents. An agent's estimate is wrong by
    disagreement + sampling_error at most: what it has not received yet, and what no agent has sampled yet. mean_drift is 0 to
    rounding if every W_t is doubly stochastic. If agents track the rows of some agents only, these three are those of the worst
    row, over the agents that track it; see `gossipmab.metrics.consensus`.

    >>> trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=30, seed=0)
    >>> int(trace.pulls.sum()), trace.pareto_regret.shape
    (120, (30, 4))
    """

    rounds: Integers = array("R", "round", "round", name="round")
    pareto_regret: Floats = array("RN", "cumulative Pareto regret", "reward", metric="Pareto regret")
    nsw_regret: Floats = array("RN", "cumulative NSW regret", "welfare", metric="NSW regret")
    disagreement: Floats = array("R", "largest distance of an estimate from the mean of all local averages", "reward", mean=True)
    messages: Integers = array("R", "messages sent so far", "message", mean=True)
    bytes: Integers = array("R", "bytes sent so far", "byte", mean=True)
    pulls: Integers = array("NK", "pulls of each arm by each agent")
    utility: Floats = array("N", "sum over rounds of what the agent could expect of its arms", "reward")
    messages_sent: Integers = array("N", "messages that the agent sent", "message")
    mean_drift: Floats = array("R", "largest distance of the mean estimate from the mean of all local averages", "reward")
    sampling_error: Floats = array("R", "largest distance of the mean of all local averages from the truth", "reward")
    scalars_sent: Integers = array("R", "numbers in the messages sent so far")
    final_pareto_regret: Floats = array("N", "cumulative Pareto regret", "reward", name="pareto_regret")
    final_nsw_regret: Floats = array("N", "cumulative NSW regret", "welfare", name="nsw_regret")
    front_share: Floats = array("R", "share of all pulls so far that were on the Pareto front", mean=True)
    front_evenness: Floats = array("R", "entropy of the pulls on the Pareto front so far, against its maximum", mean=True)
    front_coverage: Floats = array("R", "share of the Pareto front's arms that got half an even share of all pulls", mean=True)
    hypervolume_regret: Floats = array(
        "R", "volume above 0 that the front dominates and arms with half an even share do not", mean=True
    )
    final_front_share: Floats = array("N", "share of the agent's pulls on the Pareto front", name="front_share")
    final_front_evenness: Floats = array("N", "entropy of its pulls on the front, against its maximum", name="front_evenness")
    final_front_coverage: Floats = array("N", "share of the front's arms that got half an even share", name="front_coverage")
    final_hypervolume_regret: Floats = array("N", "hypervolume regret of its arms", name="hypervolume_regret")

    SUMMED: ClassVar[bool] = True


EQUITY = {  # columns of `equity_columns`
    "excess": ("distance of the utility from the mean of its cell", "reward"),
    "equity_mre": ("Minimum Reallocation of Excess of the utilities", "reward"),
    "equity_excess": ("mean excess of the utilities", "reward"),
    "equity_incidence": ("share of agents with excess", "1"),
    "equity_cv": ("coefficient of variation of the utilities", "1"),
    "equity_gini": ("Gini coefficient of the utilities", "1"),
    "equity_jain": ("Jain's index of the utilities", "1"),
    "equity_theil": ("Theil's T of the utilities", "1"),
    "equity_atkinson": ("Atkinson's index of the utilities", "1"),
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
