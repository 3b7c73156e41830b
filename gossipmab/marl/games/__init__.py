"""Games that agents learn to play: one file for each, and here their registered names.

Add a file with a NamedTuple that has the attributes of `gossipmab.marl.games.common.Game`, and a line to the dict.
"""

from __future__ import annotations

from gossipmab.environments.registry import GAMES as GAMES
from gossipmab.marl.games.common import Game as Game, check_game as check_game, traced as traced
from gossipmab.marl.games.job_scheduling import JobScheduling as JobScheduling
from gossipmab.marl.games.matthew_effect import MatthewEffect as MatthewEffect
from gossipmab.utils.parameters import suggesting

SHIPPED: dict[str, type] = {"job_scheduling": suggesting(JobScheduling), "matthew_effect": suggesting(MatthewEffect)}
