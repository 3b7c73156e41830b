"""What is fuzzed: name -> (the parser as a function of bytes, files to begin from).

A parser may return, or raise InputError with one short line; a cell's file may also be DamagedError. All else is a finding.
"""

import atexit
import io
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gossipmab.environments.logs import read_logged_rewards
from gossipmab.experiments.spec.loading import from_dict, load_spec, overridden, read_toml
from gossipmab.experiments.storage import manifest
from gossipmab.experiments.storage.cell_file import DamagedError, decode
from gossipmab.metrics.trace import GossipTrace
from gossipmab.networks.graphs import base_graph as topology
from gossipmab.networks.links.contact_trace import ContactTrace
from gossipmab.utils.array_files import load_array
from gossipmab.utils.errors import LONGEST, InputError
from gossipmab.utils.resources import shipped_files

GOLDEN = Path(__file__).parents[1] / "golden" / "0.2.0"
EXPERIMENTS = sorted((GOLDEN / "experiments").glob("*.toml"))
MOST_LINKS = 20_000  # what is valid and large is slow, and no finding


class Parser(NamedTuple):
    """read: what is fuzzed. seeds: contents to begin from."""

    read: Callable[[bytes], Any]
    seeds: Callable[[], Iterator[bytes]]


@cache
def folder() -> Path:
    """Where the contents become files: in memory, where the system has such a place."""
    place = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(prefix="fuzz", dir=place if place.is_dir() else None))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def as_file(content: bytes, name: str) -> Path:
    path = folder() / name
    path.write_bytes(content)
    return path


def small(value: Any) -> bool:
    """Whether nothing in the experiment's data is large, so that what is valid is built in no time."""
    if isinstance(value, dict):
        return all(small(one) for key, one in value.items() if key not in ("seed", "horizon"))
    if isinstance(value, list):
        return len(value) < 200 and all(small(one) for one in value)
    return not isinstance(value, int | float) or abs(value) < 100


def experiment(content: bytes) -> None:
    path = as_file(content, "experiment.toml")
    data = read_toml(path)
    if small(data):
        spec = from_dict(data, path.parent)
        assert load_spec(spec).hash == spec.hash
        assert len({cell.id.lower() for cell in spec.cells()}) == len(spec.cells())
        assert all(Path(cell.id).name == cell.id for cell in spec.cells())


def setting(content: bytes) -> None:
    text = content.decode(errors="surrogateescape")
    data = overridden(read_toml(GOLDEN / "experiments" / "gossip.toml"), [text])
    if small(data):
        from_dict(data, GOLDEN / "experiments")


def graph(suffix: str) -> Callable[[bytes], None]:
    def read(content: bytes) -> None:
        """A generator may be asked for much, and takes long: those with more than one digit, or an exponent, are left out."""
        if suffix != "toml":
            topology.load(as_file(content, f"graph.{suffix}"))
        elif not re.search(rb"\d[\d_]|\de|inf", content):
            topology.load(as_file(content, "graph.toml"), 6)

    return read


def array_in(suffix: str) -> Callable[[bytes], None]:
    def read(content: bytes) -> None:
        found = load_array(as_file(content, f"means.{suffix}"), "environment.means", ("agent", "arm"), "mean")
        assert found.dtype == np.float64 and np.isfinite(found).all() and found.flags.c_contiguous

    return read


def table(content: bytes) -> None:
    assert np.isfinite(read_logged_rewards(as_file(content, "table.csv")).means).all()


def contacts(content: bytes) -> None:
    process = ContactTrace(str(as_file(content, "contacts.txt")))
    base = topology.load(process.default_base(None))
    if len(base.edges) < MOST_LINKS:
        process.link_statistics(base)
        assert process.sampler(base, np.random.default_rng(0))(7).shape == (7, len(base.edges))


def cell(content: bytes) -> None:
    decode(as_file(content, "cell.parquet"), GossipTrace)


def manifest_of(content: bytes) -> None:
    as_file(content, manifest.NAME)
    manifest.read(folder())


def files(*paths: Path) -> Callable[[], Iterator[bytes]]:
    return lambda: (path.read_bytes() for path in paths)


def shipped(kind: str, suffix: str) -> Callable[[], Iterator[bytes]]:
    return lambda: (path.read_bytes() for path in shipped_files(kind, [suffix]).values())


def arrays() -> Iterator[bytes]:
    for array in (np.full((2, 2, 1), 0.5), np.asfortranarray(np.zeros((1, 2, 2), np.float32)), np.array([object])):
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        yield file.getvalue()


def tables() -> Iterator[bytes]:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {"agent": [0, 0, 1, 1], "arm": [0, 1, 0, 1], "mean_1": [0.1, 0.2, 0.3, 0.4]}
    for options in ({}, {"use_dictionary": False, "compression": "none"}):
        sink = pa.BufferOutputStream()
        parquet.write_table(pa.table(columns), sink, **options)
        yield sink.getvalue().to_pybytes()


def lines(*texts: str) -> Callable[[], Iterator[bytes]]:
    return lambda: (text.encode() for text in texts)


PARSERS = {
    "experiment": Parser(experiment, lambda: (*shipped("experiments", ".toml")(), *files(*EXPERIMENTS)())),
    "set": Parser(setting, lines("network.link_probability=0.3", 'sweep.points=[{"network.base"="path"}]', "algorithms.*.x=1")),
    "edges": Parser(graph("edges"), shipped("topologies", ".edges")),
    "graphml": Parser(graph("graphml"), shipped("topologies", ".graphml")),
    "topology": Parser(graph("toml"), shipped("topologies", ".toml")),
    "npy": Parser(array_in("npy"), arrays),
    "json": Parser(array_in("json"), lines("[[[0.5, 1]]]", '{"a": [1e400, NaN]}')),
    "csv": Parser(array_in("csv"), lines("agent,arm,mean_1\n0,0,0.5\n0,1,1e-3\n", '"agent","arm","mean_1"\r\n0,0,\r\n')),
    "parquet": Parser(array_in("parquet"), tables),
    "table": Parser(table, lines("agent,arm,reward_1,reward_2\n0,0,0.5,1\n0,0,0,0\n")),
    "contacts": Parser(contacts, lines("time i j\n1 a b\n2.5 b c # x\n", "0,1,2\n20,2,3\n")),
    "cell": Parser(cell, lambda: (path.read_bytes() for path in sorted((GOLDEN / "gossip" / "cells").iterdir())[:2])),
    "manifest": Parser(manifest_of, files(GOLDEN / "gossip" / "manifest.json")),
}


def tried(name: str, content: bytes) -> str:
    """The refusal, or nothing where the content was taken. Raises whatever else comes up."""
    try:
        PARSERS[name].read(content)
    except DamagedError as error:
        return str(error)
    except InputError as error:
        message = str(error)
        assert message and message.isprintable() and len(message) <= LONGEST
        return message
    return ""
