"""What objects look like in a notebook: a heading and a table of two columns or more; and what draws them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

from markupsafe import escape


def html_table(title: str, rows: Iterable[Sequence[Any]]) -> str:
    """HTML of a title and rows of cells; floats with four digits."""
    cells = ((f"{cell:.4g}" if isinstance(cell, float) else cell for cell in row) for row in rows)
    body = "".join("<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in row) + "</tr>" for row in cells)
    return f"<b>{escape(title)}</b><table>{body}</table>"


def plotted(function: str, *arguments: Any) -> Any:
    """What this function of `gossipmab.analysis.plot_methods` returns.

    The module is looked up by name, as pandas finds what it plots with: rooms import downwards only, and matplotlib is loaded by
    the first plot.
    """
    return getattr(import_module("gossipmab.analysis.plot_methods"), function)(*arguments)
