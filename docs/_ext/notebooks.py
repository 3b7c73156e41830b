"""A link under the heading of every page whose code is run, to the page as a notebook with its output."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx


def add_link(app: Sphinx, name: str, source: list[str]) -> None:
    """After the first heading."""
    if source[0].startswith("---\nfile_format: mystnb"):
        link = f"{{nb-download}}`as a notebook <{name.rpartition('/')[2]}.ipynb>`"
        source[0] = re.sub(r"^# .*$", lambda heading: f"{heading[0]}\n\n{link}", source[0], count=1, flags=re.MULTILINE)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", add_link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
