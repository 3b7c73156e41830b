"""From the cells' files to the tables of a run, in the experiment's order of cells, whatever order they finished in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from gossipmab.experiments.spec.spec import Cell
from gossipmab.experiments.spec.sweep import columns, scalar
from gossipmab.experiments.storage.cell_file import StoredCell
from gossipmab.metrics.trace import TrialRecord
from gossipmab.utils.atomic_write import whole_file

BATCH = 500  # cells in a row group: bounds the memory
Load = Callable[[Cell], StoredCell | None]
Sweep = Mapping[str, Sequence[Any]]
TABLES: dict[str, Callable[[TrialRecord], dict[str, NDArray[Any]]]] = {  # name -> the rows of a trace
    "results": lambda trace: trace.per_round(),
    "agents": lambda trace: trace.per_agent(),
}


ARROW = {(bool,): pa.bool_(), (int,): pa.int64(), (float,): pa.float64(), (float, int): pa.float64()}  # else text


def key_columns(cells: Sequence[Cell], sweep: Sweep) -> dict[str, pa.Array]:
    """The sweep columns, algorithm and trial of the cells. Values of several kinds are written as text."""
    found = {}
    for key, name in columns(list(sweep)).items():
        kinds = {type(scalar(value)) for value in sweep[key]}
        arrow = ARROW.get(tuple(sorted(kinds, key=lambda kind: kind.__name__)), pa.string())
        values = [scalar(cell.point.values[key]) for cell in cells]
        found[name] = pa.array([str(v) for v in values] if arrow == pa.string() else values, arrow)
    found["algorithm"] = pa.array([cell.label for cell in cells], pa.string())
    found["trial"] = pa.array([cell.trial for cell in cells], pa.int64())
    return found


def batches(
    cells: Sequence[Cell], sweep: Sweep, load: Load, names: Sequence[str]
) -> Iterator[tuple[list[tuple[Cell, StoredCell]], dict[str, pa.Table]]]:
    """Batches of cells as loaded, with their part of each table; cells for which `load` gives None are left out."""
    for begin in range(0, len(cells), BATCH):
        loaded = [(cell, stored) for cell in cells[begin : begin + BATCH] if (stored := load(cell)) is not None]
        if loaded:
            yield loaded, {name: _rows(loaded, sweep, name) for name in names}


def _rows(loaded: list[tuple[Cell, StoredCell]], sweep: Sweep, table: str) -> pa.Table:
    """The cells' rows one below the other: sweep columns, algorithm, trial, and the columns of the trace."""
    parts = [TABLES[table](stored.trace) for _, stored in loaded]
    counts = [len(next(iter(part.values()))) for part in parts]
    for index, (cell, _) in enumerate(loaded if table == "agents" else ()):
        if names := cell.point.labels.agents:
            named = {"agent": parts[index]["agent"], "agent_name": np.array(names)[parts[index]["agent"]]}
            parts[index] = named | parts[index]
    place = pa.array(np.repeat(np.arange(len(loaded)), counts))
    found = {name: values.take(place) for name, values in key_columns([cell for cell, _ in loaded], sweep).items()}
    for name in dict.fromkeys(name for part in parts for name in part):
        has = [name in part for part in parts]
        if all(has):
            found[name] = pa.array(np.concatenate([part[name] for part in parts]))
        else:  # at some points of the sweep only
            kind = pa.array(parts[has.index(True)][name][:0]).type
            found[name] = pa.concat_arrays([
                pa.array(part[name], kind) if name in part else pa.nulls(count, kind)
                for part, count in zip(parts, counts, strict=True)
            ])  # fmt: skip
    return pa.table(found)


def write_tables(folder: Path, cells: Sequence[Cell], sweep: Sweep, load: Load) -> dict[str, StoredCell]:
    """Write results.parquet and agents.parquet in one pass over the cells; whole or not at all, nothing if no cell is there.

    Returns:
        Cell id -> what was loaded, without its trace.
    """
    schemas: dict[str, pa.Schema] = {}
    while True:  # once more only if a later batch has other types than the first
        try:
            return _written(folder, cells, sweep, load, schemas)
        except _WiderError:
            continue


def _written(folder: Path, cells: Sequence[Cell], sweep: Sweep, load: Load, schemas: dict[str, pa.Schema]) -> dict[str, StoredCell]:
    writers: dict[str, parquet.ParquetWriter] = {}
    seen: dict[str, StoredCell] = {}
    with ExitStack() as stack:
        for loaded, tables in batches(cells, sweep, load, list(TABLES)):
            seen |= {cell.id: stored._replace(trace=None) for cell, stored in loaded}
            for name, table in tables.items():
                schema = schemas.setdefault(name, table.schema)
                schemas[name] = pa.unify_schemas([schema, table.schema], promote_options="permissive")
                if name not in writers:
                    schema = schemas[name]
                    file = stack.enter_context(whole_file(folder / f"{name}.parquet"))
                    writer = parquet.ParquetWriter(file, schema, write_page_checksum=True, compression="zstd")
                    writers[name] = stack.enter_context(writer)
                if not schemas[name].equals(schema):
                    raise _WiderError
                missing = [field for field in schema if field.name not in table.column_names]
                for field in missing:
                    table = table.append_column(field, pa.nulls(len(table), field.type))
                writers[name].write_table(table.select(schema.names).cast(schema))
    if not writers:
        for name in TABLES:
            (folder / f"{name}.parquet").unlink(missing_ok=True)
    return seen


class _WiderError(Exception):
    """A batch does not fit the schema that the file was begun with."""


def assembled(file: Path, cells: Sequence[Cell], sweep: Sweep, load: Load, labels: set[str]) -> pa.Table:
    """The table of an assembled file. Raises ValueError unless columns, keys and algorithms are as the cells' files give them."""
    table, name = parquet.read_table(file), file.stem
    schema = next(part[name].schema for cell in cells for _, part in batches([cell], sweep, load, [name]))
    if any(field.name not in table.column_names or table.schema.field(field.name) != field for field in schema):
        raise ValueError("other columns")
    keys = table.select(schema.names[: schema.names.index("trial") + 2]).to_pandas()  # sweep, algorithm, trial, round or agent
    if keys.duplicated().any() or not set(keys["algorithm"]) <= labels:
        raise ValueError("rows that stand there twice, or of another algorithm")
    return table


def speeds(cells: Sequence[Cell], sweep: Sweep, provenance: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """One row a finished cell: sweep columns, algorithm, trial, and agent-steps a second of one worker.

    provenance: cell id -> that of its file.
    """
    finished = [cell for cell in cells if cell.id in provenance]
    found, of = key_columns(finished, sweep), [provenance[cell.id] for cell in finished]
    found["steps_per_second"] = [one["agent_steps"] / max(one["seconds"], 1e-6) for one in of]
    return pa.table(found).to_pandas()  # type: ignore[no-any-return]


class Traces(Mapping[str, TrialRecord]):
    """Cell id -> trace of finished cells, read at their first use."""

    def __init__(self, load: Load, cells: Sequence[Cell]) -> None:
        self._load = load
        self._cells = {cell.id: cell for cell in cells}

    def __getitem__(self, name: str) -> TrialRecord:
        stored = self._load(self._cells[name])
        if stored is None:  # deleted since
            raise KeyError(name)
        return stored.trace  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)
