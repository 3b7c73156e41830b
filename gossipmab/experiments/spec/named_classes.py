"""Names in an experiment that lead to code or data: "eps.py:Class", "package.module:Class", and files in the run folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from gossipmab.algorithms import PROTOCOLS
from gossipmab.environments.registry import GAMES, MODELS
from gossipmab.networks.links import PROCESSES
from gossipmab.objectives import OBJECTIVE_REGISTRY
from gossipmab.utils.class_files import NAME, Source, class_of, is_loaded
from gossipmab.utils.errors import InputError, shown
from gossipmab.utils.registry import Registry
from gossipmab.utils.safe_read import is_file

IMPORTED = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<kind>[A-Za-z_][\w.]*)")
FILE_KEYS = ("means", "preferences", "logged_rewards", "log", "base", "file", "graphs")
CLASS_KEYS = ("name", "process", "model", "rewards", "links", "objective", "extra_objectives")


def load_named(
    content: dict[str, Any], swept: Sequence[Mapping[str, Sequence[Any]]], folder: Path, files: dict[str, Path], code: bool
) -> bool:
    """Register the classes that the experiment names by file or module, and add these files to `files`.

    swept: dotted key -> its values. code: run files and import modules. An algorithm without a label gets the name of its class.

    Returns:
        Whether all are registered now; not if one is not known to this process and no code is to be run.

    Raises:
        InputError: there is no such file, module or class, or it is no class for its place.
    """
    complete = True
    for key, registry, name in list(_mentioned(content, swept)):
        if not isinstance(name, str):
            continue
        if found := NAME.fullmatch(name):
            file = found["file"]
            path = files.setdefault(file, folder / file)
            if not is_file(path):
                raise InputError(f"{key}: there is no file {shown(file)}")
            if not code and not is_loaded(path):
                complete = False
                continue
            kind = class_of(Source(str(path), path.read_bytes(), found["kind"]), key)
        elif (found := IMPORTED.fullmatch(name)) and name not in registry:
            if not code:
                complete = False
                continue
            kind = _imported(key, name, found["module"], found["kind"])
        else:
            continue
        registry.restore(name, registry.checked(kind, f"{key}: {name}"))
    for table in _tables(content):
        name = table.get("name")
        if isinstance(name, str) and (NAME.fullmatch(name) or IMPORTED.fullmatch(name)):
            table.setdefault("label", name.rpartition(":")[2].rpartition(".")[2])
    return complete


def _imported(key: str, name: str, module: str, kind: str) -> Any:
    try:
        found: Any = import_module(module)
        for part in kind.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        advice = "a class that was passed to gossipmab.run is to be passed again, under the same name"
        raise InputError(f"{key}: {name!r} does not load ({type(error).__name__}: {error}); {advice}") from error
    return found


def _tables(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = content.get("algorithms")
    return [table for table in given if isinstance(table, dict)] if isinstance(given, list) else []


def _mentioned(content: Mapping[str, Any], swept: Sequence[Mapping[str, Sequence[Any]]]) -> Iterator[tuple[str, Registry, Any]]:
    """Key, registry and value of every place where a name stands for a class."""
    sections = {name: table for name, table in content.items() if isinstance(table, dict)}
    experiment = sections.get("experiment", {})
    registry = PROTOCOLS.get(str(experiment.get("protocol", "gossip")), PROTOCOLS["gossip"])
    for table in _tables(content):
        yield "algorithms: name", registry, table.get("name")
        yield "algorithms: objective", OBJECTIVE_REGISTRY, table.get("objective")
    extra = experiment.get("extra_objectives")
    for name in extra if isinstance(extra, list) else ():
        yield "experiment.extra_objectives", OBJECTIVE_REGISTRY, name
    values = [(key, value) for keys in swept for key, each in keys.items() for value in each]
    for section, key in (("network", "links"), ("environment", "rewards"), ("game", "name")):
        values.append((f"{section}.{key}", sections.get(section, {}).get(key)))
    for key, value in values:
        if key in ("network.links", "network.links.process"):
            yield "network.links", PROCESSES, value.get("process") if isinstance(value, dict) else value
        elif key in ("environment.rewards", "environment.rewards.model"):
            yield "environment.rewards", MODELS, value.get("model") if isinstance(value, dict) else value
        elif key == "game.name":
            yield key, GAMES, value
        elif key.startswith("algorithms.") and key.endswith(".objective"):
            yield key, OBJECTIVE_REGISTRY, value


def renamed_files(data: Any, names: Mapping[str, str], key: str = "") -> Any:
    """The experiment's data with other names for its files, where names of files and of classes in them stand."""
    last = key.rpartition(".")[2]
    if isinstance(data, dict):
        return {name: renamed_files(value, names, name) for name, value in data.items()}
    if isinstance(data, list):
        return [renamed_files(item, names, key) for item in data]
    if isinstance(data, str) and last in FILE_KEYS:
        return names.get(data, data)
    if isinstance(data, str) and last in CLASS_KEYS and (found := NAME.fullmatch(data)):
        return f"{names.get(found['file'], found['file'])}:{found['kind']}"
    return data
