"""Files that are whole or not there, and the Parquet file of one cell, which notices when it was altered.

A cell's file has one row a recorded round and a column for each array of the trace (`AXES` of its class): numbers, or
lists where there is one number an agent. What is known at the end only stands in the last row. Provenance is JSON in the
file's metadata; its "sha256" covers every number of the file and the rest of the provenance.

Parquet's own checksums leave out a quarter of the bytes (headers, footer), and what reads a damaged footer may do anything. So
between the pages and the footer, where no reader of Parquet looks, stands a seal: SHA-256 over all other bytes of the file. It is
compared before anything is parsed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from gossipmab.metrics import Recorded

KEY = b"gossipmab"
SEAL = b"gossipmab seal 1"
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
T = TypeVar("T", bound=Recorded)


class DamagedError(Exception):
    """A file is torn, altered, or not what its name says."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write under a temporary name beside `path`, flushed to the disk and renamed at the end: never half one.

    Raises:
        OSError: as the system says, of `path`, with the temporary file gone.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):  # what went wrong first is what is told
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
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


def digest(trace: Recorded, provenance: Mapping[str, Any]) -> str:
    """SHA-256 over the numbers of the trace, bit for bit, and the provenance but for what speaks of the file itself."""
    said = {key: value for key, value in provenance.items() if key not in ("sha256", "sealed")}
    sha = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name in trace.AXES:
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
    text = json.dumps({**provenance, "sealed": True, "sha256": digest(trace, provenance)}, sort_keys=True)
    return sealed(parquet_bytes(pa.table(columns).replace_schema_metadata({KEY: text.encode()})))


def sealed(content: bytes) -> bytes:
    """The Parquet file with a seal before its footer, whose length stands in front of the last four bytes."""
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    return content[:footer] + SEAL + hashlib.sha256(content).digest() + content[footer:]


def seal_holds(content: bytes) -> bool | None:
    """Whether the file is as it was sealed; None where it has no seal, as those of older versions.

    Only where the seal stands depends on the contents; any other place than the right one gives another hash.
    """
    begin = content.rfind(SEAL)
    if begin < 0:
        return None
    end = begin + len(SEAL) + hashlib.sha256().digest_size
    return hashlib.sha256(content[:begin] + content[end:]).digest() == content[begin + len(SEAL) : end]


def origin(path: Path) -> dict[str, Any]:
    """What the file's provenance says, its numbers not looked at; empty where it is not a cell's file, or damaged."""
    try:
        said = json.loads(parquet.read_metadata(path).metadata[KEY])
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, RuntimeError):
        return {}
    return said if isinstance(said, dict) else {}


def decode(path: Path, kind: type[T]) -> tuple[T, dict[str, Any]]:
    """The trace, of the class `kind`, and the provenance in a cell's file.

    Raises:
        DamagedError: torn or altered, with what is wrong.
        FileNotFoundError: no such file.
        MemoryError: there is no room to read it, which says nothing about the file.
    """
    content = path.read_bytes()
    seal = seal_holds(content)
    if seal is False:
        raise DamagedError("torn or altered: its bytes do not match its seal")
    try:
        file = parquet.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        table = file.read(use_threads=False)
        provenance = json.loads(table.schema.metadata[KEY])
        trace = _trace(table, kind)
        said, found = provenance["sha256"], digest(trace, provenance)
        unsealed = provenance.pop("sealed", False) and not seal
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise DamagedError(f"torn or altered ({type(error).__name__})") from error
    except MemoryError as error:
        if seal:
            raise
        raise DamagedError("torn or altered: it asks for more memory than there is") from error
    if said != found:
        raise DamagedError("altered: its contents do not match its SHA-256")
    if unsealed:
        raise DamagedError("altered: its seal is gone")
    return trace, provenance


def _trace(table: pa.Table, kind: type[T]) -> T:
    R = table.num_rows
    values: dict[str, NDArray[Any]] = {}
    for name, axes in kind.AXES.items():
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
    return kind(**values)


def _lists(array: NDArray[np.float64]) -> pa.ListArray:
    R, N = array.shape
    return pa.ListArray.from_arrays(np.arange(R + 1, dtype=np.int32) * np.int32(N), np.ascontiguousarray(array).ravel())
