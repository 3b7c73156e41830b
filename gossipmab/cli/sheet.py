"""A table of text: laid out for the width at hand, or as Markdown or LaTeX.

On a terminal no name and no number is ever cut. Where the columns do not fit side by side, headings wrap first; then columns that
can be spared are left out, with a line that names them; then each row takes several lines, its names first.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

from gossipmab.analysis.latex import latex_table

GAP = 2  # between columns, and before the second line of a row
LEAST, MOST = 24, 72  # widths of a column that holds sentences


class Sheet(NamedTuple):
    """A table.

    words: columns from the left that are flush left; the others hold numbers. spare: headings that may be left out, the least
    important first. prose: headings of columns that wrap at words. note: a line below.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 99
    spare: Sequence[str] = ()
    prose: Sequence[str] = ()
    note: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        for line, style in self.lines(options.max_width):
            yield Text(line, style, no_wrap=True, overflow="ignore")

    def lines(self, width: int) -> Iterator[tuple[str, str]]:
        """(line, style) of the table in so many columns of a terminal."""
        yield from ((line, "bold") for line in wrapped(self.title, width))
        groups, widths = self._arranged(width)
        for row in [self.headings, *self.rows]:
            style = "bold" if row is self.headings else ""
            for place, group in enumerate(groups):
                indent = GAP if place else 0
                cells = [wrapped(row[c], widths[c]) for c in group]
                height = max(map(len, cells))
                for level in range(height):
                    parts = []
                    for c, cell in zip(group, cells, strict=True):
                        at = level - (height - len(cell) if style else 0)  # headings stand on their columns
                        text = cell[at] if 0 <= at < len(cell) else ""
                        gap = " " * (widths[c] - cell_len(text))
                        parts.append(gap + text if c >= self.words else text + gap)
                    yield (" " * indent + (" " * GAP).join(parts)).rstrip(), style
        shown = {c for group in groups for c in group}
        missing = [heading for c, heading in enumerate(self.headings) if c not in shown]
        left_out = f"left out at this width: {', '.join(missing)}" if missing else ""
        for note in (self.note, left_out):
            yield from ((line, "dim") for line in wrapped(note, width) if note)

    def _arranged(self, width: int) -> tuple[list[list[int]], list[int]]:
        """The columns in each line of a row, and the width of every column."""
        every = range(len(self.headings))
        cells = [max((cell_len(row[c]) for row in self.rows), default=0) for c in every]
        word = [max(map(cell_len, heading.split()), default=0) for heading in self.headings]
        prose = [c for c in every if self.headings[c] in self.prose]
        full = [max(cells[c], cell_len(self.headings[c])) for c in every]
        tight = [max(min(cells[c], LEAST) if c in prose else cells[c], word[c]) for c in every]
        full = [min(size, max(MOST, tight[c])) if c in prose else size for c, size in enumerate(full)]
        spare = [self.headings.index(heading) for heading in self.spare if heading in self.headings]

        def fits(columns: Sequence[int], widths: Sequence[int], room: int) -> bool:
            return sum(widths[c] for c in columns) + GAP * (len(columns) - 1) <= room

        def fewer(columns: Iterable[int], room: int) -> list[int]:
            kept = list(columns)
            for c in spare:
                if not fits(kept, tight, room) and c in kept:
                    kept.remove(c)
            return kept

        groups = [list(every) if fits(every, full, width) else fewer(every, width)]
        if not fits(groups[0], full, width) and not fits(groups[0], tight, width):
            groups = [[]]
            for c in [*every[: self.words], *fewer(every[self.words :], width - GAP)]:
                room = width - GAP * (len(groups) > 1)
                apart = c >= self.words and groups[-1] and groups[-1][-1] < self.words  # numbers stand on lines of their own
                if groups[-1] and (apart or not fits([*groups[-1], c], tight, room)):
                    groups.append([])
                groups[-1].append(c)
        widths = [min(size, width - GAP) for size in tight]
        for place, group in enumerate(groups):
            if fits(group, full, width - GAP * (place > 0)):
                for c in group:
                    widths[c] = full[c]
        for place, group in enumerate(groups):
            for c in (c for c in group if c in prose):
                left = width - GAP * (place > 0) - sum(widths[k] for k in group) - GAP * (len(group) - 1)
                widths[c] += max(0, min(full[c] - widths[c], left // sum(k in prose and k >= c for k in group)))
        return groups, widths

    def markdown(self) -> str:
        """As a table of Markdown, its title above it."""
        rule = ["---" if c < self.words else "---:" for c in range(len(self.headings))]
        rows = [[cell.replace("|", "\\|") for cell in row] for row in (self.headings, *self.rows)]
        table = "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:]))
        return f"**{self.title}**\n\n{table}\n" + (f"\n{self.note}\n" if self.note else "")

    def latex(self) -> str:
        """As a table of LaTeX with the rules of the package booktabs."""
        return latex_table(self.title, self.headings, self.rows, self.words, self.note)


def wrapped(text: str, width: int, indent: int = 0, whole: bool = False) -> list[str]:
    """The lines of a text, wrapped at words; numbers keep their sign and unit.

    whole: whether a word that is longer than a line stands as it is, which is folded by default.
    """
    if cell_len(text) <= width:
        return [text]
    kept = re.sub(r"(?<=[=<]) | (?=[=<%])", "\xa0", text)
    kept = kept if max(map(cell_len, kept.split(" "))) <= width else text
    lines = textwrap.wrap(kept, max(width, 1), subsequent_indent=" " * indent, break_on_hyphens=False,
                          break_long_words=not whole)  # fmt: skip
    return [line.replace("\xa0", " ") for line in lines] or [""]
