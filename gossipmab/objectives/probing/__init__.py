"""Probing before assigning: the value of a set of probed arms, greedy and best sets, assignments under a capacity.

New costs go into `costs.py`. Start with `value.py`, then `greedy.py`.
"""

from gossipmab.environments.reward_distributions import Distributions as Distributions
from gossipmab.environments.reward_distributions import check_rewards as check_rewards
from gossipmab.environments.reward_distributions import distributions as distributions
from gossipmab.environments.reward_distributions import from_masses as from_masses
from gossipmab.objectives.probing.costs import OVERHEADS as OVERHEADS
from gossipmab.objectives.probing.costs import Terms as Terms
from gossipmab.objectives.probing.costs import terms as terms
from gossipmab.objectives.probing.exhaustive import Probing as Probing
from gossipmab.objectives.probing.exhaustive import best_probing as best_probing
from gossipmab.objectives.probing.exhaustive import check_sets as check_sets
from gossipmab.objectives.probing.exhaustive import greedy_probing as greedy_probing
from gossipmab.objectives.probing.exhaustive import welfare_of_set as welfare_of_set
