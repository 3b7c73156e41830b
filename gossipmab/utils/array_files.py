"""Arrays and logged tables from a user's files: .npy, .csv, .parquet, .json. Nothing in a file can run code.

The sizes in a header are compared with the file before memory is allocated.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from gossipmab.utils.errors import InputError
from gossipmab.utils.safe_read import is_file, opened, parsed_json, refusing, text_of
from gossipmab.utils.types import Floats, Integers

SUFFIXES = (".npy", ".csv", ".parquet", ".json")
LARGEST_FILE = 10**9  # bytes
MOST_NUMBERS = 50_000_000  # of a file: 400 MB
MOST_COLUMNS = 10_000


def load_columns(path: Path, key: str) -> dict[str, Floats]:
    """The columns of a .csv or .parquet file, as floats.

    Raises:
        InputError: naming `key`; not a table of numbers, something missing or not finite, or more than MOST_NUMBERS of them.
    """
    from pyarrow import float64

    what = f"{key}: {path.name!r}"
    with opened(path, key, LARGEST_FILE) as file, refusing(f"{what} cannot be read as a table of numbers"):
        table = _csv(file.read(), what) if path.suffix.lower() == ".csv" else _parquet(file, what)
        names: list[str] = table.column_names
        if len(set(names)) < len(names):
            raise InputError(f"{what} has two columns {next(name for name in names if names.count(name) > 1)!r}")
        columns = {name: column.cast(float64()).to_numpy() for name, column in zip(names, table.columns, strict=True)}
    for name, values in columns.items():
        if not np.isfinite(values).all():
            raise InputError(f"{key}: column {name!r} of {path.name!r} has values that are missing or not finite")
    return columns


def _csv(content: bytes, what: str) -> Any:
    from pyarrow import BufferReader, csv, float64

    _check_size(content[: content.find(b"\n")].count(b",") + 1, content.count(b",") + content.count(b"\n"), what)
    with csv.open_csv(BufferReader(content)) as reader:
        names = reader.schema.names
    numbers = csv.ConvertOptions(column_types=dict.fromkeys(names, float64()))
    return csv.read_csv(BufferReader(content), convert_options=numbers)


def _parquet(file: BinaryIO, what: str) -> Any:
    from pyarrow import parquet, types

    table = parquet.ParquetFile(file, thrift_string_size_limit=10**7, thrift_container_size_limit=10**6)
    _check_size(table.metadata.num_columns, table.metadata.num_rows * table.metadata.num_columns, what)
    for field in table.schema_arrow:
        kind = field.type.value_type if types.is_dictionary(field.type) else field.type
        if not any(holds(kind) for holds in (types.is_integer, types.is_floating, types.is_decimal, types.is_null)):
            raise InputError(f"{what}: column {field.name!r} holds {field.type}, allowed are numbers")
    return table.read(use_threads=False)


def _check_size(columns: int, numbers: int, what: str) -> None:
    if columns > MOST_COLUMNS:
        raise InputError(f"{what} has more than {MOST_COLUMNS} columns")
    if numbers > MOST_NUMBERS:
        raise InputError(f"{what} has more than {MOST_NUMBERS} numbers")


def load_npy(path: Path, key: str) -> NDArray[Any]:
    """The array of a .npy file. Raises InputError unless it is whole and of numbers; pickled objects are never read."""
    with opened(path, key, LARGEST_FILE) as file, refusing(f"{key}: {path.name!r} cannot be read"):
        array = np.lib.format.open_memmap(path, mode="r")
        size = os.fstat(file.fileno()).st_size - array.offset
        if array.dtype.kind not in "biuf":
            raise InputError(f"{key}: {path.name!r} holds {array.dtype}, allowed are numbers")
        if array.nbytes != size or array.size > MOST_NUMBERS:
            raise InputError(
                f"{key}: {path.name!r} promises shape {array.shape} of {array.dtype} and has {size} bytes, "
                f"allowed are that many and {MOST_NUMBERS} numbers"
            )
        return np.array(array)


def numbered(columns: dict[str, Floats], prefix: str, key: str) -> Floats:
    """(M, D) the columns prefix_1..prefix_D, in order. Raises InputError when there are none or one is missing."""
    count = sum(name.startswith(prefix + "_") for name in columns)
    wanted = [f"{prefix}_{d + 1}" for d in range(count)]
    if not count or any(name not in columns for name in wanted):
        raise InputError(f"{key}: needs columns {prefix}_1, {prefix}_2, ..., got {', '.join(map(repr, columns))}")
    return np.column_stack([columns[name] for name in wanted])


def whole(columns: dict[str, Floats], name: str, key: str) -> Integers:
    """(M,) a column of indices from 0. Raises InputError when it is missing or holds anything else."""
    if name not in columns:
        raise InputError(f"{key}: needs a column {name!r}, got {', '.join(map(repr, columns))}")
    values = columns[name]
    wrong = (values < 0) | (values != np.floor(values)) | (values > 2**31)
    if wrong.any():
        raise InputError(f"{key}: column {name!r} has {values[wrong][0]:g}, allowed are whole numbers from 0")
    return values.astype(np.int64)


def from_zero(*indices: Integers) -> str:
    """What to say about indices that begin later, as those of other programs do; "" about others."""
    return "; indices begin at 0" if any(index.size and index.min() > 0 for index in indices) else ""


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
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{key}: {str(source)!r} has suffix {path.suffix!r}, allowed are {', '.join(SUFFIXES)}")
    if not is_file(path):
        raise InputError(f"{key}: there is no file {str(source)!r}")
    if suffix in (".csv", ".parquet"):
        return from_columns(load_columns(path, key), key, index, prefix)
    if suffix == ".npy":
        return as_floats(load_npy(path, key), key)
    text = text_of(path, key)
    with refusing(f"{key}: {path.name!r} cannot be read"):
        values = parsed_json(text)
    return as_floats(values, key)


def as_floats(values: object, key: str) -> Floats:
    """Nested numbers as a new contiguous float64 array. Raises InputError when ragged, not numbers, or not finite."""
    try:
        array = np.array(values, dtype=np.float64, order="C")
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
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
        what = f"needs one for each of {' x '.join(map(str, shape))} ({', '.join(index)}){from_zero(*places)}"
        raise InputError(f"{key}: has {values.shape[0]} rows, {what}")
    array = np.full((*shape, values.shape[1]), np.nan)
    array[places] = values
    if np.isnan(array).any():
        raise InputError(f"{key}: some combination of {', '.join(index)} is there twice and another is missing")
    return array
