"""The gallery: a card for every shipped experiment, with a picture of a full run, its command, minutes and finding.

Table and findings are those of experiments/README.md. `python docs/_ext/gallery.py FOLDER...` draws the pictures from the run
folders FOLDER/NAME, those of the last folder that has one, into docs/figures/gallery.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from lines import ROOT
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROW = re.compile(r"^\| \[(\w+)\.toml\]\(\w+\.toml\) \| (.*?) \| (`.*?`) \| (.*?) \|$", re.MULTILINE)
FINDING = re.compile(r"^- \*\*(\w+)\*\*(.*?)(?=^- \*\*|\Z)", re.MULTILINE | re.DOTALL)
PICTURES = ROOT / "docs" / "figures" / "gallery"
STUDIED = {
    "budgets": "communication", "failures": "failures", "number_of_agents": "scaling", "spectral_gap": "spectral-gap",
    "job_scheduling": "equity", "matthew_effect": "equity-matthew", "matthew_effect_central": "equity-central",
    "price_cap": "price-cap",
}  # fmt: skip
WIDE = 900  # pixels: a card across the page
DRAWN = {  # experiment -> the stem of its figure; by default the first against what was swept
    "link_processes": "pareto_regret_against_links",
    "price_of_decentralisation": "nsw_regret_against_link_probability",
    "probing": "regret",
    "probing_large": "regret",
    "probing_wide": "regret",
    "radius": "pareto_regret_against_link_probability",
}


class Entry(NamedTuple):
    """A line of the table of experiments/README.md, and what its second part says of it."""

    name: str
    shows: str
    command: str
    minutes: str
    finding: str


def entries() -> list[Entry]:
    """All experiments, in the order of the table."""
    text = (ROOT / "experiments" / "README.md").read_text()
    findings: dict[str, list[str]] = {}
    for name, sentence in FINDING.findall(text):
        findings.setdefault(name, []).append(_sentence(" ".join(sentence.split()).lstrip(":, ")))
    return [Entry(*row, " ".join(findings.get(row[0], []))) for row in ROW.findall(text)]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def draw(run: Path, file: Path) -> None:
    """Draw the picture of a finished run of an experiment, in few colours."""
    from gossipmab import open_run
    from gossipmab.analysis.charts import charts
    from gossipmab.analysis.plot_style import names_of, own_style, save
    from gossipmab.analysis.plots import draw_chart
    from gossipmab.analysis.selection import view
    from gossipmab.analysis.studies import STUDIES, findings
    from gossipmab.analysis.study_plots import study_figure

    results, name = open_run(run), file.stem
    with own_style():
        if name in STUDIED:
            study = STUDIES[STUDIED[name]]
            figure = study_figure(findings(results, study), study, names_of(results.spec))
        else:
            found = {chart.stem: chart for chart in charts(view(results))}
            swept = [stem for stem in found if "_against_" in stem and "bytes" not in stem]
            figure = draw_chart(
                found[DRAWN.get(name) or (swept or list(found))[0]], width=5.0 if name == "link_processes" else None
            )
        (path,) = save(figure, file.with_suffix(""), ["png"])
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(48).save(path, optimize=True)


class Gallery(SphinxDirective):
    """```{gallery}```: all cards."""

    def run(self) -> list[nodes.Node]:
        """Lay out."""
        cards = nodes.container(classes=["gallery"])
        for entry in entries():
            picture = PICTURES / f"{entry.name}.png"
            picture = picture if picture.is_file() else PICTURES.parent / picture.name  # scaling, of a benchmark
            with Image.open(picture) as drawn:
                wide = ["wide"] if drawn.width > WIDE else []
            card = nodes.container(classes=["card", *wide], ids=[entry.name.replace("_", "-")])
            lines = [
                f"**{entry.name}**: {entry.shows}", "", f"![{entry.shows}](/{picture.relative_to(ROOT / 'docs').as_posix()})", "",
                f"[{entry.name}.toml](../../experiments/{entry.name}.toml) · {entry.command} · {entry.minutes} min", "",
                entry.finding,
            ]  # fmt: skip
            card += self.parse_text_to_nodes("\n".join(lines))
            cards += card
        return [cards]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for name in [entry.name for entry in entries()]:
        if runs := [Path(folder) / name for folder in sys.argv[1:] if (Path(folder) / name / "manifest.json").is_file()]:
            draw(runs[-1], PICTURES / f"{name}.png")
