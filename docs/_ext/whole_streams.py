"""What a cell printed, in one piece.

IPython hands on the output of `%%bash` in pieces of 100 characters, and myst-nb's own way of putting such pieces together adds a
line break after each.
"""

from __future__ import annotations

from typing import Any

from myst_nb.core import render
from sphinx.application import Sphinx


def joined(outputs: list[Any]) -> list[Any]:
    """The outputs, with those of a stream appended to its first."""
    streams: dict[str, Any] = {}
    kept = []
    for output in outputs:
        if output["output_type"] == "stream" and output["name"] in streams:
            streams[output["name"]]["text"] += output["text"]
            continue
        if output["output_type"] == "stream":
            streams[output["name"]] = output
        kept.append(output)
    return kept


def setup(app: Sphinx) -> dict[str, bool]:
    """Take the place of myst-nb's function, which `nb_merge_streams` switches on."""
    if not hasattr(render, "coalesce_streams"):
        raise RuntimeError("myst-nb has no coalesce_streams any more: see whether docs/_ext/whole_streams.py is still needed")
    render.coalesce_streams = joined
    return {"parallel_read_safe": True, "parallel_write_safe": True}
