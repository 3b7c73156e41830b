"""What objects look like in a notebook: a heading and a table of two columns or more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import escape


def html_table(title: str, rows: Iterable[Sequence[Any]]) -> str:
    """HTML of a title and rows of cells; floats with four digits."""
    cells = ((f"{cell:.4g}" if isinstance(cell, float) else cell for cell in row) for row in rows)
    body = "".join("<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in row) + "</tr>" for row in cells)
    return f"<b>{escape(title)}</b><table>{body}</table>"
