"""Probing before assigning: what a set of probed arms is worth, greedy and best sets, assignments under a capacity."""

from gossipmab.environments.reward_distributions import Distributions, check_rewards, distributions, from_masses
from gossipmab.objectives.probing.costs import OVERHEADS, Terms, terms
from gossipmab.objectives.probing.exhaustive import Probing, best_probing, check_sets, greedy_probing, welfare_of_set

__all__ = [
    "OVERHEADS",
    "Distributions",
    "Probing",
    "Terms",
    "best_probing",
    "check_rewards",
    "check_sets",
    "distributions",
    "from_masses",
    "greedy_probing",
    "terms",
    "welfare_of_set",
]
