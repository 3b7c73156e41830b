"""What objects look like in a notebook, and the tables and datasets of a single trace."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Page
from matplotlib.figure import Figure

import gossipmab as gm
from tests.tiny import python, refuses, tiny

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
    ring = gm.Network("ring", agents=4)
    return gm.simulate(gm.ParetoUCBGossip(), ENVIRONMENT, ring, horizon=30, seed=0, **options)  # type: ignore[no-any-return]


def cells_of(shown: Any) -> list[str]:
    """The text of the table's cells."""
    return [text for tag, text in Page(shown._repr_html_()).texts if tag in ("td", "th")]


@pytest.mark.parametrize("text", OBJECTS)
def test_a_repr_is_one_short_line_and_a_notebook_shows_a_table(text: str) -> None:
    shown = OBJECTS[text]()
    assert repr(shown).startswith(text) and "\n" not in repr(shown) and len(repr(shown)) < 150
    assert len(cells_of(shown)) >= 4


def test_results_show_their_summary_and_escape_names(tmp_path: Path) -> None:
    data = {**tiny(30, 1), "algorithms": [{"name": "pareto_ucb_gossip", "label": "<b>"}]}
    results = gm.run(data, out=tmp_path / "run", workers=1)
    assert repr(results) == f"Results({str(tmp_path / 'run')!r}, tiny: 1 of 1 cells, 30 rounds)"
    assert "<b>" in cells_of(results)
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


def test_results_traces_and_networks_draw_into_given_axes_or_a_figure_of_pyplot(tmp_path: Path) -> None:
    swept = {"sweep": {"network.link_probability": [0.2, 0.5, 1.0]}}
    results = gm.run({**tiny(30, 2, **swept)}, out=tmp_path / "run", workers=1)
    figure = Figure()
    ax = figure.subplots()
    assert results.plot(ax=ax, where={"link_probability": 0.5}) is ax and len(ax.get_lines()) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["gossip", "Pareto UCB1"]
    refuses("axes: got 1, allowed are as many as the chart has panels, 3", results.plot, ax=ax)
    refuses("x: 'probability' is not known", results.plot, x="probability")
    assert results.plot(ax=figure.subplots(3)).shape == (3,)
    for one, other in ((traced(), "a"), (traced(), "b")):
        assert one.plot("nsw", ax, label=other) is ax
    assert [text.get_text() for text in ax.get_legend().get_texts()][2:] == ["a", "b"]
    assert NETWORK.plot(figure.subplots()).collections
    refuses("2,001 agents and 2,001 links, too large to be drawn", gm.Network("ring", agents=2_001).plot, ax)
    code = "import sys, gossipmab as gm; r = gm.open_run(sys.argv[1]); a = r.plot(x='link_probability'); b = r.plot()\n"
    code += "from matplotlib import pyplot as p; assert p.get_fignums() == [1, 2] and len(b) == 3; a.figure.savefig(sys.argv[2])"
    python(code, results.path, tmp_path / "a.png", timeout=120, MPLBACKEND="agg")


@pytest.mark.slow
def test_a_notebook_shows_tables_each_figure_once_and_a_bar(tmp_path: Path) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    cells = [
        "import gossipmab as gm",
        f"results = gm.run({tiny(200, 2)!r}, out={str(tmp_path / 'run')!r}, workers=1, quiet=False)",
        "results",
        "results.plot()",
        "ring = gm.Network('ring', agents=4); ax = ring.plot()",
        "trace = gm.simulate(gm.ParetoUCBGossip(), gm.Environment.sample(4, 3, 2), ring, horizon=30, seed=0); trace.plot(); trace",
        "from IPython.display import HTML; HTML(gm.animate(results, rounds=4, frames=2).to_jshtml())",
        f"again = gm.run({tiny(200, 2)!r}, out={str(tmp_path / 'run')!r}, workers=1, quiet=False)",
        "import matplotlib.pyplot as plt; _ = plt.plot([1, 2])",
    ]
    book = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    nbclient.NotebookClient(book, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [cell.outputs for cell in book.cells]
    kinds = [[sorted(one.get("data", {"text": 0})) for one in found] for found in outputs]
    html, image, text = ["text/html", "text/plain"], ["image/png", "text/plain"], ["text/plain"]
    assert kinds == [[], [html], [html], [text, image], [image], [html, image], [html], [["text"]], [image]]
    assert "cells 4/4" in outputs[1][0].data["text/plain"] and "100 %" in outputs[1][0].data["text/html"]
    assert "<table" in outputs[2][0].data["text/html"] and "<script" in outputs[6][0].data["text/html"]
    assert [(one.name, one.text) for one in outputs[7]] == [("stdout", "4 of 4 cells are there already\n")]
