"""The recipe of docs/ratings.md does what it says, and the examples of docs/central.md are true."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gossipmab as gm

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
def test_the_recipe_makes_a_table_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DOCS / "ratings.md").read_text(encoding="utf-8")
    recipe, experiment = (re.search(rf"```{kind}\n(.*?)```", text, re.S) for kind in ("python", "toml"))
    assert recipe and experiment
    monkeypatch.chdir(tmp_path)
    exec(recipe[1], {})  # the document's own code
    table = pd.read_csv("ratings.csv")
    assert table["reward_1"].between(0, 1).all() and len(table) > 1_000
    Path("ratings.toml").write_text(experiment[1], encoding="utf-8")
    results = gm.run("ratings.toml", overrides=["experiment.horizon=400", "experiment.trials=2"], workers=1)
    means = table.pivot_table(index="agent", columns="arm", values="reward_1").to_numpy()
    trace = next(iter(results.traces.values()))
    np.testing.assert_allclose(trace.mean_policy_utility, means @ trace.mean_policy, rtol=1e-12)
    assert {"regret", "regret_maximin"} <= set(results.table().columns)


def test_the_examples_of_the_centre_are_true() -> None:
    failed, tried = doctest.testfile(str(DOCS / "central.md"), module_relative=False)
    assert tried >= 4 and not failed
