"""The small experiment that many tests run: three agents on the complete graph, with gossip and alone."""

from typing import Any


def tiny(horizon: int, trials: int, **sections: Any) -> dict[str, Any]:
    """The experiment, recorded in every tenth round; `sections` replace its own or come beside them."""
    return {
        "experiment": {"name": "tiny", "horizon": horizon, "trials": trials, "seed": 5, "recorded_rounds": horizon // 10},
        "environment": {"agents": 3, "arms": 3, "objectives": 2},
        "network": {"base": "complete", "link_probability": 0.5},
        "algorithms": [{"name": "pareto_ucb_gossip", "label": "gossip"}, {"name": "pareto_ucb"}],
        **sections,
    }
