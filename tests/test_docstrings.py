"""Every public name has an example in its docstring, and the examples give what they show."""

import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

import gossipmab as gm
from gossipmab.metrics.trace import TrialRecord

# Classes whose methods users call; those of algorithms, callbacks and actors are called by engines.
CALLED = (gm.CommunicationBudget, gm.Environment, gm.LinkProcess, gm.Network, gm.Results, TrialRecord)
INSIDE = {"Environment.from_data", "Results.load", "Results.summarise_written"}  # called by the package
ONE_AFTER_THE_OTHER = ["gossipmab.run", "gossipmab.Results"]  # the others use their run folder


def documented() -> Iterator[tuple[str, Any]]:
    for name in gm.__all__:
        if name not in ("__version__", "datasets", "marl"):
            yield f"gossipmab.{name}", getattr(gm, name)
    for name in gm.marl.__all__:
        yield f"gossipmab.marl.{name}", getattr(gm.marl, name)
    yield "gossipmab.datasets.ridesharing", gm.datasets.ridesharing
    for kind in CALLED:
        for name, value in vars(kind).items():
            method = getattr(value, "__func__", value)
            if inspect.isfunction(method) and not name.startswith("_") and f"{kind.__name__}.{name}" not in INSIDE:
                yield f"{kind.__name__}.{name}", method


def test_every_public_name_has_an_example_that_gives_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    environment, network = gm.Environment.sample(4, 3, 2, seed=0), gm.Network("ring", agents=4)
    trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=30, seed=0)
    names = {"gm": gm, "np": np, "environment": environment, "network": network, "trace": trace}
    runner, finder = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE), doctest.DocTestFinder(recurse=False)
    found, wrong = dict(documented()), []
    for name in [*ONE_AFTER_THE_OTHER, *(name for name in found if name not in ONE_AFTER_THE_OTHER)]:
        if name == "Results.open":
            names["results"] = gm.open_run("runs/first")
        (test,) = finder.find(inspect.unwrap(found[name]), name, extraglobs=names)
        assert test.examples, f"{name} has no example"
        wrong += [name] if runner.run(test).failed else []
    from matplotlib import pyplot

    pyplot.close("all")
    assert wrong == []
