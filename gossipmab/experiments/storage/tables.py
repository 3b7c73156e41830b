"""From the cells' files to the tables of a run, in the experiment's order of cells, whatever order they finished in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from gossipmab.experiments.spec.sweep import Cell, columns, scalar
from gossipmab.metrics.trace import Recorded
from gossipmab.utils.atomic_write import whole_file

BATCH = 500  # cells in a row group: bounds the memory
Load = Callable[[Cell], Recorded | None]
Rows = Callable[[Recorded], dict[str, NDArray[Any]]]  # per_round or per_agent of a trace


def per_round(trace: Recorded) -> dict[str, NDArray[Any]]:
    """The rows of results.parquet."""
    return trace.per_round()


def per_agent(trace: Recorded) -> dict[str, NDArray[Any]]:
    """The rows of agents.parquet."""
    return trace.per_agent()


def sweep_types(sweep: Mapping[str, Sequence[Any]]) -> dict[str, tuple[str, pa.DataType]]:
    """Dotted key -> (column name, type). Values of several kinds are written as text."""
    names = columns(list(sweep))
    found = {}
    for key, values in sweep.items():
        kinds = {type(scalar(value)) for value in values}
        if len(kinds) == 1:
            arrow = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}.get(kinds.pop(), pa.string())
        else:
            arrow = pa.float64() if kinds == {int, float} else pa.string()
        found[key] = (names[key], arrow)
    return found


def batches(cells: Sequence[Cell], sweep: Mapping[str, Sequence[Any]], load: Load, rows: Rows) -> Iterator[pa.Table]:
    """The tidy table, in batches of cells; cells that `load` has not are left out."""
    types = sweep_types(sweep)
    for begin in range(0, max(1, len(cells)), BATCH):
        parts = []
        for cell in cells[begin : begin + BATCH]:
            trace = load(cell)
            if trace is not None:
                parts.append(_tidy(cell, types, rows(trace)))
        if parts:
            yield together(parts)


def _tidy(cell: Cell, types: Mapping[str, tuple[str, pa.DataType]], values: Mapping[str, NDArray[Any]]) -> pa.Table:
    count = len(next(iter(values.values())))
    table: dict[str, Any] = {}
    for key, (name, arrow) in types.items():
        value = scalar(cell.point[key])
        as_text = arrow == pa.string() and not isinstance(value, str)
        table[name] = pa.repeat(pa.scalar(str(value) if as_text else value, arrow), count)
    table["algorithm"] = pa.repeat(pa.scalar(cell.label), count)
    table["trial"] = pa.repeat(pa.scalar(cell.trial, pa.int64()), count)
    return pa.table({**table, **values})


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """The tables one below the other. Whole numbers that cells of an older version lack are floats beside their NaN."""
    return pa.concat_tables(tables, promote_options="permissive")


def write_table(path: Path, tables: Callable[[], Iterator[pa.Table]]) -> None:
    """Write the batches as one Parquet file with page checksums, whole or not at all; nothing where there are none."""
    schema, wider = None, None
    while schema is None or not schema.equals(
        wider
    ):  # once more only where a later batch has other types than the first
        schema = wider
        batches = tables()
        first = next(batches, None)
        if first is None:
            path.unlink(missing_ok=True)
            return
        schema = wider = schema or first.schema
        with (
            suppress(_Wider),
            whole_file(path) as file,
            parquet.ParquetWriter(file, schema, write_page_checksum=True, compression="zstd") as writer,
        ):
            for table in chain([first], batches):
                wider = pa.unify_schemas([schema, table.schema], promote_options="permissive")
                if not wider.equals(schema):
                    raise _Wider
                writer.write_table(table.cast(schema))


class _Wider(Exception):
    """A batch does not fit the schema that the file was begun with."""
