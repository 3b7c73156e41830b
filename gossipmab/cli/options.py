"""Arguments and options that several commands have, and the values that the shell completes; else files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gossipmab.utils.resources import shipped_files

Suggest = Callable[[str], list[str]]
ENGINES = ("threads", "ray", "actors", "gpu")
STUDIES = (
    "spectral-gap", "connectivity", "failures", "communication", "scaling",
    "equity", "equity-matthew", "equity-central", "price-cap",
)  # fmt: skip


def one_of(names: Sequence[str]) -> Suggest:
    """Completes to these names."""

    def suggest(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return suggest


def shipped(kind: str, *suffixes: str) -> Suggest:
    """Completes to the names of shipped files, such as experiments."""
    return lambda incomplete: one_of(list(shipped_files(kind, suffixes)))(incomplete)


def runs_of(incomplete: str) -> list[str]:
    """Completes to run folders in the folder that is begun, or in runs/, and to folders that hold some."""
    from gossipmab.experiments.storage.run_list import run_folders

    begun = incomplete.rpartition("/")[0]
    places = [Path(begun or "/" if "/" in incomplete else ".")] + ([] if "/" in incomplete else [Path("runs")])
    return [str(one) for place in places for one in run_folders(place, 1) if incomplete and str(one).startswith(incomplete)]


def keys_of(incomplete: str) -> list[str]:
    """Completes to the keys of the experiment file, of every section and of every algorithm's hyperparameters."""
    from gossipmab.experiments.spec.json_schema import experiment_schema

    schema = experiment_schema(plugins=False)["properties"]
    sections = {name: one["properties"] for name, one in schema.items() if "properties" in one and name != "sweep"}
    algorithms = [one["properties"] for one in schema["algorithms"]["items"]["anyOf"]]
    sections["algorithms.*"] = {key for one in algorithms for key in one if key not in ("name", "label")}
    return one_of(sorted(f"{section}.{key}=" for section, keys in sections.items() for key in keys))(incomplete)


def choice(help: str, *names: str, flag: str = "") -> Any:
    """An option whose value is one of these names. flag: its own name, if it is not that of the parameter."""
    return typer.Option(*([flag] if flag else []), help=help, autocompletion=one_of(names))


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", autocompletion=runs_of)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead; docs/cli.md explains its keys.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Workers = Annotated[int | None, typer.Option(help="Processors to use: for cells side by side, then for the agents of large ones.")]
