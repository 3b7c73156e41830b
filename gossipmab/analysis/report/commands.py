"""The commands that run an experiment again, from the folder that holds the run folder."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gossipmab.experiments.spec.build import TOPOLOGIES
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.utils import resources as shipped
from gossipmab.utils.atomic_write import file_hash
from gossipmab.utils.errors import InputError

if TYPE_CHECKING:
    from gossipmab.experiments.results import Results


class Command(NamedTuple):
    """A command and what it does."""

    text: str
    does: str


def commands(results: Results) -> list[Command]:
    """What to type, first of all the command that runs it again."""
    folder = results.path.resolve().name
    name = results.spec.experiment.name
    again = ["gossipmab", "run", name]
    if not same_as_shipped(results):
        again = ["gossipmab", "run", f"{folder}/spec.toml", "--out", f"{folder}-again", *data_files(results)]
    return [
        Command(shlex.join(again), "runs it again, to the same bits on the same versions and kind of machine"),
        Command(shlex.join(["gossipmab", "verify", folder]), "checks this run's files, and plays one cell again"),
        Command(shlex.join(["gossipmab", "summary", folder]), "prints the tables"),
    ]


def same_as_shipped(results: Results) -> bool:
    """Whether the shipped experiment of this name is this very experiment."""
    try:
        return load_spec(results.spec.experiment.name).hash == results.spec.hash
    except InputError:
        return False


def data_files(results: Results) -> Iterator[str]:
    """The settings that lead to the run folder's own copies of data files, which have other names there."""
    copies = {name: entry["copy"] for name, entry in (results.folder.manifest() or {"files": {}})["files"].items()}
    moved = {name: copy for name, copy in copies.items() if not _shipped(name, results)}
    yield from _settings(results.spec.resolved(), moved)


def _shipped(name: str, results: Results) -> bool:
    """Whether a shipped topology of this name has the same contents."""
    try:
        found = shipped.resolve(name, "topologies", TOPOLOGIES)
    except InputError:
        return False
    return file_hash(found) == results.spec.file_hashes[name]


def _settings(data: Mapping[str, Any], moved: Mapping[str, str]) -> Iterator[str]:
    swept = data.get("sweep", {})
    points = swept.get("points", [])
    network = data.get("network", {})
    links = network.get("links")
    values = {f"environment.{key}": data["environment"].get(key) for key in ("means", "preferences", "logged_rewards")}
    values["network.base"] = network.get("base")
    values |= {f"network.links.{key}": one for key, one in links.items()} if isinstance(links, dict) else {}
    values = {key: one for key, one in values.items() if key not in swept and not any(key in point for point in points)}
    values |= {f"sweep.{key}": one for key, one in swept.items()}
    for key, value in values.items():
        there = _moved(value, moved)
        if there != value:
            yield from ("--set", f"{key}={_as_toml(there)}")


def _moved(value: Any, moved: Mapping[str, str]) -> Any:
    """The value with the names of moved files, in lists and tables too."""
    if isinstance(value, list):
        return [_moved(one, moved) for one in value]
    if isinstance(value, dict):
        return {key: _moved(one, moved) for key, one in value.items()}
    return moved.get(value, value) if isinstance(value, str) else value


def _as_toml(value: Any) -> str:
    """The value as `--set` takes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_as_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_as_toml(one) for one in value) + "]"
    return json.dumps(value)
