"""The files of the repository as pages of the site, every line an anchor, and what links to them.

{line}`gossipmab.objectives.pareto:gaps`          a link to the line, written as in `lines.py`
[the file](../experiments/x.toml)      a link out of docs/ leads to the file's page here
API reference                          its "source" links, by sphinx.ext.linkcode
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from lines import ROOT, line_of
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
SHOWN = (
    "gossipmab/**/*.py",
    "experiments/*",
    "topologies/*",
    "examples/**/*",
    "benchmarks/*",
    "*.md",
    "*.toml",
    "*.cff",
    "Makefile",
)
TEXTS = (".py", ".toml", ".md", ".edges", ".graphml", ".cff", "")
LARGEST = 200_000  # bytes of a file that is still shown


def files() -> list[Path]:
    """The files that have a page, relative to the repository."""
    found = {file for pattern in SHOWN for file in ROOT.glob(pattern) if file.suffix in TEXTS and file.is_file()}
    return sorted(file.relative_to(ROOT) for file in found if "__pycache__" not in file.parts and file.stat().st_size < LARGEST)


def page_of(path: Path) -> str:
    """The page of a file or folder, without .html."""
    return (Path("source", path) / ("index" if (ROOT / path).is_dir() else "")).as_posix()


def address(docname: str, path: Path, line: int = 0) -> str:
    """The address of a file's page, seen from a page of the site."""
    up = "../" * docname.count("/")
    return f"{up}{page_of(path)}.html" + (f"#line-{line}" if line else "")


def line_role(name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = ()) -> Any:
    """A link to the line that computes something."""
    docname = inliner.document.settings.env.docname
    try:
        path, number = line_of(text)
    except LookupError as error:
        return [], [inliner.reporter.error(str(error), line=lineno)]
    shown = f"{path.relative_to('gossipmab') if path.parts[0] == 'gossipmab' else path}:{number}"
    link = nodes.reference(rawtext, "", nodes.literal("", shown), refuri=address(docname, path, number), internal=True)
    return [link], []


def lead_out(app: Sphinx, doctree: nodes.document) -> None:
    """Links out of docs/ to files and folders of the repository: to their pages."""
    docname = app.env.docname
    shown = set(files())
    folders = {folder for file in shown for folder in file.parents}
    here = Path(app.srcdir, docname).parent
    for node in [*doctree.findall(addnodes.download_reference), *doctree.findall(addnodes.pending_xref)]:
        target = str(node.get("reftarget", "")).partition("#")[0]
        if not target or (isinstance(node, addnodes.pending_xref) and node.get("reftype") != "myst"):
            continue
        for whole in (here / target, here / f"{target}.md"):
            path = Path(os.path.relpath(whole, ROOT))
            if path in shown or path in folders:
                inner = node.children[0] if node.children else nodes.inline()
                link = nodes.reference("", "", *inner.children, refuri=address(docname, path), internal=True)
                node.replace_self(link)
                break


def collect(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The pages, a file each and a folder each."""
    shown = files()
    for path in shown:
        formatter = HtmlFormatter(linenos="inline", lineanchors="line", anchorlinenos=True, cssclass="highlight source")
        try:
            lexer = get_lexer_for_filename(path.name)
        except ClassNotFound:
            lexer = TextLexer()
        body = highlight((ROOT / path).read_text(), lexer, formatter)
        yield (
            page_of(path),
            {"title": path.as_posix(), "parents": [], "body": f"<h1>{escape(path.as_posix())}</h1>{body}"},
            "page.html",
        )
    for folder in sorted({folder for file in shown for folder in file.parents}):
        below = sorted({folder / file.relative_to(folder).parts[0] for file in shown if folder in file.parents})
        entries = "".join(f'<li><a href="{_across(folder, path)}">{escape(path.name)}</a></li>' for path in below)
        title = f"{folder.as_posix()}/" if folder != Path() else "The repository"
        yield (page_of(folder), {"title": title, "parents": [], "body": f"<h1>{escape(title)}</h1><ul>{entries}</ul>"}, "page.html")


def _across(folder: Path, path: Path) -> str:
    return os.path.relpath(f"{page_of(path)}.html", Path(page_of(folder)).parent)


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """The source of what the API reference documents, whose pages are one folder deep."""
    import inspect
    import pkgutil

    try:
        found: Any = pkgutil.resolve_name(f"{info['module']}.{info['fullname']}")
    except AttributeError:
        return None
    found = getattr(found, "fget", None) or getattr(found, "func", None) or getattr(found, "py_func", None) or found
    found = inspect.unwrap(found) if callable(found) else found
    try:
        path = Path(inspect.getsourcefile(found) or "").resolve().relative_to(ROOT)
        number = inspect.getsourcelines(found)[1]
    except (TypeError, OSError, ValueError):
        return None
    return address("api/index", path, number)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_role("line", line_role)
    app.connect("doctree-read", lead_out, priority=100)
    app.connect("html-collect-pages", collect)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
