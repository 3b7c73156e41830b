"""One experiment, whatever plays it: the same files from threads, Ray tasks and actors, whatever befalls the command."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import gossipmab as gm
from gossipmab.cli import call
from gossipmab.engines.pools.ray_session import PREFIX
from tests.tiny import cell_times, error_of, module_run, same_tables, session_of, slow, tiny

TINY = tiny(
    80, 2, environment={"agents": 5, "arms": 3, "objectives": 2}, sweep={"network.weights": ["laplacian", "metropolis"]},
    algorithms=[{"name": "pareto_ucb_gossip", "label": "gossip"}, {"name": "pareto_ucb"}, {"name": "pareto_gossip"}],
)  # others, whose compilation takes long, are compared in test_actors.py  # fmt: skip
COMMAND = """
import json, sys
import gossipmab as gm
print("starting", flush=True)
gm.run(json.loads(sys.argv[1]), out=sys.argv[2], **json.loads(sys.argv[3]))
"""


threads = module_run(TINY, "threads", folder=True)


@pytest.mark.parametrize("options", [
    {"engine": "ray", "workers": 2},
    slow({"engine": "actors"}),
    slow({"engine": "actors", "transport": "refs", "agents_per_actor": 2, "window": 7}),
], ids=["ray", "actors direct", "actors refs"])  # fmt: skip
def test_the_same_files(root: Path, threads: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    if options == {"engine": "actors"}:  # half of the cells by threads, the other half by actors
        shutil.copytree(threads, tmp_path / "run")
        for file in sorted((tmp_path / "run" / "cells").iterdir())[::2]:
            file.unlink()
    run = gm.run(TINY, out=tmp_path / "run", **options)
    assert same_tables(run.path, threads)
    session = json.loads((run.path / "manifest.json").read_text())["sessions"][-1]
    assert {name: session[name] for name in options} == options
    assert call(["verify", str(run.path), "--cell", "all"]) == 0 and not list(root.glob(PREFIX + "*"))


@pytest.mark.parametrize(("arguments", "line"), [
    (["--engine", "actor"], "engine: 'actor' is not known; did you mean 'actors'? (allowed: actors, gpu, ray, threads)"),
    (["--window", "5"], "window: got 5, allowed with --engine actors, not threads"),
    (["--engine", "ray", "--transport", "refs"], "transport: got 'refs', allowed with --engine actors, not ray"),
    (["--engine", "gpu", "--workers", "2"], "workers: got 2, allowed with --engine threads or ray or actors, not gpu"),
    (["--listen", ":1-2"], "listen: got ':1-2', allowed with --engine actors, not threads"),
    (["--engine", "actors", "--listen", "20000"], "listen: got '20000', allowed is NETWORK, :FIRST-LAST or both, such as "),
    (["--engine", "actors", "--agents-per-actor", "0"], "agents_per_actor: got 0, allowed is a whole number >= 1"),
    (["--engine", "actors", "--transport", "ref"],
     "transport: 'ref' is not known; did you mean 'refs'? (allowed: direct, refs)"),
    (["--engine", "actors", "--address", "127.0.0.1:1"], "address: got '127.0.0.1:1', and no Ray cluster answers there"),
])  # fmt: skip
def test_options_that_are_refused(threads: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str) -> None:
    """Before anything is started, or dropped."""
    before = cell_times(threads)
    spec = threads / "spec.toml"
    fresh = [] if "--address" in arguments else ["--fresh"]
    overrides = ["--set", "experiment.trials=3"] if "--address" in arguments else []
    out = threads.parent / "other" if overrides else threads
    error = error_of(capsys, ["run", str(spec), "--out", str(out), *fresh, *overrides, *arguments])
    assert error.startswith(f"error: {line}") and error.count("\n") == 1, error
    assert cell_times(threads) == before


LONGER = {**TINY, "experiment": TINY["experiment"] | {"trials": 100, "horizon": 400_000}, "algorithms": TINY["algorithms"][:2]}
BLOCKS = {**LONGER, "experiment": LONGER["experiment"] | {"trials": 20, "horizon": 8_000}}
# Engine -> the experiment, the options, and the latest moment, in seconds, of a kill: cells are finished by then.
ENGINES: dict[str, tuple[dict[str, Any], dict[str, Any], float]] = {
    "ray": (LONGER, {"engine": "ray", "workers": 2}, 8.0),
    "actors": (BLOCKS, {"engine": "actors", "agents_per_actor": 2}, 16.0),
}


def finished(out: Path) -> int:
    return len(list((out / "cells").glob("*.parquet")))


def signalled(out: Path, number: int, moment: float, engine: str, cells: int = 0) -> int:
    """Start the run in a process group, signal it so many seconds after so many more cells are finished; the exit code."""
    data, options, _ = ENGINES[engine]
    command = [sys.executable, "-c", COMMAND, json.dumps(data), str(out), json.dumps(options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"starting\n"
            until = finished(out) + cells
            while cells and finished(out) < until and process.poll() is None:
                time.sleep(0.02)
            time.sleep(moment)
            if number == signal.SIGINT:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            process.communicate(timeout=100)
        finally:
            process.kill()
    assert number == signal.SIGKILL or not session_of(process.pid)  # after SIGKILL some stay for a minute
    return process.returncode


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_driver_is_killed_twenty_times(root: Path, tmp_path: Path, engine: str) -> None:
    """SIGKILL at a random moment, then the same command again; in the end the bits of an undisturbed run."""
    data, options, latest = ENGINES[engine]
    gm.run(data, out=tmp_path / "calm", workers=2)
    whims, done = random.Random(2), []
    for _ in range(20):
        moment, cells = whims.choice([(whims.uniform(0.5, latest / 4), 0), (whims.uniform(0.0, 0.2), 1)])
        code = signalled(tmp_path / "run", signal.SIGKILL, moment, engine, cells)
        assert code in (-signal.SIGKILL, 0)
        done.append(finished(tmp_path / "run"))
        for folder in root.glob(PREFIX + "*"):
            shutil.rmtree(folder, ignore_errors=True)  # what SIGKILL leaves
        if code == 0:  # it has ended meanwhile
            break
    assert done == sorted(done) and len(set(done)) >= 3  # not only before or after the work
    gm.run(data, out=tmp_path / "run", **options)
    assert same_tables(tmp_path / "calm", tmp_path / "run")
    assert not list(root.glob(PREFIX + "*"))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("moment", [1.0, 4.0, 8.0])
def test_ctrl_c_leaves_nothing(root: Path, tmp_path: Path, engine: str, moment: float) -> None:
    assert signalled(tmp_path / "run", signal.SIGINT, moment, engine) in (-signal.SIGINT, 0)
    assert not list(root.glob(PREFIX + "*"))
