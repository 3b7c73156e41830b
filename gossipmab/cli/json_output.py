"""What the option --json prints: the contents of each document, and what its keys mean.

Every document is one object and begins with `gossipmab`, the version, and `command`. Keys are added in later versions, never
renamed within a major one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gossipmab.analysis.compare_runs import Versus
    from gossipmab.analysis.verify import Finding
    from gossipmab.experiments.results import Results
    from gossipmab.networks.network import Network

RUN = {
    "name": "of the experiment",
    "path": "the run folder",
    "spec_hash": "SHA-256 of all that a number of the results may depend on",
    "complete": "whether every cell has been computed",
    "rows": "one for each sweep point and algorithm, with the columns of summary.csv",
    "sentences": "the comparisons, as printed",
}
KEYS: dict[str, dict[str, str]] = {
    "run": {
        **RUN,
        "failed": "cells that failed, each with its `cell` and `error`",
        "figures": "files that were drawn",
    },
    "summary": RUN,
    "compare": {
        "differences": "where the experiments differ: `key`, `first`, `second`",
        "matching": "cells that both runs have",
        "equal": "of those, how many are equal bit for bit",
        "unequal": "the others: `cell`, and the `arrays` that differ",
        "paired": "whether matching trials have the same environments",
        "finals": "mean final regrets: `where`, `algorithm`, `metric`, `trials`, `first`, `second`, `ratio` (second / first), "
        "`low` and `high` (its 95 % interval), `p`",
        "sentences": "the comparisons, as printed",
    },
    "verify": {
        "path": "the run folder",
        "sound": "whether all checks hold",
        "checks": "each with `what`, `sound`, `remark`",
    },
    "topology": {
        "link_probability": "p",
        "weights": "the rule of the mixing weights",
        "topologies": "each with `name`, `agents`, `links`, `degree_min`, `degree_mean`, `degree_max`, `diameter`, "
        "`algebraic_connectivity`, `second_eigenvalue` and `spectral_gap` of E[W], `second_eigenvalue_squared` of E[W²], "
        "`squared_obtained` and `gap_obtained` (exact or sampled), `consensus_rounds`",
        "left_out": "shipped ones that cannot have so many agents, and why",
        "drawing": "the file that was drawn; null without --out",
    },
    "list": {
        "algorithms": "each with `name`, `protocol`, `description`, `hyperparameters` (name to default; null: required)",
        "experiments": "each with `name`, `description`, `file`",
        "topologies": "each with `name`, `description`, `file`",
        "plug_ins": "by entry points, none of them loaded: `group`, `name`, `object`, `distribution`, `version`",
    },
}


def of_run(results: Results) -> dict[str, Any]:
    """A run and its summary; without rows before the first cell is finished."""
    from gossipmab.analysis.sentences import sentences_of

    there = len(results.traces) > 0
    return {
        "name": results.spec.experiment.name,
        "path": results.path,
        "spec_hash": results.spec.hash,
        "complete": results.complete,
        "rows": results.summary().to_dict("records") if there else [],
        "sentences": sentences_of(results) if there else [],
    }


def of_failures(failures: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """The cells that failed."""
    return [{"cell": cell, "error": error} for cell, error in failures]


def of_comparison(found: Versus) -> dict[str, Any]:
    """Two runs side by side."""
    return {
        "differences": [dict(zip(("key", "first", "second"), row, strict=True)) for row in found.differences],
        "matching": found.matching,
        "equal": found.equal,
        "unequal": [{"cell": cell, "arrays": arrays} for cell, arrays in found.unequal],
        "paired": found.paired,
        "finals": [
            {name: getattr(row, name) for name in ("where", "algorithm", "metric", "trials", "first", "second")}
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
    from gossipmab.experiments.spec.hyperparameters import defaults_of, parameters_of
    from gossipmab.experiments.spec.json_schema import GROUPS, shipped_of
    from gossipmab.experiments.spec.loading import read_toml
    from gossipmab.networks.graphs.base_graph import list_topologies
    from gossipmab.utils.resources import shipped_files

    return {
        "algorithms": [
            {
                "name": name,
                "protocol": protocol,
                "description": (algorithm.__doc__ or "").strip().partition("\n")[0],
                "hyperparameters": dict.fromkeys(parameters_of(protocol, name)) | defaults_of(protocol, name),
            }
            for protocol, algorithms in PROTOCOLS.items()
            for name, algorithm in shipped_of(algorithms).items()
        ],
        "experiments": [
            {"name": name, "description": read_toml(file).get("experiment", {}).get("description", ""), "file": file}
            for name, file in shipped_files("experiments", [".toml"]).items()
        ],
        "topologies": [
            {"name": name, "description": line, "file": file} for name, (file, line) in list_topologies().items()
        ],
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
