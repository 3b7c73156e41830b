"""The studies: every shipped experiment answers its question, and what is said of it follows from the numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gossipmab as gm
from gossipmab.analysis.studies import STUDIES, Study, caption, findings, folder_of, sentences, study_of
from gossipmab.analysis.study_plots import draw_study
from gossipmab.experiments.spec.build import built
from gossipmab.experiments.spec.loading import load_spec
from tests.tiny import Capsys, error_of, printed

TINY = ("experiment.trials=3", "experiment.horizon=60", "experiment.recorded_rounds=6")
SMALL: dict[str, list[str]] = {
    "spectral-gap": ['sweep.network.base=["complete", "ring", "path"]'], "failures": ["experiment.horizon=300"],
    "communication": [], "connectivity": ["sweep.network.link_probability=[0.1, 0.5, 1.0]"],
    "scaling": ["sweep.environment.agents=[5, 8, 12]"],
}  # fmt: skip
BANDITS = {name: study for name, study in STUDIES.items() if study.column == "pareto_regret"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, gm.Results]:
    """Every study's experiment, a few rounds of it."""
    folder = tmp_path_factory.mktemp("studies")
    return {name: gm.run(study.experiment, out=folder / name, overrides=(*TINY, *SMALL[name])) for name, study in BANDITS.items()}


@pytest.mark.parametrize("name", BANDITS)
def test_findings_are_the_means_of_the_last_rounds_and_are_drawn(runs: dict[str, gm.Results], name: str, tmp_path: Path) -> None:
    results, study = runs[name], STUDIES[name]
    found = findings(results, study)
    points, algorithms = results.spec.points, results.spec.algorithms
    assert len(found) == len(points) * len(algorithms)
    assert found["point"].nunique() == len(points)  # every case can be told from the others
    traces, trials = list(results.traces.values()), results.spec.experiment.trials
    row: Any
    for number, row in enumerate(found.itertuples()):
        mine = traces[number * trials : (number + 1) * trials]
        per_agent = [float(trace.per_round()["pareto_regret"][-1]) / trace.agents for trace in mine]
        assert row.value == pytest.approx(np.mean(per_agent), rel=1e-12) and row.low <= row.value <= row.high
        drifts = [float(trace.per_round()["mean_drift"].max()) for trace in mine]
        assert row.drift == pytest.approx(np.mean(drifts), rel=1e-12, abs=1e-18)
    assert found["x"].notna().all() == (study.x is not None)
    paths = draw_study(found, study, tmp_path / "figures" / "study", ("png", "svg"))
    text = paths[1].read_text()
    assert paths[0].read_bytes().startswith(b"\x89PNG") and "Pareto regret an agent" in text.replace("<!-- ", "")
    assert all(f"<!-- {choice.label} -->" in text for choice in algorithms)
    again = draw_study(found, study, tmp_path / "again" / "study", ("png", "svg"))
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]


def test_what_regret_is_drawn_against(runs: dict[str, gm.Results]) -> None:
    x = {name: findings(results, STUDIES[name])["x"].drop_duplicates().tolist() for name, results in runs.items()}
    assert x["connectivity"] == [0.1, 0.5, 1.0] and x["scaling"] == [5.0, 8.0, 12.0]
    spec = runs["spectral-gap"].spec
    networks = [built(point, spec.files, 0)[1] for point in spec.points]
    assert x["spectral-gap"] == [network.facts().spectral_gap for network in networks if network is not None]
    assert sorted(x["spectral-gap"], reverse=True) == x["spectral-gap"]  # complete, ring, path
    every, tenth = x["communication"][:2]
    assert every > 5 * tenth > 0  # messages every round, every tenth round


def test_cases_that_keep_the_mean_do_not_drift(runs: dict[str, gm.Results]) -> None:
    found = findings(runs["failures"], STUDIES["failures"]).set_index("point")["drift"]
    for case, drift in found.groupby(level=0).max().items():
        keeps = case in (
            "message loss 0", "message loss 0.3, symmetric loss",
            "crash probability 0.002, recovery probability 0.01", "partitions",
        )  # fmt: skip
        assert (drift < 1e-12) == keeps, (case, drift)


def test_sentences_and_captions_by_hand() -> None:
    ordered = Study("?", "quickstart", lambda spec, at, rows: 0.0, "gap")
    rows = [("a", 1.0, 8.0), ("b", 2.0, 6.0), ("c", 3.0, 5.0), ("d", 4.0, 4.0), ("e", 5.0, 1.0)]
    found = pd.DataFrame([{"point": n, "algorithm": "one", "x": x, "value": r} for n, x, r in rows])
    assert list(sentences(found, ordered)) == [
        "one: Pareto regret from 1 (e) to 8 (a) an agent; with the gap: falls (Spearman's rho -1.00, p < 0.001, 5 points)"
    ]
    shuffled = found.assign(value=[5.0, 8.0, 1.0, 6.0, 4.0])
    assert "with the gap: no trend" in next(sentences(shuffled, ordered))
    alone = found.iloc[:1].assign(point="one", low=7.0, high=9.0)
    assert list(sentences(alone, ordered._replace(x=None, each=""))) == ["one: Pareto regret 8, 95 % interval 7 to 9"]
    cases = ordered._replace(x=None)
    assert list(sentences(found.assign(x=float("nan")), cases)) == ["one: Pareto regret from 1 (e) to 8 (a) an agent"]
    # captions
    assert caption({"network.base": "ring"}) == "ring"
    assert caption({"network.failures": {"message_loss": 0.3, "symmetric_loss": True}}) == "message loss 0.3, symmetric loss"
    assert caption({"network.failures": {"crash_probability": 0.1, "keep_state": False}}) == "crash probability 0.1, state lost"
    assert caption({"network.failures": {"partitions": [{"groups": [[0]]}]}}) == "partitions"
    assert caption({"network.links": {"process": "static"}, "network.link_probability": 0.5}) == "static; 0.5"


def test_quick_studies_are_experiments_too_and_an_unknown_one_is_refused(capsys: Capsys) -> None:
    line = error_of(capsys, ["study", "conectivity"])
    assert line.startswith("error: study: 'conectivity' is not known; did you mean 'connectivity'?")
    for name, study in STUDIES.items():
        spec = load_spec(study.experiment, study.quick)
        cases = len(spec.points) if spec.sweep else len(spec.algorithms)
        assert spec.experiment.trials == (4 if name in BANDITS else 2) and cases >= 3
        assert study_of(name) is study and folder_of(name, True).name == f"study-{name}-quick"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [*BANDITS, "price-cap"])
def test_the_command(name: str, tmp_path: Path, capsys: Capsys) -> None:
    out = printed(capsys, ["study", name, "--quick", "--out", str(tmp_path / "run")])
    assert out.startswith(STUDIES[name].question)
    assert ("eld_ippo: H / N of the outcomes from" if name == "price-cap" else "pooled radius: Pareto regret from") in out
    assert (tmp_path / "run" / "figures" / f"study_{name.replace('-', '_')}.png").is_file()
