"""Probing before assigning: the value of a set of probed arms, greedy and best sets, assignments under a capacity.

New costs go into `costs.py`. Start with `value.py`, then `greedy.py`.
"""

from gossipmab.environments.reward_distributions import (
    Distributions as Distributions,
    check_rewards as check_rewards,
    distributions as distributions,
    from_masses as from_masses,
)
from gossipmab.objectives.probing.costs import OVERHEADS as OVERHEADS, Terms as Terms, terms as terms
from gossipmab.objectives.probing.exhaustive import (
    Probing as Probing,
    best_probing as best_probing,
    check_sets as check_sets,
    greedy_probing as greedy_probing,
    welfare_of_set as welfare_of_set,
)
