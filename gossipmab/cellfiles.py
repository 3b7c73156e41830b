"""Files that are whole or not there, and the Parquet file of one cell, which notices when it was altered.

A cell's file has one row a recorded round and a column for each array of the trace (`AXES` of its class): numbers, or
lists where there is one number an agent. What is known at the end only stands in the last row. Provenance is JSON in the
file's metadata; its "sha256" covers every number of the file and the rest of the provenance.

A file of an older version may lack arrays that a trace has by now. They are NaN, and `lacking` names them.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from gossipmab.metrics import Recorded

KEY = b"gossipmab"
MOST_ROWS = 1_000_000  # recorded rounds, as the experiment file allows
LETTERS = {"Integers": "i", "Floats": "f", "NDArray[np.str_]": "U"}  # annotation of a trace's field -> NumPy's kind
T = TypeVar("T", bound=Recorded)


class DamagedError(Exception):
    """A file is torn, altered, or not what its name says."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write under a temporary name beside `path`, flushed to the disk and renamed at the end: never half one.

    Raises:
        OSError: as the system says, with the temporary file gone.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_whole(path: Path, content: bytes) -> None:
    """Write the file, whole or not at all. Raises OSError as the system says."""
    with whole_file(path) as file:
        file.write(content)


def file_hash(path: Path) -> str:
    """SHA-256 of the file's contents."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parquet_bytes(table: pa.Table, rows_per_group: int = 1_000_000) -> bytes:
    """The table as a Parquet file with page checksums; the same table gives the same bytes."""
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, row_group_size=rows_per_group, write_page_checksum=True, compression="zstd")
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def lacking(trace: Recorded) -> tuple[str, ...]:
    """The names of the arrays that the trace's file, of an older version, did not have."""
    return getattr(trace, "_lacking", ())


def digest(trace: Recorded, provenance: Mapping[str, Any]) -> str:
    """SHA-256 over the numbers of the trace, bit for bit, and the provenance but for its own "sha256"."""
    said = {key: value for key, value in provenance.items() if key != "sha256"}
    sha = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name in (name for name in trace.AXES if name not in lacking(trace)):
        array = getattr(trace, name)
        sha.update(f"{name} {array.dtype.str} {array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def encode(trace: Recorded, provenance: Mapping[str, Any]) -> bytes:
    """The cell's file."""
    columns: dict[str, Any] = {}
    for name, axes in trace.AXES.items():
        array = getattr(trace, name)
        if axes.startswith("R"):
            columns[name] = array if axes == "R" else _lists(array)
        else:
            kind = pa.string() if array.dtype.kind == "U" else pa.from_numpy_dtype(array.dtype)
            for _ in axes:
                kind = pa.list_(kind)
            columns[name] = pa.array([None] * (len(trace.rounds) - 1) + [array.tolist()], kind)
    text = json.dumps({**provenance, "sha256": digest(trace, provenance)}, sort_keys=True)
    return parquet_bytes(pa.table(columns).replace_schema_metadata({KEY: text.encode()}))


def decode(path: Path, kind: type[T]) -> tuple[T, dict[str, Any]]:
    """The trace, of the class `kind`, and the provenance in a cell's file.

    Raises:
        DamagedError: torn or altered, with what is wrong.
        FileNotFoundError: no such file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise DamagedError("is not a regular file")
    with open(path, "rb") as content:
        try:
            file = parquet.ParquetFile(content, page_checksum_verification=True)
            if not 1 <= file.metadata.num_rows <= MOST_ROWS:
                raise DamagedError(f"altered: it has {file.metadata.num_rows} rounds")
            table = file.read(use_threads=False)
            provenance = json.loads(table.schema.metadata[KEY])
            trace = _trace(table, kind)
            said, found = provenance["sha256"], digest(trace, provenance)
        except DamagedError:
            raise
        except Exception as error:  # whatever a library raises over bytes that may be anything
            raise DamagedError(f"torn or altered ({type(error).__name__})") from error
    if said != found:
        raise DamagedError("altered: its contents do not match its SHA-256")
    return trace, provenance


def _trace(table: pa.Table, kind: type[T]) -> T:
    """The arrays, of the axes and kinds of numbers that the class says."""
    R = table.num_rows
    values: dict[str, NDArray[Any]] = {}
    sizes: dict[str, int] = {"R": R}
    absent = [name for name in kind.AXES if name not in table.column_names]
    for name, axes in kind.AXES.items():
        if name in absent:
            continue
        column = table.column(name).combine_chunks()
        if axes.startswith("R"):
            flat = column if axes == "R" else column.flatten()
            values[name] = flat.to_numpy(zero_copy_only=False).reshape(R, *[-1] * (len(axes) - 1))
        else:
            inner = column.type
            while pa.types.is_list(inner):
                inner = inner.value_type
            kept = np.str_ if pa.types.is_string(inner) else inner.to_pandas_dtype()
            values[name] = np.array(column[R - 1].as_py(), kept)
        letter = LETTERS[kind.__annotations__[name]]
        if values[name].dtype.kind != letter or values[name].ndim != len(axes):
            raise TypeError(name)
        for axis, size in zip(axes, values[name].shape, strict=True):
            if sizes.setdefault(axis, size) != size:
                raise ValueError(name)
    for name in absent:
        values[name] = np.full([sizes[axis] for axis in kind.AXES[name]], np.nan)
    rounds = values["rounds"]
    if rounds[0] < 1 or (np.diff(rounds) <= 0).any():
        raise ValueError("rounds")
    trace = kind(**values)
    object.__setattr__(trace, "_lacking", tuple(absent))
    return trace


def _lists(array: NDArray[np.float64]) -> pa.ListArray:
    R, N = array.shape
    return pa.ListArray.from_arrays(np.arange(R + 1, dtype=np.int32) * np.int32(N), np.ascontiguousarray(array).ravel())
