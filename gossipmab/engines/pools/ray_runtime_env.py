"""What a cluster's workers need of us: the package itself, and the data files of the experiment.

Ray carries folders as `py_modules`: once to every node, named by their contents, and removed when no longer used.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any, NamedTuple

from gossipmab.engines.pools.own_folder import own_folder
from gossipmab.utils.resources import PACKAGE_ROOT


class Shipment(NamedTuple):
    """runtime_env: for Ray. files: what the experiment calls a file -> its path within the shipment."""

    runtime_env: dict[str, Any] | None
    files: dict[str, str]


@contextmanager
def packed(play: Any, pip: bool = False) -> Iterator[Shipment]:
    """Pack the package and the files of `play`; `pip` has the nodes install our dependencies, too."""
    files: Mapping[str, Path] = getattr(play, "files", {})
    with own_folder("gossipmab-files-") as root:
        modules = [str(PACKAGE_ROOT)]
        carried = {}
        if files:
            digest = hashlib.sha256()
            for path in files.values():
                digest.update(path.read_bytes())
            folder = root / f"gossipmab_files_{digest.hexdigest()[:16]}"
            for number, (name, path) in enumerate(sorted(files.items())):
                copy = folder / str(number) / path.name
                copy.parent.mkdir(parents=True)
                shutil.copyfile(path, copy)
                carried[name] = copy.relative_to(root).as_posix()
            modules.append(str(folder))
        environment: dict[str, Any] = {"py_modules": modules, "excludes": ["__pycache__", "*.pyc"], "env_vars": new_run()}
        if pip:
            environment["pip"] = dependencies()
        yield Shipment(environment, carried)


def new_run() -> dict[str, str]:
    """A variable that no environment had before: Ray keeps a failed one for ten minutes, and never tries an equal one then."""
    return {"GOSSIPMAB_RUN": uuid.uuid4().hex}


def dependencies() -> list[str]:
    """What the package requires, but for Ray itself: a node has that already, in the cluster's version."""
    try:
        wanted = requires("gossipmab") or []
    except PackageNotFoundError:
        return []
    return [line for line in wanted if "extra ==" not in line and not re.match(r"ray\b", line)]


def arrived(files: Mapping[str, str]) -> dict[str, Path]:
    """In a worker: the folder of the files. FileNotFoundError if one is missing."""
    found = {}
    for name, relative in files.items():
        places = [Path(entry) / relative for entry in sys.path]
        found[name] = next((place for place in places if place.is_file()), None) or places[0]
        if not found[name].is_file():
            raise FileNotFoundError(f"the file {name!r} did not come with the experiment")
    return found
