"""Run folders of version 0.1, whose words for keys, parameters and values were others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gossipmab.experiments.spec.loading import from_dict
from gossipmab.experiments.spec.renamed import with_new_words
from gossipmab.experiments.spec.spec import Cell, Spec
from gossipmab.experiments.spec.validation import plain
from gossipmab.experiments.storage.cell_file import origin
from gossipmab.experiments.storage.run_folder import RunFolder


def name_as_0_1(spec: Spec, folder: RunFolder, manifest: dict[str, Any], files: Mapping[str, Path], trusted: bool) -> None:
    """Give the spec of a run of version 0.1 the hash and the cell ids that are over its own words; no other spec is changed."""
    if _renamed_since(manifest, spec, folder.path, files, trusted):
        spec.__dict__["hash"] = manifest["spec_hash"]
        spec.__dict__["_cells"] = _cells_as_named(spec, folder, manifest["spec"]["algorithms"])


def _renamed_since(manifest: dict[str, Any], spec: Spec, folder: Path, files: Mapping[str, Path], trusted: bool) -> bool:
    """Whether the experiment of a manifest is the spec but for words and defaults that version 0.1 did not have."""
    recorded = {key: value for key, value in manifest["spec"].items() if key not in ("sweep_order", "files")}
    recorded["experiment"] = {"name": spec.experiment.name, **recorded["experiment"]}
    old = with_new_words(recorded)
    if old == recorded or manifest["spec"]["files"] != spec.file_hashes:
        return False
    return from_dict(old, folder, files, trusted, code=False).hash == spec.hash


def _cells_as_named(spec: Spec, folder: RunFolder, algorithms: Sequence[Any]) -> tuple[Cell, ...]:
    """The cells with the ids that version 0.1 gave them, whose words and columns shaped the names of their files."""
    ids = {}
    for file in folder.cells.glob("*.parquet"):
        found = origin(file)
        if isinstance(point := found.get("point"), dict):
            swept = with_new_words({"sweep": {key: [value] for key, value in point.items()}, "algorithms": algorithms})["sweep"]
            values = {key: value for key, [value] in swept.items()}
            ids[json.dumps([values, found.get("algorithm"), found.get("trial")], sort_keys=True)] = file.stem
    keys = (json.dumps([plain(cell.point.values), cell.label, cell.trial], sort_keys=True) for cell in spec.cells())
    return tuple(replace(cell, id=ids.get(key, cell.id)) for key, cell in zip(keys, spec.cells(), strict=True))
