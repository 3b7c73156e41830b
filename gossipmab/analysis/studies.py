"""The studies: effects of topology, connectivity, failures, communication and size on regret; equity of learners."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
from scipy.stats import spearmanr

from gossipmab.analysis.plot_style import in_words
from gossipmab.experiments.spec.build import built
from gossipmab.experiments.spec.sweep import columns, scalar
from gossipmab.metrics.statistics import bootstrap_interval
from gossipmab.utils.errors import unknown

if TYPE_CHECKING:
    from gossipmab.experiments.results import Results
    from gossipmab.experiments.spec.spec import Point, Spec

SHORT = ("experiment.trials=4", "experiment.horizon=2000")  # of a study with --quick
SHORT_GAME = ("experiment.trials=2", "experiment.horizon=160000")
UNEVEN: dict[str, Any] = {"column": "mre", "quantity": "H / N of the outcomes", "each": ""}


class Study(NamedTuple):
    """One question.

    question: in a line. experiment: the shipped one that answers it. quick: what --quick changes in it.
    x: the number of a sweep point that regret is drawn against, from the experiment at the point and the mean of a
        column's last rows there; None if points are cases without an order. axis: what x is called.
    named: whether points are named in the figure. column, quantity: the metric that is drawn, and its title. each: " an agent" if
        it is a sum over the agents, which is divided by their number, or "".
    """

    question: str
    experiment: str
    x: Callable[[Spec, Any, pd.DataFrame], float] | None = None
    axis: str = ""
    quick: tuple[str, ...] = SHORT
    named: bool = False
    column: str = "pareto_regret"
    quantity: str = "Pareto regret"
    each: str = " an agent"


def _gap(spec: Spec, at: Point, rows: pd.DataFrame) -> float:
    network: Any = built(at, spec.files, 0, spec.networks)[1]
    return float(network.facts().spectral_gap)


STUDIES: dict[str, Study] = {
    "spectral-gap": Study(
        "What does the base graph cost, at the same link probability?", "spectral_gap", _gap, "spectral gap of E[W]", named=True
    ),
    "connectivity": Study(
        "How often must links be up?", "connectivity", lambda spec, at, rows: at.network.link_probability, "link probability p"
    ),
    "failures": Study("What do lost and late messages, crashes and partitions cost?", "failures"),
    "communication": Study(
        "What does a smaller budget of communication cost?", "budgets", lambda spec, at, rows: rows["bytes"].mean(),
        "bytes sent by all agents", named=True,
    ),
    "scaling": Study(
        "Are more agents better?", "number_of_agents", lambda spec, at, rows: at.agents, "agents N",
        (*SHORT, "sweep.environment.agents=[5, 10, 20, 40]"),
    ),
    "equity": Study("How evenly do learners share a server, and at what price?", "job_scheduling", quick=SHORT_GAME, **UNEVEN),
    "equity-matthew": Study(
        "How evenly do decentralised learners eat where who has eats more?", "matthew_effect", quick=SHORT_GAME, **UNEVEN
    ),
    "equity-central": Study(
        "How evenly do learners with a centre eat where who has eats more?", "matthew_effect_central", quick=SHORT_GAME, **UNEVEN
    ),
    "price-cap": Study(
        "How high must the price on unequal outcomes be allowed to rise?", "price_cap",
        lambda spec, at, rows: at.algorithms[0].params["cap"], "cap of the price",
        ("experiment.trials=2", "experiment.horizon=480000", 'sweep.algorithms.eld_ippo.cap=[0.0, 7.0, 15.0]'), **UNEVEN,
    ),
}  # fmt: skip


def study_of(name: str) -> Study:
    """The study of this name. Raises InputError."""
    if name not in STUDIES:
        raise unknown("study", name, STUDIES)
    return STUDIES[name]


def findings(results: Results, study: Study) -> pd.DataFrame:
    """One row for every sweep point and algorithm: point, algorithm, x, and the metric with its 95 % interval.

    Columns: point (its caption, or the algorithm without a sweep), algorithm, x (nan if the study has none), value, low, high,
    trials (how many), drift (max over recorded rounds, mean over trials; nan of what is no gossip).
    """
    table = results.table()
    names = columns(list(results.spec.sweep))
    rows: list[dict[str, Any]] = []
    for at in results.spec.points:
        here = table
        for key, value in at.values.items():
            here = here[here[names[key]].astype(str) == str(scalar(value))]
        last = here[here["round"] == here["round"].max()]
        agents = at.agents if study.each else 1
        for choice in at.algorithms:
            final = last[last["algorithm"] == choice.label]
            if not len(final):
                continue
            low, high = bootstrap_interval(final[study.column].to_numpy())
            mine = here[here["algorithm"] == choice.label]
            rows.append({
                "point": caption(at.values) or choice.label, "algorithm": choice.label,
                "x": float(study.x(results.spec, at, final)) if study.x else float("nan"),
                "value": final[study.column].mean() / agents, "low": low / agents, "high": high / agents, "trials": len(final),
                "drift": mine.groupby("trial")["mean_drift"].max().mean() if "mean_drift" in mine else float("nan"),
            })  # fmt: skip
    return pd.DataFrame(rows)


def caption(point: Any) -> str:
    """A sweep point in few words: the values, without the keys that all points have."""
    parts = []
    for value in point.values():
        if isinstance(value, dict):
            inner = {key: entry for key, entry in value.items() if key not in ("process", "generator")}
            kind = value.get("process") or value.get("generator")
            words = ", ".join(in_words(key, entry) for key, entry in inner.items())
            parts.append(f"{kind} {words}".strip() if kind else words)
        else:
            parts.append(str(value))
    return "; ".join(parts)


def sentences(found: pd.DataFrame, study: Study) -> Iterator[str]:
    """One line an algorithm: the trend of the metric with x (Spearman's rank correlation), or the worst case."""
    for algorithm, rows in found.groupby("algorithm", sort=False):
        values, x, points = rows["value"].to_numpy(), rows["x"].to_numpy(), list(rows["point"])
        if points == [algorithm]:
            ends = f"95 % interval {rows['low'].iloc[0]:.4g} to {rows['high'].iloc[0]:.4g}"
            yield f"{algorithm}: {study.quantity} {values[0]:.4g}{study.each}, {ends}"
            continue
        low, high = int(values.argmin()), int(values.argmax())
        span = f"from {values[low]:.4g} ({points[low]}) to {values[high]:.4g} ({points[high]}){study.each}"
        line = f"{algorithm}: {study.quantity} {span}"
        if study.x is None or len(set(x)) < 3 or len(set(values)) < 3:
            yield line
            continue
        rho, p = spearmanr(x, values)
        way = "no trend" if p >= 0.05 else "falls" if rho < 0 else "rises"
        sure = "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
        yield f"{line}; with the {study.axis}: {way} (Spearman's rho {rho:+.2f}, {sure}, {len(x)} points)"


def folder_of(name: str, quick: bool) -> Path:
    """Where a study's run lies by default."""
    return Path("runs") / f"study-{name}{'-quick' if quick else ''}"
