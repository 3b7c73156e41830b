"""The run folder: who may write to it, what belongs to it, which cells it already holds."""

from __future__ import annotations

import errno
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from gossipmab import manifest, plugins_used, provenance
from gossipmab.cellfiles import DamagedError, decode, encode, file_hash, write_whole
from gossipmab.errors import InputError
from gossipmab.metrics import Recorded
from gossipmab.protocols import GAMES
from gossipmab.reading import LARGEST_TEXT, parsed_json, text_of
from gossipmab.spec import Spec
from gossipmab.spec_models import shown
from gossipmab.sweep import Cell, safe

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
OWN_FILES = ("spec.toml", "manifest.json", "results.parquet", "agents.parquet", "summary.csv", "report.html")
LOCK, OWNER = ".lock", ".lock.owner.json"
SAID: dict[str, Callable[[Any], bool]] = {  # of a cell's provenance: what each key must be
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
        self.path = Path(path)
        self.cells = self.path / "cells"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; made if it is not there. The lock dies with its owner, however the owner dies.

        Raises:
            InputError: another process holds it, or the folder cannot be written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.check_inside()
            lock = FileLock(self.path / LOCK, timeout=0)
            lock.acquire()
        except Timeout:
            raise InputError(f"run folder {self.path}: {self._owner()}; wait for it, or choose another --out") from None
        except ValueError as error:
            raise error if isinstance(error, InputError) else InputError(f"run folder {self.path}: {error}") from None
        except OSError as error:
            if error.errno in NO_SPACE:
                raise
            why = "it is a file" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
            raise InputError(f"run folder {self.path}: cannot be written to ({why})") from None
        try:
            me = {"pid": os.getpid(), "host": platform.node(), "since": provenance.now()}
            write_whole(self.path / OWNER, json.dumps(me).encode())
            yield
        finally:
            (self.path / OWNER).unlink(missing_ok=True)
            lock.release()

    def check_inside(self) -> None:
        """Raise InputError where a folder of the run is a link: what is written belongs into the run folder."""
        for name in (*FOLDERS, LOCK):
            if (self.path / name).is_symlink():
                raise InputError(f"run folder {self.path}: {name} is a symbolic link, which may lead out of the folder")

    def _owner(self) -> str:
        try:
            owner = parsed_json(text_of(self.path / OWNER, "owner"))
            return f"process {owner['pid']} on {owner['host']} is running it since {owner['since']}"
        except (ValueError, LookupError, TypeError):
            return "another process is running it"

    def manifest(self) -> dict[str, Any] | None:
        """What manifest.json says; None where there is none.

        Raises:
            InputError: it is there and is not ours.
        """
        return manifest.read(self.path)

    def write_manifest(self, content: Mapping[str, Any]) -> None:
        """Write manifest.json."""
        manifest.write(self.path, content)

    def prepare(self, spec: Spec, fresh: bool) -> tuple[Spec, dict[str, Any]]:
        """Make the folder ready for this experiment.

        Returns the experiment with the folder's own copies of its data files, and the manifest, old or new.

        Raises:
            InputError: it holds another experiment (with the keys that differ), or something that is not ours.
        """
        found = self.manifest()
        text = spec.to_toml().encode()
        if len(text) > LARGEST_TEXT:
            raise InputError(
                f"the experiment has {len(text)} bytes written out, more than the {LARGEST_TEXT} that are read again: "
                "keep means and preferences in files of their own, such as .npy"
            )
        if found is None:
            strangers = [f.name for f in self.path.iterdir() if not self._is_ours(f)]
            if strangers:
                raise InputError(
                    f"run folder {self.path}: holds {shown(sorted(strangers)[0])} and no run; choose an empty folder"
                )
        if fresh:
            self._clear()
            found = None
        self.cells.mkdir(exist_ok=True)
        for leftover in (*self.path.glob(".*.tmp"), *self.cells.glob(".*.tmp")):
            leftover.unlink()
        if found is not None and found["spec_hash"] != spec.hash:
            keys = ", ".join(differing(found["spec"], spec.canonical())) or "the order of its parts"
            advice = "choose another --out, or --fresh to start anew"
            raise InputError(f"run folder {self.path}: holds another experiment; different are: {keys}; {advice}")
        if found is None:
            found = self._begin(spec)
        copies = {name: self.path / entry["copy"] for name, entry in found["files"].items()}
        for name, copy in copies.items():
            if not copy.is_file() or file_hash(copy) != spec.file_hashes[name]:
                copy.parent.mkdir(exist_ok=True)
                write_whole(copy, spec.files[name].read_bytes())
        write_whole(self.path / "spec.toml", text)
        return replace(spec, files=copies), found

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
            "versions": plugins_used.versions(spec),
            "plugins": [one._asdict() for one in plugins_used.origins(spec)],
            "machine": provenance.machine(),
            "cells": len(spec.cells()),
            "files": files,
            "sessions": [],
            "sha256": {},
            "spec": spec.canonical(),
        }
        self.write_manifest(found)
        return found

    def _is_ours(self, file: Path) -> bool:
        names = (*OWN_FILES, LOCK, OWNER, "cells", "figures", "data")
        return file.name in names or (file.name.startswith(".") and file.name.endswith(".tmp"))

    def _clear(self) -> None:
        """Delete what a run leaves, and nothing else."""
        ours = [self.path / name for name in OWN_FILES if name != "manifest.json"]
        ours += [*self.cells.glob("*.parquet"), *(self.cells / "set_aside").glob("*.parquet*")]
        ours += [f for f in (self.path / "figures").glob("*") if f.suffix in FIGURES]
        ours += [self.path / entry["copy"] for entry in (self.manifest() or {"files": {}})["files"].values()]
        for file in ours:
            file.unlink(missing_ok=True)
        (self.path / "manifest.json").unlink(missing_ok=True)  # last: without it the folder would not be known as ours

    def file(self, cell: Cell) -> Path:
        """Where the cell's file lies or will lie."""
        return self.cells / f"{cell.id}.parquet"

    def write(self, cell: Cell, trace: Recorded, spec: Spec, seconds: float) -> None:
        """Write a finished cell."""
        agent_steps = int(trace.rounds[-1]) * trace.agents
        said = {
            "format": 1,
            "cell": cell.id,
            "spec_hash": spec.hash,
            "seed": spec.seed,
            "point": dict(cell.point),
            "algorithm": cell.label,
            "name": cell.name,
            "params": dict(cell.params),
            "trial": cell.trial,
            "versions": plugins_used.versions(spec),
            "machine": provenance.machine(),
            "seconds": round(seconds, 6),
            "agent_steps": agent_steps,
        }
        write_whole(self.file(cell), encode(trace, said))

    def read(self, cell: Cell, spec: Spec) -> tuple[Recorded, dict[str, Any]]:
        """The trace and provenance of a finished cell.

        Raises:
            DamagedError: torn, altered, or the file of another cell or experiment.
            FileNotFoundError: not finished.
        """
        trace, said = decode(self.file(cell), GAMES[spec.experiment.protocol].trace)
        if not all(fits(said.get(key)) for key, fits in SAID.items()):
            raise DamagedError("altered: its provenance is not what gossipmab writes")
        if (said.get("cell"), said.get("spec_hash")) != (cell.id, spec.hash):
            raise DamagedError("it belongs to another cell or experiment")
        return trace, said

    def finished(self, cells: Sequence[Cell], spec: Spec, note: Callable[[str], None]) -> dict[str, dict[str, Any]]:
        """Id -> provenance of the finished cells that are sound. Damaged ones are set aside, with a note each."""
        sound = {}
        for cell in cells:
            try:
                sound[cell.id] = self.read(cell, spec)[1]
            except FileNotFoundError:
                continue
            except DamagedError as error:
                place = self.set_aside(self.file(cell))
                note(f"cell {cell.id}: {error}; set aside as {place.relative_to(self.path)} and computed again")
        return sound

    def set_aside(self, file: Path) -> Path:
        """Move a damaged file out of the way, under its own name or the next free one."""
        folder = self.cells / "set_aside"
        folder.mkdir(exist_ok=True)
        place, number = folder / file.name, 1
        while place.exists():
            number += 1
            place = folder / f"{file.name}.{number}"
        os.replace(file, place)
        return place

    def checksums(self) -> dict[str, str]:
        """Relative name -> SHA-256 of every file that a finished run vouches for."""
        files = [self.path / name for name in ("spec.toml", "results.parquet", "agents.parquet", "summary.csv")]
        files += sorted(self.cells.glob("*.parquet")) + sorted((self.path / "data").glob("*"))
        return {file.relative_to(self.path).as_posix(): file_hash(file) for file in files if file.is_file()}


def differing(old: Any, new: Any, key: str = "") -> list[str]:
    """The dotted keys at which two canonical experiments differ. Algorithms are matched by label."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = [*old, *(name for name in new if name not in old)]
        return [
            found
            for name in names
            for found in differing(old.get(name), new.get(name), f"{key}.{name}" if key else str(name))
        ]
    if key == "algorithms":
        before, after = ({one["label"]: one for one in side} for side in (old, new))
        return differing(before, after, key)
    return [] if old == new else [key]
