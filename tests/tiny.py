"""What many tests share: a small experiment, a small graph, and how to catch a refusal."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import networkx as nx
import psutil
import pytest

import gossipmab as gm
from gossipmab.cli import call
from gossipmab.utils.atomic_write import file_hash

FOUR = {"agents": 4, "arms": 3, "objectives": 2}
PAIR = [{"name": "pareto_ucb_gossip", "label": "gossip"}, {"name": "pareto_ucb", "label": "alone"}]
KITE = nx.Graph([(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 4), (2, 4)])  # 5 nodes, 7 edges: 128 possible rounds


def tiny(horizon: int, trials: int, **sections: Any) -> dict[str, Any]:
    """The experiment, recorded in every tenth round; `sections` replace its own or come beside them."""
    return {
        "experiment": {"name": "tiny", "horizon": horizon, "trials": trials, "seed": 5, "recorded_rounds": horizon // 10},
        "environment": {"agents": 3, "arms": 3, "objectives": 2},
        "network": {"base": "complete", "link_probability": 0.5},
        "algorithms": [{"name": "pareto_ucb_gossip", "label": "gossip"}, {"name": "pareto_ucb"}],
        **sections,
    }


def world(
    agents: int, arms: int, objectives: int, base: Any = "complete", p: float = 0.5, weights: str = "laplacian", seed: int = 0,
    **more: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """An environment and a network; more: of the environment."""
    environment = gm.Environment.sample(agents, arms, objectives, seed=seed, **more)
    return environment, gm.Network(base, agents=agents, link_probability=p, weights=weights)


def central(experiment: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The experiment with a learner that has a centre, and these keys of its section changed."""
    section = {**experiment["experiment"], "protocol": "central", **changes}
    environment = {**experiment["environment"]}
    return {"experiment": section, "environment": environment, "algorithms": [{"name": "explore_first"}]}


def same_tables(one: Path, other: Path) -> bool:
    """Whether two run folders hold the same bytes of results."""
    return all(file_hash(one / name) == file_hash(other / name) for name in ("results.parquet", "agents.parquet", "spec.toml"))


def module_run(experiment: dict[str, Any], name: str = "tiny", workers: int = 1, folder: bool = False) -> Any:
    """A fixture: a run of the experiment in a folder of this name, or the folder, once for the tests of a module."""

    @pytest.fixture(scope="module")
    def run(tmp_path_factory: pytest.TempPathFactory) -> gm.Results | Path:
        results = gm.run(experiment, out=tmp_path_factory.mktemp("runs") / name, workers=workers)
        return results.path if folder else results

    return run


def cell_times(run: Path) -> dict[Path, int]:
    """The file of every finished cell, and when it was written."""
    return {file: file.stat().st_mtime_ns for file in run.glob("cells/*.parquet")}


def refusal(call: Callable[..., Any], /, *arguments: Any, **named: Any) -> str:
    """The one line in which the call refuses these arguments."""
    try:
        call(*arguments, **named)
    except gm.InputError as error:
        assert "\n" not in str(error)
        return str(error)
    raise AssertionError(f"not refused: {arguments} {named}")


def refuses(line: str, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> None:
    """Assert that the call refuses these arguments in one line, in which the regular expression `line` is found."""
    found = refusal(call, *arguments, **named)
    assert re.search(line, found), found


Capsys = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def slow(*values: Any) -> Any:
    """A row of parameters that the everyday run leaves out."""
    return pytest.param(*values, marks=pytest.mark.slow)


def everyday(everything: Iterable[Any], *some: Any) -> list[Any]:
    """Parameters of which the everyday run has these only."""
    return [value if value in some else slow(value) for value in everything]


def python(code: str, *arguments: Any, timeout: float = 280, cwd: Path | None = None, **environment: str) -> str:
    """What a new interpreter prints that runs the code, with no warnings and to its end."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=cwd, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait for what is true, and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
    return found


def session_of(leader: int) -> list[str]:
    """All processes of a session of the kernel's, such as Popen(start_new_session=True) begins: Ray's own stay in it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {process.name()}")
    return found


def odd_files(folder: Path, suffix: str) -> list[str]:
    """Make a folder, a pipe, a link to itself and one to a device that never ends; their names."""
    names = [f"{kind}{suffix}" for kind in ("folder", "pipe", "loop", "zero")]
    (folder / names[0]).mkdir()
    os.mkfifo(folder / names[1])
    (folder / names[2]).symlink_to(names[2])
    (folder / names[3]).symlink_to("/dev/zero")
    return names


@contextmanager
def mounted(place: Path, size: str) -> Iterator[None]:
    """A file system in memory."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


needs_mount = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")


def printed(capsys: Capsys, arguments: list[str]) -> str:
    """What a command prints that does what it should."""
    assert call(arguments) == 0
    return capsys.readouterr().out


def error_of(capsys: Capsys, arguments: list[str]) -> str:
    """The one line in which a command refuses."""
    assert call(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "Traceback" not in err, err
    return err
