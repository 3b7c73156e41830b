"""A table as the template draws it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class HtmlTable(NamedTuple):
    """A caption, headings, rows of text; `words` columns, from the left, hold words and are row headings."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1
    note: str = ""
