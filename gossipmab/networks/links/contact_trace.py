"""Links as they were recorded: a file of time-stamped contacts."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.graphs.edge_array import INTEGER, fault_of_name, without_comment
from gossipmab.networks.links.base import (
    KEY,
    PERIODIC,
    LinkProcess,
    LinkStatistics,
    Sampler,
    link_statistics,
    places,
    repeated_label,
)
from gossipmab.utils.errors import InputError
from gossipmab.utils.parameters import check
from gossipmab.utils.safe_read import text_of
from gossipmab.utils.types import Bytes, Integers

LARGEST_FILE = 10**8  # bytes
LONGEST_LINE = 10_000  # characters
MOST_NAMES = 10**6  # different agents
MOST_ROUNDS = 10**9


class Contacts(NamedTuple):
    """The lines of a file: rounds (C,) from 0 on, first and second (C,) names of agents; length in rounds."""

    rounds: Integers
    first: list[str]
    second: list[str]
    length: int


@dataclass(frozen=True)
class ContactTrace(LinkProcess):
    """The links of a file with lines "time i j": i and j are linked in the round in which the time falls.

    Columns are separated by spaces, tabs or commas, further columns are ignored, # at the start of a word begins a comment, and
    a header line is skipped.
    i and j are labels of agents; times are numbers, the first of which falls in round 1; SocioPatterns has steps of 20 seconds.
    The default base graph consists of all links of the file, which must then connect all agents.

    Mixing: W_t symmetric, the mean is kept. The spectral facts take the means of W and of W^2 over the file's rounds. Numbers
    a round: none.

    >>> from pathlib import Path
    >>> with Path("contacts.txt").open("w") as file:
    ...     print("0 ann bo", "20 bo cy", "20 cy ann", sep=chr(10), file=file)
    >>> gm.Network(links=gm.ContactTrace("contacts.txt", step=20)).labels
    ('ann', 'bo', 'cy')
    """

    file: Annotated[str | Path, Field(description="path of the file")]
    step: Annotated[float, Field(gt=0, description="time units in a round")] = 1.0
    repeat: Annotated[
        bool, Field(description="begin again after the last round of the file; if false, no links are present afterwards")
    ] = True

    def __post_init__(self) -> None:
        if not isinstance(self.file, (str, Path)):
            raise InputError(f"{KEY}.file: got {self.file!r}, allowed is the name of a file")
        check(self, KEY)

    @cached_property
    def contacts(self) -> Contacts:
        """The contents of the file, read once."""
        return read(Path(self.file), self.step)

    def default_base(self, agents: int | None) -> Any:
        """All links of the file."""
        import networkx as nx

        contacts = self.contacts
        whole = all(map(INTEGER.fullmatch, {*contacts.first, *contacts.second}))
        pairs = sorted(set(zip(contacts.first, contacts.second, strict=True)))
        graph = nx.Graph(name="trace")
        graph.add_nodes_from(sorted({(int(x) if whole else x) for x in (*contacts.first, *contacts.second)}))
        graph.add_edges_from((int(i), int(j)) if whole else (i, j) for i, j in pairs)
        return graph

    def _links(self, graph: BaseGraph) -> tuple[Integers, Integers]:
        """(C,) rounds, ascending, and (C,) the link of each contact, by its place among those of the base graph."""
        number = {label: i for i, label in enumerate(graph.labels)}
        contacts = self.contacts
        for name in (*contacts.first, *contacts.second):
            if name not in number:
                what = f"{Path(self.file).name} has an agent {name!r}, which the base graph {graph.name!r} has not"
                raise InputError(f"{KEY}.file: {what}")
        if repeated := repeated_label(graph, {*contacts.first, *contacts.second}):
            raise InputError(f"{KEY}.file: contacts are those of labels, and {graph.name!r} has two agents {repeated!r}")
        edges = np.array([sorted((number[i], number[j])) for i, j in zip(contacts.first, contacts.second, strict=True)], np.int64)
        order = np.argsort(contacts.rounds, kind="stable")
        return contacts.rounds[order], places(graph, edges, Path(self.file).name)[order]

    def link_statistics(self, graph: BaseGraph) -> LinkStatistics:
        """The share of the file's rounds in which a link is present; a repeated contact counts once."""
        once = np.unique(np.column_stack(self._links(graph)), axis=0)
        counts = np.bincount(once[:, 1], minlength=len(graph.edges))
        return link_statistics(PERIODIC, counts / self.contacts.length, period=self.contacts.length)

    def sampler(self, graph: BaseGraph, generator: np.random.Generator) -> Sampler:
        """The file's rounds."""
        of_round, links = self._links(graph)
        length, E, played = self.contacts.length, len(graph.edges), 0

        def block(rounds: int) -> Bytes:
            nonlocal played
            present = np.zeros((rounds, E), np.uint8)
            now = np.arange(played, played + rounds)
            now = now % length if self.repeat else now
            begins, ends = np.searchsorted(of_round, now), np.searchsorted(of_round, now, side="right")
            for b in np.flatnonzero(begins < ends):
                present[b, links[begins[b] : ends[b]]] = 1
            played += rounds
            return present

        return block


def read(path: Path, step: float) -> Contacts:
    """The contacts of a file. Raises InputError with the line that is wrong."""
    text = text_of(path, f"{KEY}.file", LARGEST_FILE)
    times, first, second = array("d"), [], []
    names: dict[str, str] = {}  # each name once in memory
    header: list[str] | None = None
    for number, line in enumerate(StringIO(text), 1):
        where = f"{KEY}.file: {path.name}, line {number}:"
        if len(line) > LONGEST_LINE:
            raise InputError(f"{where} more than {LONGEST_LINE} characters; a line is 'time i j'")
        words = without_comment(line).replace(",", " ").split()
        if not words:
            continue
        if len(words) < 3:
            raise InputError(f"{where} {len(words)} columns; a line is 'time i j'")
        try:
            time = float(words[0])
        except ValueError:
            time = math.nan
            if header is None and not times and not words[0][0].isdigit():
                header = words
                continue
        if not math.isfinite(time):
            raise InputError(f"{where} {words[0]!r} is not a time; times are numbers, such as seconds")
        if fault := fault_of_name(words[1]) or fault_of_name(words[2]):
            raise InputError(f"{where} {fault}")
        if words[1] == words[2]:
            raise InputError(f"{where} agent {words[1]!r} has a link with itself")
        one, other = (names.setdefault(word, word) for word in sorted(words[1:3]))
        if len(names) > MOST_NAMES:
            raise InputError(f"{where} more than {MOST_NAMES} agents")
        times.append(time)
        first.append(one)
        second.append(other)
    if header is not None and {*header[1:3]} <= names.keys():
        what = f"{header[0]!r} of the first line is not a time; times are numbers, such as seconds"
        raise InputError(f"{KEY}.file: {path.name}: {what}")
    if not times:
        raise InputError(f"{KEY}.file: {path.name} has no contacts; a line is 'time i j'")
    begin, end = min(times), max(times)
    if (end - begin) / step >= MOST_ROUNDS:
        raise InputError(f"{KEY}.step: {step:g} gives more than {MOST_ROUNDS} rounds; times go from {begin:g} to {end:g}")
    rounds = np.floor((np.array(times) - begin) / step + 1e-9).astype(np.int64)
    return Contacts(rounds, first, second, int(rounds.max()) + 1)
