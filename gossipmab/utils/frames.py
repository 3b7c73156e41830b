"""Columns by their names, labels among them, from a DataFrame of any library, a mapping, or a .csv or .parquet file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gossipmab.utils.array_files import LARGEST_FILE, MOST_NUMBERS
from gossipmab.utils.errors import InputError, shown, unknown
from gossipmab.utils.safe_read import content_of, is_file, opened, refusing
from gossipmab.utils.types import Floats, Integers

LONGEST_LABEL = 100  # characters
Choice = Callable[[Sequence[str]], tuple[Sequence[str], Sequence[str]]]


def read_columns(source: Any, key: str, choose: Choice) -> tuple[list[tuple[Integers, tuple[str, ...]]], list[Floats]]:
    """The chosen columns of a table: those of labels, then those of numbers.

    Args:
        source: a DataFrame of pandas, polars or another library, an Arrow table, a mapping of columns, or a .csv or .parquet file.
        key: what errors begin with.
        choose: the table's names -> names of the columns of labels, and of the columns of numbers.

    Returns:
        Of each column of labels the place (M,) of every row's label among all, and the labels: in the order of numbers if all
        are numbers, else of the alphabet. Of each column of numbers (M,) floats, NaN where one is missing.

    Raises:
        InputError: no such file, no table, no such column or two of them, no rows, a row without a label, a column that holds
            no numbers.
    """
    import pyarrow as pa

    if isinstance(source, str | Path):
        what, names, column = _of_file(Path(source), key, choose)
    else:
        what, (names, column) = key, _of_frame(source, key)
    texts, numbers = choose(names)
    for name in (*texts, *numbers):
        if name not in names:
            raise unknown(f"{key}: column", name, map(str, names))
        if list(names).count(name) > 1:
            raise InputError(f"{key}: there are two columns {name!r}")
    labelled, found = [], []
    for name in texts:
        with refusing(f"{what}: column {name!r} cannot be read as labels"):
            labelled.append(_labels(column(name), name, key))
    for name in numbers:
        with refusing(f"{what}: column {name!r} cannot be read as numbers"):
            found.append(column(name).cast(pa.float64()).to_numpy(zero_copy_only=False))
    lengths = {name: len(x) for name, x in zip((*texts, *numbers), (*(codes for codes, _ in labelled), *found), strict=True)}
    if 0 in lengths.values():
        raise InputError(f"{key}: the table has no rows")
    if len(set(lengths.values())) > 1:
        raise InputError(f"{key}: columns are of different lengths: {', '.join(f'{n} {count}' for n, count in lengths.items())}")
    return labelled, found


def series(names: Iterable[str], prefix: str) -> list[str]:
    """The names prefix_1, prefix_2, ... of which the first is there, or [prefix_1]."""
    count = sum(str(name).startswith(f"{prefix}_") for name in names)
    return [f"{prefix}_{d + 1}" for d in range(max(1, count))]


def unnamed(labels: Sequence[str]) -> bool:
    """Whether the labels are no more than the numbers 0, 1, 2, ..."""
    return list(labels) == [str(i) for i in range(len(labels))]


def _labels(column: Any, name: str, key: str) -> tuple[Integers, tuple[str, ...]]:
    import pandas as pd
    import pyarrow as pa
    from pyarrow import compute

    missing = compute.is_null(column, nan_is_null=True).to_numpy(zero_copy_only=False)
    if pa.types.is_floating(column.type) and not missing.any() and not np.mod(column.to_numpy(zero_copy_only=False), 1).any():
        column = column.cast(pa.int64())  # 1.0 is the label "1"
    codes, found = pd.factorize(np.asarray(column.cast(pa.string()).to_pylist(), dtype=object))
    words = [str(word) for word in found]
    missing = missing | np.isin(codes, [place for place, word in enumerate(words) if not word.strip()])
    if missing.any():
        raise InputError(
            f"{key}: column {name!r} has nothing in row {int(np.argmax(missing)) + 1}, allowed is a label in every row"
        )
    for word in words:
        if not word.isprintable() or len(word) > LONGEST_LABEL:
            raise InputError(f"{key}: column {name!r} has {shown(word)}, allowed are {LONGEST_LABEL} printable characters")
    order = sorted(range(len(words)), key=_in_order(words))
    place = np.empty(len(words), np.int64)
    place[order] = np.arange(len(words))
    return place[codes], tuple(words[index] for index in order)


def _in_order(words: Sequence[str]) -> Callable[[int], Any]:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return words.__getitem__
    return lambda index: (numbers[index], words[index])


def _of_frame(frame: Any, key: str) -> tuple[list[str], Callable[[str], Any]]:
    import pyarrow as pa

    if isinstance(frame, Mapping):
        names = list(frame)
    elif hasattr(frame, "column_names"):
        names = list(frame.column_names)
    elif hasattr(frame, "columns") and hasattr(frame, "__getitem__"):
        names = list(frame.columns)
    elif hasattr(frame, "__arrow_c_stream__"):
        return _of_frame(pa.table(frame), key)
    else:
        allowed = "a DataFrame, a mapping of columns, or the path of a .csv or .parquet file"
        raise InputError(f"{key}: got {shown(frame)}, allowed is {allowed}")
    return names, lambda name: pa.array(np.asarray(frame[name]), from_pandas=True)


def _of_file(path: Path, key: str, choose: Choice) -> tuple[str, list[str], Callable[[str], Any]]:
    """What errors call it, its columns, and how to read one of those that are chosen."""
    from pyarrow import BufferReader, csv, float64, parquet, string

    what, suffix = f"{key}: {path.name!r}", path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise InputError(f"{key}: {str(path)!r} has suffix {path.suffix!r}, allowed are .csv, .parquet")
    if not is_file(path):
        raise InputError(f"{key}: there is no file {str(path)!r}")
    if suffix == ".csv":
        content = content_of(path, key, LARGEST_FILE)
        with refusing(f"{what} cannot be read as a table"), csv.open_csv(BufferReader(content)) as reader:
            names = list(reader.schema.names)
        texts, numbers = choose(names)
        wanted = [name for name in (*texts, *numbers) if names.count(name) == 1]
        _check_size(content.count(b"\n"), len(wanted), what)
        types = {name: string() if name in texts else float64() for name in wanted}
        with refusing(f"{what} cannot be read as a table"):
            options = csv.ConvertOptions(column_types=types, include_columns=wanted)
            table = csv.read_csv(BufferReader(content), convert_options=options)
    else:
        with opened(path, key, LARGEST_FILE) as file, refusing(f"{what} cannot be read as a table"):
            limits = {"thrift_string_size_limit": 10**7, "thrift_container_size_limit": 10**6}
            opened_file = parquet.ParquetFile(file, **limits)
            names = list(opened_file.schema_arrow.names)
            texts, numbers = choose(names)
            wanted = [name for name in dict.fromkeys((*texts, *numbers)) if name in names]
            _check_size(opened_file.metadata.num_rows, len(wanted), what)
            table = opened_file.read(columns=wanted, use_threads=False)
    return what, names, lambda name: table[name]


def _check_size(rows: int, columns: int, what: str) -> None:
    if rows * columns > MOST_NUMBERS:
        raise InputError(f"{what} has {rows} rows in {columns} columns, allowed are {MOST_NUMBERS} entries")
