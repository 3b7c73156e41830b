"""The results of an experiment, opened from its run folder: tables, arrays with named dimensions, single traces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import escape

from gossipmab.algorithms import ORACLES
from gossipmab.experiments.spec.loading import from_dict, read_toml, with_original_names
from gossipmab.experiments.spec.plugins import absent
from gossipmab.experiments.spec.renamed import with_new_words
from gossipmab.experiments.spec.spec import Cell, Spec
from gossipmab.experiments.spec.sweep import columns
from gossipmab.experiments.spec.validation import plain
from gossipmab.experiments.storage import tables
from gossipmab.experiments.storage.cell_file import DamagedError, StoredCell, origin
from gossipmab.experiments.storage.run_folder import MEND, RunFolder
from gossipmab.experiments.storage.run_list import instead_of
from gossipmab.metrics.columns import TRACES
from gossipmab.metrics.trace import TrialRecord
from gossipmab.utils.atomic_write import file_hash
from gossipmab.utils.errors import InputError, unknown

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import xarray as xr

SHOWN = 300  # characters of an error


class Results:
    """The results of a run. Get one from `run` or `open_run`."""

    def __init__(self, folder: RunFolder, spec: Spec) -> None:
        self.folder = folder
        self.spec = spec

    @classmethod
    def open(cls, path: str | Path) -> Results:
        """Open a run folder, finished or not.

        Raises:
            InputError: it is not a run folder, or its experiment was altered.
        """
        folder = RunFolder(path)
        folder.check_inside()
        manifest = folder.manifest()
        if manifest is None:
            lost = f"; if it was lost, {MEND}" if any(folder.cells.glob("*.parquet")) else ""
            raise InputError(f"run folder {path}: there is no run (no manifest.json){lost or instead_of(folder.path)}")
        files = {name: folder.path / entry["copy"] for name, entry in manifest["files"].items()}
        for name, file in files.items():
            if not file.is_file():
                raise InputError(f"run folder {path}: {file.relative_to(folder.path)}, its copy of {name!r}, is missing; {MEND}")
        trusted = bool(absent(manifest))
        try:
            data, _ = with_original_names(with_new_words(read_toml(folder.path / "spec.toml")), folder.path, manifest)
            spec = from_dict(data, folder.path, files, trusted, code=False)
        except InputError as error:
            raise InputError(f"run folder {path}: spec.toml or a file in data is damaged ({error}); {MEND}") from None
        if spec.hash != manifest["spec_hash"] and _renamed_since(manifest, spec, folder.path, files, trusted):
            spec.__dict__["hash"] = manifest["spec_hash"]  # of version 0.1, over its own words
            spec.__dict__["_cells"] = _cells_as_named(spec, folder, manifest["spec"]["algorithms"])
        if spec.hash != manifest["spec_hash"]:
            raise InputError(f"run folder {path}: spec.toml or a file in data was altered since the run began; {MEND}")
        return cls(folder, spec)

    def __repr__(self) -> str:
        cells = f"{len(self.traces)} of {len(self.spec.cells())} cells"
        return f"Results({str(self.path)!r}, {self.spec.experiment.name}: {cells}, {self.spec.experiment.horizon:,} rounds)"

    def _repr_html_(self) -> str:
        table = self.summary().to_html(index=False, float_format="{:.4g}".format, na_rep="-") if self.traces else ""
        return f"<b>{escape(repr(self))}</b>{table}" + "".join(f"<p>{escape(line)}</p>" for line in self.remarks())

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def kind(self) -> type[TrialRecord]:
        """The class of its traces."""
        return TRACES[self.spec.experiment.protocol]

    @property
    def keys(self) -> list[str]:
        """The names of the sweep's columns."""
        return list(columns(list(self.spec.sweep)).values())

    @property
    def complete(self) -> bool:
        """Whether every cell has been computed."""
        return all(self.folder.file(cell).is_file() for cell in self.spec.cells())

    @property
    def traces(self) -> Mapping[str, TrialRecord]:
        """Cell id -> its trace, read from the cell's file at its first use; in the experiment's order, finished cells only."""
        return Traces(self)

    @cached_property
    def failures(self) -> list[tuple[str, str]]:
        """(cell id, its error in one line) of the cells that failed when last tried, and are still missing."""
        sessions = (self.folder.manifest() or {}).get("sessions", [])
        failed = sessions[-1].get("failed", []) if sessions else []
        there = self.traces
        return [(cell, line) for cell, line in failed if cell not in there]

    def table(self) -> pd.DataFrame:
        """The tidy results: one row a cell and recorded round; cumulative, summed over the agents.

        Columns: one for each sweep key, algorithm (the label), trial, round, then those that the protocol's trace declares, as
        docs/run_folder.md lists them.
        """
        found: pd.DataFrame = self.arrow("results").to_pandas()
        return found

    def agents(self) -> pd.DataFrame:
        """One row a cell and agent, at the last round, with the columns that the protocol's trace declares for agents.

        excess: how far the agent's utility lies from the mean of its cell. The equity of the cell's utilities stands
        on the row of every agent: equity_mre (H), equity_excess (E / N), equity_incidence, equity_cv, equity_gini,
        equity_jain, equity_theil, equity_atkinson; see `gossipmab.metrics.equity`. H alone means little: two agents always have 0.
        """
        found: pd.DataFrame = self.arrow("agents").to_pandas()
        return found

    def arrow(self, table: str = "results") -> pa.Table:
        """The tables "results" (see `table`) and "agents" as Arrow has them, for polars, DuckDB and others.

        The assembled file if it is as the manifest vouches for, else the contents of the cells' files.

        Raises:
            InputError: no such table, or no cell is finished.
        """
        import pyarrow as pa

        if table not in tables.TABLES:
            raise unknown("table", table, tables.TABLES)
        if self._vouched(f"{table}.parquet"):
            with suppress(Exception):  # any error of a library over a file that may hold anything
                return self._assembled(table)
        parts = [one[table] for _, one in tables.batches(self.spec.cells(), self.spec.sweep, self.load, [table])]
        if not parts:
            first = f"; {len(self.failures)} failed, first {': '.join(self.failures[0])}" if self.failures else ""
            raise InputError(f"run folder {self.path}: no cell is finished yet{first}")
        return pa.concat_tables(parts, promote_options="permissive")

    def _assembled(self, name: str) -> pa.Table:
        """The assembled table. Raises ValueError unless its columns, keys and algorithms are as the cells' files give them."""
        from pyarrow import parquet

        table = parquet.read_table(self.path / f"{name}.parquet")
        first = [cell for cell in self.spec.cells() if self.folder.file(cell).is_file()][:1]
        _, expected = next(tables.batches(first, self.spec.sweep, self.load, [name]))
        schema = expected[name].schema
        if any(field.name not in table.column_names or table.schema.field(field.name) != field for field in schema):
            raise ValueError("other columns")
        keys = table.select(schema.names[: schema.names.index("trial") + 2]).to_pandas()  # sweep, algorithm, trial, round or agent
        if keys.duplicated().any() or not set(keys["algorithm"]) <= {choice.label for choice in self.spec.algorithms}:
            raise ValueError("rows that stand there twice, or of another algorithm")
        return table

    def _vouched(self, name: str) -> bool:
        """Whether the run is finished and the file is bit for bit as it was then."""
        manifest, file = self.folder.manifest() or {}, self.path / name
        expected = manifest.get("sha256", {}).get(name) if manifest.get("end") else None
        return expected is not None and file.is_file() and file_hash(file) == expected

    def remarks(self) -> list[str]:
        """Remarks on the tables, a line each.

        Cells that failed, tables that were damaged, data that were left out, NSW regret that says nothing, algorithms that never
        probe. Cells that failed of the same error share a line.
        """
        alike: dict[str, list[str]] = {}
        for cell, line in self.failures:
            alike.setdefault(line, []).append(cell)
        lines = []
        for line, cells in alike.items():
            more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
            lines.append(f"failed: {cells[0]}{more}: {line if len(line) <= SHOWN else line[:SHOWN] + '...'}")
        finished = (self.folder.manifest() or {}).get("end")
        for name in tuple(f"{table}.parquet" for table in tables.TABLES) if finished else ():
            if not self._vouched(name):
                lines.append(f"{name} is missing or was altered: read from the cells' files instead; {MEND}")
        from gossipmab.experiments.remarks import left_out, never_probes, on_the_front
        from gossipmab.experiments.summary import vanishing

        lines += left_out(self.spec)
        if not self.traces:
            return lines
        table = self.table()
        return lines + vanishing(self.spec, table) + on_the_front(table) + never_probes(self.spec, table)

    def load(self, cell: Cell) -> StoredCell | None:
        """The contents of the cell's file, None if it is not finished. Raises InputError if it is damaged."""
        try:
            return self.folder.read(cell, self.spec)
        except FileNotFoundError:
            return None
        except DamagedError as error:
            raise InputError(f"cell {cell.id}: {error}; `gossipmab run` on the same folder computes it again") from None

    def _speeds(self, provenance: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
        """One row a finished cell: sweep columns, algorithm, trial, and agent-steps a second of one worker.

        provenance: cell id -> that of its file.
        """
        import pyarrow as pa

        cells = [cell for cell in self.spec.cells() if cell.id in provenance]
        found = tables.key_columns(cells, self.spec.sweep)
        of = [provenance[cell.id] for cell in cells]
        found["steps_per_second"] = [one["agent_steps"] / max(one["seconds"], 1e-6) for one in of]
        return pa.table(found).to_pandas()  # type: ignore[no-any-return]

    def summarise_written(self, provenance: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
        """The summary of the assembled table as it was just written. provenance: as for `_speeds`."""
        from pyarrow import parquet

        table = parquet.read_table(self.path / "results.parquet").to_pandas()
        self._summary = self._summarised(table, self._speeds(provenance))
        return self._summary

    @cached_property
    def _summary(self) -> pd.DataFrame:
        provenance = {}
        for cell in self.spec.cells():
            with suppress(FileNotFoundError, DamagedError):
                provenance[cell.id] = self.folder.read(cell, self.spec).provenance
        return self._summarised(self.table(), self._speeds(provenance))

    def _summarised(self, table: pd.DataFrame, speeds: pd.DataFrame) -> pd.DataFrame:
        from gossipmab.experiments.summary import summarise

        yardstick = next((choice.label for choice in self.spec.algorithms if choice.name in ORACLES), None)
        return summarise(table, self.keys, self.spec.algorithms[0].label, speeds, self.kind, yardstick)

    def summary(self) -> pd.DataFrame:
        """One row for each sweep point and algorithm; see `gossipmab.experiments.summary.summarise`."""
        found: pd.DataFrame = self._summary.copy()
        return found

    def dataset(self) -> xr.Dataset:
        """Arrays with dimensions (sweep keys..., algorithm, trial, round) and, at the last round, (..., trial, agent).

        Cells that are not finished, and rounds or agents that a sweep point does not have, are nan. The agents' arrays
        are the columns of `agents`, called agent_pareto_regret, agent_nsw_regret, agent_utility, agent_excess and so on.
        Arrays and coordinates have a long_name and units. The resolved experiment, as TOML, is an attribute.
        `dataset().to_netcdf(file)` needs h5netcdf, of gossipmab[netcdf].
        """
        from gossipmab.experiments.datasets import dataset_of

        return dataset_of(self.spec, self.kind, self.table(), self.agents())


class Traces(Mapping[str, TrialRecord]):
    """The traces of the finished cells, read at their first use."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._cells = {cell.id: cell for cell in results.spec.cells() if results.folder.file(cell).is_file()}

    def __getitem__(self, name: str) -> TrialRecord:
        stored = self._results.load(self._cells[name])
        if stored is None:  # deleted since
            raise KeyError(name)
        return stored.trace  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)


def open_run(path: str | Path) -> Results:
    """Open a run folder; see `Results.open`."""
    return Results.open(path)


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
