"""Learners: one file for each, in the order of its pseudocode; here their registered names, and each under a price.

Add a file with a NamedTuple of hyperparameters that has `init`, `begin`, `select` and `update`, and a line to the dict. Start
reading in ippo.py.
"""

from __future__ import annotations

from gossipmab.marl.learners.coma import COMA as COMA
from gossipmab.marl.learners.eld import under_price
from gossipmab.marl.learners.fen import FEN as FEN
from gossipmab.marl.learners.ippo import IPPO as IPPO
from gossipmab.marl.learners.random import Random as Random
from gossipmab.marl.learners.soto import SOTO as SOTO
from gossipmab.marl.learners.wqmix import WQMIX as WQMIX
from gossipmab.utils.parameters import suggesting

BACKBONES: dict[str, type] = {"ippo": IPPO, "coma": COMA, "wqmix": WQMIX, "fen": FEN, "soto": SOTO}
PRICED: dict[str, type] = {f"eld_{name}": under_price(kind) for name, kind in BACKBONES.items()}
LEARNERS: dict[str, type] = {name: suggesting(kind) for name, kind in {"random": Random, **BACKBONES, **PRICED}.items()}
ELDIPPO, ELDCOMA, ELDWQMIX, ELDFEN, ELDSOTO = PRICED.values()
