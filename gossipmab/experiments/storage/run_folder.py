"""The run folder: its files, the experiment that it holds, and its finished cells."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from gossipmab.experiments.spec import plugins
from gossipmab.experiments.spec.spec import Cell, Spec
from gossipmab.experiments.spec.sweep import safe
from gossipmab.experiments.storage import manifest
from gossipmab.experiments.storage.cell_file import DamagedError, StoredCell, decode, encode, origin
from gossipmab.experiments.storage.lock import LOCK, OWNER, held, sweep
from gossipmab.experiments.storage.manifest import MEND as MEND, DamagedManifestError
from gossipmab.metrics.columns import TRACES
from gossipmab.metrics.trace import TrialRecord
from gossipmab.utils import provenance
from gossipmab.utils.atomic_write import file_hash, write_whole
from gossipmab.utils.errors import InputError, shown
from gossipmab.utils.safe_read import LARGEST_TEXT

OWN_FILES = ("spec.toml", "manifest.json", "results.parquet", "agents.parquet", "summary.csv", "report.html")
PROVENANCE: dict[str, Callable[[Any], bool]] = {  # of a cell's provenance: what each key must be
    "versions": lambda value: isinstance(value, dict) and all(isinstance(one, str) for one in value.values()),
    "machine": lambda value: isinstance(value, dict),
    "seconds": lambda value: type(value) in (int, float) and 0 <= value < float("inf"),
    "agent_steps": lambda value: type(value) is int and 0 <= value < 2**63,
}
FIGURES = (".png", ".svg", ".pdf")
FOLDERS = ("cells", "cells/set_aside", "data", "figures")


class RunFolder:
    """The folder of one run. Its methods that write are for the holder of the lock."""

    def __init__(self, path: str | Path) -> None:
        if not isinstance(path, str | os.PathLike):
            raise InputError(f"run folder: got {shown(path)}, allowed is a path")
        self.path = Path(path)
        self.cells = self.path / "cells"

    def locked(self) -> AbstractContextManager[None]:
        """Hold the folder; see `gossipmab.experiments.storage.lock.held`."""
        self.check_inside()
        return held(self.path)

    def check_inside(self) -> None:
        """Raise InputError if a folder of the run is a link, which could lead out of the run folder."""
        for name in (*FOLDERS, LOCK):
            try:
                linked = (self.path / name).is_symlink()
            except (OSError, ValueError) as error:
                raise InputError(f"run folder {self.path}: {error}") from None
            if linked:
                raise InputError(f"run folder {self.path}: {name} is a symbolic link, which may lead out of the folder")

    def manifest(self) -> dict[str, Any] | None:
        """The contents of manifest.json, None if there is none; errors as of `manifest.read`."""
        return manifest.read(self.path)

    def write_manifest(self, content: Mapping[str, Any]) -> None:
        """Write manifest.json."""
        write_whole(self.path / manifest.NAME, (json.dumps(content, indent=1) + "\n").encode())

    def prepare(
        self, spec: Spec, fresh: bool, note: Callable[[str], None] = lambda text: None
    ) -> tuple[dict[str, Path], dict[str, Any]]:
        """Make the folder ready for this experiment.

        Returns:
            The folder's own copies of the data files, by their names in the experiment, and the manifest, old or new.

        Raises:
            InputError: it holds another experiment (with the keys that differ), or something that is not ours.
        """
        text = spec.to_toml().encode()
        if len(text) > LARGEST_TEXT:
            raise InputError(
                f"the experiment has {len(text)} bytes written out, more than the {LARGEST_TEXT} that are read again: "
                "keep means and preferences in files of their own, such as .npy"
            )
        damaged = False
        try:
            found = self.manifest()
        except DamagedManifestError:
            found, damaged = None, True
        if found is None:
            self._without_manifest(spec, fresh)
        if fresh:
            self._clear(found)
            found = None
        self.cells.mkdir(exist_ok=True)
        sweep(self.path)
        if found is not None and found["spec_hash"] != spec.hash:
            raise self._another([key for key, _, _ in differing(found["spec"], spec.canonical())])
        if found is None:
            if damaged and not fresh:
                aside = self._aside(self.path / manifest.NAME)
                note(f"manifest.json: damaged; set aside as {aside} and written anew")
            elif not fresh and any(self.cells.glob("*.parquet")):
                note("manifest.json: missing; written anew")
            found = self._begin(spec)
        copies = {name: self.path / entry["copy"] for name, entry in found["files"].items()}
        for name, copy in copies.items():
            if not copy.is_file() or file_hash(copy) != spec.file_hashes[name]:
                copy.parent.mkdir(exist_ok=True)
                write_whole(copy, spec.files[name].read_bytes())
        file, text = self.path / "spec.toml", spec.to_toml({name: entry["copy"] for name, entry in found["files"].items()}).encode()
        if not file.is_file() or file.read_bytes() != text:
            write_whole(file, text)
        return copies, found

    def _another(self, keys: Sequence[str]) -> InputError:
        which = ", ".join(keys) or "the order of its parts"
        advice = "choose another --out, or --fresh to start anew"
        return InputError(f"run folder {self.path}: holds another experiment; different are: {which}; {advice}")

    def _without_manifest(self, spec: Spec, fresh: bool) -> None:
        """Refuse a folder that is not ours, or whose cells are those of another experiment."""
        hashes = (origin(file).get("spec_hash") for file in sorted(self.cells.glob("*.parquet")))
        held = next((one for one in hashes if one), None)
        if held is None:
            names = (*OWN_FILES, LOCK, OWNER, "cells", "figures", "data")
            strangers = [f.name for f in self.path.iterdir() if f.name not in names and not re.fullmatch(r"\..*\.tmp", f.name)]
            if strangers:
                raise InputError(f"run folder {self.path}: holds {shown(sorted(strangers)[0])} and no run; choose an empty folder")
        elif held != spec.hash and not fresh:
            raise self._another(["the contents of the cells' files, in place of the lost manifest.json"])

    def _begin(self, spec: Spec) -> dict[str, Any]:
        """Write the first manifest. Data files are copied in, so that the folder stands on its own."""
        files = {}
        for name, path in sorted(spec.files.items()):
            sha = spec.file_hashes[name]
            suffix = f".{safe(path.suffix)[:20]}" if path.suffix else ""
            files[name] = {"copy": f"data/{safe(path.stem)[:100]}-{sha[:12]}{suffix}", "sha256": sha}
        found = {
            "format": manifest.FORMAT,
            "name": spec.experiment.name,
            "spec_hash": spec.hash,
            "seed": spec.seed,
            "start": provenance.now(),
            "end": None,
            "versions": plugins.versions(spec),
            "plugins": [one._asdict() for one in plugins.origins(spec)],
            "machine": provenance.machine(),
            "cells": len(spec.cells()),
            "files": files,
            "sessions": [],
            "sha256": {},
            "spec": spec.canonical(),
        }
        self.write_manifest(found)
        return found

    def _clear(self, found: Mapping[str, Any] | None) -> None:
        """Delete the files of a run, and nothing else."""
        ours = [self.path / name for name in OWN_FILES if name != "manifest.json"]
        ours += [*self.cells.glob("*.parquet"), *(self.cells / "set_aside").glob("*.parquet*")]
        ours += (self.cells / "set_aside").glob("manifest.json*")
        ours += [f for f in (self.path / "figures").glob("*") if f.suffix in FIGURES]
        ours += [self.path / entry["copy"] for entry in (found or {"files": {}})["files"].values()]
        for file in ours:
            file.unlink(missing_ok=True)
        (self.path / "manifest.json").unlink(missing_ok=True)  # last: without it the folder would not be known as ours

    def file(self, cell: Cell) -> Path:
        """Where the cell's file lies or will lie."""
        return self.cells / f"{cell.id}.parquet"

    def write(self, cell: Cell, trace: TrialRecord, spec: Spec, seconds: float, versions: Mapping[str, str] | None = None) -> None:
        """Write a finished cell. versions: `plugins.versions(spec)`, if they are known already."""
        agent_steps = int(trace.rounds[-1]) * trace.agents
        about = {
            "format": 1,
            "cell": cell.id,
            "spec_hash": spec.hash,
            "seed": spec.seed,
            "point": dict(cell.point.values),
            "algorithm": cell.label,
            "name": cell.name,
            "params": dict(cell.params),
            "trial": cell.trial,
            "versions": versions or plugins.versions(spec),
            "machine": provenance.machine(),
            "seconds": round(seconds, 6),
            "agent_steps": agent_steps,
        }
        write_whole(self.file(cell), encode(trace, about))

    def read(self, cell: Cell, spec: Spec) -> StoredCell:
        """The trace, the provenance and the SHA-256 of a finished cell.

        Raises:
            DamagedError: torn, altered, or the file of another cell or experiment.
            FileNotFoundError: not finished.
        """
        stored = decode(self.file(cell), TRACES[spec.experiment.protocol])
        found = stored.provenance
        if not all(fits(found.get(key)) for key, fits in PROVENANCE.items()):
            raise DamagedError("altered: its provenance is not what gossipmab writes")
        if (found.get("cell"), found.get("spec_hash")) != (cell.id, spec.hash):
            raise DamagedError("it belongs to another cell or experiment")
        return stored

    def finished(self, cells: Sequence[Cell], spec: Spec, note: Callable[[str], None]) -> dict[str, dict[str, Any]]:
        """Id -> provenance of the finished cells that are sound. Damaged ones are set aside, with a note each."""
        sound = {}
        for cell in cells:
            try:
                sound[cell.id] = self.read(cell, spec).provenance
            except FileNotFoundError:
                continue
            except DamagedError as error:
                place = self._aside(self.file(cell))
                note(f"cell {cell.id}: {error}; set aside as {place} and computed again")
        return sound

    def _aside(self, file: Path) -> str:
        """Move a damaged file out of the way, under its own name or the next free one; its place in the run folder."""
        folder = self.cells / "set_aside"
        folder.mkdir(exist_ok=True)
        place, number = folder / file.name, 1
        while place.exists():
            number += 1
            place = folder / f"{file.name}.{number}"
        os.replace(file, place)
        return place.relative_to(self.path).as_posix()

    def checksums(self, cells: Mapping[str, str] | None = None) -> dict[str, str]:
        """Relative name -> SHA-256 of every file that a finished run vouches for. cells: id -> SHA-256 of those just read."""
        files = [self.path / name for name in ("spec.toml", "results.parquet", "agents.parquet", "summary.csv")]
        files += sorted(self.cells.glob("*.parquet")) + sorted((self.path / "data").glob("*"))
        known = {self.cells / f"{cell}.parquet": sha256 for cell, sha256 in (cells or {}).items()}
        return {file.relative_to(self.path).as_posix(): known.get(file) or file_hash(file) for file in files if file.is_file()}


def differing(old: Any, new: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """(dotted key, old, new value) at which two canonical experiments differ. Algorithms are matched by label."""
    if key == "algorithms":
        old, new = ({one["label"]: one for one in side or ()} for side in (old, new))
    if isinstance(old, dict) and isinstance(new, dict):
        names = dict.fromkeys([*old, *new])
        parts = (differing(old.get(name), new.get(name), f"{key}.{name}" if key else str(name)) for name in names)
        return [found for part in parts for found in part]
    return [] if old == new else [(key, old, new)]
