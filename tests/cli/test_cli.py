"""The command line as a user meets it: what is printed where, and the exit codes."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pandas as pd
import pytest

import gossipmab as gm
from gossipmab.analysis.latex import in_latex
from gossipmab.cli import call
from gossipmab.cli.options import keys_of, runs_of
from gossipmab.cli.sheet import Sheet, wrapped
from gossipmab.engines.gossip import simulate as rounds
from gossipmab.utils.formatting import format_number
from tests.tiny import Capsys, Patch, error_of, everyday, module_run, printed, python, tiny

TINY = tiny(80, 6)


finished = module_run(TINY, folder=True)


@pytest.fixture
def spec(finished: Path) -> str:
    return str(finished / "spec.toml")


def test_a_command_seldom_searches_for_unused_objects_and_not_at_its_end() -> None:
    code = "import atexit, gc, sys; from gossipmab.cli import main; sys.argv = ['gossipmab', '--version']"
    code += "; atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count() > 10_000)); main()"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == ["200000 True"] and not done.stderr


def test_run_ends_with_the_table_and_the_figure(spec: str, tmp_path: Path, capsys: Capsys) -> None:
    assert call(["run", spec, "--out", str(tmp_path / "run"), "--workers", "1"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "Pareto regret" in out and "gossip" in out and "pareto_ucb" in out and "Holm" in out
    figure = Path(out.rstrip().rpartition(" ")[2])
    assert figure == tmp_path / "run" / "figures" / "pareto_regret.png" and figure.stat().st_size > 5_000
    assert call(["run", spec, "--out", str(tmp_path / "run"), "--quiet"]) == 0 and capsys.readouterr() == ("", "")


def test_where_the_figure_fails_the_table_is_printed(finished: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    monkeypatch.setattr("gossipmab.analysis.plots.plot", Mock(side_effect=RuntimeError("no latex\nhere")))
    assert call(["run", str(finished / "spec.toml"), "--out", str(finished)]) == 0
    out, err = capsys.readouterr()
    assert "Pareto regret" in out and f"run folder  {finished}" in out.replace("\n", "")
    assert err.splitlines()[-1] == f"no figure was drawn (RuntimeError: no latex here); to draw them: gossipmab plot {finished}"


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["nonsense", "module://matplotlib_of_a_notebook.backend_inline"])
def test_no_backend_and_no_settings_of_matplotlib_are_needed(backend: str, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"text.usetex: True\n\xff\n")
    environment = os.environ | {"MPLBACKEND": backend, "MATPLOTLIBRC": str(tmp_path)}
    command = [sys.executable, "-m", "gossipmab", "topology", "petersen", "--quiet", "--out", str(tmp_path / "x.png")]
    assert subprocess.run(command, env=environment, capture_output=True, check=True).stderr == b""


@pytest.mark.parametrize(("arguments", "words"), [
    (["rum"], ["rum", "run"]), (["run"], ["SPEC"]), (["run", "--sped"], ["--sped"]), (["new"], ["error: Missing command.\n"]),
    (["run", "{spec}", "--workers", "two"], ["--workers"]), (["run", "{spec}", "--workers", "0"], ["workers", "0"]),
    (["run", "nowhere.toml"], ["nowhere.toml"]),
    (["run", "{spec}", "--address", "auto"], ["address"]),
    (["run", "{spec}", "--set", "network.link_probability=2"], ["network.link_probability", "2", "<= 1"]),
    (["run", "{spec}", "--set", "network.link_probabilty=1"], ["link_probabilty", "did you mean 'link_probability'"]),
    (["run", "{spec}", "--out", "{spec}"], ["it is a file"]),
    (["run", "{spec}", "--out", "/proc/nothing"], ["cannot be written to"]),
    (["summary", "{folder}"], ["manifest.json"]),
    (["plot", "{finished}", "--band", "quartersd"], ["quartersd", "quarter-sd"]),
    (["plot", "{finished}", "--format", "png,gif"], ["gif"]),
    (["plot", "{finished}", "--metric", "paretto"], ["paretto", "did you mean 'pareto'"]),
    (["verify", "{folder}/none"], ["none"]),
    (["verify", "{finished}", "--cell", "gossip__trial00"], ["did you mean 'gossip__trial00"]),
    (["topology", "petersn"], ["petersn", "did you mean 'petersen'"]),
    (["topology", "petersen", "--agents", "7"], ["7", "10"]),
    (["topology", "petersen", "--p", "1.5"], ["link_probability", "1.5"]),
    (["topology", "petersen", "--out", "{folder}/x.gif"], ["x.gif"]),
])  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], words: list[str], spec: str, finished: Path, tmp_path: Path, capsys: Capsys
) -> None:
    places = {"spec": spec, "finished": finished, "folder": tmp_path}
    line = error_of(capsys, [argument.format(**places) for argument in arguments])
    for word in words:
        assert word in line, line


def test_summary_in_every_format_and_plot(finished: Path, capsys: Capsys) -> None:
    out = printed(capsys, ["summary", str(finished)])
    assert "exponent" in out and "gossip" in out and "80" in out
    assert call(["plot", str(finished), "--band", "ci", "--format", "svg", "--metric", "both"]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    regrets = {f"{metric}_regret{what}.svg" for metric in ("pareto", "nsw") for what in ("", "_against_bytes")}
    assert {path.name for path in paths if path.is_file()} == regrets | {"estimation_error.svg", "front_coverage.svg"}
    # summary in other formats
    summary = gm.open_run(finished).summary()
    shown = ["summary", str(finished), "--columns", "algorithm,regret,interval,p", "--format"]
    texts = {form: printed(capsys, [*shown, form]) for form in ("csv", "markdown", "latex", "json")}
    table = pd.read_csv(io.StringIO(texts["csv"]))
    columns = ["algorithm", "pareto_regret", "pareto_regret_low", "pareto_regret_high", "pareto_regret_p"]
    pd.testing.assert_frame_equal(table, summary[columns])
    assert [list(row) for row in json.loads(texts["json"])["rows"]] == [columns] * 2
    regret = format_number(summary["pareto_regret"][0])
    assert "| algorithm | at T | 95 % interval | p |\n| --- | ---: | ---: | ---: |" in texts["markdown"]
    assert f"| gossip | {regret} |" in texts["markdown"] and f"gossip & {regret} & " in texts["latex"]
    assert r"algorithm & at T & 95 \% interval & p \\" in texts["latex"] and r"pareto\_ucb & " in texts["latex"]
    assert in_latex("7.3e-04 of a_b") == r"$7.3 \times 10^{-4}$ of a\_b"


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_name_and_no_number_is_cut(width: int, finished: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    every = printed(capsys, ["summary", str(finished)]).split()
    monkeypatch.setenv("COLUMNS", str(width))
    for arguments in (["summary", str(finished)], ["topology", "petersen", "--out", str(finished.parent / "x.svg")], ["list"]):
        out = printed(capsys, arguments)
        assert max(map(len, out.partition("drawn in")[0].splitlines())) <= width and "…" not in out
        if arguments[0] == "summary":
            words = {word.strip(",:") for word in out.split()}
            known = {word.strip(",:") for word in every} | {"left", "out", "at", "this", "width"}
            assert {"pareto_ucb", "gossip"} <= words <= known
    headings = ("network.link_probability", "algorithm", "at T", "interval", "bytes", "a heading of five words")
    names = ("a_label_of_more_than_forty_characters_in_all", "0.05")
    rows = [(names[1], names[0], "24,783", "20,305 to 29,754", "2.57 M", "1")]
    text = "\n".join(line for line, _ in Sheet("t", headings, rows, 2, spare=("bytes",)).lines(width))
    assert all(f" {cell} " in f" {text} ".replace("\n", " ") for cell in rows[0] if cell != "2.57 M")
    assert ("2.57 M" in text) != ("left out at this width: bytes" in text)
    lines = text.splitlines()
    assert len(lines) == {60: 7, 80: 5, 100: 5, 140: 3}[width] and max(map(len, lines)) <= width


def test_numbers_as_they_are_read_and_words_are_whole() -> None:
    shown = {0.0: "0", 1234.56: "1,235", 0.123456: "0.1235", 12.0: "12.00", 1e-5: "1.000e-05", float("nan"): "-"}
    assert {value: format_number(value) for value in shown} == shown
    assert wrapped("less regret, n = 15, p < 0.001, 9 % more", 17) == ["less regret,", "n = 15,", "p < 0.001, 9 %", "more"]
    assert wrapped("at failures = abcdefghij", 14) == ["at failures =", "abcdefghij"]
    assert wrapped("a /very/long/path/name", 8, whole=True) == ["a", "/very/long/path/name"]


def test_runs_are_listed_and_named_where_one_is_missing(finished: Path, tmp_path: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    half = shutil.copytree(finished, tmp_path / "runs" / "group" / "half")
    (half / "cells" / "gossip__trial000.parquet").unlink()
    (half / "summary.csv").unlink()
    shutil.copytree(finished, tmp_path / "runs" / "whole")
    (shutil.copytree(finished, tmp_path / "runs" / "torn") / "manifest.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    lines = printed(capsys, ["runs"]).splitlines()
    assert lines[0] == "3 runs in runs" and len(lines) == 5
    assert [line.split()[0] for line in lines[2:]] == ["runs/group/half", "runs/whole", "runs/torn"]
    assert "11 of 12" in lines[2] and "no summary yet" in lines[2] and "all 12" in lines[3] and "is damaged" in lines[4]
    assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d .* least Pareto regret [\d.]+: ", lines[3])
    assert "there are runs/group/half, runs/torn, runs/whole" in error_of(capsys, ["summary", "runs"])
    assert "did you mean runs/whole?" in error_of(capsys, ["plot", "runs/whloe"])
    assert "did you mean runs/whole?" in error_of(capsys, ["report", "whole"])
    assert "nowhere" in error_of(capsys, ["runs", "nowhere"])
    assert runs_of("runs/wh") == ["runs/whole"] and runs_of("ru")[-1:] == ["runs/whole"]
    assert "network.link_probability=" in keys_of("network.") and keys_of("algorithms.*.pool") == ["algorithms.*.pooled="]


def test_topology_prints_facts_and_draws(tmp_path: Path, capsys: Capsys) -> None:
    picture = tmp_path / "drawn.svg"
    out = printed(capsys, ["topology", "petersen", "complete", "--p", "1", "--out", str(picture)])
    # Petersen: Laplacian eigenvalues 0, 2, 5, so E[W] = I - Lap/10 has 0.8 second; complete: 20 agents agree at once.
    petersen = next(line.split() for line in out.splitlines() if line.startswith("petersen"))
    assert petersen[1:9] == ["10", "15", "3", "to", "3", "2", "2.000", "0.8000"]
    complete = next(line.split() for line in out.splitlines() if line.startswith("complete"))
    assert complete[1:3] == ["20", "190"] and picture.read_text().count("10 agents") <= 1 and picture.stat().st_size > 5_000


def test_verify_holds_for_a_sound_run_and_notices_other_bits(finished: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    out = printed(capsys, ["verify", str(finished)])
    assert "12 of 12" in out and "the same bits" in out and "WRONG" not in out
    assert "pareto_ucb__trial003: played again" in printed(capsys, ["verify", str(finished), "--cell", "pareto_ucb__trial003"])
    # verify notices other bits
    simulate = rounds.simulate_gossip
    monkeypatch.setattr(rounds, "simulate_gossip", lambda *args, **options: simulate(*args, **{**options, "seed": 6}))
    assert call(["verify", str(finished)]) == 1 and "other bits in" in capsys.readouterr().out


def test_help_and_version_answer_without_anything_heavy() -> None:
    script = (
        "import sys; from gossipmab.cli import call; code = call(sys.argv[1:]);"
        "heavy = {'numba', 'numpy', 'matplotlib', 'ray', 'pandas', 'pyarrow', 'networkx', 'scipy'} & set(sys.modules);"
        "assert not heavy, heavy; sys.exit(code)"
    )
    for arguments, word in (("--help", "verify"), ("run --help", "--fresh"), ("--version", gm.__version__), ("", "verify")):
        assert word in python(script, *arguments.split())


@pytest.mark.parametrize("arguments", everyday(("--help", "topology petersen", "list", "list --json", "schema"), "--help"))
def test_a_closed_pipe_and_an_encoding_without_our_letters_are_no_errors(arguments: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gossipmab", *arguments.split()]
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        os.close(write)
        assert process.communicate()[1] == "" and process.returncode == 141
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert done.returncode == 3 and done.stderr == "error: No space left on device\n"
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=ascii_only, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.isascii() and done.stderr == ""
