"""Files that mean harm: refused in one line, within bounded memory and time, and with nothing written elsewhere."""

import ast
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tomli_w
from browser import Page
from hypothesis import HealthCheck, given, settings, strategies as st
from pyarrow import parquet

import gossipmab as gm
from gossipmab.analysis.report import write_report
from gossipmab.cli import call
from gossipmab.experiments.spec.loading import from_dict, overridden
from gossipmab.experiments.spec.sweep import safe
from gossipmab.experiments.storage.cell_file import KEY, DamagedError, decode, encode, parquet_bytes
from gossipmab.utils.atomic_write import file_hash
from gossipmab.utils.errors import LONGEST, InputError, one_line
from gossipmab.utils.safe_read import LARGEST_TEXT, content_of, parsed_toml
from tests.tiny import Capsys, Patch, error_of, odd_files, refuses, tiny

PACKAGE = Path(gm.__file__).parent
GOLDEN = Path(__file__).parents[1] / "golden" / "0.2.0"
VALID = """
[experiment]
name = "x"
horizon = 10
seed = 1
[environment]
agents = 3
arms = 2
objectives = 1
MORE
[network]
base = "complete"
[[algorithms]]
name = "pareto_ucb_gossip"
"""
MEMORY = 3 * 2**30  # bytes of address space
# Loads every experiment named on stdin with so much memory; prints what came of it.
LOADER = f"""
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
from gossipmab.experiments.spec.loading import load_spec
for path in json.load(sys.stdin):
    begin = time.process_time()
    try:
        load_spec(path)
        said = "", ""
    except Exception as error:
        said = type(error).__name__, str(error)
    print(json.dumps([path, *said, time.process_time() - begin]), flush=True)
"""


def loaded(folder: Path, paths: list[str]) -> dict[str, tuple[str, str]]:
    """Path -> (name of the exception, message), each loaded in a process that may not have more than MEMORY."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADER], input=json.dumps(paths), cwd=folder, capture_output=True, text=True,
        timeout=240, env={**os.environ, "PYTHONPATH": str(PACKAGE.parent), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == paths, done.stderr[-2_000:]
    slow = {row[0]: row[3] for row in rows if row[3] > 60}
    assert not slow  # processor time, not the clock's; the slowest takes seconds
    return {path: (kind, message) for path, kind, message, _ in rows}


def assert_refused(folder: Path, words: dict[str, str], key: str = "") -> None:
    """Each of these experiments is refused in one line, in which the key and its words stand."""
    for path, (kind, message) in loaded(folder, list(words)).items():
        assert kind == "InputError" and words[path] in message and key in message, (path[:30], kind, message[:300])
        assert message.isprintable() and len(message) <= LONGEST


def sparse(path: Path, size: int) -> None:
    """A file that claims to be large and takes no room."""
    with open(path, "wb") as file:
        file.truncate(size)


def test_hostile_experiment_files_are_refused_in_one_line(tmp_path: Path) -> None:
    def content(text: str) -> bytes:
        return VALID.replace("MORE", text).encode()

    files: dict[str, tuple[bytes, str]] = {
        "empty": (b"", "required"),
        "arrays": (b"x = " + b"[" * 100_000, "nested too deeply"),
        "tables": (b"x = " + b"{a=" * 100_000, "nested too deeply"),
        "dotted": (b"x." * 500_000 + b"x = 1", "a key of more than 20 parts (at line 1)"),
        "spaced": (b"x = 1\n" + b"'a' . \"b\\\"\" ." * 100_000 + b"x = 1", "a key of more than 20 parts (at line"),
        "header": (b"[" + b"x." * 500_000 + b"x]\n" + b"a=1\n" * 100_000, "a key of more than 20 parts"),
        "bytes": (b"\xff\xfe", "is not UTF-8 text (byte 0)"),
        "nul": (content("a = 1\0"), "is not valid TOML"),
        "infinite": (content("heterogeneity = 1e400"), "environment.heterogeneity: got inf"),
        "nan": (content("heterogeneity = nan"), "environment.heterogeneity: got nan"),
        "integer": (content("heterogeneity = 1" + "0" * 400), "more than 64 bits"),
        "digits": (content("heterogeneity = 1" + "0" * 5_000), "is not valid TOML"),
        "day": (content("heterogeneity = 2020-01-01"), "environment.heterogeneity: got 2020-01-01"),
        "string": (content(f'rewards = "{"x" * 10**6}"'), "environment.rewards: 'xxx"),
        "key": (content("x" * 10**6 + " = 1"), "is not known"),
        "name": (VALID.replace("MORE", "").replace('"x"', '"a\\u0000b"').encode(), "experiment.name"),
        "long": (VALID.replace("MORE", "").replace('"x"', f'"{"x" * 10_000}"').encode(), "experiment.name"),
        "turned": (VALID.replace("MORE", "").replace('"x"', '"a\\u202Eb"').encode(), "experiment.name"),
        "sweep": (content("") + "".join(f"[sweep.a{i}]\nb = {list(range(10))}\n" for i in range(9)).encode(), "more than"),
        "wide": (
            content("") + b"[sweep]\n" + b"".join(b'"network.k%d" = [1]\n' % i for i in range(10**4)) + b'"a.b" = '
            + str(list(range(10**4))).encode(), "sweep: more than"
        ),
        "trials": (content("").replace(b"seed", b"trials = 1000000\nseed") + b"[sweep]\n'environment.arms'=[2,3]", "cells"),
        "giant": (content("").replace(b"arms = 2", b"arms = 100000").replace(b"= 3", b"= 100000"), "allowed are 50000000"),
    }  # fmt: skip
    for name, (begin, _) in files.items():
        (tmp_path / f"{name}.toml").write_bytes(begin)
    sparse(tmp_path / "huge.toml", 10**11)
    (tmp_path / "mark.toml").write_bytes(b"\xef\xbb\xbf" + content(""))
    words = {f"{name}.toml": word for name, (_, word) in files.items()}
    words["huge.toml"] = f"more than the {LARGEST_TEXT} that are read"
    words |= dict.fromkeys([*odd_files(tmp_path, ".toml"), "/dev/zero", "a\0.toml"], "there is no file")
    assert_refused(tmp_path, words | {"x" * 10_000: "not known"})
    assert loaded(tmp_path, ["mark.toml"]) == {"mark.toml": ("", "")}  # a byte order mark, as editors leave it, is no harm


def npy(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header.encode() + content


def hostile_data(folder: Path) -> dict[str, str]:
    """Write files of means, preferences, contacts; file -> what the refusal says."""
    said = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s,), }"
    rows = b"agent,arm,mean_1\n0,0,%s\n0,1,0.5\n1,0,0.5\n1,1,0.5\n2,0,0.5\n2,1,0.5\n"
    zeros = np.zeros((3, 2, 1))
    files: dict[str, tuple[bytes, str]] = {
        "claims.npy": (npy(said % 10**15), "cannot be read"),
        "negative.npy": (npy(said % "-1, -8", bytes(64)), "cannot be read"),
        "parentheses.npy": (npy("(" * 9_000), "cannot be read"),
        "minus.npy": (npy("-" * 9_000 + "1"), "cannot be read"),
        "long.npy": (npy(" " * 60_000), "cannot be read"),
        "code.npy": (npy("__import__('os').system('touch harm')"), "cannot be read"),
        "version.npy": (npy(said % 1, version=b"\x09\x00"), "cannot be read"),
        "zip.npy": (b"PK\x03\x04" + bytes(100), "cannot be read"),
        "empty.npy": (b"", "cannot be read"),
        "deep.json": (b"[" * 10**6, "nested too deeply"),
        "large.json": (b"[[[1e400, 1]]]", "not finite"),
        "integer.json": (b"[[[1" + b"0" * 400 + b"]]]", "not a rectangular array"),
        "digits.json": (b"[[[1" + b"0" * 5_000 + b"]]]", "cannot be read"),
        "object.json": (b'{"a": 1}', "not a rectangular array"),
        "bytes.json": (b"\xff\xfe", "not UTF-8"),
        "infinite.csv": (rows % b"inf", "missing or not finite"),
        "word.csv": (rows % b"x", "cannot be read as a table of numbers"),
        "missing.csv": (rows % b"", "missing or not finite"),
        "twice.csv": (b"agent,agent,mean_1\n0,0,1\n", "two columns 'agent'"),
        "far.csv": (b"agent,arm,mean_1\n1e18,0,1\n", "1e+18, allowed are whole numbers"),
        "below.csv": (b"agent,arm,mean_1\n-1,0,1\n", "-1, allowed are whole numbers"),
        "many.csv": (b"agent,arm,mean_1\n2e9,2e9,1\n", "needs one for each of"),
        "columns.csv": (b",".join(b"c%d" % i for i in range(10**6)) + b"\n" + b"1," * (10**6 - 1) + b"1\n", "columns"),
        "bytes.csv": (b"\xff\xfe,\xff\n1,2\n", "cannot be read"),
        "nul.csv": (bytes(10_000), "cannot be read"),
        "begin.parquet": (b"PAR1" + bytes(100) + b"PAR1", "cannot be read"),
    }
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    words = {name: word for name, (_, word) in files.items()}
    for name, array, word in (
        ("pickled.npy", np.array([{}], dtype=object), "cannot be read"),
        ("complex.npy", zeros.astype(complex), "complex128, allowed are numbers"),
        ("dates.npy", zeros.astype("datetime64[s]"), "datetime64[s], allowed are numbers"),
        ("fields.npy", np.zeros(2, [("a", "f8"), ("b", "f8")]), "allowed are numbers"),
        ("cut.npy", zeros, "cannot be read"),
        ("four.npy", zeros[None], "allowed is (agents, arms, objectives)"),
    ):
        np.save(folder / name, array, allow_pickle=True)
        words[name] = word
    (folder / "cut.npy").write_bytes((folder / "cut.npy").read_bytes()[:-3])
    for name in ("huge.npy", "huge.csv", "huge.json"):
        sparse(folder / name, 10**12)
        words[name] = "that are read"
    column = {"agent": [0], "arm": [0]}
    for name, table, word in (
        ("nested.parquet", pa.table({**column, "mean_1": [[1.0]]}), "list"),
        ("words.parquet", pa.table({**column, "mean_1": ["1"]}), "string, allowed are numbers"),
        ("times.parquet", pa.table({**column, "mean_1": pa.array([1], pa.timestamp("s"))}), "timestamp"),
        ("columns.parquet", pa.table({f"c{i}": [1] for i in range(10_001)}), "more than 10000 columns"),
        ("bomb.parquet", pa.table({"mean_1": np.zeros(50_000_001, np.int8)}), "more than 50000000 numbers"),
        ("null.parquet", pa.table({**column, "mean_1": pa.nulls(1)}), "missing or not finite"),
    ):
        parquet.write_table(table, folder / name, compression="zstd")
        words[name] = word
    odd = [name for suffix in (".npy", ".csv", ".json") for name in odd_files(folder, suffix)]
    words |= dict.fromkeys([*odd, "none.npy", "a\0b.npy", "x.pkl"], "there is no file")
    (folder / "is.pkl").write_bytes(b"\x80\x04.")
    return words | {"is.pkl": "has suffix '.pkl'"}


def test_hostile_data_files_are_refused_in_one_line(tmp_path: Path) -> None:
    words = {}
    for number, (name, word) in enumerate(hostile_data(tmp_path).items()):
        words[f"spec{number}.toml"] = word
        (tmp_path / f"spec{number}.toml").write_text(VALID.replace("MORE", f"means = {json.dumps(name)}"), encoding="utf-8")
    assert_refused(tmp_path, words, "environment.means")
    assert not (tmp_path / "harm").exists()


def test_hostile_contacts_and_tables_are_refused_in_one_line(tmp_path: Path) -> None:
    contacts = {
        "line": (b"1 a " + b"b" * 10**7, "more than 10000 characters"),
        "rounds": (b"0 a b\n1e18 a b\n", "more than 1000000000 rounds"),
        "names": (b"".join(b"0 a%d b%d\n" % (i, i) for i in range(600_000)), "more than 1000000 agents"),
        "bytes": (b"\xff", "not UTF-8"),
        "nan": (b"1 a b\nnan a b\n", "'nan' is not a time"),
    }
    words, text = {}, VALID.replace("MORE", "").replace("agents = 3", "")
    for name, (content, word) in contacts.items():
        (tmp_path / f"{name}.txt").write_bytes(content)
        links = f'links = {{ process = "contact_trace", file = "{name}.txt" }}'
        (tmp_path / f"{name}.toml").write_text(text.replace('base = "complete"', links), encoding="utf-8")
        words[f"{name}.toml"] = word
    tables = {"pairs": (b"agent,arm,reward_1\n2e9,2e9,1\n", "need at least"), "rows": (b"agent,arm,reward_1\n", "has no rows")}
    for name, (content, word) in tables.items():
        (tmp_path / f"{name}.csv").write_bytes(content)
        more = f'rewards = "table"\nlogged_rewards = "{name}.csv"'
        (tmp_path / f"{name}.toml").write_text(VALID.replace("MORE", more), encoding="utf-8")
        words[f"{name}.toml"] = word
    assert_refused(tmp_path, words)
    # Three contacts in 10^9 rounds: what is kept is of the contacts, not of the rounds.
    (tmp_path / "t.txt").write_text("0 a b\n5 b c\n999999998 a b\n", encoding="utf-8")
    network = gm.Network(links={"process": "contact_trace", "file": str(tmp_path / "t.txt")})
    sample = network.process.sampler(network.graph, None)
    assert sample(6).sum(axis=1).tolist() == [1, 0, 0, 0, 0, 1]


NASTY = ("../../x", "/etc/x", "CON", "nul.txt", "a" * 100, "а", "a", "A", "[/b]", "$x^$", "_x", "<script>x()</script>", "-rf")


@pytest.mark.parametrize("text", [*NASTY, "..", ".", "", "a\0b", "a\nb", "x" * 10_000, "aux", "COM1.x", "\u202ex"])
def test_a_safe_name_is_one_part_of_a_path_on_any_system(text: str) -> None:
    name = safe(text)
    assert name and name.isascii() and name.isprintable() and Path(name).name == name and not set(name) & set('/\\:*?"<>|')
    assert not name.startswith((".", "-")) and not name.endswith(".")
    assert name.partition(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}


def own_scripts(folder: Path) -> list[int]:
    """The lengths of the scripts of a report without anything odd."""
    return Page(write_report(gm.open_run(GOLDEN / "central"), folder / "plain.html").read_text(encoding="utf-8")).scripts


@pytest.mark.slow
def test_nasty_names_are_played_drawn_and_reported_inside_the_run_folder(tmp_path: Path, monkeypatch: Patch) -> None:
    labels = [label for label in NASTY if len(label) < 50]
    data = tiny(10, 1, algorithms=[{"name": "pareto_ucb", "label": label} for label in labels])
    data["experiment"] |= {"name": "../[/b] $^$", "description": "<img src=x onerror=y>"}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.toml").write_bytes(tomli_w.dumps(data).encode())
    monkeypatch.chdir(tmp_path)
    assert call(["run", "in/x.toml"]) == 0
    (run,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"b-[0-9a-f]{8}", run.name)  # what was left out of the name is in the hash
    assert call(["report", f"runs/{run.name}"]) == 0
    there = {path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {("in", "x.toml"), ("runs", run.name)} and len(list((run / "cells").glob("*.parquet"))) == len(labels)
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    assert not page.all("iframe", "object", "embed", "form") and page.scripts == own_scripts(tmp_path)
    sources = {str(attributes["src"]).partition(",")[0] for _, attributes in page.elements if "src" in attributes}
    assert sources == {"data:image/svg+xml;base64"}  # as images they run no scripts
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_what_goes_on_behind_its_size_is_not_cut_in_silence(tmp_path: Path, monkeypatch: Patch) -> None:
    """A file that grows while it is read, or has no size, as under /proc."""
    (tmp_path / "x.txt").write_bytes(b"y" * 70_000)
    assert content_of(tmp_path / "x.txt", "file", 10**6) == b"y" * 70_000
    size = os.fstat
    monkeypatch.setattr(os, "fstat", lambda number: os.stat_result([*size(number)[:6], 0, *size(number)[7:10]]))
    refuses(r"^file: 'x.txt' goes on behind the 65536 bytes that are read$", content_of, tmp_path / "x.txt", "file", 10**6)


def test_a_message_is_one_short_line_that_no_terminal_obeys() -> None:
    error = InputError("a\x1b[31m\n b\u202e" + "c" * 10**6)
    assert str(error).startswith("a\\x1b[31m b\\u202eccc") and len(str(error)) == LONGEST and str(error).isprintable()
    assert one_line("plain é 中") == "plain é 中"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished run that may be altered."""
    return Path(shutil.copytree(GOLDEN / "gossip", tmp_path / "run"))


def altered(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "copy outside": lambda m: m["files"]["means.npy"].update(copy="../../harm"),
    "copy absolute": lambda m: m["files"]["means.npy"].update(copy="/etc/passwd"),
    "copy of another kind": lambda m: m["files"]["means.npy"].update(copy=["data/x"]),
    "files": lambda m: m.update(files=[1]),
    "checksum outside": lambda m: m["sha256"].update({"../../../etc/passwd": "0"}),
    "checksum absolute": lambda m: m["sha256"].update({"/etc/passwd": "0"}),
    "checksum of another kind": lambda m: m["sha256"].update({"spec.toml": 10**400}),
    "sessions": lambda m: m.update(sessions=[{}]),
    "failures": lambda m: m["sessions"][0].update(failed=[1]),
    "versions": lambda m: m.update(versions={"numpy": ["x"]}),
    "hash": lambda m: m.update(spec_hash=10**400),
    "end": lambda m: m.update(end={"a": 1}),
    "format": lambda m: m.update(format="gossipmab run 1e400"),
    "experiment": lambda m: m.update(spec={"algorithms": [3]}),
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda name: name.replace(" ", "-"))
def test_an_altered_manifest_is_refused_and_leads_nowhere(change: str, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    altered(folder, CHANGES[change])
    refuses(r"manifest\.json", gm.open_run, folder)
    if change.startswith("format"):  # another program's
        refuses(r"manifest\.json", gm.run, GOLDEN / "experiments" / "gossip.toml", out=folder)
    else:
        gm.run(GOLDEN / "experiments" / "gossip.toml", out=folder)
        assert any("manifest.json: damaged; set aside" in line for line in caplog.messages)
        assert all(finding.sound for finding in list(gm.verify(folder))[:-1])
    assert {path.name for path in folder.parent.iterdir()} == {"run"}


def test_a_manifest_that_is_none_is_refused(folder: Path) -> None:
    for content in (b"", b"[" * 10**6, b"\xff", b"3", b'{"format": "x"}', b'{"a": 1' + b"0" * 5_000 + b"}"):
        (folder / "manifest.json").write_bytes(content)
        refuses("manifest", gm.open_run, folder)


def test_the_command_line_says_so_in_one_line(folder: Path, tmp_path: Path, capsys: Capsys) -> None:
    (tmp_path / "deep.toml").write_bytes(b"x = " + b"[" * 100_000)
    (folder / "manifest.json").write_bytes(b"[" * 100_000)
    commands = [["run", str(tmp_path / "deep.toml")], ["run", "x" * 10_000], ["run", "quickstart", "--set", "\x1b]0;x\x07.y=1"]]
    commands += [["run", "quickstart", "--set", "network.base={" + "a." * 50_000 + "a=1}"]]
    commands += [[name, str(folder)] for name in ("summary", "plot", "report", "verify")]
    for command in commands:
        said = error_of(capsys, command)
        assert said.strip().isprintable() and len(said) < 2_100


def test_special_files_in_a_run_folder_do_not_block_and_links_do_not_lead_out(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "figures").mkdir(exist_ok=True)
    for name in ("cells", "figures", "data"):
        path = (folder / name).rename(tmp_path / f"kept-{name}")
        (folder / name).symlink_to(outside)
        for use in (gm.open_run, lambda path: gm.run(GOLDEN / "experiments" / "gossip.toml", out=path, fresh=True)):
            refuses("symbolic link", use, folder)
        (folder / name).unlink()
        path.rename(folder / name)
    assert list(outside.iterdir()) == []
    cell = next((folder / "cells").iterdir())
    cell.unlink()
    os.mkfifo(cell)
    unsound = {finding.what: finding.remark for finding in gm.verify(folder) if not finding.sound}
    assert unsound[cell.stem] == "is not a regular file" and not gm.open_run(folder).complete
    for name in ("manifest.json", "spec.toml"):
        (folder / name).unlink()
        os.mkfifo(folder / name)
        refuses("not a regular file", gm.open_run, folder)
        (folder / name).unlink()
        shutil.copy(GOLDEN / "gossip" / name, folder / name)


def test_results_that_are_not_those_of_the_experiment_are_not_used(folder: Path) -> None:
    known = gm.open_run(folder).table()
    good = parquet.read_table(folder / "results.parquet")
    for table in (
        pa.table({"a": [1]}),
        good.set_column(good.column_names.index("trial"), "trial", pa.array(["x"] * len(good))),
        good.drop_columns(["nsw_regret"]),
        pa.concat_tables([good, good]),
        good.set_column(good.column_names.index("algorithm"), "algorithm", pa.array(["<b>"] * len(good))),
    ):
        (folder / "results.parquet").write_bytes(parquet_bytes(table))
        sha = file_hash(folder / "results.parquet")
        altered(folder, lambda m, sha=sha: m["sha256"].update({"results.parquet": sha}))  # even where the manifest vouches for it
        assert gm.open_run(folder).table().equals(known)


def test_a_cell_of_other_kinds_is_set_aside_however_right_its_checksum(folder: Path) -> None:
    """Provenance of other kinds, with a checksum that was computed anew."""
    results = gm.open_run(folder)
    cell = results.spec.cells()[0]
    trace, said, _ = decode(results.folder.file(cell), gm.GossipTrace)
    del said["sha256"]
    for change in ({"versions": 3}, {"seconds": "x"}, {"seconds": float("nan")}, {"agent_steps": 10**30}, {"machine": []}):
        results.folder.file(cell).write_bytes(encode(trace, {**said, **change}))
        with pytest.raises(DamagedError):
            results.folder.read(cell, results.spec)
    results.folder.file(cell).write_bytes(encode(trace, said))
    assert results.folder.read(cell, results.spec)[1]["versions"] == said["versions"]
    table = parquet.read_table(results.folder.file(cell))
    deep = table.replace_schema_metadata({KEY: b"[" * 10**6})
    results.folder.file(cell).write_bytes(parquet_bytes(deep))
    with pytest.raises(DamagedError, match="torn or altered"):
        results.folder.read(cell, results.spec)


def test_what_a_manifest_says_is_escaped_in_the_report(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(GOLDEN / "central", tmp_path / "run"))
    nasty = "<script>x()</script>"
    altered(folder, lambda m: m.update(machine={nasty: nasty}, versions={nasty: nasty}))
    altered(folder, lambda m: m["sessions"][0].update(engine=nasty, failed=[[nasty, nasty]], start=nasty))
    page = Page(write_report(gm.open_run(folder)).read_text(encoding="utf-8"))
    assert page.scripts == own_scripts(tmp_path)


FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml", "runpy", "code", "joblib"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
FORBIDDEN_METHODS = {"read_pickle", "literal_eval", "unsafe_load"}
RUNS = {
    "utils/class_files.py": {"exec", "compile"},  # the one place that runs a file: a class that an experiment names by it
    "engines/gpu/kinds.py": {"eval"},  # a line made of the numbers of a class's fields, and of nothing that is read
}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_in_the_package_could_run_what_it_reads(path: Path) -> None:
    forbidden = FORBIDDEN_CALLS - RUNS.get(path.relative_to(PACKAGE).as_posix(), set())
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not {name.partition(".")[0] for name in names} & FORBIDDEN_MODULES
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in forbidden, f"line {node.lineno}: {name}"
            assert name.rpartition(".")[2] not in FORBIDDEN_METHODS, f"line {node.lineno}: {name}"
            started = [k for k in node.keywords if k.arg in ("allow_pickle", "shell")]
            assert not [k for k in started if ast.unparse(k.value) != "False"]


# Runs an experiment; prints every file that is opened to be written, or changed otherwise, and every process that is started.
WATCHED = """
import os, sys
def watch(event, given):
    if event == "open" and isinstance(given[0], (str, bytes)):
        mode, flags = given[1] or "", given[2] or 0
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC) or set(mode) & set("wax+"):
            print("WRITES", os.path.realpath(os.fsdecode(given[0])))
    elif event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.truncate"):
        path = os.fsdecode(given[1 if event in ("os.rename", "os.symlink", "os.link") else 0])
        folder = given[-1] if event != "os.truncate" else -1  # a descriptor, where a tree is removed
        print("WRITES", os.path.realpath(path if folder == -1 else os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)))
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty",
                   "socket.connect", "socket.bind"):
        print("STARTS", event, given)
import gossipmab.cli, gossipmab.experiments.runner, gossipmab.analysis.plots, gossipmab.analysis.report
import gossipmab.engines.gossip.simulate, matplotlib.font_manager
sys.addaudithook(watch)
print("CODE", gossipmab.cli.call(sys.argv[1:]))
"""


def test_a_run_writes_into_its_folder_and_caches_only_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    text = VALID.replace("MORE", 'means = "../in/m.csv"').replace('"x"', '"../../$(touch harm)`touch harm`"')
    text = text.replace("base", "link_probability = 0.5\nbase").replace("objectives = 1", "")
    (tmp_path / "in" / "x.toml").write_text(text + 'label = "../../harm; touch harm"\n', encoding="utf-8")
    rows = "".join(f"{i},{k},0.5\n" for i in range(3) for k in range(2))
    (tmp_path / "in" / "m.csv").write_text("agent,arm,mean_1\n" + rows, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "run", "in/x.toml"], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=240,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert "CODE 0" in lines, done.stdout[-2_000:] + done.stderr[-2_000:]
    assert [line for line in lines if line.startswith("STARTS")] == []
    wrote = {line.removeprefix("WRITES ") for line in lines if line.startswith("WRITES ")}
    folder = str((tmp_path / "runs").resolve())
    assert any(path.startswith(folder) for path in wrote)
    elsewhere = {path for path in wrote if not path.startswith(folder) and path != os.devnull}
    assert {path for path in elsewhere if not any(part.startswith("gossipmab-") for part in Path(path).parts)} == set()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "runs"]


words = st.text(max_size=8) | st.sampled_from(["*", "points", "name", "process", "generator", "agents", "x.y"])
scalars = (
    st.none() | st.booleans() | st.integers(-3, 8) | st.sampled_from([2**53, 2**63, -(2**70), 10**400, 1e400, float("nan"), 1e-320])
    | st.floats(-2, 2) | words
)  # fmt: skip
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6)
START: dict[str, Any] = {
    "experiment": {"name": "x", "horizon": 10, "trials": 2, "seed": 7, "recorded_rounds": 3, "protocol": "gossip"},
    "environment": {"agents": 3, "arms": 2, "objectives": 1, "means": [[[0.5], [0.25]]] * 3},
    "network": {"base": "complete", "links": {"process": "randomized_gossip"}},
    "algorithms": [{"name": "pareto_ucb_gossip", "label": "a"}, {"name": "pareto_ucb", "consensus": 0.1}],
    "sweep": {"algorithms.*.consensus": [0.0, 1.0]},
}
keys = st.sampled_from(
    [(section, key) for section, table in START.items() if isinstance(table, dict) for key in (*table, "other")]
    + [(section, None) for section in START]
)
SWEPT = (
    "network.link_probability", "network.base", "network.base.k", "network.links", "network.links.process", "network.failures",
    "network.failures.message_loss", "network.", "algorithms.*.consensus", "algorithms.a.consensus", "algorithms.", "algorithms.x",
    "algorithms.*.", "environment.means", "environment.agents", "experiment.protocol.x", "probing.budget", "sweep.a", "points",
    "a.b", ".", ".x", "x",
)  # fmt: skip
sweeps = st.dictionaries(st.sampled_from(SWEPT), values | st.lists(scalars, min_size=1, max_size=3), max_size=3)


@st.composite
def experiments(draw: st.DrawFn) -> dict[str, Any]:
    """The valid experiment, with some of its keys put to anything, and swept by anything."""
    data = copy.deepcopy(START)
    for section, key in draw(st.lists(keys, max_size=2)):
        if key is None:
            data[section] = draw(values)
        elif isinstance(data[section], dict):
            data[section][key] = draw(values)
    if draw(st.booleans()):
        data["sweep"] = draw(sweeps)
    if draw(st.integers(0, 3)) == 0 and isinstance(data["algorithms"], list) and data["algorithms"]:
        data["algorithms"][0] = draw(st.dictionaries(st.sampled_from(["name", "label", "pooled", "consensus"]), values))
    return data


def refused_or(load: Callable[[], Any]) -> Any:
    """What it gives, or None where it was refused in one line."""
    try:
        return load()
    except InputError as error:
        message = str(error)
        assert message and message.isprintable() and len(message) <= LONGEST
        return None


fuzzed = settings(max_examples=250, suppress_health_check=list(HealthCheck))


@fuzzed
@given(experiments())
def test_any_experiment_is_valid_or_refused_in_one_line(data: dict[str, Any]) -> None:
    assert len(from_dict(START).cells()) == 8  # what the changes begin from is valid
    spec = refused_or(lambda: from_dict(data))
    if spec is not None:
        assert from_dict(parsed_toml(spec.to_toml())).hash == spec.hash


@fuzzed
@given(
    st.sampled_from(SWEPT) | words, words | st.builds(json.dumps, st.integers() | st.lists(st.floats(0, 1))) | st.text(max_size=20)
)
def test_any_setting_is_taken_or_refused_in_one_line(key: str, value: str) -> None:
    data = refused_or(lambda: overridden(START, [f"{key}={value}"]))
    if data is not None:
        refused_or(lambda: from_dict(data))


@fuzzed
@given(st.dictionaries(st.sampled_from(["files", "sessions", "sha256", "spec", "end", "versions", "spec_hash", "format"]), values))
def test_any_manifest_is_read_or_refused_in_one_line(changes: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("manifest.json", "spec.toml"):
            shutil.copy(GOLDEN / "gossip" / name, folder)
        altered(Path(folder), lambda manifest: manifest.update(changes))
        refused_or(lambda: gm.open_run(folder))


@pytest.mark.parametrize("key", SWEPT)
@pytest.mark.parametrize("values", [[1, 2], ["x"], [{}], [[1]], [0.5]], ids=str)
def test_any_key_is_swept_or_refused_in_one_line(key: str, values: list[Any]) -> None:
    for change in ({}, {"algorithms": 3}, {"algorithms": [{"name": 3}]}, {"experiment": {"protocol": []}}, {"network": 3}):
        refused_or(lambda change=change: from_dict({**START, **change, "sweep": {key: values}}))
        refused_or(lambda change=change: from_dict({**START, **change, "sweep": {"points": [{key: values[0]}]}}))
