"""Formulas as MathML, made when the site is built: no script, no font and no other host is needed to read it."""

from __future__ import annotations

from typing import Any

from latex2mathml.converter import convert
from sphinx.application import Sphinx


def inline(writer: Any, node: Any) -> None:
    """A formula in a line."""
    writer.body.append(f'<span class="math">{convert(node.astext())}</span>')
    raise _skip()


def block(writer: Any, node: Any) -> None:
    """A formula of its own; what is too wide for a phone scrolls by itself."""
    writer.body.append(f'<div class="math-block">{convert(node.astext(), display="block")}</div>')
    raise _skip()


def _skip() -> Exception:
    from docutils import nodes

    return nodes.SkipNode()


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
