"""The agents' outcomes and their equality: the parade from worst off to best off, and `gossipmab.metrics.equity`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gossipmab.analysis.report.parts import HtmlTable, Picture, parade
from gossipmab.metrics.equity import equity
from gossipmab.utils.formatting import format_number

if TYPE_CHECKING:
    import pandas as pd

    from gossipmab.experiments.results import Results

OUTCOME = "utility"
MOST_ROWS = 400  # agents listed one by one, over all algorithms
# Heading -> what stands below it. H is never shown without the mean excess and the incidence beside it.
MEASURES: dict[str, Any] = {
    "mean": None,
    "E/N": lambda e: e.mean_excess,
    "incidence": lambda e: e.incidence,
    "H": lambda e: e.mre,
    "H above": lambda e: e.mre_above,
    "H below": lambda e: e.mre_below,
    "TV who": lambda e: e.selection_distance,
    "TV how much": lambda e: e.magnitude_distance,
    "CV": lambda e: e.cv,
    "Gini": lambda e: e.gini,
    "Jain": lambda e: e.jain,
    "Theil": lambda e: e.theil,
    "Atkinson": lambda e: e.atkinson,
}
TERMS = (
    (
        "excess e, E/N",
        "An agent's excess is its distance from the mean of all, above or below; E/N is the mean excess of the N agents.",
    ),
    ("incidence", "The share of agents that are off the mean at all."),
    (
        "MRE, H",
        "Minimum reallocation of excess: how much excess must be moved until all agents have the same, half the sum of |e - E/N|. "
        "It is 0 where all are equally far from the mean, however far, and always for two agents: read it beside E/N, incidence.",
    ),
    ("H above, H below", "The same among the agents above the mean alone, and among those below it."),
    ("TV who, TV how much", "Total-variation distance to uniform of who is off the mean, and of who bears how much of the excess."),
    ("CV", "Coefficient of variation: the standard deviation over the mean; 0 where all are equal."),
    ("Gini", "Half the mean difference between two agents, over the mean: 0 where all are equal, near 1 where one has all."),
    ("Jain", "The square of the sum over N times the sum of squares: 1 where all are equal, 1/N where one has all."),
    ("Theil", "The mean of (x/mean) ln(x/mean): 0 where all are equal, ln N where one has all."),
    ("Atkinson", "With parameter 1/2: the share of the total that equal shares could do without, at the same welfare."),
)
PULLED = (
    "Of the agents' utilities: what each could itself expect of the arms it pulled, summed over the rounds; means over trials. "
)
PLAYED = (
    "Of the mean outcomes of the last evaluation, without a band; means over trials. Of agents who take turns at winning whole "
    "episodes the mean outcomes are even: read the inequality of single episodes, in the tables of the last round. "
)
NOTE = (
    "E/N: mean distance from the mean. Incidence: share of agents off the mean. H (MRE): how much must be moved until all "
    "distances from the mean are equal, and of the agents above and below it alone. TV: distance to uniform of who is off the "
    "mean and of how much. Jain is 1 where all are equal, the other indices 0. H alone means little: it is 0 where all distances "
    "are equal, however large, and always for two agents; read it beside E/N and the incidence."
)


class Outcomes(NamedTuple):
    """The section's picture and tables."""

    picture: Picture
    equity: HtmlTable
    agents: HtmlTable | None


def section(results: Results, agents: pd.DataFrame) -> Outcomes | None:
    """Outcomes and their equity; None if the protocol records no utilities."""
    if OUTCOME not in agents:
        return None
    table = equity_table(agents, results.keys, PULLED if results.spec.game is None else PLAYED)
    return Outcomes(parade(results, agents, OUTCOME), table, agent_table(results, agents))


def equity_table(agents: pd.DataFrame, keys: list[str], outcome: str = PULLED) -> HtmlTable:
    """A row for each sweep point and algorithm. outcome: what an outcome is, in a sentence."""
    by = [*keys, "algorithm"]
    rows = []
    for place, some in agents.groupby(by, sort=False):
        outcomes = [cell[OUTCOME].to_numpy() for _, cell in some.groupby("trial", sort=False)]
        found = [equity(x) for x in outcomes]
        means = [np.mean([x.mean() for x in outcomes])]
        means += [np.mean([measure(one) for one in found]) for measure in MEASURES.values() if measure is not None]
        rows.append([*map(str, place), *(format_number(float(mean), 3) for mean in means)])
    return HtmlTable("Equity of what agents earned", [*by, *MEASURES], rows, len(by), outcome + NOTE)


def agent_table(results: Results, agents: pd.DataFrame) -> HtmlTable | None:
    """A row for each algorithm and agent; None with a sweep, or if there are too many to be read."""
    shown = {name: name.replace("_", " ") for name in agents.columns if name not in ("algorithm", "trial", "agent", "agent_name")}
    shown = {name: title for name, title in shown.items() if not name.startswith("equity_")}
    if "agent_name" in agents:
        agents = agents.assign(agent=agents["agent_name"]).drop(columns="agent_name")
    means = agents.groupby(["algorithm", "agent"], sort=False)[list(shown)].mean() if not results.keys else None
    if means is None or len(means) > MOST_ROWS:
        return None
    means = means.dropna(axis=1, how="all")
    rows = [
        [str(algorithm), str(agent), *(format_number(float(value)) for value in values)]
        for (algorithm, agent), values in zip(means.index, means.to_numpy(), strict=True)
    ]
    named = bool(results.spec.points[0].labels.agents)
    note = (
        "Means over trials."
        if named or results.spec.game is not None
        else "Means over trials. Where environments are drawn, only its place in the network makes an agent the same in all."
    )
    return HtmlTable(
        "Agent by agent, at the last round", ["algorithm", "agent", *(shown[str(name)] for name in means)], rows, 2, note
    )
