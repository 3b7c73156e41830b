"""manifest.json of a run folder: read within bounds, and checked, for it may come from anywhere.

Names in it lead to files: none may lead out of the folder. A key that an older version did not write is empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from gossipmab.experiments.spec.spec import canonical_hash
from gossipmab.utils.atomic_write import write_whole
from gossipmab.utils.errors import InputError
from gossipmab.utils.safe_read import parsed_json, text_of

NAME = "manifest.json"
FORMAT = "gossipmab run 1"
LARGEST = 2**28  # bytes: a checksum each for a million cells
MEND = "run the same experiment on its folder again: finished cells are kept"
COPY = re.compile(r"data/[A-Za-z0-9_=+-][A-Za-z0-9._=+-]*")


class DamagedManifestError(InputError):
    """manifest.json is torn or altered: reading commands refuse the folder, `run` writes it anew."""


def _words(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _copies(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(entry, dict) and isinstance(entry.get("copy"), str) and COPY.fullmatch(entry["copy"])
        for entry in value.values()
    )


def _checksums(value: Any) -> bool:
    return _words(value) and all(
        name and ".." not in PurePosixPath(name).parts and not re.search(r"^/|[\\\0]", name) for name in value
    )


def _sessions(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and isinstance(one.get("start"), str)
        and isinstance(one.get("engine"), str)
        and isinstance(one.get("end"), str | None)
        and isinstance(one.get("failed", []), list)
        and all(isinstance(pair, list) and list(map(type, pair)) == [str, str] for pair in one.get("failed", []))
        for one in value
    )


def _experiment(value: Any) -> bool:
    algorithms = value.get("algorithms", []) if isinstance(value, dict) else None
    return isinstance(algorithms, list) and all(
        isinstance(one, dict) and isinstance(one.get("label"), str) for one in algorithms
    )


KINDS: dict[str, tuple[Callable[[Any], bool], Any]] = {  # key -> what it must be, and what stands in for it
    "spec_hash": (lambda value: isinstance(value, str), ""),
    "end": (lambda value: isinstance(value, str | None), None),
    "versions": (_words, {}),
    "machine": (lambda value: isinstance(value, dict), {}),
    "files": (_copies, {}),
    "sessions": (_sessions, []),
    "sha256": (_checksums, {}),
    "spec": (_experiment, {}),
}


def read(folder: Path) -> dict[str, Any] | None:
    """What the folder's manifest says; None where there is none.

    Raises:
        DamagedManifestError: it is there and is torn or altered.
        InputError: it is there and is not ours, or cannot be read.
    """
    path = folder / NAME
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    text = text_of(path, "manifest", LARGEST)
    try:
        found = parsed_json(text)
    except (ValueError, MemoryError) as error:
        raise DamagedManifestError(f"{path}: is damaged ({error}); {MEND}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError(f"{path}: is not that of a gossipmab run (format {FORMAT!r})")
    for key, (fits, otherwise) in KINDS.items():
        if not fits(found.setdefault(key, otherwise)):
            raise DamagedManifestError(f"{path}: was altered; {key!r} is not what gossipmab writes; {MEND}")
    if canonical_hash(found["spec"]) != found["spec_hash"]:
        raise DamagedManifestError(f"{path}: is damaged (its experiment does not match its hash); {MEND}")
    return found


def write(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write it, whole or not at all."""
    write_whole(folder / NAME, (json.dumps(manifest, indent=1) + "\n").encode())
