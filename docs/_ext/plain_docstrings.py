"""The docstrings of the package are plain text with `names` and formulas; here they become reStructuredText."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

NAMES = re.compile(r"`+([^`]+)`+")
SPECIAL = re.compile(r"([\\*|])|(_)(?!\w)")
SECTIONS = ("Args:", "Attributes:", "Raises:", "Returns:", "Yields:")
FIELD = "Alias for field number"


def process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Before napoleon: `names` become literals, hanging lines go on, examples stay, and nothing else is markup."""
    first, section, examples = "", False, set[int]()
    for number, line in enumerate(lines):
        if line.strip() and (first if first.strip() else line).lstrip().startswith(">>>"):
            first = first if first.strip() else line
            examples.add(number)
        elif not first.strip():  # a paragraph begins
            first = line
            section = line.strip() in SECTIONS or (section and line.startswith(" "))
        elif line.strip() in SECTIONS:
            section = True
        elif line.strip() and not section:
            lines[number] = first[: len(first) - len(first.lstrip())] + line.lstrip()
        first = first if line.strip() else ""
    for number in set(range(len(lines))) - examples:
        line = lines[number]
        parts = NAMES.split(line)
        kept = [f"``{part}``" if at % 2 else SPECIAL.sub(r"\\\g<0>", part) for at, part in enumerate(parts)]
        lines[number] = "".join(kept)


def skip(app: Sphinx, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Fields of a NamedTuple stand in the class's own docstring."""
    return True if str(getattr(obj, "__doc__", "")).startswith(FIELD) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", process, priority=100)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
