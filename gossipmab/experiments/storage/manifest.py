"""manifest.json of a run folder: read within bounds, and checked, for it may come from anywhere.

Names in it lead to files: none may lead out of the folder. A key that an older version did not write is empty.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gossipmab.experiments.spec.spec import canonical_hash
from gossipmab.utils.errors import InputError
from gossipmab.utils.safe_read import parsed_json, text_of

NAME = "manifest.json"
FORMAT = "gossipmab run 1"
LARGEST = 2**28  # bytes: a checksum each for a million cells
MEND = "run the same experiment on its folder again: finished cells are kept"


class DamagedManifestError(InputError):
    """manifest.json is torn or altered: reading commands refuse the folder, `run` writes it anew."""


def _inside(name: str) -> str:
    if not name or ".." in PurePosixPath(name).parts or re.search(r"^/|[\\\0]", name):
        raise ValueError("leads out of the folder")
    return name


class _Open(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Copy(_Open):
    copy_: Annotated[str, Field(alias="copy", pattern=r"^data/[A-Za-z0-9_=+-][A-Za-z0-9._=+-]*$")]


class _Session(_Open):
    start: str
    engine: str
    end: str | None = None
    failed: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = []


class _Algorithm(_Open):
    label: str


class _Experiment(_Open):
    algorithms: list[_Algorithm] = []


class _Manifest(_Open):
    spec_hash: str = ""
    end: str | None = None
    versions: dict[str, str] = {}
    machine: dict[str, Any] = {}
    files: dict[str, _Copy] = {}
    sessions: list[_Session] = []
    sha256: dict[Annotated[str, AfterValidator(_inside)], str] = {}
    spec: _Experiment = {}  # type: ignore[assignment]


def read(folder: Path) -> dict[str, Any] | None:
    """The folder's manifest; None if there is none.

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
    for key, field in _Manifest.model_fields.items():
        found.setdefault(key, field.get_default())
    try:
        _Manifest.model_validate(found)
    except ValidationError as error:
        key = str(error.errors()[0]["loc"][0])
        raise DamagedManifestError(f"{path}: was altered; {key!r} is not what gossipmab writes; {MEND}") from None
    if canonical_hash(found["spec"]) != found["spec_hash"]:
        raise DamagedManifestError(f"{path}: is damaged (its experiment does not match its hash); {MEND}")
    return found
