"""The documents that the option --json prints; docs/cli.md explains their keys.

Every document is one object and begins with `gossipmab`, the version, and `command`. Keys are added in later versions, never
renamed within a major one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gossipmab.analysis.compare_runs import Versus
    from gossipmab.analysis.sweep_effects import Effect
    from gossipmab.analysis.verify import Finding
    from gossipmab.experiments.results import Results
    from gossipmab.networks.network import Network


def of_run(results: Results) -> dict[str, Any]:
    """A run and its summary; without rows before the first cell is finished."""
    from gossipmab.analysis.sentences import sentences_of
    from gossipmab.analysis.sweep_effects import answers, effects

    there = len(results.traces) > 0
    found = effects(results) if there else []
    return {
        "name": results.spec.experiment.name,
        "path": results.path,
        "spec_hash": results.spec.hash,
        "complete": results.complete,
        "rows": results.summary().to_dict("records") if there else [],
        "sweep": [_effect(one) for one in found],
        "sentences": [*answers(found), *sentences_of(results)] if there else [],
    }


def _effect(one: Effect) -> dict[str, Any]:
    names = ("metric", "key", "where", "algorithm", "begin", "end", "ordered", "points", "first", "last")
    numbers = {name: getattr(one.comparison, name) for name in ("ratio", "low", "high", "p", "trials")}
    trend = dict(zip(("trend", "trend_low", "trend_high"), one.trend, strict=True))
    inner = {"least": one.least or None, "largest": one.largest or None}
    return {name: getattr(one, name) for name in names} | numbers | trend | inner


def of_comparison(found: Versus) -> dict[str, Any]:
    """Two runs side by side."""
    return {
        "differences": [dict(zip(("key", "first", "second"), row, strict=True)) for row in found.differences],
        "matching": found.matching,
        "equal": found.equal,
        "unequal": [{"cell": cell, "arrays": arrays} for cell, arrays in found.unequal],
        "paired": found.paired,
        "finals": [
            {name: getattr(row, name) for name in ("where", "algorithm", "metric", "round", "trials", "first", "second")}
            | {name: getattr(row.comparison, name) for name in ("ratio", "low", "high", "p")}
            for row in found.finals
        ],
        "sentences": list(found.lines()),
    }


def of_findings(path: Path, findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings of `verify`."""
    return {"path": path, "sound": all(one.sound for one in findings), "checks": [one._asdict() for one in findings]}


def of_networks(networks: Mapping[str, Network]) -> list[dict[str, Any]]:
    """The spectral facts of networks."""
    rows = []
    for name, network in networks.items():
        facts = network.facts()._asdict()
        rows.append({"name": name, "agents": facts.pop("agents"), "links": facts.pop("edges"), **facts})
    return rows


def of_everything() -> dict[str, list[dict[str, Any]]]:
    """What there is to run."""
    from gossipmab.algorithms import PROTOCOLS
    from gossipmab.environments.registry import GAMES
    from gossipmab.experiments.spec.hyperparameters import defaults_of
    from gossipmab.experiments.spec.json_schema import GROUPS
    from gossipmab.experiments.spec.loading import read_toml
    from gossipmab.networks.graphs.base_graph import list_topologies
    from gossipmab.utils.parameters import parameters_of
    from gossipmab.utils.resources import shipped_files

    return {
        "algorithms": [
            {"name": name, "protocol": protocol, "description": _line(algorithm), "hyperparameters": defaults_of(protocol, name)}
            for protocol, algorithms in PROTOCOLS.items()
            for name, algorithm in algorithms.shipped.items()
        ],
        "games": [
            {"name": name, "description": _line(game), "settings": {key: one.default for key, one in parameters_of(game).items()}}
            for name, game in GAMES.shipped.items()
        ],
        "experiments": [
            {"name": name, "description": read_toml(file).get("experiment", {}).get("description", ""), "file": file}
            for name, file in shipped_files("experiments", [".toml"]).items()
        ],
        "topologies": [{"name": name, "description": line, "file": file} for name, (file, line) in list_topologies().items()],
        "plug_ins": [
            {
                "group": one.group,
                "name": one.name,
                "object": one.value,
                "distribution": one.dist and one.dist.name,
                "version": one.dist and one.dist.version,
            }
            for group in GROUPS
            for one in sorted(entry_points(group=f"gossipmab.{group}"), key=lambda entry: entry.name)
        ],
    }


def _line(kind: type) -> str:
    """The first line of a class's documentation."""
    return (kind.__doc__ or "").strip().partition("\n")[0]
