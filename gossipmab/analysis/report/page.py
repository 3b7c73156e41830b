"""One self-contained HTML file of a run: rendered from `page.html`, `page.css` and `page.js` beside this file.

It loads nothing and forbids itself to. Its figures are drawn twice: by BokehJS, to be looked into, and as SVG, which is what is
printed, and what is seen where scripts are off. The sections' contents come from the other files of this folder.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gossipmab.analysis.report import networks, outcomes, tables
from gossipmab.analysis.report.interactive import as_json, library
from gossipmab.analysis.report.parts import figures
from gossipmab.analysis.sweep_effects import answers, effects
from gossipmab.environments.registry import MODELS
from gossipmab.experiments.spec import plugins
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.networks.links import PROCESSES
from gossipmab.utils.atomic_write import write_whole
from gossipmab.utils.errors import InputError

if TYPE_CHECKING:
    from gossipmab.experiments.results import Results

HERE = Path(__file__).parent
BESIDE = {"css": "page.css", "script": "page.js"}


def _with_classes(results: Results) -> Results:
    """The results with the links and rewards from the run folder's own files, which are run only for a report that needs them."""
    needed = any(registry in (PROCESSES, MODELS) for registry, _ in plugins.names_of(results.spec))
    return type(results)(results.folder, load_spec(results.spec)) if results.spec.trusted and needed else results


def write_report(results: Results, out: str | Path | None = None) -> Path:
    """Write the report; its path.

    Args:
        results: the run, finished or not.
        out: the file, which ends in .html; report.html in the run folder by default.

    Raises:
        InputError: no cell is finished yet; a file that cannot be written.
    """
    path = results.path / "report.html" if out is None else Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--out: got {str(path)!r}, allowed is a file that ends in .html")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InputError(f"--out: got {str(path)!r}, allowed is a file in a folder that exists")
    write_whole(path, render(results).encode())
    return path


@cache
def templates() -> Environment:
    """The templates of this folder; css and script are what stands beside them."""
    loader = FileSystemLoader(HERE, encoding="utf-8")
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.globals |= {name: Markup((HERE / file).read_text(encoding="utf-8")) for name, file in BESIDE.items()}
    return found


def render(results: Results) -> str:
    """The report as HTML."""
    values = contents(_with_classes(results))
    return templates().get_template("page.html").render(library=library(), json=as_json, **values)


def contents(results: Results) -> dict[str, Any]:
    """The values of the template."""
    cells = tables.look_at_cells(results)
    table, agents, summary = results.table(), results.agents(), results.summary()
    metrics = tables.metrics(results, table)
    swept = effects(results)
    return {
        "name": results.spec.experiment.name,
        "description": results.spec.experiment.description,
        "status": tables.status(results, cells),
        "facts": tables.facts(results, cells),
        "warnings": tables.warnings(results, cells, table, summary),
        "findings": tables.findings(results, summary, metrics),
        "answers": list(answers(swept)),
        "figures": figures(results),
        "finals": [*(tables.final_table(results, column, title) for column, title in metrics.items()), *tables.sweep_tables(swept)],
        "terms": outcomes.TERMS,
        "outcomes": outcomes.section(results, agents),
        "networks": networks.section(results, agents),
        "rerun": tables.commands(results),
        "spec": results.spec.to_toml(),
        "origin": tables.origin(results, cells),
    }
