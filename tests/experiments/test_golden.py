"""Run folders of every release, and of versions before a column was there, read by this one."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import gossipmab as gm
from gossipmab.analysis.plots import plot
from gossipmab.analysis.report import write_report
from gossipmab.experiments.spec.renamed import COLUMNS
from gossipmab.experiments.storage.cell_file import KEY, DamagedError, decode, lacking, parquet_bytes
from gossipmab.utils import provenance
from gossipmab.utils.atomic_write import file_hash
from tests.tiny import everyday

GOLDEN = Path(__file__).parents[1] / "golden"
RUNS = sorted(path.parent for path in GOLDEN.glob("*/*/manifest.json"))
# Arrays of gossip that the first versions did not record.
FRONT = ("front_share", "front_evenness", "front_coverage", "hypervolume_regret")
LATER = ("mean_drift", "sampling_error", "scalars_sent", *FRONT, *(f"final_{name}" for name in FRONT))


def name_of(golden: Path) -> str:
    return f"{golden.parent.name}-{golden.name}"


def opened_in_every_way(path: Path, drawn: bool = True) -> gm.Results:
    """The run, after everything that reads one has read it; the report draws as well."""
    results = gm.open_run(path)
    assert results.complete
    cells = results.spec.cells()
    record = results.spec.experiment.recorded_rounds
    table, summary = results.table(), results.summary()
    assert len(table) == len(cells) * record and len(results.agents()) > 0
    assert len(summary) == len(results.spec.points) * len(results.spec.algorithms)
    assert all(np.isfinite(summary[metric]).all() for metric in summary if metric in results.kind.METRICS)
    data = results.dataset()
    assert data.sizes["trial"] == results.spec.experiment.trials and data.sizes["round"] == record
    assert not drawn or all(file.stat().st_size > 1_000 for file in plot(results, formats=("svg",)))
    page = write_report(results).read_text(encoding="utf-8")
    assert "<html" in page and results.spec.experiment.name in page
    return results


@pytest.mark.parametrize("golden", everyday(RUNS, *(run for run in RUNS if run.parts[-2:] != ("0.1.0", "gossip"))), ids=name_of)
def test_a_folder_of_a_release_opens(golden: Path, tmp_path: Path) -> None:
    results = opened_in_every_way(Path(shutil.copytree(golden, tmp_path / "run")), drawn=golden.parent.name != "0.1.0")
    written = parquet.read_table(golden / "results.parquet").to_pandas()
    table = results.table()
    for column in written.columns:
        assert table[COLUMNS.get(column, column)].equals(written[column]), column


@pytest.mark.parametrize("golden", everyday(RUNS, *(run for run in RUNS if run.name == "gossip")), ids=name_of)
def test_its_files_are_sound_and_the_same_sources_play_the_same_bits(golden: Path) -> None:
    *files, replay = gm.verify(golden)
    assert [finding for finding in files if not finding.sound] == []
    cell = gm.open_run(golden).spec.cells()[0]
    origin = json.loads(parquet.read_schema(golden / "cells" / f"{cell.id}.parquet").metadata[KEY])
    assert replay.what == cell.id
    if origin["versions"] == provenance.versions():  # other versions, or another machine, may move a bit
        assert replay.sound, replay.remark


@pytest.mark.slow
def test_a_sweep_over_keys_that_have_new_names_opens(tmp_path: Path) -> None:
    """Names of cells' files hold the keys' names; 0.1 also kept the column of a key such as experiment.welfare dotted."""
    golden = GOLDEN / "swept_0.1.0"
    results = opened_in_every_way(Path(shutil.copytree(golden, tmp_path / "run")))
    written = parquet.read_table(golden / "results.parquet").to_pandas()
    assert results.table()["pareto_regret"].equals(written["pareto_regret"])
    assert results.keys == ["failures", "welfare"] and '"message_loss": 0.3' in results.table()["failures"][0]
    *files, _ = gm.verify(golden)
    assert all(finding.sound for finding in files)


@pytest.mark.parametrize("golden", [run for run in RUNS if run.parent.name != "0.1.0"], ids=lambda path: path.name)
def test_a_run_continues_without_computing_anything_again(golden: Path, tmp_path: Path) -> None:
    copy, notes = Path(shutil.copytree(golden, tmp_path / "run")), list[str]()
    heard: Any = type("Listening", (gm.Callback,), {"on_note": lambda self, text: notes.append(text) or True})()
    results = gm.run(golden.parent / "experiments" / f"{golden.name}.toml", out=copy, callbacks=[heard])
    session = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))["sessions"][-1]
    assert session["computed"] == 0 and session["failed"] == [] and all("other versions" in note for note in notes)
    for file in sorted((golden / "cells").iterdir()):
        assert file_hash(copy / "cells" / file.name) == file_hash(file)
    assert results.summary()["trials"].tolist() == gm.open_run(golden).summary()["trials"].tolist()


@pytest.mark.parametrize("golden", RUNS, ids=name_of)
def test_nothing_in_it_is_of_the_machine_that_made_it(golden: Path) -> None:
    said = json.loads((golden / "manifest.json").read_text(encoding="utf-8"))
    assert set(map(str, said["machine"].values())) == {"golden", "1"}
    for file in (path for path in golden.rglob("*") if path.is_file()):
        assert b"/home/" not in file.read_bytes() and b"/tmp/" not in file.read_bytes(), file


def test_all_releases_together_are_small_and_this_one_is_there() -> None:
    releases = len({run.parent for run in RUNS})
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file()) < 200_000 * releases
    assert {path.name for path in RUNS} == {"gossip", "central", "assignment"}
    assert gm.__version__ in {path.parent.name for path in RUNS}


def without(file: Path, names: Sequence[str]) -> None:
    """Write a cell's file as a version that did not know these arrays wrote it; the checksum is computed here on its own."""
    table = parquet.read_table(file)
    table = table.drop_columns([name for name in names if name in table.column_names])
    said = json.loads(table.schema.metadata[KEY])
    del said["sha256"], said["sealed"]
    sha = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    trace = decode(file, gm.GossipTrace)[0]
    old = {new: name for name, new in COLUMNS.items()}
    for name in (name for name in gm.GossipTrace.AXES if old.get(name, name) not in names):
        array = getattr(trace, name)
        sha.update(f"{old.get(name, name)} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    said["sha256"] = sha.hexdigest()
    text = json.dumps(said, sort_keys=True).encode()
    file.write_bytes(parquet_bytes(table.replace_schema_metadata({KEY: text})))


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The gossip run of 0.1.0 as a version without LATER would have left it."""
    path = Path(shutil.copytree(GOLDEN / "0.1.0" / "gossip", tmp_path / "older"))
    old = {new: name for name, new in COLUMNS.items()}
    names = [old.get(name, name) for name in LATER]
    for file in (path / "cells").glob("*.parquet"):
        without(file, names)
    table = parquet.read_table(path / "results.parquet")
    table = table.drop_columns([name for name in names if name in table.column_names])
    (path / "results.parquet").write_bytes(parquet_bytes(table))
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    manifest["sha256"] = {name: file_hash(path / name) for name in manifest["sha256"]}
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return path


def test_columns_that_an_older_version_did_not_write_are_nan(older: Path) -> None:
    before = gm.open_run(GOLDEN / "0.1.0" / "gossip")
    assert lacking(next(iter(gm.open_run(older).traces.values()))) == LATER
    table, full = opened_in_every_way(older, drawn=False).table(), before.table()
    assert list(table.columns) == list(full.columns)
    assert table[[name for name in LATER if not name.startswith("final_")]].isna().all(axis=None)
    rest = [name for name in full.columns if name not in LATER]
    assert table[rest].equals(full[rest]) and [finding for finding in list(gm.verify(older))[:-1] if not finding.sound] == []


def test_a_column_that_was_taken_out_later_is_damage(tmp_path: Path) -> None:
    table = parquet.read_table(next((GOLDEN / "0.1.0" / "gossip" / "cells").iterdir()))
    for name in ("drift", "pareto_regret", "rounds", "utility"):
        (tmp_path / "x.parquet").write_bytes(parquet_bytes(table.drop_columns([name])))
        with pytest.raises(DamagedError, match="altered"):
            decode(tmp_path / "x.parquet", gm.GossipTrace)
    text = pa.array([["x"] * 4] * table.num_rows)
    other = table.set_column(table.column_names.index("pareto_regret"), "pareto_regret", text)
    (tmp_path / "x.parquet").write_bytes(parquet_bytes(other))
    with pytest.raises(DamagedError, match="altered"):
        decode(tmp_path / "x.parquet", gm.GossipTrace)
