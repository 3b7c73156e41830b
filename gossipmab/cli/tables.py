"""The tables that the command line prints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from gossipmab.analysis.plot_style import metrics_of
from gossipmab.analysis.sentences import compare, reference_of
from gossipmab.experiments.summary import PRICE
from gossipmab.utils.errors import InputError
from gossipmab.utils.formatting import format_count, format_integer, format_number

if TYPE_CHECKING:
    from gossipmab.analysis.compare_runs import Versus
    from gossipmab.experiments.results import Results
    from gossipmab.networks.network import Network

COUNTS = ("messages", "bytes")
OPEN_AGENTS = 20  # agents of a topology that leaves them open


def plain_table(title: str, *headings: str, right: Sequence[str] = ()) -> Table:
    """An empty table whose columns `right` are flush right."""
    table = Table(
        title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for heading in headings:
        table.add_column(Text(heading), justify="right" if heading in right else "left", no_wrap=heading in right)
    return table


def summary_tables(results: Results) -> Iterator[Table]:
    """One table for each metric that the run's algorithms are about."""
    summary = results.summary()
    reference = reference_of([choice.label for choice in results.spec.algorithms])
    means = [name for name in results.kind.MEANS if name != "disagreement" and summary[name].notna().any()]
    for metric, title in metrics_of(results, None).items():
        if metric not in summary:
            continue
        others = [PRICE, *means] if metric == "nsw_regret" and PRICE in summary else means
        named = [name.replace("_", " ") for name in others]
        figures = ("at T", "95 % interval", "exponent", "p", *named, "agent-steps/s")
        table = plain_table(
            f"{results.spec.experiment.name}: {title}, mean of {results.spec.experiment.trials} trials",
            *results.keys, "algorithm", "trials", "T", *figures, right=("trials", "T", *figures),
        )  # fmt: skip
        for row in summary.to_dict("records"):
            low, high = row[f"{metric}_low"], row[f"{metric}_high"]
            cells = [str(row[key]) for key in results.keys]
            cells += [str(row["algorithm"]), str(row["trials"]), f"{row['round']:,}", format_number(row[metric])]
            cells += ["-" if math.isnan(low) else f"[{format_number(low)}, {format_number(high)}]"]
            cells += [format_number(row[f"{metric}_exponent"], 3), format_number(row[f"{metric}_p"], 2)]
            cells += [format_count(row[name]) if name in COUNTS else format_number(row[name], 3) for name in others]
            cells += [format_count(row["steps_per_second"])]
            table.add_row(*map(Text, cells))
        table.caption = Text(
            f"p: Wilcoxon signed-rank test against {reference}, trial by trial, Holm-corrected over this table"
        )
        table.caption_justify = "left"
        yield table


def summary_sentences(results: Results) -> list[str]:
    """A sentence for each comparison of the run's algorithms; see `gossipmab.analysis.sentences`."""
    first = results.spec.algorithms[0].label
    return [one.sentence() for one in compare(results.summary(), results.keys, first, metrics_of(results, None))]


def versus_tables(found: Versus) -> Iterator[Table]:
    """What differs between the experiments of two runs, and their final regrets."""
    table = plain_table("what differs", "key", "first", "second")
    for row in found.differences:
        table.add_row(*map(Text, row))
    if found.differences:
        yield table
    figures = ("trials", "first", "second", "second / first", "95 % interval", "p")
    table = plain_table("final regrets, means", "where", "algorithm", "regret", *figures, right=figures)
    for final in found.finals:
        one = final.comparison
        cells = [final.where or "-", final.algorithm, one.quantity, str(final.trials), format_number(final.first)]
        cells += [format_number(final.second), format_number(one.ratio, 3)]
        cells += [
            "-" if math.isnan(one.low) else f"[{format_number(one.low, 3)}, {format_number(one.high, 3)}]",
            format_number(one.p, 2),
        ]
        table.add_row(*map(Text, cells))
    if found.finals:
        yield table


def networks_of(
    names: Sequence[str], agents: int | None, p: float, weights: str
) -> tuple[dict[str, Network], list[str]]:
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
    headings: dict[str, Any] = {
        "agents": lambda f: f"{f.agents}",
        "links": lambda f: f"{f.edges}",
        "degrees": lambda f: f"{f.degree_min}..{f.degree_max}",
        "diameter": lambda f: format_integer(f.diameter),
        "algebraic connectivity": lambda f: format_number(f.algebraic_connectivity),
        "second eigenvalue E[W]": lambda f: format_number(f.second_eigenvalue),
        "gap": lambda f: format_number(f.spectral_gap),
        "E[W²]": lambda f: (
            format_number(f.second_eigenvalue_squared) + (" (sampled)" if f.squared_obtained == "sampled" else "")
        ),
        "consensus rounds": lambda f: format_number(f.consensus_rounds, 3),
    }
    table = plain_table(f"link probability {p:g}, {weights} weights", "topology", *headings, right=tuple(headings))
    for name, network in networks.items():
        facts = network.facts()
        table.add_row(Text(name), *(Text(show(facts)) for show in headings.values()))
    return table


def plugin_rows() -> Iterator[tuple[str, str, str, str]]:
    """Group, name, one line and distribution of every plug-in; the line says so where it cannot be used."""
    from gossipmab.experiments.spec.python_objects import REGISTRIES
    from gossipmab.utils.errors import InputError

    for registry in REGISTRIES:
        for name, entries in registry.found.items():
            said = ", ".join(f"{one.dist.name} {one.dist.version}" for one in entries if one.dist is not None)
            try:
                what = (registry[name].__doc__ or "").strip().partition("\n")[0]
            except InputError as error:
                what = f"cannot be used: {error}"
            if registry.is_shipped(name):
                what = "is refused: a shipped one has this name"
            yield registry.group, name, what, said


def listings() -> Iterator[Table]:
    """Algorithms, plug-ins, experiments and topologies, one line each."""
    from gossipmab.algorithms import PROTOCOLS
    from gossipmab.experiments.spec.hyperparameters import defaults_of
    from gossipmab.experiments.spec.loading import read_toml
    from gossipmab.networks.graphs.base_graph import list_topologies
    from gossipmab.utils.resources import shipped_files

    for protocol, algorithms in PROTOCOLS.items():
        title = "algorithms" if protocol == "gossip" else f'algorithms of protocol = "{protocol}"'
        table = plain_table(title, "name", "what", "hyperparameters")
        for name, algorithm in algorithms.shipped.items():
            given = ", ".join(f"{key}={value}" for key, value in defaults_of(protocol, name).items())
            table.add_row(Text(name), Text((algorithm.__doc__ or "").strip().partition("\n")[0]), Text(given))
        yield table
    rows = list(plugin_rows())
    if rows:
        table = plain_table("plug-ins", "group", "name", "what", "from")
        for row in rows:
            table.add_row(*map(Text, row))
        yield table
    table = plain_table("experiments", "name", "what")
    for name, file in shipped_files("experiments", [".toml"]).items():
        table.add_row(Text(name), Text(str(read_toml(file).get("experiment", {}).get("description", ""))))
    yield table
    table = plain_table("topologies", "name", "what")
    for name, (_, line) in list_topologies().items():
        table.add_row(Text(name), Text(line))
    yield table
