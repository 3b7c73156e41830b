"""What to cite for a run: the papers of its algorithms and objectives, and the simulator."""

from __future__ import annotations

import re
from importlib.resources import files

import gossipmab
from gossipmab.experiments.results import Results

# Algorithm or objective -> keys in references.bib.
CITED: dict[str, tuple[str, ...]] = {
    "pareto_ucb_gossip": ("wang2026multi",),
    "pareto_ucb": ("wang2026multi",),
    "pareto_gossip": ("liu2025distributed",),
    "simulated_nsw_ucb_gossip": ("wang2026multi",),
    "centralized_nsw": ("wang2026multi",),
    "explore_first": ("hossain2021fair",),
    "epsilon_greedy": ("hossain2021fair",),
    "hossain_ucb": ("hossain2021fair",),
    "jones_ucb": ("jones2023efficient",),
    "thompson": ("agrawal2012analysis",),
    "eld": ("nguyen2026beyond",),
    "ofmup": ("xu2025fair",),
    "non_probing": ("xu2025fair", "jones2023efficient"),
    "random_probing": ("xu2025fair",),
    "greedy_probing": ("xu2025fair",),
    "procedural": ("caiata2026procedural",),
}


def citations(results: Results) -> str:
    """BibTeX entries of what a run used, the simulator's own first, each once."""
    spec = results.spec
    used = [one.name for one in spec.algorithms] + [str(cell.params.get("objective", "")) for cell in spec.cells()]
    keys = ["gossipmab", *(key for name in [*used, *spec.experiment.extra_objectives] for key in CITED.get(name, ()))]
    text = files("gossipmab.analysis").joinpath("references.bib").read_text(encoding="utf-8")
    entries = {entry.partition("{")[2].partition(",")[0]: entry.strip() for entry in re.split(r"\n(?=@)", text)}
    version = (results.folder.manifest() or {}).get("versions", {}).get("gossipmab", gossipmab.__version__)
    return "\n\n".join(entries[key] for key in dict.fromkeys(keys)).replace("VERSION", version)
