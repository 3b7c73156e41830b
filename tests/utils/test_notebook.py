"""What objects look like in a notebook, and the tables and datasets of a single trace."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from tests.tiny import tiny

ENVIRONMENT = gm.Environment.sample(4, 3, 2, seed=0)
NETWORK = gm.Network("ring", agents=4, failures=gm.Failures(message_loss=0.1))
OBJECTS = {
    "Environment(agents=4, arms=3, objectives=2, rewards=Bernoulli)": lambda: ENVIRONMENT,
    "Network('ring', agents=4, edges=4, link_probability=1.0, weights='laplacian')": lambda: NETWORK,
    "ParetoUCBGossip(pooled=False, consensus=0.0)": gm.ParetoUCBGossip,
    "GossipTrace(agents=4, rounds=30, recorded=30, pareto_regret=": lambda: traced(),
    "CentralTrace(agents=4, rounds=30, recorded=30, regret=": lambda: gm.simulate(
        gm.EpsilonGreedy(), ENVIRONMENT, horizon=30, seed=0
    ),
}


def traced(**options: Any) -> gm.GossipTrace:
    found: gm.GossipTrace = gm.simulate(
        gm.ParetoUCBGossip(), ENVIRONMENT, gm.Network("ring", agents=4), horizon=30, seed=0, **options
    )
    return found


class Cells(HTMLParser):
    """The text of the table's cells; complains of a tag that is not closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.cells = list[str](), list[str]()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)


@pytest.mark.parametrize("text", OBJECTS)
def test_a_repr_is_one_short_line_and_a_notebook_shows_a_table(text: str) -> None:
    shown = OBJECTS[text]()
    assert repr(shown).startswith(text) and "\n" not in repr(shown) and len(repr(shown)) < 150
    assert len(Cells(shown._repr_html_()).cells) >= 4


def test_results_show_their_summary_and_escape_names(tmp_path: Path) -> None:
    data = {**tiny(30, 1), "algorithms": [{"name": "pareto_ucb_gossip", "label": "<b>"}]}
    results = gm.run(data, out=tmp_path / "run", workers=1)
    assert repr(results) == f"Results({str(tmp_path / 'run')!r}, tiny: 1 of 1 cells, 30 rounds)"
    assert "<b>" in Cells(results._repr_html_()).cells
    (results.path / "cells" / f"{results.spec.cells()[0].id}.parquet").unlink()
    assert "0 of 1 cells" in gm.open_run(results.path)._repr_html_()


def test_a_trace_has_a_table_and_a_dataset() -> None:
    trace, summed = traced(), traced(per_agent_curves=False)
    assert trace.table()["pareto_regret"].tolist() == trace.per_round()["pareto_regret"].tolist()
    data = trace.dataset()
    assert data["pareto_regret"].dims == ("round", "agent") and data["pareto_regret"].attrs["units"] == "reward"
    assert data["pulls"].dims == ("agent", "arm") and int(data["pulls"].sum()) == 120
    np.testing.assert_array_equal(data["final_pareto_regret"], trace.final_pareto_regret)
    assert summed.dataset()["pareto_regret"].dims == ("round",)
