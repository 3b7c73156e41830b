"""The Parquet file of one cell, which notices when it was altered.

A cell's file has one row a recorded round and a column for each array of the trace (`AXES` of its class): numbers, or
lists of one number an agent. Arrays without rounds are in the last row. Provenance is JSON in the
file's metadata; its "sha256" covers every number of the file and the rest of the provenance.

A file of an older version may lack arrays that a trace has by now. They are NaN, and `lacking` names them.

Parquet's own checksums leave out a quarter of the bytes (headers, footer), and what reads a damaged footer may do anything. So
between the pages and the footer, which no reader of Parquet reads, stands a seal: SHA-256 over all other bytes of the file. It is
compared before anything is parsed.
"""

from __future__ import annotations

import hashlib
import json
import math
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from gossipmab.experiments.spec.renamed import COLUMNS as RENAMED
from gossipmab.metrics.trace import TrialRecord

KEY = b"gossipmab"
LARGEST_CELL = 2**30  # bytes
MOST_ROWS = 1_000_000  # recorded rounds, as the experiment file allows
LETTERS = {"Integers": "i", "Floats": "f", "NDArray[np.str_]": "U"}  # annotation of a trace's field -> NumPy's kind
SEAL = b"gossipmab seal 1"
T = TypeVar("T", bound=TrialRecord)


class StoredCell(NamedTuple):
    """A cell's file: its trace, its provenance, and the SHA-256 of all its bytes."""

    trace: Any
    provenance: dict[str, Any]
    sha256: str


class DamagedError(Exception):
    """A file is torn, altered, or another than its name."""


def parquet_bytes(table: pa.Table, rows_per_group: int = 1_000_000) -> bytes:
    """The table as a Parquet file with page checksums; the same table gives the same bytes."""
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, row_group_size=rows_per_group, write_page_checksum=True, compression="zstd")
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def lacking(trace: TrialRecord) -> tuple[str, ...]:
    """The names of the arrays that the trace's file, of an older version, did not have."""
    return getattr(trace, "_lacking", ())


def digest(trace: TrialRecord, provenance: Mapping[str, Any]) -> str:
    """SHA-256 over the numbers of the trace, bit for bit, and the provenance without its own hash."""
    rest = {key: value for key, value in provenance.items() if key not in ("sha256", "sealed")}
    sha = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    known: dict[str, str] = getattr(trace, "_stored", {})  # the names of arrays in a file of an older version
    for name in (name for name in trace.AXES if name not in lacking(trace)):
        array = getattr(trace, name)
        sha.update(f"{known.get(name, name)} {array.dtype.str} {array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def encode(trace: TrialRecord, provenance: Mapping[str, Any]) -> bytes:
    """The cell's file."""
    columns: dict[str, Any] = {}
    for name, axes in trace.AXES.items():
        if name in lacking(trace):
            continue
        array = getattr(trace, name)
        if axes.startswith("R"):
            columns[name] = array if axes == "R" else _nested(array).flatten()
        else:
            last = _nested(array)
            columns[name] = pa.concat_arrays([pa.nulls(len(trace.rounds) - 1, last.type), last])
    text = json.dumps({**provenance, "sealed": True, "sha256": digest(trace, provenance)}, sort_keys=True)
    return sealed(parquet_bytes(pa.table(columns).replace_schema_metadata({KEY: text.encode()})))


def sealed(content: bytes) -> bytes:
    """The Parquet file with a seal before its footer, whose length stands in front of the last four bytes."""
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    return content[:footer] + SEAL + hashlib.sha256(content).digest() + content[footer:]


def hashes(content: bytes) -> tuple[str, bool | None]:
    """SHA-256 of the file, and whether it is as it was sealed: None if it has no seal, as those of older versions.

    Only the place of the seal depends on the contents; any other place than the right one gives another hash.
    """
    begin = content.rfind(SEAL)
    if begin < 0:
        return hashlib.sha256(content).hexdigest(), None
    view = memoryview(content)
    whole = hashlib.sha256(view[:begin])
    rest, seal = whole.copy(), begin + len(SEAL)
    end = seal + rest.digest_size
    whole.update(view[begin:])
    rest.update(view[end:])
    return whole.hexdigest(), rest.digest() == content[seal:end]


def origin(path: Path) -> dict[str, Any]:
    """The file's provenance, without a check of its numbers; empty if it is not a cell's file, or damaged."""
    try:
        found = json.loads(parquet.read_metadata(path).metadata[KEY])
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, RuntimeError):
        return {}
    return found if isinstance(found, dict) else {}


def decode(path: Path, kind: type[T]) -> StoredCell:
    """The contents of a cell's file, with a trace of the class `kind`.

    Raises:
        DamagedError: torn or altered; the message names the fault.
        FileNotFoundError: no such file.
        MemoryError: there is too little memory to read it; the file may be sound.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise DamagedError("is not a regular file")
    if about.st_size > LARGEST_CELL:
        raise DamagedError(f"altered: it has {about.st_size} bytes")
    content = path.read_bytes()
    sha256, seal = hashes(content)
    if seal is False:
        raise DamagedError("torn or altered: its bytes do not match its seal")
    try:
        file = parquet.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        if not 1 <= file.metadata.num_rows <= MOST_ROWS:
            raise DamagedError(f"altered: it has {file.metadata.num_rows} rounds")
        table = file.read(use_threads=False).combine_chunks()
        provenance = json.loads(table.schema.metadata[KEY])
        trace = _trace(table, kind)
        expected, found = provenance["sha256"], digest(trace, provenance)
        unsealed = provenance.pop("sealed", False) and not seal
    except DamagedError:
        raise
    except MemoryError as error:
        if seal:
            raise
        raise DamagedError("torn or altered: it needs more memory than there is") from error
    except Exception as error:  # any error of a library over bytes that may be anything
        raise DamagedError(f"torn or altered ({type(error).__name__})") from error
    if expected != found:
        raise DamagedError("altered: its contents do not match its SHA-256")
    if unsealed:
        raise DamagedError("altered: its seal is gone")
    return StoredCell(trace, provenance, sha256)


def _trace(table: pa.Table, kind: type[T]) -> T:
    """The arrays, of the axes and kinds of numbers that the class declares."""
    R = table.num_rows
    columns = {name: column.chunk(0) for name, column in zip(table.column_names, table.columns, strict=True)}
    old = {new: name for name, new in RENAMED.items() if name in columns and new in kind.AXES}
    columns |= {new: columns.pop(name) for new, name in old.items()}
    values: dict[str, NDArray[Any]] = {}
    sizes: dict[str, int] = {"R": R}
    absent = [name for name in kind.AXES if name not in columns]
    for name, axes in kind.AXES.items():
        if name in absent:
            continue
        column = columns[name]
        if axes.startswith("R"):
            flat = column if axes == "R" else column.flatten()
            values[name] = flat.to_numpy(zero_copy_only=False).reshape(R, *[-1] * (len(axes) - 1))
        else:
            values[name] = _flat(column[R - 1 :])
        letter = LETTERS[kind.__annotations__[name]]
        if values[name].dtype.kind != letter or values[name].ndim != len(axes):
            raise TypeError(name)
        for axis, size in zip(axes, values[name].shape, strict=True):
            if axes == "RN" and axis == "N" and size == 1:  # of a large trial: summed over the agents
                continue
            if sizes.setdefault(axis, size) != size:
                raise ValueError(name)
    for name in absent:
        values[name] = np.full([sizes[axis] for axis in kind.AXES[name]], np.nan)
    rounds = values["rounds"]
    if rounds[0] < 1 or (np.diff(rounds) <= 0).any():
        raise ValueError("rounds")
    trace = kind(**values)
    object.__setattr__(trace, "_lacking", tuple(absent))
    object.__setattr__(trace, "_stored", old)
    return trace


def _nested(array: NDArray[Any]) -> pa.ListArray:
    """One row that holds the whole array, as lists of lists; no Python object for each number."""
    nested: Any = pa.array(array.ravel(), pa.string() if array.dtype.kind == "U" else None)
    for axis, size in reversed(list(enumerate(array.shape))):
        count = math.prod(array.shape[:axis])  # one row, also of an array without numbers
        nested = pa.ListArray.from_arrays(np.arange(count + 1, dtype=np.int32) * np.int32(size), nested)
    return nested


def _flat(row: pa.ListArray) -> NDArray[Any]:
    """The array that `_nested` made a row of. Raises ValueError if the lists are not all of one length."""
    shape: list[int] = []
    inner: Any = row
    while pa.types.is_list(inner.type):
        if inner.null_count:
            raise ValueError("a list is missing")
        sizes = np.diff(inner.offsets.to_numpy())
        if len(sizes) and (sizes != sizes[0]).any():
            raise ValueError("lists of several lengths")
        shape.append(int(sizes[0]) if len(sizes) else 0)
        inner = inner.flatten()
    if inner.null_count:
        raise ValueError("a value is missing")
    found: NDArray[Any] = inner.to_numpy(zero_copy_only=False).reshape(shape)
    return found.astype(np.str_) if pa.types.is_string(inner.type) else found
