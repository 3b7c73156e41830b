"""Probing before assigning: the value of a set of probed arms, greedy and best sets, assignments under a capacity.

New costs go into `costs.py`. Start with `value.py`, then `greedy.py`.
"""

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
