"""What people expect of any command line: examples, JSON for machines, quiet, colour on terminals only, completion, its page."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from typer.main import get_command

import gossipmab as gm
from gossipmab.algorithms import PROTOCOLS
from gossipmab.analysis.citations import CITED
from gossipmab.analysis.studies import STUDIES
from gossipmab.cli import call, options as suggestions
from gossipmab.cli.app import COMMANDS, FAMILIES, app
from gossipmab.cli.console import EXIT_CODES, plain
from gossipmab.cli.help_examples import EXAMPLES, START
from gossipmab.experiments.spec.renamed import OPTIONS
from gossipmab.networks.graphs.base_graph import list_topologies
from tests.tiny import Capsys, Patch, error_of, module_run, printed, tiny

ROOT = Path(__file__).parents[2]
TINY = tiny(40, 1)
KEYS = {  # of the documents of --json, as docs/cli.md explains them
    command: re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    for command, table in re.findall(
        r"^\*\*`gossipmab (\w+)`\*\*\n(.*?)(?=^\*\*|^## )", (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), re.M | re.S
    )
}
ESCAPE = "\x1b["
COLOUR = re.compile(r"\x1b\[[0-9;]*\b(3[0-8]|4[0-8]|9[0-7]|10[0-7])[0-9;]*m")
NAMES = [name for group in COMMANDS.values() for name in group]
NAMES += [f"{first} {second}" for first, (_, _, commands) in FAMILIES.items() for second in commands]


finished = module_run(TINY, folder=True)


def document(arguments: list[str], capsys: Capsys, code: int = 0) -> dict[str, Any]:
    """What a command prints with --json, which must be JSON as the standard has it, with the documented keys and no others."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    assert call([*arguments, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert list(found) == ["gossipmab", "command", *KEYS[arguments[0]]]
    assert (found["gossipmab"], found["command"]) == (gm.__version__, arguments[0])
    return found


def test_run_and_summary_say_the_same_numbers_as_the_results(finished: Path, tmp_path: Path, capsys: Capsys) -> None:
    ran = document(["run", str(finished / "spec.toml"), "--out", str(tmp_path / "run"), "--workers", "1"], capsys)
    seen = document(["summary", str(finished)], capsys)
    for row in ran["rows"] + seen["rows"]:
        del row["steps_per_second"]  # the only thing that is measured
    assert ran["rows"] == seen["rows"]
    table = gm.open_run(finished).summary()
    assert [row["pareto_regret"] for row in seen["rows"]] == table["pareto_regret"].tolist()
    assert seen["rows"][0]["pareto_regret_p"] is None  # nan: the reference itself
    assert (seen["name"], seen["path"], seen["complete"]) == ("tiny", str(finished), True)
    assert ran["failed"] == [] and all(Path(file).is_file() for file in ran["figures"])
    assert len(seen["sentences"]) == 1 and seen["sentences"][0].startswith("pareto_ucb: ")


def test_a_run_with_failures_names_the_cells(finished: Path, tmp_path: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    monkeypatch.setattr("gossipmab.engines.gossip.simulate.simulate_gossip", Mock(side_effect=MemoryError("none left")))
    found = document(["run", str(finished / "spec.toml"), "--out", str(tmp_path / "run")], capsys, code=1)
    assert {"cell": "gossip__trial000", "error": "MemoryError: none left"} in found["failed"]
    assert (found["complete"], found["rows"], found["figures"]) == (False, [], [])


def test_compare_and_verify(finished: Path, tmp_path: Path, capsys: Capsys) -> None:
    other = gm.run(TINY | {"experiment": TINY["experiment"] | {"horizon": 20}}, out=tmp_path / "other", workers=1).path
    found = document(["compare", str(finished), str(other)], capsys)
    assert found["differences"] == [{"key": "experiment.horizon", "first": "40", "second": "20"}]
    assert (found["matching"], found["equal"], len(found["unequal"]), found["paired"]) == (2, 0, 2, True)
    final = found["finals"][0]
    assert final["ratio"] == pytest.approx(final["second"] / final["first"]) and final["p"] is None
    sound = document(["verify", str(finished)], capsys)
    assert sound["sound"] is True and sound["checks"][-1]["remark"].endswith("the same bits")
    (other / "summary.csv").write_text("")
    broken = document(["verify", str(other)], capsys, code=1)
    assert broken["sound"] is False and [one["what"] for one in broken["checks"] if not one["sound"]] == ["summary.csv"]


def test_topology_has_null_for_infinity_and_draws_only_when_asked(tmp_path: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)
    found = document(["topology", "petersen", "--p", "1"], capsys)
    [petersen] = found["topologies"]
    assert (petersen["agents"], petersen["links"], petersen["diameter"]) == (10, 15, 2)
    assert petersen["algebraic_connectivity"] == pytest.approx(2.0)  # eigenvalues 0, 2, 5
    assert found["drawing"] is None and list(tmp_path.iterdir()) == []
    alone = document(["topology", "complete", "--agents", "1", "--out", "one.svg"], capsys)
    assert alone["topologies"][0]["algebraic_connectivity"] is None  # infinite
    assert alone["drawing"] == "one.svg" and (tmp_path / "one.svg").is_file()


def test_list_names_everything(capsys: Capsys) -> None:
    found = document(["list"], capsys)
    named = {(one["protocol"], one["name"]) for one in found["algorithms"]}
    named |= {(one["group"].removeprefix("gossipmab.algorithms").strip(".") or "gossip", one["name"]) for one in found["plug_ins"]}
    assert named >= {(protocol, name) for protocol, registered in PROTOCOLS.items() for name in registered}
    first = found["algorithms"][0]
    assert first["hyperparameters"] == {"pooled": False, "consensus": 0.0} and first["description"]
    assert [one["name"] for one in found["topologies"]] == list(list_topologies())
    assert all(one["description"] and Path(one["file"]).is_file() for one in found["experiments"])


def test_json_has_null_for_numbers_that_it_does_not_know_and_nothing_beside_an_error(tmp_path: Path, capsys: Capsys) -> None:
    value = {"a": float("nan"), 2: [np.float64("inf"), np.int64(3), (True, None)], "b": Path("x"), "c": np.bool_(True)}
    assert plain(value) == {"a": None, "2": [None, 3, [True, None]], "b": "x", "c": True}
    error_of(capsys, ["summary", str(tmp_path), "--json"])


def test_quiet_is_silent_and_still_does_it(finished: Path, tmp_path: Path, capsys: Capsys, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, file in [
        (["plot", str(finished), "--format", "svg"], finished / "figures" / "pareto_regret.svg"),
        (["topology", "petersen", "--out", "t.svg"], tmp_path / "t.svg"),
        (["verify", str(finished)], finished / "manifest.json"),
        (["new", "experiment", "mine"], tmp_path / "mine.toml"),
        (["schema", "--out", "s.json"], tmp_path / "s.json"),
    ]:
        assert call([*arguments, "--quiet"]) == 0 and capsys.readouterr() == ("", "") and file.is_file()
    damaged = shutil.copytree(finished, tmp_path / "damaged")
    (damaged / "summary.csv").write_text("")
    assert call(["verify", str(damaged), "-q"]) == 1
    assert [line[:18] for line in capsys.readouterr().out.splitlines()] == ["WRONG  summary.csv"]


def on_terminal(arguments: list[str], typed: str = "", cwd: Path | None = None, **environment: str) -> str:
    """What a command writes where stdout is a terminal, on which this was typed."""
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS")}
    command = [sys.executable, "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))", *arguments]
    environment = kept | {"TERM": "xterm-256color"} | environment
    done = subprocess.run(command, input=typed, env=environment, cwd=cwd, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


@pytest.mark.parametrize(
    "arguments", [["-m", "gossipmab", "--help"], ["-c", "from gossipmab.cli.console import out; out().print('[red]red[/red]')"]]
)
def test_colour_on_terminals_only_and_none_where_none_is_wanted(arguments: list[str]) -> None:
    command = [sys.executable, *arguments]
    assert COLOUR.search(on_terminal(command)) and not COLOUR.search(on_terminal(command, NO_COLOR="1"))
    assert ESCAPE not in on_terminal(command, TERM="dumb")
    piped = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ESCAPE not in piped.stdout and piped.stdout


def test_every_command_teaches_by_examples_that_parse() -> None:
    root: Any = get_command(app)
    assert set(EXAMPLES) == {START, *NAMES}
    assert {f"{a} {b}".strip() for a, one in root.commands.items() for b in getattr(one, "commands", [""])} == set(NAMES)
    for name, examples in EXAMPLES.items():
        assert examples
        for example in examples:
            assert name == START or example.line.startswith(f"gossipmab {name}") or f"(gossipmab {name}" in example.line
            for part in re.split(r"&&|\||<\(|>", example.line):
                words = shlex.split(part.strip(" )"))
                if words[0] != "gossipmab":
                    continue
                command, rest = root.commands[words[1]], words[2:]
                if words[1] in FAMILIES:
                    command, rest = command.commands[words[2]], words[3:]
                command.make_context(words[1], rest)  # raises unless it parses


@pytest.mark.parametrize("name", ["", *NAMES])
def test_help_ends_with_the_examples(name: str, capsys: Capsys) -> None:
    out = printed(capsys, [*name.split(), "--help"])
    words = " ".join(out.split())
    for example in EXAMPLES[name or START]:
        assert " ".join(f"{example.what}: {example.line}".split()) in words
    if not name:
        assert all(f"exit code {code}: {meaning}" in words for code, meaning in EXIT_CODES.items())
        assert [out.index(f" {group} ") for group in COMMANDS] == sorted(out.index(f" {group} ") for group in COMMANDS)


def test_the_page_is_as_the_commands_are() -> None:
    """Its last part is Typer's own page; the exit codes before it are those of the program."""
    head, _, made = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8").partition("--name gossipmab -->\n\n")
    command = [sys.executable, "-m", "typer", "gossipmab.cli.app", "utils", "docs", "--name", "gossipmab"]
    assert made == subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    rows = {f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()}
    assert rows <= set(head.splitlines())


@pytest.mark.parametrize(("old", "new"), OPTIONS.items())
def test_an_option_of_version_0_1_names_the_new_one(old: str, new: str, capsys: Capsys) -> None:
    assert error_of(capsys, ["plot" if new == "--bound" else "run", "x", old, "y"]) == f"error: {old} is now called {new}\n"


def test_cite_prints_what_the_run_used_and_every_algorithm_has_a_reference(finished: Path, capsys: Capsys) -> None:
    cited = printed(capsys, ["cite", str(finished)])
    assert re.findall(r"^@\w+\{(\w+),$", cited, re.M) == ["gossipmab", "wang2026multi"]
    assert f"version = {{{gm.__version__}}}" in cited and cited.count("{") == cited.count("}")
    # every algorithm has a reference
    known = re.findall(r"^@\w+\{(\w+),$", (ROOT / "gossipmab" / "analysis" / "references.bib").read_text(encoding="utf-8"), re.M)
    assert len(set(known)) == len(known) and {key for keys in CITED.values() for key in keys} == set(known) - {"gossipmab"}
    assert {one["name"] for one in json.loads(printed(capsys, ["list", "--json"]))["algorithms"]} <= CITED.keys()


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which `gossipmab` is a command, whatever is installed."""
    command = tmp_path / "bin" / "gossipmab"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gossipmab "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": path}


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_on_tab(shell: dict[str, str], tmp_path: Path) -> None:
    """A person at a terminal: sources the script, types the beginning of a name, presses Tab, goes on typing."""
    typed = "source <(_GOSSIPMAB_COMPLETE=source_bash gossipmab)\ngossipmab run quickst\t--sped\nexit 0\n"
    plain = {"PS1": "$ ", "TERM": "dumb", "HISTFILE": ""}
    assert "run quickstart --sped" in on_terminal(["bash", "--norc", "--noprofile", "-i"], typed, tmp_path, **shell | plain)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_what_completes_to_what(shell: dict[str, str], tmp_path: Path) -> None:
    completed = {"run pareto": "pareto_regret", "topology peter": "petersen", "run x --engine a": "actors", "new e": "experiment"}
    completed["summary runs/"] = ""  # bash then completes files itself: complete -o default
    script = """
    source <(_GOSSIPMAB_COMPLETE=source_bash gossipmab)
    complete_words() {
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _gossipmab_completion gossipmab; echo "${COMPREPLY[*]}"
    }
    """ + "\n".join(f"complete_words gossipmab {words}" for words in completed)
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, env=shell, check=True, cwd=tmp_path)
    assert done.stdout.splitlines() == list(completed.values())


@pytest.mark.parametrize(("name", "asked"), [
    ("zsh", {"_TYPER_COMPLETE_ARGS": "gossipmab run pareto"}),
    ("fish", {"_TYPER_COMPLETE_ARGS": "gossipmab run pareto", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
])  # fmt: skip
def test_other_shells_are_answered(name: str, asked: dict[str, str], shell: dict[str, str], capsys: Capsys) -> None:
    """And what completes is what is allowed."""
    assert set(suggestions.STUDIES) == set(STUDIES)
    line = error_of(capsys, ["run", "quickstart", "--engine", "none"])
    assert f"(allowed: {', '.join(sorted(suggestions.ENGINES))})" in line
    source = shell | {"_GOSSIPMAB_COMPLETE": f"source_{name}"}
    script = subprocess.run(["gossipmab"], capture_output=True, text=True, env=source, check=True)
    assert f"_GOSSIPMAB_COMPLETE=complete_{name}" in script.stdout
    asked = shell | asked | {"_GOSSIPMAB_COMPLETE": f"complete_{name}"}
    answer = subprocess.run(["gossipmab"], capture_output=True, text=True, env=asked)
    assert answer.returncode == 0 and "pareto_regret" in answer.stdout and "quickstart" not in answer.stdout
    found = shutil.which(name)
    if found:
        subprocess.run([found, "-n"], input=script.stdout, text=True, check=True)
