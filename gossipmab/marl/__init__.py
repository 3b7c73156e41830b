"""Multi-agent reinforcement learners and the equity of what they earn, an annex: `pip install gossipmab[marl]`.

Here: games/, learners/ and the price on unequal outcomes (price.py), which learners of other libraries can use, too. Add a game
or a learner as a file of its own and a line in its room's dict. Start reading in games/job_scheduling.py and learners/ippo.py.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Public name -> the module that defines it, loaded on first use, so that jax and pettingzoo are needed where they are used only.
_LEARNERS = ("IPPO", "COMA", "WQMIX", "FEN", "SOTO")
_HOME = {
    **dict.fromkeys((*_LEARNERS, *(f"ELD{name}" for name in _LEARNERS), "Random"), "gossipmab.marl.learners"),
    "EquityPrice": "gossipmab.marl.price",
    "EquityPriced": "gossipmab.marl.pettingzoo",
    "JobScheduling": "gossipmab.marl.games",
    "MatthewEffect": "gossipmab.marl.games",
    "parallel_env": "gossipmab.marl.pettingzoo",
    "train": "gossipmab.marl.training",
}

__all__ = sorted(_HOME)  # noqa: PLE0605

if TYPE_CHECKING:
    from gossipmab.marl.games import JobScheduling as JobScheduling, MatthewEffect as MatthewEffect
    from gossipmab.marl.learners import (
        COMA as COMA,
        ELDCOMA as ELDCOMA,
        ELDFEN as ELDFEN,
        ELDIPPO as ELDIPPO,
        ELDSOTO as ELDSOTO,
        ELDWQMIX as ELDWQMIX,
        FEN as FEN,
        IPPO as IPPO,
        SOTO as SOTO,
        WQMIX as WQMIX,
        Random as Random,
    )
    from gossipmab.marl.pettingzoo import EquityPriced as EquityPriced, parallel_env as parallel_env
    from gossipmab.marl.price import EquityPrice as EquityPrice
    from gossipmab.marl.training import train as train


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gossipmab.marl' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
