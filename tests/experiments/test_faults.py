"""A run folder survives what happens in a night: kills, damage, full and read-only file systems, clocks, edits, failing cells.

All faults are real where the machine lets us: SIGKILL, truncated and altered files, small and read-only file systems, other
users' rights, limits of memory. What must come out in the end is always the same: the bits of a run that nothing disturbed.
"""

import ctypes
import errno
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import Mock

import pytest
from processes import end_of, start

import gossipmab as gm
from gossipmab.algorithms import PROTOCOLS, ParetoUCB
from gossipmab.analysis import plots as plotting
from gossipmab.cli import call
from gossipmab.engines.gossip import simulate as rounds
from gossipmab.experiments.runner import CellsFailedError
from gossipmab.experiments.spec.loading import from_dict, load_spec
from gossipmab.experiments.storage.cell_file import decode
from gossipmab.experiments.storage.lock import LOCK, OWNER, held
from gossipmab.experiments.storage.run_folder import RunFolder
from gossipmab.utils import provenance
from tests.tiny import Capsys, Patch, cell_times, mounted, needs_mount, same_tables, slow, tiny, until

TINY = tiny(80, 3)
CELLS = 6


class Run(NamedTuple):
    """An experiment's file, and the folder of a run of it that nothing disturbed."""

    spec: Path
    folder: Path

    def command(self, out: Path, *more: str) -> list[str]:
        return ["run", str(self.spec), "--out", str(out), "--workers", "1", "--quiet", *more]

    def copy(self, to: Path) -> Path:
        return Path(shutil.copytree(self.folder, to))


def undisturbed(data: dict[str, Any], folder: Path) -> Run:
    spec = folder / "experiment.toml"
    spec.write_text(from_dict(data).to_toml())
    return Run(spec, gm.run(spec, out=folder / "undisturbed", workers=2).path)


draw = plotting.plot


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: Patch) -> None:
    """Figures take longer than all else; where they are what a test is about, it puts `draw` back."""
    monkeypatch.setattr(plotting, "plot", lambda *args: [])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return undisturbed(TINY, tmp_path_factory.mktemp("tiny"))


def assert_same_run(one: Path, other: Path) -> None:
    """The same numbers everywhere; what says when and how fast they were computed may differ. Nothing is left over."""
    first, second = gm.open_run(one), gm.open_run(other)
    assert same_tables(one, other)
    assert list(first.traces) == list(second.traces) and first.complete and second.complete
    assert all(gm.same_bits(first.traces[cell], second.traces[cell]) == [] for cell in first.traces)
    summaries = [run.summary().drop(columns="steps_per_second") for run in (first, second)]
    assert summaries[0].equals(summaries[1])
    for run in (first, second):
        assert not list(run.path.rglob("*.tmp")) and not (run.path / OWNER).exists()
        manifest = run.folder.manifest()
        assert manifest is not None and manifest["end"] and manifest["sha256"] == run.folder.checksums()


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file but the lock, with the time of its last change and its contents."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != LOCK]
    return {file.relative_to(folder).as_posix(): (file.stat().st_mtime_ns, file.read_bytes()) for file in files}


def line_of(capsys: Capsys) -> str:
    """The one line on stderr."""
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "Traceback" not in err, err
    return err


def killed_at_every_step(run: Run, out: Path, every: int, figures: bool) -> int:
    """The same command killed at its 1st, 1+every-th ... step of writing, each on a folder of its own; how many."""
    for kills, step in enumerate(itertools.count(1, every)):
        folder = out / f"run{step}"
        code = end_of(start(run.command(folder), out / "said", die=step, figures=figures))
        if code == 0:
            return kills
        assert code == -signal.SIGKILL, (out / "said").read_text()
        sound = RunFolder(folder).finished(load_spec(run.spec).cells(), load_spec(run.spec), pytest.fail)
        done = {file: when for file, when in cell_times(folder).items() if file.stem in sound}
        assert call(run.command(folder)) == 0 and done.items() <= cell_times(folder).items()
        assert_same_run(run.folder, folder)
        shutil.rmtree(folder)
    raise AssertionError


def test_killed_while_it_writes(tiny: Run, tmp_path: Path) -> None:
    assert killed_at_every_step(tiny, tmp_path, 17, False) >= 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_every_step_of_writing(tiny: Run, tmp_path: Path) -> None:
    """Before every flush, before and after every rename: manifest, copies of data, cells, tables, figures."""
    assert killed_at_every_step(tiny, tmp_path, 1, True) >= 3 * (CELLS + 8)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_two_hundred_times(tmp_path: Path) -> None:
    """`gossipmab run` itself, killed at random moments from before it is loaded to after its figures are drawn.

    The moments are spread over what the command takes: with all cells at first, with what is left of them once it ended before its
    moment, which does not count.
    """
    data = {**TINY, "experiment": {**TINY["experiment"], "horizon": 200_000, "trials": 200}}
    run, out, moments = undisturbed(data, tmp_path), tmp_path / "run", random.Random(200)
    command = [sys.executable, "-m", "gossipmab"]
    begin = time.monotonic()
    subprocess.run([*command, *run.command(run.folder)], check=True)
    whole, kills, by_cells, leftovers = time.monotonic() - begin, 0, [0], 0
    while kills < 200:
        begin = time.monotonic()
        process = subprocess.Popen([*command, *run.command(out)], stderr=subprocess.PIPE, start_new_session=True)
        with suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, 1.1 * whole))
            whole = time.monotonic() - begin
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        _, said = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL) and said == b""
        kills += process.returncode != 0
        by_cells.append(len(list(out.glob("cells/*.parquet"))))
        leftovers += bool(list(out.rglob("*.tmp")))
        print(f"{kills} kills, {by_cells[-1]} cells, {leftovers} times a file half written", flush=True)
    subprocess.run([*command, *run.command(out)], check=True)
    assert by_cells == sorted(by_cells)  # a finished cell is never lost
    assert_same_run(run.folder, out)
    assert not (out / "cells" / "set_aside").exists()


def damages(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Truncated at every 1 % of its length, and one byte altered in a hundred places from its magic number to its end."""
    for percent in range(100):
        yield f"torn at {percent} %", content[: len(content) * percent // 100]
    for place in sorted({*range(4), *range(0, len(content), len(content) // 97), *range(len(content) - 12, len(content))}):
        bad = bytearray(content)
        bad[place] ^= 1 << (place % 8)
        yield f"byte {place}", bytes(bad)


def test_every_cell_torn_at_every_percent_or_altered_is_set_aside(tiny: Run, tmp_path: Path) -> None:
    folder = RunFolder(tiny.copy(tmp_path / "run"))
    spec = gm.open_run(folder.path).spec
    for cell in spec.cells():
        file = folder.file(cell)
        good = file.read_bytes()
        for what, bad in damages(good):
            file.write_bytes(bad)
            notes: list[str] = []
            assert cell.id not in folder.finished([cell], spec, notes.append), what
            assert len(notes) == 1 and cell.id in notes[0] and "set aside as cells/set_aside/" in notes[0], what
            assert not file.exists()
            [aside] = (folder.cells / "set_aside").iterdir()
            assert aside.read_bytes() == bad
            aside.unlink()
        file.write_bytes(good)
    assert len(folder.finished(spec.cells(), spec, pytest.fail)) == CELLS


@pytest.mark.parametrize("percent", [0, 1, 50, 99])
def test_damaged_cells_are_told_and_computed_again(percent: int, tiny: Run, tmp_path: Path, capsys: Capsys) -> None:
    folder = tiny.copy(tmp_path / "run")
    for file in (folder / "cells").glob("*.parquet"):
        file.write_bytes(file.read_bytes()[: file.stat().st_size * percent // 100])
    assert call(["verify", str(folder)]) == 1 and capsys.readouterr().out.count("WRONG  cells/") == CELLS
    assert call(tiny.command(folder)) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == CELLS and all("torn or altered" in line and "set aside as" in line for line in said)
    assert_same_run(tiny.folder, folder)


@pytest.mark.parametrize("how", ["gone", "empty", "torn", "altered"])
@pytest.mark.parametrize("name", ["results.parquet", "agents.parquet", "summary.csv"])
def test_damaged_tables_are_read_from_the_cells_and_written_anew(
    name: str, how: str, tiny: Run, tmp_path: Path, capsys: Capsys
) -> None:
    folder = tiny.copy(tmp_path / "run")
    damage(folder / name, how)
    assert call(["summary", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert (f"{name} is missing or was altered" in out) == (name != "summary.csv") and err == ""
    assert gm.open_run(folder).table().equals(gm.open_run(tiny.folder).table())
    assert gm.open_run(folder).agents().equals(gm.open_run(tiny.folder).agents())
    assert call(["verify", str(folder)]) == 1
    out, err = capsys.readouterr()
    assert f"WRONG  {name}: {'is missing' if how == 'gone' else ''}" in out and err.count("\n") == 1
    assert call(tiny.command(folder)) == 0 and call(["verify", str(folder)]) == 0
    assert_same_run(tiny.folder, folder)


@pytest.mark.parametrize("how", ["gone", "empty", "torn", "altered"])
@pytest.mark.parametrize("name", ["manifest.json", "spec.toml", "data/*"])
def test_what_describes_a_run_is_written_anew(name: str, how: str, tiny: Run, tmp_path: Path, capsys: Capsys) -> None:
    folder = tiny.copy(tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    [file] = folder.glob(name)
    damage(file, how)
    assert call(["summary", str(folder)]) == 2
    assert "run the same experiment on its folder again: finished cells are kept" in line_of(capsys)
    before = cell_times(folder)
    assert call(tiny.command(folder)) == 0
    assert capsys.readouterr().err.startswith("manifest.json: ") == (name == "manifest.json")
    assert cell_times(folder) == before and (folder / "notes.txt").read_text() == "mine"
    assert_same_run(tiny.folder, folder)


def damage(file: Path, how: str) -> None:
    content = file.read_bytes()
    if how == "gone":
        file.unlink()
    elif how == "altered" and file.name == "manifest.json":
        file.write_bytes(content.replace(b'"horizon": 80', b'"horizon": 81'))
    else:
        bad = {"empty": b"", "torn": content[: len(content) // 3], "altered": content[:40] + b"\xff" + content[41:]}
        file.write_bytes(bad[how])


@pytest.mark.parametrize("how", ["gone", "torn"])
def test_without_a_manifest_another_experiment_is_refused(how: str, tiny: Run, tmp_path: Path, capsys: Capsys) -> None:
    folder = tiny.copy(tmp_path / "run")
    damage(folder / "manifest.json", how)
    before = listing(folder)
    assert call(tiny.command(folder, "--set", "experiment.seed=6")) == 2
    assert "another experiment" in line_of(capsys) and listing(folder) == before
    assert call(tiny.command(folder, "--set", "experiment.seed=6", "--fresh")) == 0
    assert gm.open_run(folder).spec.seed == 6 and len(gm.open_run(folder).traces) == CELLS


def test_a_manifest_of_something_else_is_left_alone(tiny: Run, tmp_path: Path, capsys: Capsys) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    for content, named in (("", "thesis.tex"), ('{"name": "an add-on"}', str(tmp_path)), ("torn {", str(tmp_path))):
        if content:
            (tmp_path / "manifest.json").write_text(content)
        before = listing(tmp_path)
        for more in ([], ["--fresh"]):
            assert call(tiny.command(tmp_path, *more)) == 2 and named in line_of(capsys) and listing(tmp_path) == before


@needs_mount
@pytest.mark.parametrize(("size", "stage"), [
    ("4k", ""), ("8k", ""), ("12k", ""), ("32k", "cells/"), ("72k", ""), ("84k", ""),
    slow("140k", "figures/"),
])  # fmt: skip
def test_a_full_file_system(size: str, stage: str, tiny: Run, tmp_path: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    if stage == "figures/":
        monkeypatch.setattr(plotting, "plot", draw)
    small, run = tmp_path / "small", tmp_path / "small" / "run"
    with mounted(small, size):
        for place in (f"{run}/{stage}", str(run)):  # a second time, what there was room for stands in the way
            assert call(tiny.command(run)) == 3
            line = line_of(capsys)
            assert "No space left" in line and place in line and "free some space" in line
            assert not list(small.rglob("*.tmp"))
            for file in run.glob("cells/*.parquet"):
                decode(file, gm.GossipTrace)
        done = cell_times(run)
        assert f"keeps its {len(done)} finished cells" in line or (stage == "figures/" and "figures/" in line)
        monkeypatch.setattr(plotting, "plot", lambda *args: [])
        subprocess.run(["mount", "-o", "remount,size=4m", str(small)], check=True)
        assert call(tiny.command(run)) == 0 and done.items() <= cell_times(run).items()
        assert_same_run(tiny.folder, run)


@pytest.mark.slow
def test_a_quota_that_is_reached(tiny: Run, tmp_path: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    """The error number of a quota, raised by the system's own call for the third cell."""
    fsync, cells = os.fsync, itertools.count()

    def full(file: int) -> None:
        if "/cells/" in os.readlink(f"/proc/self/fd/{file}") and next(cells) >= 2:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    assert call(tiny.command(tmp_path / "run")) == 3
    line = line_of(capsys)
    assert "quota" in line.lower() and "keeps its 2 finished cells" in line and not list((tmp_path / "run").rglob("*.tmp"))
    monkeypatch.undo()
    assert call(tiny.command(tmp_path / "run")) == 0
    assert_same_run(tiny.folder, tmp_path / "run")


@pytest.mark.slow
@needs_mount
def test_a_read_only_file_system(tiny: Run, tmp_path: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    monkeypatch.setattr(plotting, "plot", draw)
    place = tmp_path / "place"
    with mounted(place, "4m"):
        folder = tiny.copy(place / "run")
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        before = listing(folder)
        for out in (folder, place / "new"):
            assert call(tiny.command(out)) == 2 and "cannot be written to (Read-only file system)" in line_of(capsys)
        for command, word in (("summary", "Pareto regret"), ("verify", "the same bits")):
            assert call([command, str(folder)]) == 0
            out_text, err = capsys.readouterr()
            assert word in out_text and err == ""
        assert call(["plot", str(folder), "--format", "svg"]) == 2
        assert str(folder / "figures") in line_of(capsys) and call(["report", str(folder)]) == 2
        assert str(folder / "report.html") in line_of(capsys)
        assert call(["report", str(folder), "--out", str(tmp_path / "report.html")]) == 0 and listing(folder) == before


def without_privileges() -> None:
    """Root alone may write where modes forbid it: give that up, CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, for good."""
    for capability in (1, 2):
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP


@pytest.mark.slow
def test_a_folder_whose_modes_forbid_to_write(tiny: Run, tmp_path: Path) -> None:
    folder = tiny.copy(tmp_path / "run")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = listing(folder)
    report, drop = ["report", str(folder)], without_privileges if os.geteuid() == 0 else None
    for command, word in (
        (tiny.command(folder), "cannot be written to (Permission denied)"),
        (report, str(folder / "report.html")),
    ):
        words = [sys.executable, "-m", "gossipmab", *command]
        done = subprocess.run(words, capture_output=True, text=True, preexec_fn=drop)
        assert done.returncode == 2 and word in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert listing(folder) == before
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)


def test_ten_processes_on_one_folder(tiny: Run, tmp_path: Path) -> None:
    """One runs, nine say who does. The one is stopped as soon as it says who it is, so that nobody comes too late."""
    out = tmp_path / "run"
    out.mkdir()
    (out / OWNER).write_text(json.dumps({"pid": 2**22 + 1, "host": os.uname().nodename, "since": "a killed one"}))
    processes = [start(tiny.command(out), tmp_path / f"said{i}") for i in range(10)]
    by_pid = {process.pid: process for process in processes}
    owner = 0
    while owner not in by_pid:
        assert any(process.is_alive() for process in processes)
        with suppress(OSError, ValueError):
            owner = json.loads((out / OWNER).read_text())["pid"]
        time.sleep(0.001)
    os.kill(owner, signal.SIGSTOP)
    try:
        codes = [end_of(process) for process in processes if process.pid != owner]
    finally:
        os.kill(owner, signal.SIGCONT)
    said = [(tmp_path / f"said{i}").read_text() for i, process in enumerate(processes) if process.pid != owner]
    assert codes == [2] * 9
    assert all(f"process {owner} on {os.uname().nodename} is running it" in one and one.count("\n") == 1 for one in said)
    assert end_of(by_pid[owner]) == 0
    assert_same_run(tiny.folder, out)


def test_a_lock_whose_owner_was_killed(tiny: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start(tiny.command(out), tmp_path / "said")
    until((out / OWNER).exists)
    process.kill()
    end_of(process)
    assert json.loads((out / OWNER).read_text())["pid"] == process.pid
    with held(out):
        assert json.loads((out / OWNER).read_text())["pid"] == os.getpid()
    assert call(tiny.command(out)) == 0
    assert_same_run(tiny.folder, out)


def test_what_plot_writes_at_this_moment_is_not_swept(tiny: Run, tmp_path: Path) -> None:
    folder = tiny.copy(tmp_path / "run")
    dead = 2**22 + 1  # above the highest that Linux gives
    living = [folder / "figures" / f".x.png.{os.getppid()}.tmp", folder / f".report.html.{os.getppid()}.tmp"]
    left = [folder / "figures" / f".x.png.{dead}.tmp", folder / f".report.html.{dead}.tmp", folder / f".spec.toml.{dead}.tmp",
            folder / "cells" / f".x.parquet.{os.getppid()}.tmp", folder / "data" / f".x.toml.{dead}.tmp"]  # fmt: skip
    (folder / "figures").mkdir()
    for file in (*living, *left):
        file.write_text("half")
    assert call(tiny.command(folder)) == 0 and sorted(folder.rglob("*.tmp")) == sorted(living)


@pytest.mark.slow
def test_a_clock_that_jumps(tiny: Run, tmp_path: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    """Back by decades while it runs; files of the future and of 1970."""
    years = itertools.count(2040, -7)
    monkeypatch.setattr(provenance, "now", lambda: f"{next(years)}-01-01T00:00:00+00:00")
    monkeypatch.setattr(time, "time", lambda: 4e9 - next(years) * 1e6)
    folder = tmp_path / "run"
    with pytest.raises(OSError), held(folder):
        raise OSError
    assert call([*tiny.command(folder), "--set", "experiment.description=first"]) == 0
    [session] = json.loads((folder / "manifest.json").read_text())["sessions"]
    assert session["end"] < session["start"]
    for number, file in enumerate(sorted(folder.rglob("*"))):
        os.utime(file, (0, 0) if number % 2 else (4.2e9, 4.2e9))
    before = cell_times(folder)
    capsys.readouterr()
    assert call(tiny.command(folder)) == 0 and cell_times(folder) == before
    for command in ("summary", "verify", "report"):
        assert call([command, str(folder)]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "the same bits" in out and "WRONG" not in out
    assert session["start"] in (folder / "report.html").read_text()
    assert_same_run(tiny.folder, folder)


def test_an_experiment_edited_between_two_runs(tiny: Run, tmp_path: Path, capsys: Capsys) -> None:
    folder, edited = tiny.copy(tmp_path / "run"), tmp_path / "edited.toml"
    text = tiny.spec.read_text()
    assert "horizon = 80\n" in text and 'description = ""\n' in text
    text = text.replace('description = ""\n', "").replace("horizon = 80\n", "")
    head = "[experiment]\n"
    edited.write_text(text.replace(head, f'# said better\n{head}description = "new"\nhorizon = 80\n'))
    cells = cell_times(folder)
    assert call(["run", str(edited), "--out", str(folder), "--quiet"]) == 0 and cell_times(folder) == cells
    assert gm.open_run(folder).spec.experiment.description == "new"
    before = listing(folder)
    capsys.readouterr()
    for key, change in [
        ("experiment.trials", {"experiment": TINY["experiment"] | {"trials": 4}}),
        ("environment.arms", {"environment": TINY["environment"] | {"arms": 4}}),
        ("algorithms.gossip.pooled", {"algorithms": [TINY["algorithms"][0] | {"pooled": True}, TINY["algorithms"][1]]}),
    ]:
        edited.write_text(from_dict(TINY | change).to_toml())
        assert call(["run", str(edited), "--out", str(folder)]) == 2
        line = line_of(capsys)
        assert f"different are: {key};" in line and "--fresh" in line and listing(folder) == before
    assert call(["run", str(edited), "--out", str(folder), "--quiet", "--fresh"]) == 0
    assert gm.open_run(folder).spec.algorithms[0].params["pooled"] is True


def breaking(self: Any, shape: Any) -> None:
    raise ZeroDivisionError("somebody\nelse's error " + 2_000 * "x")


def ending(self: Any, shape: Any) -> None:
    sys.exit(0)


@pytest.mark.parametrize(
    ("flaw", "error"), [(breaking, "ZeroDivisionError: somebody else's error xxx"), slow(ending, "sys.exit(0)")]
)
def test_a_failing_algorithm_loses_no_other_cell(flaw: Any, error: str, tmp_path: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    flawed = type("Flawed", (ParetoUCB,), {"init": flaw})
    monkeypatch.setitem(PROTOCOLS["gossip"].shipped, "breaking", ParetoUCB)
    data = {**TINY, "algorithms": [{"name": "pareto_ucb"}, {"name": "breaking"}, {"name": "pareto_ucb_gossip"}]}
    run, out = undisturbed(data, tmp_path), tmp_path / "run"
    monkeypatch.setitem(PROTOCOLS["gossip"].shipped, "breaking", flawed)
    assert call(run.command(out)) == 1
    last = capsys.readouterr().err.splitlines()
    assert len(last) == 2 and last[0].startswith("failed: breaking__trial000 and 2 more: ") and error in last[0]
    assert all(len(line) < 400 for line in last) and "3 cells failed" in last[1] and call(["summary", str(out)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "failed: breaking__trial000 and 2 more: " in shown and error in shown and "pareto_ucb_gossip" in shown
    assert call(["report", str(out)]) == 0
    page = (out / "report.html").read_text()
    assert "3 cells failed" in page and "breaking__trial001 failed: " in page
    cells = cell_times(out)
    assert len(cells) == 6
    assert call(run.command(out)) == 1  # and once more: just those were tried
    assert json.loads((out / "manifest.json").read_text())["sessions"][-1]["computed"] == 3
    monkeypatch.setitem(PROTOCOLS["gossip"].shipped, "breaking", ParetoUCB)
    assert call(run.command(out)) == 0 and cells.items() <= cell_times(out).items()
    assert_same_run(run.folder, out)
    capsys.readouterr()
    assert call(["summary", str(out)]) == 0 and "failed" not in capsys.readouterr().out


@pytest.mark.slow
def test_where_every_cell_failed_the_summary_says_of_what(tiny: Run, tmp_path: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    monkeypatch.setattr(rounds, "simulate_gossip", Mock(side_effect=OverflowError("too much")))
    assert call(tiny.command(tmp_path / "run")) == 1
    assert "failed: gossip__trial000 and 5 more: OverflowError: too much" in capsys.readouterr().err
    assert call(["summary", str(tmp_path / "run")]) == 2
    assert "6 failed, first gossip__trial000: OverflowError: too much" in line_of(capsys)
    monkeypatch.undo()
    assert call(tiny.command(tmp_path / "run")) == 0
    assert_same_run(tiny.folder, tmp_path / "run")


@pytest.mark.slow
def test_a_cell_that_memory_is_too_small_for(tmp_path: Path) -> None:
    """A limit of the process's addresses: the cell whose state is three times its environment fails, and it alone."""
    keys = ("experiment.horizon", "environment.agents", "environment.arms", "environment.objectives")
    points = [dict(zip(keys, values, strict=True)) for values in ((80, 3, 2, 2), (81, 200, 3_000, 40))]
    data = {**TINY, "experiment": {**TINY["experiment"], "trials": 1}, "sweep": {"points": points}}
    spec, out, said = tmp_path / "large.toml", tmp_path / "run", tmp_path / "said"
    spec.write_text(from_dict(data).to_toml())
    assert end_of(start(Run(spec, out).command(out), said, memory=900 * 2**20)) == 1
    lines = said.read_text().splitlines()
    assert len(lines) == 2 and "2 cells failed" in lines[1]
    assert "agents=200" in lines[0] and "MemoryError: Unable to allocate" in lines[0]
    results = gm.open_run(out)
    assert [cell.partition("__")[0] for cell in results.traces] == ["horizon=80"] * 2 and len(results.failures) == 2


def test_a_result_that_cannot_be_written_for_want_of_memory(tiny: Run, tmp_path: Path, monkeypatch: Patch) -> None:
    write = RunFolder.write

    def sometimes(self: RunFolder, cell: Any, *rest: Any) -> None:
        if cell.trial == 1:
            raise MemoryError
        write(self, cell, *rest)

    monkeypatch.setattr(RunFolder, "write", sometimes)
    with pytest.raises(CellsFailedError) as caught:
        gm.run(tiny.spec, out=tmp_path / "run", workers=1)
    assert [cell for cell, _ in caught.value.failures] == ["gossip__trial001", "pareto_ucb__trial001"]
    assert caught.value.results is not None
    assert len(caught.value.results.traces) == len(gm.open_run(tmp_path / "run").traces) == 4
    monkeypatch.undo()
    assert gm.run(tiny.spec, out=tmp_path / "run", workers=1).complete
