"""Arrays and logged tables from a user's files: .npy, .csv, .parquet, .json. Nothing in a file can run code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gossipmab.errors import InputError

Floats = NDArray[np.float64]
SUFFIXES = (".npy", ".csv", ".parquet", ".json")


def load_columns(path: Path, key: str) -> dict[str, Floats]:
    """The columns of a .csv or .parquet file, as floats. Raises InputError naming `key`."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        table = csv.read_csv(path) if path.suffix == ".csv" else parquet.read_table(path)
        columns = {name: table.column(name).to_numpy().astype(np.float64) for name in table.column_names}
    except (pa.ArrowException, ValueError, TypeError, OSError) as error:
        raise InputError(f"{key}: {path.name!r} cannot be read as a table of numbers ({error})") from error
    for name, values in columns.items():
        if not np.isfinite(values).all():
            raise InputError(f"{key}: column {name!r} of {path.name!r} has values that are missing or not finite")
    return columns


def numbered(columns: dict[str, Floats], prefix: str, key: str) -> Floats:
    """(M, D) the columns prefix_1..prefix_D, in order. Raises InputError when there are none or one is missing."""
    count = sum(name.startswith(prefix + "_") for name in columns)
    wanted = [f"{prefix}_{d + 1}" for d in range(count)]
    if not count or any(name not in columns for name in wanted):
        raise InputError(f"{key}: needs columns {prefix}_1, {prefix}_2, ..., got {', '.join(columns)}")
    return np.column_stack([columns[name] for name in wanted])


def whole(columns: dict[str, Floats], name: str, key: str) -> NDArray[np.int64]:
    """(M,) a column of indices from 0. Raises InputError when it is missing or holds anything else."""
    if name not in columns:
        raise InputError(f"{key}: needs a column {name!r}, got {', '.join(columns)}")
    values = columns[name]
    wrong = (values < 0) | (values != np.floor(values)) | (values > 2**31)
    if wrong.any():
        raise InputError(f"{key}: column {name!r} has {values[wrong][0]:g}, allowed are whole numbers from 0")
    return values.astype(np.int64)


def load_array(source: object, key: str, index: tuple[str, ...], prefix: str) -> Floats:
    """An array given inline (nested lists, an array) or as the path of a file.

    Args:
        source: nested numbers, or a path. .npy and .json hold the array itself; .csv and .parquet hold one row for each
            combination of the columns `index`, with columns prefix_1, prefix_2, ... for the last axis.
        key: what to call it in errors.
        index: names of the columns of the leading axes.
        prefix: of the columns of the last axis.

    Raises:
        InputError: no such file, another suffix, not numbers, ragged, not finite, rows missing or twice.
    """
    if not isinstance(source, str | Path):
        return as_floats(source, key)
    path = Path(source)
    if path.suffix not in SUFFIXES:
        raise InputError(f"{key}: {str(source)!r} has suffix {path.suffix!r}, allowed are {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{key}: there is no file {str(source)!r}")
    if path.suffix in (".csv", ".parquet"):
        return from_columns(load_columns(path, key), key, index, prefix)
    try:
        values = np.load(path) if path.suffix == ".npy" else json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, EOFError, RecursionError) as error:
        raise InputError(f"{key}: {path.name!r} cannot be read ({error})") from error
    return as_floats(values, key)


def as_floats(values: object, key: str) -> Floats:
    """Nested numbers as a contiguous float64 array of its own. Raises InputError when ragged, not numbers, or not finite."""
    try:
        array = np.array(values, dtype=np.float64, order="C")
    except (ValueError, TypeError) as error:
        raise InputError(f"{key}: not a rectangular array of numbers ({error})") from error
    if not np.isfinite(array).all():
        raise InputError(f"{key}: has values that are not finite")
    return array


def from_columns(columns: dict[str, Floats], key: str, index: tuple[str, ...], prefix: str) -> Floats:
    """Tidy columns to an array: one axis for each index column, the numbered columns last."""
    places = tuple(whole(columns, name, key) for name in index)
    values = numbered(columns, prefix, key)
    shape = tuple(int(place.max()) + 1 if place.size else 0 for place in places)
    if values.shape[0] != np.prod(shape, dtype=np.float64):
        raise InputError(
            f"{key}: has {values.shape[0]} rows, needs one for each of {' x '.join(map(str, shape))} ({', '.join(index)})"
        )
    array = np.full((*shape, values.shape[1]), np.nan)
    array[places] = values
    if np.isnan(array).any():
        raise InputError(f"{key}: some combination of {', '.join(index)} is there twice and another is missing")
    return array
