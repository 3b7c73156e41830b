"""An experiment as a Ray Tune `Trainable`: the bits of `gm.run`, trial by trial; and the page's search on a local Ray."""

import re
import types
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from tests.tiny import Patch, central, refuses, tiny

SPEC = tiny(60, 3)
SWEEP = {"network.link_probability": [0.3, 1.0], "network.weights": ["laplacian", "metropolis"]}
CENTRAL = central(SPEC, trials=1, extra_objectives=["maximin"])


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: Patch) -> Callable[..., Any]:
    """A Trainable in this process, without Ray's processes."""
    monkeypatch.setenv("RAY_CHDIR_TO_TRIAL_DIR", "0")
    storage = SimpleNamespace(trial_fs_path=str(tmp_path), trial_working_directory=str(tmp_path))
    return lambda kind, config: kind(config, storage=storage)


def tuning() -> types.ModuleType:
    """The bridge to Ray Tune."""
    pytest.importorskip("ray.tune", reason="ray[tune] is not installed", exc_type=ImportError)
    return import_module("gossipmab.bridges.tune")


def final_mean(results: gm.Results, label: str, metric: str) -> float:
    table = results.table()
    last = table[(table["algorithm"] == label) & (table["round"] == table["round"].max())]
    return float(np.mean(last[metric].to_numpy()))


@pytest.mark.parametrize("pooled", [False, True])
def test_a_trainable_plays_the_experiment_trial_by_trial(pooled: bool, worker: Callable[..., Any], tmp_path: Path) -> None:
    config = {"algorithms.gossip.pooled": pooled, "network.link_probability": np.float64(0.75)}
    kind = tuning().trainable(SPEC, metric="pareto_regret", label="gossip")
    first = worker(kind, config)
    said = [first.step()]
    first.save_checkpoint(str(tmp_path))
    second = worker(kind, config)  # goes on where the first was stopped
    second.load_checkpoint(str(tmp_path))
    said += [second.step(), second.step()]
    assert [one["done"] for one in said] == [False, False, True] and [one["trials"] for one in said] == [1, 2, 3]
    overrides = [f"algorithms.gossip.pooled={str(pooled).lower()}", "network.link_probability=0.75"]
    wanted = gm.run(SPEC, out=tmp_path / "run", overrides=overrides, workers=1)
    assert said[-1]["pareto_regret"] == final_mean(wanted, "gossip", "pareto_regret")
    table = wanted.table().query("algorithm == 'gossip' and round == 60")
    assert [one["trial_value"] for one in said] == table["pareto_regret"].tolist()
    second.reset_config({"algorithms.gossip.pooled": not pooled})
    assert second.step()["trials"] == 1


@pytest.mark.parametrize(("data", "said", "told"), [
    ({**SPEC, "sweep": SWEEP}, {"label": "gossip"}, "sweep: has 'network.link_probability'"),
    (SPEC, {}, "label: none is given; allowed are gossip, pareto_ucb"),
    (SPEC, {"label": "gosip"}, "label: 'gosip' is not known; did you mean 'gossip'"),
    (SPEC, {"label": "gossip", "metric": "regret_maximin"}, "metric: 'regret_maximin' is not known"),
])  # fmt: skip
def test_what_cannot_be_tuned_is_refused(data: dict[str, Any], said: dict[str, str], told: str) -> None:
    refuses(f"^{re.escape(told)}", tuning().trainable, data, **said)


def test_a_wrong_configuration_is_refused_and_the_metric_is_the_protocols_first(worker: Callable[..., Any]) -> None:
    for config, told in (
        ({"algorithms.gossip.poled": True}, "hyperparameter: 'poled' is not known; did you mean 'pooled'"),
        ({"experiment.trials": 9}, "configuration: 'experiment.trials' cannot be tuned"),
    ):
        refuses(re.escape(told), worker, tuning().trainable(SPEC, label="gossip"), config)
    assert tuning().trainable(SPEC, label="gossip").metric == "pareto_regret"
    kind = tuning().trainable(CENTRAL)
    assert kind.metric == "regret" and kind.label == "explore_first"
    assert tuning().trainable(CENTRAL, metric="regret_maximin").metric == "regret_maximin"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ray_tune_finds_what_the_runs_say(tmp_path: Path, root: Path, monkeypatch: Patch) -> None:
    """The page's own example on a local Ray: alpha and the radius; equal to `gm.run` at the same values."""
    tuning()
    page = (Path(__file__).parents[2] / "docs" / "bridges.md").read_text(encoding="utf-8")
    found = re.search(r"^## Ray Tune.*?```python\n(.*?)```", page, re.S | re.M)
    assert found
    names: dict[str, Any] = {}
    from gossipmab.engines.pools.ray_session import session

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    with warnings.catch_warnings(), session(cpus=2):
        warnings.simplefilter("ignore")  # Tune's own
        exec(found[1], names)  # the document's own code
    for label, metric, space in (("nsw", "nsw_regret", names["alpha"]), ("pareto", "pareto_regret", names["radius"])):
        ((key, choice),) = space.items()
        regrets = {}
        for value in choice["grid_search"]:
            said = f"{key}={str(value).lower()}"
            run = gm.run(names["experiment"], out=tmp_path / f"{label}{value}", overrides=[said], workers=1)
            regrets[value] = final_mean(run, label, metric)
        assert len(set(regrets.values())) == len(regrets)
        assert names["best"][label] == {key: min(regrets, key=lambda value: regrets[value])}
        if label == "pareto":
            assert names["found"].metrics[metric] == min(regrets.values()) and names["found"].metrics["trials"] == 3
