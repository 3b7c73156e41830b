"""Runs on three hosts of one machine (network namespaces): what dies, what is cut off, what is slow, who may not come in.

`make test-hosts` runs this (root, Linux, iproute2, ethtool, gcc; about forty minutes) and writes the table of docs/cluster.md.
Every run must end with the bits of `--engine threads`, or say in one line how to go on; nothing may be left behind.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import gossipmab as gm
from gossipmab.utils.atomic_write import file_hash

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
TOOLS = ("ip", "ethtool", "gcc", "nsenter", "unshare", "ss")
SAME = ("results.parquet", "agents.parquet")
ADDRESS = "10.77.0.1:6379"
HOME = "/root"  # of the hosts' user, as hosts.sh sets it
TOKEN = "export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$HOME/.ray/auth_token PYTHONPATH={root}; cd; "
PLAYER = {"ray": "ray::cells", "actors": "ray::AgentActor"}
LONGEST = 60.0  # seconds in which no cell ends, after a fault
SPEC = """
[experiment]
name = "hosts"
horizon = {horizon}
trials = {trials}
seed = 3
recorded_rounds = 20
[environment]
agents = 6
arms = 4
objectives = 2
[network]
base = "ring"
link_probability = 0.8
[[algorithms]]
name = "pareto_ucb_gossip"
"""
SIZES = {"ray": {"horizon": 200_000, "trials": 30}, "actors": {"horizon": 2_000, "trials": 16}}
SLOW = {"ray": {"horizon": 200_000, "trials": 9}, "actors": {"horizon": 300, "trials": 3}}

missing = [tool for tool in TOOLS if shutil.which(tool) is None]
WHY = "needs root" if os.geteuid() else f"needs {', '.join(missing)}" if missing else "hosts do not see /tmp"
pytestmark = [
    pytest.mark.hosts,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or bool(missing) or "/tmp" in (str(ROOT)[:4], sys.prefix[:4]), reason=WHY
    ),
]


class Hosts:
    """Three hosts and the Ray cluster on them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows = folder, []  # type: ignore[var-annotated]
        self.environment = os.environ | {"HOSTS_FOLDER": str(folder), "BIN": str(Path(sys.executable).parent)}
        self.joined: set[int] = set()
        self.number = 0
        self.mending = threading.Timer(0, lambda: None)

    def tool(self, *words: Any, seconds: float = 120.0, check: bool = True) -> str:
        """Run hosts.sh."""
        command = [str(HERE / "hosts.sh"), *map(str, words)]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL
        )
        assert not check or done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def on(self, host: int, line: str, **more: Any) -> str:
        """Run a line of shell on a host, as docs/cluster.md has its users do."""
        return self.tool("exec", host, "bash", "-c", TOKEN.format(root=ROOT) + line, **more)

    def up(self, hosts: int = 3) -> None:
        """A whole cluster of so many hosts."""
        if self.joined and self.joined != set(range(1, hosts + 1)):
            self.down()
        if not self.joined:
            self.tool("up", hosts)
            self.on(1, "[ -s ~/.ray/auth_token ] || (umask 077; ray get-auth-token --generate > /dev/null)")
            self.on(1, f"ray start --head --port={ADDRESS[-4:]} --num-cpus=1 --include-dashboard=false --disable-usage-stats")
            self.joined = {1}
            for host in range(2, hosts + 1):
                self.join(host)

    def join(self, host: int) -> None:
        """Have a host join the cluster."""
        self.tool("up", host)
        token = self.on(1, "cat ~/.ray/auth_token").strip()
        self.on(host, f"mkdir -p ~/.ray; (umask 077; printf {token} > ~/.ray/auth_token)")
        self.on(host, f"ray start --address={ADDRESS} --num-cpus=1 --disable-usage-stats")
        self.joined.add(host)

    def down(self) -> None:
        """Everything away."""
        self.mending.cancel()
        if self.mending.is_alive():
            self.mending.join()
        self.tool("down", check=False)
        self.joined.clear()

    def path(self, inside: str) -> Path:
        """Where a path of host 1 lies, seen from here."""
        return Path(self.tool("root", 1).strip() + inside)

    def start(self, engine: str, folder: str, **sizes: int) -> subprocess.Popen[str]:
        """Start a run on host 1."""
        self.path(f"{HOME}/hosts.toml").write_text(SPEC.format(**sizes), encoding="utf-8")
        line = f"exec gossipmab run hosts.toml --engine {engine} --address {ADDRESS} --out {folder} --quiet"
        command = [str(HERE / "hosts.sh"), "exec", "1", "bash", "-c", TOKEN.format(root=ROOT) + line]
        return subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def cells(self, folder: str) -> int:
        """How many cells are finished."""
        with suppress(OSError):
            return sum(file.suffix == ".parquet" for file in self.path(f"{HOME}/{folder}/cells").iterdir())
        return 0

    def kill(self, host: int, pattern: str, number: int = signal.SIGKILL) -> None:
        """Signal the newest process there whose command line has the pattern."""
        self.on(host, f"pkill -{int(number)} -n -f '{pattern}'")


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    made = Hosts(tmp_path_factory.mktemp("hosts"))
    try:
        yield made
    finally:
        made.down()
        table = Path(os.environ.get("HOSTS_TABLE", made.folder / "table.md"))
        head = "| engine | what happens | longest wait (s) | run (s) | what is noted |\n|---|---|---|---|---|\n"
        table.write_text(head + "".join(f"| {' | '.join(row)} |\n" for row in made.rows), encoding="utf-8")
        print(f"\nthe table is in {table}\n{table.read_text()}")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The run folder of these sizes, played by threads, here."""
    folder, known = tmp_path_factory.mktemp("threads"), {}  # type: ignore[var-annotated]

    def played(**sizes: int) -> Path:
        key = "-".join(map(str, sizes.values()))
        if key not in known:
            (folder / "hosts.toml").write_text(SPEC.format(**sizes), encoding="utf-8")
            known[key] = gm.run(folder / "hosts.toml", out=folder / key).path
        return known[key]

    return played


def followed(hosts: Hosts, process: subprocess.Popen[str], folder: str, fault: Callable[[], None], after: int) -> tuple[Any, ...]:
    """Let `fault` happen once so many cells are finished: the longest wait for a cell since then, the time, exit code, output."""
    began = last = time.monotonic()
    done, wait, happened = hosts.cells(folder), 0.0, False
    while process.poll() is None:
        assert time.monotonic() - began < 600, "the run does not end"
        now = hosts.cells(folder)
        if not happened and now >= after:
            fault()
            happened, last = True, time.monotonic()
        if now > done:
            done, last = now, time.monotonic()
        if happened:
            wait = max(wait, time.monotonic() - last)
        time.sleep(0.2)
    assert happened, process.communicate()[0][-3000:]
    return wait, time.monotonic() - began, process.returncode, process.communicate()[0]


def record(hosts: Hosts, engine: str, what: str, wait: float, whole: float, output: str) -> None:
    """A row of the table. Notes are a line each, at most a few, and no traceback."""
    lines = [line for line in output.splitlines() if line.strip()]
    assert "Traceback" not in output and len(lines) <= 12, output[-3000:]
    noted = re.sub(r"[|]", "/", lines[0])[:110] if lines else "nothing"
    hosts.rows.append((engine, what, f"{wait:.0f}", f"{whole:.0f}", noted))


def sound(hosts: Hosts, folder: str, other: Path) -> None:
    """The bits are those of threads, and host 1 holds nothing of a run that ended."""
    for name in SAME:
        assert file_hash(hosts.path(f"{HOME}/{folder}/{name}")) == file_hash(other / name), name
    assert not [file.name for file in hosts.path("/tmp").iterdir() if file.name.startswith("gossipmab")]


def played(
    hosts: Hosts, engine: str, what: str, fault: Callable[[], None], other: Path, sizes: dict[str, int], after: int = 2
) -> None:
    """A run during which something happens."""
    hosts.number += 1
    folder = f"run{hosts.number}"
    process = hosts.start(engine, folder, **sizes)
    wait, whole, code, output = followed(hosts, process, folder, fault, after)
    record(hosts, engine, what, wait, whole, output)
    assert code == 0, output[-3000:]
    sound(hosts, folder, other)
    assert wait < LONGEST, (wait, output)


def cut(host: int, seconds: float) -> Callable[[Hosts], None]:
    """Cut a host's link for so long, while the run goes on."""

    def fault(hosts: Hosts) -> None:
        hosts.tool("cut", host)
        if seconds:
            hosts.mending = threading.Timer(seconds, hosts.tool, ("mend", host))
            hosts.mending.start()

    return fault


def joins(hosts: Hosts) -> None:
    hosts.join(3)


FAULTS: dict[str, tuple[Callable[[Hosts], None] | str, bool]] = {  # what happens, and whether the cluster is whole afterwards
    "nothing": (lambda hosts: None, True),
    "a worker is killed": ("kill", True),
    "a worker is stopped for good": ("stop", False),
    "a node's raylet is killed": (lambda hosts: hosts.kill(3, "raylet/raylet"), False),
    "a node loses its power": (lambda hosts: hosts.tool("off", 3), False),
    "a link is cut for 10 s": (cut(3, 10), False),
    "a link is cut for 90 s": (cut(3, 90), False),
    "a link is cut for good": (cut(3, 0), False),
    "a node joins": (joins, False),
}


@pytest.mark.parametrize("engine", ["ray", "actors"])
@pytest.mark.parametrize("what", FAULTS)
def test_it_goes_on_with_the_same_bits(hosts: Hosts, expected: Callable[..., Path], what: str, engine: str) -> None:
    fault, whole = FAULTS[what]
    hosts.up(2 if what == "a node joins" else 3)
    if isinstance(fault, str):
        number = signal.SIGKILL if fault == "kill" else signal.SIGSTOP
        fault = lambda hosts: hosts.kill(2, PLAYER[engine], number)  # noqa: E731
    try:
        played(hosts, engine, what, lambda: fault(hosts), expected(**SIZES[engine]), SIZES[engine])
    finally:
        if not whole:
            hosts.down()


@pytest.mark.parametrize("engine", ["ray", "actors"])
def test_when_head_or_command_die_the_same_command_goes_on(hosts: Hosts, expected: Callable[..., Path], engine: str) -> None:
    hosts.up()
    hosts.number += 1
    folder, sizes = f"run{hosts.number}", SIZES[engine]
    process = hosts.start(engine, folder, **sizes)
    wait, whole, code, output = followed(hosts, process, folder, lambda: hosts.kill(1, "gcs_server"), 2)
    record(hosts, engine, "the head dies", wait, whole, output)
    kept = hosts.cells(folder)
    assert code not in (0, -signal.SIGABRT, 134) and len(output.strip().splitlines()) <= 4 and kept >= 2, output[-3000:]
    for host in (1, 2, 3):
        hosts.on(host, "ray stop --force", check=False)
    hosts.joined.clear()
    hosts.up()
    process = hosts.start(engine, folder, **sizes)
    wait, whole, code, output = followed(hosts, process, folder, lambda: hosts.kill(1, f"bin/gossipmab run .*{folder}"), kept + 2)
    record(hosts, engine, "the command is killed", wait, whole, output)
    assert kept <= hosts.cells(folder) < sizes["trials"] and code != 0
    played_again = hosts.start(engine, folder, **sizes)
    output = played_again.communicate(timeout=600)[0]
    assert played_again.returncode == 0, output[-3000:]
    sound(hosts, folder, expected(**sizes))


def test_after_a_power_cut_of_the_heads_host_the_same_command_goes_on(hosts: Hosts, expected: Callable[..., Path]) -> None:
    hosts.up()
    hosts.number += 1
    folder, sizes = f"run{hosts.number}", SIZES["actors"]
    process = hosts.start("actors", folder, **sizes)
    wait, whole, _, output = followed(hosts, process, folder, lambda: hosts.tool("off", 1), 2)
    record(hosts, "actors", "the head's host loses its power", wait, whole, output)
    for host in (2, 3):
        hosts.on(host, "ray stop --force", check=False)
    hosts.joined.clear()
    hosts.up()
    kept, again = hosts.cells(folder), hosts.start("actors", folder, **sizes)
    assert 2 <= kept < sizes["trials"]
    output = again.communicate(timeout=600)[0]
    assert again.returncode == 0, output[-3000:]
    sound(hosts, folder, expected(**sizes))


@pytest.mark.parametrize("engine", ["ray", "actors"])
@pytest.mark.parametrize("wire", ["delay=5", "delay=50", "loss=1", "loss=5", "rate=1"])
def test_slow_networks_change_no_bit(hosts: Hosts, expected: Callable[..., Path], wire: str, engine: str) -> None:
    hosts.up()
    try:
        for host in (2, 3):
            hosts.tool("wire", host, wire)
        name = {"delay": "{} ms later", "loss": "{} % of packets lost", "rate": "{} Mbit/s"}[wire.partition("=")[0]]
        what = "links of two hosts: " + name.format(wire.partition("=")[2])
        hosts.number += 1
        folder = f"run{hosts.number}"
        process = hosts.start(engine, folder, **SLOW[engine])
        wait, whole, code, output = followed(hosts, process, folder, lambda: None, 0)
        record(hosts, engine, what, wait, whole, output)
        assert code == 0, output[-3000:]
        sound(hosts, folder, expected(**SLOW[engine]))
    finally:
        for host in (2, 3):
            hosts.tool("wire", host, "clear", check=False)


def test_without_the_token_nobody_comes_in(hosts: Hosts) -> None:
    hosts.up()
    other = "export RAY_AUTH_TOKEN_PATH=$HOME/other; (umask 077; ray get-auth-token --generate > /dev/null); "
    line = f"{other} gossipmab run quickstart --engine ray --address {ADDRESS} --quiet 2>&1; echo code $?"
    said = hosts.on(1, line).strip().splitlines()
    assert len(said) == 2 and said[0].startswith("error: address: got ") and said[1] == "code 2"
    checked = hosts.on(1, f"gossipmab cluster check --address {ADDRESS} 2> /dev/null")
    assert all(f"node{host} " in checked for host in (1, 2, 3)) and checked.strip().endswith("ready") and "token" not in checked


def test_garbage_does_no_harm(hosts: Hosts, expected: Callable[..., Path]) -> None:
    """To every port that an actor of host 2 listens on, 300 connections with random bytes."""
    hosts.up()
    script = """
import os, re, socket, subprocess
for pid in subprocess.run(["pgrep", "-f", "ray::AgentActor"], capture_output=True, text=True).stdout.split():
    for line in subprocess.run(["ss", "-Htlnp"], capture_output=True, text=True).stdout.splitlines():
        if f"pid={pid}," in line:
            host, port = line.split()[3].rsplit(":", 1)
            for _ in range(300):
                try:
                    with socket.create_connection(("10.77.0.2", int(port)), timeout=2) as stranger:
                        stranger.sendall(os.urandom(500))
                except OSError:
                    pass
"""
    hosts.path(f"{HOME}/garbage.py").write_text(script)
    hosts.on(2, f"cat > garbage.py <<'END'\n{script}\nEND")
    played(
        hosts,
        "actors",
        "garbage at actors' ports",
        lambda: hosts.on(2, "python garbage.py"),
        expected(**SIZES["actors"]),
        SIZES["actors"],
    )
