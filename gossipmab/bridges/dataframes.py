"""A run's tables in polars and in DuckDB, from the Parquet files of its run folder, checksums checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gossipmab.bridges.extras import library
from gossipmab.experiments.results import Results
from gossipmab.experiments.storage.tables import TABLES


def polars(run: Results | str | Path, table: str = "results") -> Any:
    """A table of the run as a `polars.DataFrame`; columns as in `Results.table` and `Results.agents`.

    Args:
        run: the results, or the path of a run folder, finished or not.
        table: "results", one row a cell and recorded round, or "agents", one row a cell and agent.

    Raises:
        InputError: no such table or run; polars is not installed.
    """
    return library("polars", "polars").from_arrow(_results(run).arrow(table))


def duckdb(run: Results | str | Path, connection: Any = None) -> Any:
    """A DuckDB connection in which the tables of the run are called `results` and `agents`.

    Args:
        run: the results, or the path of a run folder, finished or not.
        connection: the database; by default a new database in memory. Tables of that name are hidden while it is open.

    Raises:
        InputError: no such run; duckdb is not installed.
    """
    module, results = library("duckdb", "duckdb"), _results(run)
    tables = {name: results.arrow(name) for name in TABLES}
    opened = module.connect() if connection is None else connection
    for name, table in tables.items():
        opened.register(name, table)
    return opened


def _results(run: Results | str | Path) -> Results:
    return run if isinstance(run, Results) else Results.open(run)
