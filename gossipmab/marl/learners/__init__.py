"""Learners: one file for each, in the order of its pseudocode; here their registered names, and each under a price.

Add a file with a NamedTuple of hyperparameters that has `init`, `begin`, `select` and `update`, and a line to the dict. Start
reading in ippo.py.
"""

from __future__ import annotations

from gossipmab.marl.learners.eld import under_price
from gossipmab.marl.learners.ippo import IPPO as IPPO
from gossipmab.marl.learners.random import Random as Random

BACKBONES: dict[str, type] = {"ippo": IPPO}
LEARNERS: dict[str, type] = {"random": Random, **BACKBONES, **{f"eld_{name}": under_price(kind) for name, kind in BACKBONES.items()}}
