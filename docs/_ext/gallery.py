"""The gallery: a card for every shipped experiment, with a picture of a shortened run, its command, minutes and finding.

Table and findings are those of experiments/README.md. Pictures are drawn when the site is built, and kept in _build/gallery
under a hash of the experiment, how it is shortened, and the package.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from lines import ROOT
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
ROW = re.compile(r"^\| \[(\w+)\.toml\]\(\w+\.toml\) \| (.*?) \| (`.*?`) \| (.*?) \|$", re.MULTILINE)
FINDING = re.compile(r"^- \*\*(\w+)\*\*(.*?)(?=^- \*\*|\Z)", re.MULTILINE | re.DOTALL)
TRIALS, HORIZON = 3, 1_000
NOT_DRAWN = ("scaling",)  # measures seconds, over networks too large for a page
SHORTENED = {
    "blocks": ["experiment.horizon=50", "experiment.trials=1"],
    "fair_learners": ["sweep.experiment.horizon=[500, 1000, 2000]"],
    "equity_budget": ["experiment.horizon=600", "experiment.trials=2"],
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


def overrides(name: str) -> list[str]:
    """How an experiment is shortened for its picture."""
    return SHORTENED.get(name, [f"experiment.horizon={HORIZON}", f"experiment.trials={TRIALS}"])


def picture(name: str, folder: Path) -> Path:
    """The picture of a shortened run, drawn unless it is there."""
    import gossipmab as gm
    from gossipmab.analysis.plots import plot
    from gossipmab.utils.code_cache import source_hash

    sources = [(ROOT / "experiments" / f"{name}.toml").read_text(), *overrides(name), source_hash()]
    file = folder / f"{name}-{hashlib.sha256(repr(sources).encode()).hexdigest()[:12]}.png"
    if not file.is_file():
        logger.info("gallery: %s", name)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as out:
            drawn = plot(gm.run(name, out=Path(out) / name, overrides=overrides(name)), formats=["png"])
            swept = [path for path in drawn if "_against_" in path.name and "bytes" not in path.name]
            wanted = swept if name not in ("failures", "losses", "link_processes") and swept else drawn
            file.write_bytes(wanted[0].read_bytes())
    return file


class Gallery(SphinxDirective):
    """```{gallery}```: all cards."""

    def run(self) -> list[nodes.Node]:
        """Draw and lay out."""
        cards = nodes.container(classes=["gallery"])
        for entry in entries():
            card = nodes.container(classes=["card"], ids=[entry.name.replace("_", "-")])
            lines = [f"**{entry.name}**: {entry.shows}", ""]
            if self.config.gallery_pictures and entry.name not in NOT_DRAWN:
                drawn = picture(entry.name, Path(self.env.srcdir) / "_build" / "gallery")
                lines += [f"![{entry.shows}](/_build/gallery/{drawn.name})", ""]
            lines += [
                f"[{entry.name}.toml](../../experiments/{entry.name}.toml) · {entry.command} · {entry.minutes} min", "",
                entry.finding,
            ]  # fmt: skip
            card += self.parse_text_to_nodes("\n".join(lines))
            cards += card
        return [cards]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("gallery", Gallery)
    app.add_config_value("gallery_pictures", True, "env", [bool])  # -D gallery_pictures=0: the text alone, at once
    return {"parallel_read_safe": True, "parallel_write_safe": True}
