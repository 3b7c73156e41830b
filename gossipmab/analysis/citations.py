"""What to cite for a run: the papers of its algorithms, its objectives and its game, and the simulator."""

from __future__ import annotations

import re
from importlib.resources import files

import gossipmab
from gossipmab.experiments.results import Results

# Algorithm, objective or game -> keys in references.bib.
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
    "random": ("nguyen2026beyond",),
    "job_scheduling": ("jiang2019learning",),
    "matthew_effect": ("jiang2019learning",),
    **{
        prefix + name: (key, *priced)
        for prefix, priced in (("", ()), ("eld_", ("nguyen2026beyond",)))
        for name, key in {
            "ippo": "dewitt2020independent",
            "coma": "foerster2018counterfactual",
            "wqmix": "rashid2020weighted",
            "fen": "jiang2019learning",
            "soto": "zimmer2021learning",
        }.items()
    },
}


def citations(results: Results) -> str:
    """BibTeX entries of what a run used, the simulator's own first, each once."""
    spec = results.spec
    used = [one.name for one in spec.algorithms] + [str(cell.params.get("objective", "")) for cell in spec.cells()]
    used += [*spec.experiment.extra_objectives, *([] if spec.game is None else [spec.game.name])]
    keys = ["gossipmab", *(key for name in used for key in CITED.get(name, ()))]
    text = files("gossipmab.analysis").joinpath("references.bib").read_text(encoding="utf-8")
    entries = {entry.partition("{")[2].partition(",")[0]: entry.strip() for entry in re.split(r"\n(?=@)", text)}
    version = (results.folder.manifest() or {}).get("versions", {}).get("gossipmab", gossipmab.__version__)
    return "\n\n".join(entries[key] for key in dict.fromkeys(keys)).replace("VERSION", version)
