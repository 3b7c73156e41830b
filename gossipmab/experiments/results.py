"""The results of an experiment, opened from its run folder: tables, arrays with named dimensions, single traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
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
from gossipmab.experiments.storage import tables
from gossipmab.experiments.storage.cell_file import DamagedError, StoredCell
from gossipmab.experiments.storage.old_names import name_as_0_1
from gossipmab.experiments.storage.run_folder import MEND, RunFolder
from gossipmab.experiments.storage.run_list import instead_of
from gossipmab.metrics.columns import TRACES
from gossipmab.metrics.trace import TrialRecord
from gossipmab.utils.atomic_write import file_hash
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.notebook import plotted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import xarray as xr


class Results:
    """The results of a run. Get one from `run` or `open_run`.

    >>> results = gm.open_run("runs/first")
    >>> results.complete, results.keys
    (True, ['link_probability'])
    """

    def __init__(self, folder: RunFolder, spec: Spec) -> None:
        self.folder = folder
        self.spec = spec

    @classmethod
    def open(cls, path: str | Path) -> Results:
        """Open a run folder, finished or not.

        >>> gm.Results.open("runs/first").path.name
        'first'

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
        if spec.hash != manifest["spec_hash"]:
            name_as_0_1(spec, folder, manifest, files, trusted)
        if spec.hash != manifest["spec_hash"]:
            raise InputError(f"run folder {path}: spec.toml or a file in data was altered since the run began; {MEND}")
        return cls(folder, spec)

    def __repr__(self) -> str:
        cells, experiment = f"{len(self.traces)} of {len(self.spec.cells())} cells", self.spec.experiment
        return f"Results({str(self.path)!r}, {experiment.name}: {cells}, {experiment.horizon:,} {self.kind.TIME}s)"

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
        return tables.Traces(self.load, [cell for cell in self.spec.cells() if self.folder.file(cell).is_file()])

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

        >>> results.table()[["link_probability", "trial", "round"]].tail(1).values.tolist()
        [[1.0, 1.0, 100.0]]
        """
        found: pd.DataFrame = self.arrow("results").to_pandas()
        return found

    def agents(self) -> pd.DataFrame:
        """One row a cell and agent, at the last round, with the columns that the protocol's trace declares for agents.

        excess: how far the agent's utility lies from the mean of its cell. The equity of the cell's utilities stands
        on the row of every agent: equity_mre (H), equity_excess (E / N), equity_incidence, equity_cv, equity_gini,
        equity_jain, equity_theil, equity_atkinson; see `gossipmab.metrics.equity`. H alone means little: two agents always have 0.

        >>> results.agents()["agent"].nunique()
        4
        """
        found: pd.DataFrame = self.arrow("agents").to_pandas()
        return found

    def arrow(self, table: str = "results") -> pa.Table:
        """The tables "results" (see `table`) and "agents" as Arrow has them, for polars, DuckDB and others.

        The assembled file if it is as the manifest vouches for, else the contents of the cells' files.

        >>> results.arrow("agents").num_rows
        16

        Raises:
            InputError: no such table, or no cell is finished.
        """
        import pyarrow as pa

        if table not in tables.TABLES:
            raise unknown("table", table, tables.TABLES)
        if self._vouched(f"{table}.parquet"):
            with suppress(Exception):  # any error of a library over a file that may hold anything
                labels = {choice.label for choice in self.spec.algorithms}
                return tables.assembled(self.path / f"{table}.parquet", self.spec.cells(), self.spec.sweep, self.load, labels)
        parts = [one[table] for _, one in tables.batches(self.spec.cells(), self.spec.sweep, self.load, [table])]
        if not parts:
            first = f"; {len(self.failures)} failed, first {': '.join(self.failures[0])}" if self.failures else ""
            raise InputError(f"run folder {self.path}: no cell is finished yet{first}")
        return pa.concat_tables(parts, promote_options="permissive")

    def _vouched(self, name: str) -> bool:
        """Whether the run is finished and the file is bit for bit as it was then."""
        manifest, file = self.folder.manifest() or {}, self.path / name
        expected = manifest.get("sha256", {}).get(name) if manifest.get("end") else None
        return expected is not None and file.is_file() and file_hash(file) == expected

    def remarks(self) -> list[str]:
        """Remarks on the tables, a line each.

        Cells that failed, tables that were damaged, data that were left out, NSW regret that says nothing, algorithms that never
        probe.

        >>> results.remarks()
        []
        """
        from gossipmab.experiments.remarks import failed, left_out, never_probes, on_the_front
        from gossipmab.experiments.summary import vanishing

        lines = failed(self.failures)
        finished = (self.folder.manifest() or {}).get("end")
        for name in tuple(f"{table}.parquet" for table in tables.TABLES) if finished else ():
            if not self._vouched(name):
                lines.append(f"{name} is missing or was altered: read from the cells' files instead; {MEND}")
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

    def summarise_written(self, provenance: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
        """The summary of the assembled table as it was just written. provenance: cell id -> that of its file."""
        from pyarrow import parquet

        table = parquet.read_table(self.path / "results.parquet").to_pandas()
        self._summary = self._summarised(table, provenance)
        return self._summary

    @cached_property
    def _summary(self) -> pd.DataFrame:
        provenance = {}
        for cell in self.spec.cells():
            with suppress(FileNotFoundError, DamagedError):
                provenance[cell.id] = self.folder.read(cell, self.spec).provenance
        return self._summarised(self.table(), provenance)

    def _summarised(self, table: pd.DataFrame, provenance: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
        from gossipmab.experiments.summary import summarise

        yardstick = next((choice.label for choice in self.spec.algorithms if choice.name in ORACLES), None)
        speeds = tables.speeds(self.spec.cells(), self.spec.sweep, provenance)
        return summarise(table, self.keys, self.spec.algorithms[0].label, speeds, self.kind, yardstick)

    def summary(self) -> pd.DataFrame:
        """One row for each sweep point and algorithm; see `gossipmab.experiments.summary.summarise`.

        >>> results.summary()[["link_probability", "algorithm"]].values.tolist()
        [[0.5, 'pareto_ucb_gossip'], [1.0, 'pareto_ucb_gossip']]
        """
        found: pd.DataFrame = self._summary.copy()
        return found

    def plot(
        self, metric: str | None = None, ax: Any = None, *, x: str = "round", bound: str | None = None,
        width: str | float | None = None, title: str = "", band: str | None = None, log: str | None = None,
        where: Mapping[str, Any] | None = None, curves: Sequence[str] = (), per_agent: bool = False,
    ) -> Any:  # fmt: skip
        """Draw the regret curves as `gossipmab plot` does.

        >>> ax = results.plot(x="link_probability")
        >>> ax.get_xlabel(), len(results.plot())
        ('link probability', 2)

        Args:
            metric: "pareto", "nsw", or what else the protocol measures; by default the first that fits the algorithms.
            ax: axes, one for each panel; by default those of a new figure, which a notebook shows at the end of the cell.
            x: "round", with a panel for every sweep point; a column of the sweep, with a panel for every point of the others;
                or "bytes".
            bound, width, title, band, log, where, curves, per_agent: as in `gm.plot`; width is that of a new figure.

        Returns:
            The `Axes`, or an array (P,) of them if there are several panels; where={"p": 0.5} leaves one.

        Raises:
            InputError: as `gm.plot`; nothing to draw; another number of axes than panels.
        """
        chosen = {"band": band, "log": log, "where": where, "shown": curves, "per_agent": per_agent}
        return plotted("plot_results", self, metric, ax, x, bound, width, title, chosen)

    def dataset(self) -> xr.Dataset:
        """Arrays with dimensions (sweep keys..., algorithm, trial, round) and, at the last round, (..., trial, agent).

        Cells that are not finished, and rounds or agents that a sweep point does not have, are nan. The agents' arrays
        are the columns of `agents`, called agent_pareto_regret, agent_nsw_regret, agent_utility, agent_excess and so on.
        Arrays and coordinates have a long_name and units. The resolved experiment, as TOML, is an attribute.
        `dataset().to_netcdf(file)` needs h5netcdf, of gossipmab[netcdf].

        >>> dict(results.dataset().sizes)["round"]
        100
        """
        from gossipmab.experiments.datasets import dataset_of

        return dataset_of(self.spec, self.kind, self.table(), self.agents())


def open_run(path: str | Path) -> Results:
    """Open a run folder; see `Results.open`.

    >>> gm.open_run("runs/first")
    Results('runs/first', first: 4 of 4 cells, 100 rounds)
    """
    return Results.open(path)
