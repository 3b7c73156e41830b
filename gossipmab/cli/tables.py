"""The tables that the command line prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gossipmab.analysis.plot_style import metrics_of
from gossipmab.analysis.sentences import final_rows, note_on_p, p_in_words
from gossipmab.analysis.sweep_effects import NOTE, effect_tables
from gossipmab.cli.sheet import Sheet
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.formatting import format_count, format_number

if TYPE_CHECKING:
    from pathlib import Path

    from gossipmab.analysis.compare_runs import Versus
    from gossipmab.analysis.sweep_effects import Effect
    from gossipmab.experiments.results import Results
    from gossipmab.experiments.storage.run_list import RunLine
    from gossipmab.networks.network import Network

OPEN_AGENTS = 20  # agents of a topology that leaves them open


def plain_table(title: str, headings: Sequence[str], rows: Iterable[Iterable[Any]], words: int = 99, **more: Any) -> Sheet:
    """A table of anything as text. more: as `Sheet` has it."""
    return Sheet(title, headings, [[str(cell) for cell in row] for row in rows], words, **more)


def summary_tables(results: Results, chosen: Sequence[str] = ()) -> Iterator[Sheet]:
    """One table for each metric that the run's algorithms are about. chosen: its columns, see `final_rows`; as fits by default."""
    summary, trials = results.summary(), results.spec.experiment.trials
    horizons = set(summary["round"])
    least = ["T"] if len(horizons) == 1 else []  # stands above the table
    least += ["trials"] if set(summary["trials"]) == {trials} else []
    means = dict.fromkeys(("steps_per_second", "bytes", "messages", *reversed(results.kind.MEANS), "exponent"))
    least += [one.replace("_", " ") for one in means]
    after = f" after {horizons.pop():,} {results.kind.TIME}s" if len(horizons) == 1 else ""
    for metric, title in metrics_of(results, None).items():
        if metric not in summary:
            continue
        heading = f"{results.spec.experiment.name}: {title}{after}, mean of {trials} trials"
        headings, rows = final_rows(results, metric, ("disagreement",), chosen)
        names = [heading in (*results.keys, "algorithm") for heading in headings]
        words = (*names, False).index(False)
        note = note_on_p(results, summary) if "p" in headings else ""
        yield Sheet(heading, headings, rows, words, () if chosen else least, results.keys, note)


def sweep_tables(found: Sequence[Effect], name: str) -> Iterator[Sheet]:
    """The effects of what was swept; name: of the experiment."""
    every = list(effect_tables(found))
    for number, (title, headings, rows, words) in enumerate(every, 1):
        note = NOTE if number == len(every) else ""
        yield Sheet(f"{name}: {title}", headings, rows, words, ("means",), ("where", "from", "to"), note)


def summary_columns(results: Results, chosen: Sequence[str]) -> list[str]:
    """The columns of summary.csv that are meant: those named, and for "regret", "interval", "exponent", "p" those of each metric.

    Raises:
        InputError: there is no such column.
    """
    every = list(map(str, results.summary()))
    if not chosen:
        return every
    metrics = [metric for metric in metrics_of(results, None) if metric in every]
    endings = {"regret": ("",), "interval": ("_low", "_high"), "exponent": ("_exponent",), "p": ("_p",)}
    if not results.kind.CUMULATIVE:
        del endings["exponent"]
    found: list[str] = []
    for name in chosen:
        if name not in every and name not in endings:
            raise unknown("--columns", name, {*every, *endings})
        found += [name] if name in every else [metric + ending for metric in metrics for ending in endings[name]]
    return list(dict.fromkeys(found))


def versus_tables(found: Versus) -> Iterator[Sheet]:
    """The differences between the experiments of two runs, and their final regrets."""
    if found.differences:
        yield plain_table("what differs", ("key", "first", "second"), found.differences, prose=("first", "second"))
    rows = []
    for final in found.finals:
        one = final.comparison
        interval = "-" if math.isnan(one.low) else f"{format_number(one.low, 3)} to {format_number(one.high, 3)}"
        numbers = [*map(format_number, (final.first, final.second)), format_number(one.ratio, 3), interval]
        rows.append([final.where or "-", final.algorithm, one.quantity, final.trials, *numbers, p_in_words(one.p, one.trials)])
    if rows:
        figures = ("trials", "first", "second", "second / first", "95 % interval", "p")
        what = found.measured
        title = f"{what}s at the last round that both recorded, means" if found.horizons else f"final {what}s, means"
        headings = ("where", "algorithm", what, *figures)
        yield plain_table(title, headings, rows, words=3, spare=("trials",), prose=("where",))


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


def facts_table(networks: Mapping[str, Network], p: float, weights: str) -> Sheet:
    """The spectral facts of the networks."""
    from gossipmab.analysis.graph_plots import spectral_facts

    rows = [{"topology": name, **spectral_facts(network)} for name, network in networks.items()]
    heading = f"link probability {p:g}, {weights} weights"
    spare = ("second eigenvalue of E[W²]", "second eigenvalue of E[W]", "diameter", "algebraic connectivity", "links")
    return plain_table(heading, list(rows[0]) if rows else (), [row.values() for row in rows], words=1, spare=spare)


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


def listings() -> Iterator[Sheet]:
    """Algorithms, games, plug-ins, experiments and topologies, one line each."""
    from gossipmab.cli.json_output import of_everything

    found = of_everything()
    for protocol in dict.fromkeys(one["protocol"] for one in found["algorithms"]):
        rows = [
            (one["name"], one["description"], ", ".join(f"{k}={v}" for k, v in one["hyperparameters"].items() if v is not None))
            for one in found["algorithms"]
            if one["protocol"] == protocol
        ]
        title = "algorithms" if protocol == "gossip" else f'algorithms of protocol = "{protocol}"'
        yield plain_table(title, ("name", "what", "hyperparameters"), rows, prose=("what", "hyperparameters"))
    games = [(one["name"], one["description"], ", ".join(f"{k}={v}" for k, v in one["settings"].items())) for one in found["games"]]
    yield plain_table("games", ("name", "what", "settings"), games, prose=("what", "settings"))
    if plugins := list(plugin_rows()):
        yield plain_table("plug-ins", ("group", "name", "what", "from"), plugins, prose=("what",))
    for kind in ("experiments", "topologies"):
        yield plain_table(kind, ("name", "what"), [(one["name"], one["description"]) for one in found[kind]], prose=("what",))


def runs_table(found: Sequence[RunLine], folder: Path) -> Sheet:
    """The runs in a folder, one line each."""
    rows = []
    for one in found:
        failed, running = f", {one.failed} failed" if one.failed else "", ", running" if one.running else ""
        cells = f"all {one.cells:,}" if one.finished == one.cells else f"{one.finished:,} of {one.cells:,}{failed}{running}"
        rows.append((one.path, one.start, cells, f"{format_count(one.bytes)}B", one.headline))
    headings = ("run", "started", "cells", "size", "headline")
    return plain_table(f"{len(rows)} run{'s' * (len(rows) != 1)} in {folder}", headings, rows, spare=("size",), prose=("headline",))
