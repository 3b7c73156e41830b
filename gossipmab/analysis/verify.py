"""The check of a run folder: every file's checksum, and one cell played again and compared bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gossipmab.experiments.cell_runner import CellRunner
from gossipmab.experiments.results import Results
from gossipmab.experiments.spec import plugins
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.experiments.storage.cell_file import DamagedError, lacking
from gossipmab.metrics.trace import TrialRecord
from gossipmab.utils import provenance
from gossipmab.utils.atomic_write import file_hash
from gossipmab.utils.errors import unknown
from gossipmab.utils.safe_read import is_file


class Finding(NamedTuple):
    """An item that was checked, whether it is sound, and a remark."""

    what: str
    sound: bool
    remark: str


def same_bits(one: TrialRecord, other: TrialRecord) -> list[str]:
    """The names of the arrays that differ in type, shape or any bit; of those that both have, see `cell_file.lacking`.

    >>> gm.same_bits(trace, gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=30, seed=0))
    []
    """
    different = []
    absent = {*lacking(one), *lacking(other)}
    for name in (name for name in one.AXES if name not in absent):
        a, b = getattr(one, name), getattr(other, name)
        if (a.dtype, a.shape, a.tobytes()) != (b.dtype, b.shape, b.tobytes()):
            different.append(name)
    return different


def verify(path: str | Path, cell: str | None = None) -> Iterator[Finding]:
    """Check everything, one finding after the other.

    >>> all(finding.sound for finding in gm.verify("runs/first"))
    True

    Args:
        path: the run folder.
        cell: the id of the cell to play again, or "all"; by default the first that is there.

    Raises:
        InputError: not a run folder; an unknown cell.
    """
    results = Results.open(path)
    folder, spec = results.folder, results.spec
    if cell not in (None, "all", *(ids := [one.id for one in spec.cells()])):
        raise unknown("--cell", str(cell), ["all", *ids[:1_000]])
    manifest = folder.manifest() or {}
    yield Finding("experiment", True, f"spec.toml and its data files have the hash {spec.hash[:16]}")
    checksums = manifest.get("sha256", {})
    if manifest.get("end") is None:
        yield Finding("run", True, "not finished: the cells there are checked by their own checksums")
    for name, expected in checksums.items():
        file = folder.path / name
        if not is_file(file):
            yield Finding(name, False, "is missing")
        elif file_hash(file) != expected:
            yield Finding(name, False, "was altered: its SHA-256 is not that of the manifest")
        elif not name.startswith("cells/"):
            yield Finding(name, True, "SHA-256 as in the manifest")
    sound = []
    for one in spec.cells():
        try:
            folder.read(one, spec)
            sound.append(one)
        except FileNotFoundError:
            if manifest.get("end") and folder.file(one).relative_to(folder.path).as_posix() not in checksums:
                yield Finding(one.id, False, "is missing")
        except DamagedError as error:
            yield Finding(one.id, False, str(error))
    yield Finding("cells", bool(sound), f"{len(sound)} of {len(spec.cells())} are finished, every number as it was written")
    replayed = sound if cell == "all" else [one for one in sound if cell in (None, one.id)][:1]
    if cell is not None and not replayed:
        yield Finding(cell, False, "is not finished, so it cannot be played again")
    player = CellRunner(load_spec(spec))  # its classes are needed now
    for chosen in replayed:
        recorded, origin, _ = folder.read(chosen, spec)
        different = same_bits(recorded, player(chosen).trace)
        remark = "played again by the compiled engine, the same bits"
        if lacking(recorded):
            remark += f" (an older file, without {', '.join(lacking(recorded))})"
        if different:
            versions = plugins.versions(spec)
            moved = [k for k in versions if origin["versions"].get(k) != versions[k]]
            moved += [k for k, v in provenance.machine().items() if k in ("architecture", "cpu") and origin["machine"].get(k) != v]
            remark = f"played again, other bits in {', '.join(different)}"
            remark += f"; since then changed: {', '.join(moved)}" if moved else ""
        yield Finding(chosen.id, not different, remark)
