"""Where in the package something is computed: the line of an object, or of a piece of its code, found in the syntax tree.

gossipmab.networks.mixing:weight_of_edge              the line where the function begins
gossipmab.networks.mixing:weight_of_edge@weight =     the first of its lines that holds this piece of code
gossipmab.networks.network:Network.mixing_matrix       a method
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Line(NamedTuple):
    """A line of a file; path is relative to the repository."""

    path: Path
    number: int


def line_of(target: str) -> Line:
    """The line of a target, which is written as above.

    Raises:
        LookupError: there is no such module, object or piece of code.
    """
    where, _, piece = target.partition("@")
    module, _, name = where.partition(":")
    path = file_of(module)
    node = _object(path, name) if name else _tree(path)
    lines = (ROOT / path).read_text().splitlines()
    first, last = (node.lineno, node.end_lineno) if name else (1, len(lines))
    if not piece:
        return Line(path, first)
    doc = node.body[0] if node.body and isinstance(node.body[0], ast.Expr) else None
    docstring = range(doc.lineno, doc.end_lineno + 1) if doc else ()
    for number in range(first, last + 1):
        if piece in lines[number - 1] and number not in docstring:
            return Line(path, number)
    raise LookupError(f"{target}: no line of {where} holds {piece!r}")


def file_of(module: str) -> Path:
    """The file of a module, relative to the repository."""
    stem = Path(*module.split("."))
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if (ROOT / path).is_file():
            return path
    raise LookupError(f"{module}: no such module")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def _object(path: Path, name: str) -> ast.AST:
    node: ast.AST = _tree(path)
    for part in name.split("."):
        for child in node.body:
            if isinstance(child, ast.FunctionDef | ast.ClassDef) and child.name == part:
                node = child
                break
        else:
            raise LookupError(f"{path}: there is no {name}")
    return node
