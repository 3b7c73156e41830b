"""The tables that the command line prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from gossipmab.analysis.plot_style import metrics_of
from gossipmab.analysis.sentences import final_rows, reference_of
from gossipmab.utils.errors import InputError
from gossipmab.utils.formatting import format_number

if TYPE_CHECKING:
    from gossipmab.analysis.compare_runs import Versus
    from gossipmab.experiments.results import Results
    from gossipmab.networks.network import Network

OPEN_AGENTS = 20  # agents of a topology that leaves them open


def plain_table(title: str, headings: Sequence[str], rows: Iterable[Iterable[Any]], words: int = 99) -> Table:
    """A table whose columns after the first `words` are flush right."""
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, heading in enumerate(headings):
        table.add_column(Text(heading), justify="right" if place >= words else "left", no_wrap=place >= words)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    return table


def summary_tables(results: Results) -> Iterator[Table]:
    """One table for each metric that the run's algorithms are about."""
    reference = reference_of([choice.label for choice in results.spec.algorithms])
    for metric, title in metrics_of(results, None).items():
        if metric not in results.summary():
            continue
        heading = f"{results.spec.experiment.name}: {title}, mean of {results.spec.experiment.trials} trials"
        table = plain_table(heading, *final_rows(results, metric, ("disagreement",)), words=len(results.keys) + 1)
        table.caption = Text(f"p: Wilcoxon signed-rank test against {reference}, trial by trial, Holm-corrected over this table")
        table.caption_justify = "left"
        yield table


def versus_tables(found: Versus) -> Iterator[Table]:
    """The differences between the experiments of two runs, and their final regrets."""
    if found.differences:
        yield plain_table("what differs", ("key", "first", "second"), found.differences)
    rows = []
    for final in found.finals:
        one = final.comparison
        interval = "-" if math.isnan(one.low) else f"{format_number(one.low, 3)} to {format_number(one.high, 3)}"
        numbers = [*map(format_number, (final.first, final.second)), format_number(one.ratio, 3), interval]
        rows.append([final.where or "-", final.algorithm, one.quantity, final.trials, *numbers, format_number(one.p, 2)])
    if rows:
        figures = ("trials", "first", "second", "second / first", "95 % interval", "p")
        yield plain_table("final regrets, means", ("where", "algorithm", "regret", *figures), rows, words=3)


def networks_of(names: Sequence[str], agents: int | None, p: float, weights: str) -> tuple[dict[str, Network], list[str]]:
    """The networks named, or all shipped ones that can have so many agents, and why others are left out.

    Raises:
        InputError: one that was named cannot be made.
    """
    from gossipmab.networks.graphs.base_graph import list_topologies
    from gossipmab.networks.network import Network

    found, skipped = {}, []
    for name in names or list_topologies():
        try:
            found[name] = Network(name, agents if names else None, p, weights)
        except InputError as error:  # perhaps because the base leaves its agents open
            if names and agents is not None:
                raise
            try:
                found[name] = Network(name, agents or OPEN_AGENTS, p, weights)
            except InputError:
                if names:
                    raise
                skipped.append(str(error) if agents is None else f"{name} cannot have {agents} agents")
    return found, skipped


def facts_table(networks: Mapping[str, Network], p: float, weights: str) -> Table:
    """The spectral facts of the networks."""
    from gossipmab.analysis.graph_plots import spectral_facts

    rows = [{"topology": name, **spectral_facts(network)} for name, network in networks.items()]
    heading = f"link probability {p:g}, {weights} weights"
    return plain_table(heading, list(rows[0]) if rows else (), [row.values() for row in rows], words=1)


def plugin_rows() -> Iterator[tuple[str, str, str, str]]:
    """Group, name, one line and distribution of every plug-in; or why it cannot be used."""
    from gossipmab.experiments.spec.plugins import REGISTRIES

    for registry in REGISTRIES:
        for name, entries in registry.found.items():
            releases = ", ".join(f"{one.dist.name} {one.dist.version}" for one in entries if one.dist is not None)
            try:
                what = (registry[name].__doc__ or "").strip().partition("\n")[0]
            except InputError as error:
                what = f"cannot be used: {error}"
            if registry.is_shipped(name):
                what = "is refused: a shipped one has this name"
            yield registry.group, name, what, releases


def listings() -> Iterator[Table]:
    """Algorithms, plug-ins, experiments and topologies, one line each."""
    from gossipmab.cli.json_output import of_everything

    found = of_everything()
    for protocol in dict.fromkeys(one["protocol"] for one in found["algorithms"]):
        rows = [
            (one["name"], one["description"], ", ".join(f"{k}={v}" for k, v in one["hyperparameters"].items() if v is not None))
            for one in found["algorithms"]
            if one["protocol"] == protocol
        ]
        title = "algorithms" if protocol == "gossip" else f'algorithms of protocol = "{protocol}"'
        yield plain_table(title, ("name", "what", "hyperparameters"), rows)
    if plugins := list(plugin_rows()):
        yield plain_table("plug-ins", ("group", "name", "what", "from"), plugins)
    for kind in ("experiments", "topologies"):
        yield plain_table(kind, ("name", "what"), [(one["name"], one["description"]) for one in found[kind]])
