"""Temporary folders of living and of dead processes."""

import subprocess
import sys
from pathlib import Path

from gossipmab.engines.pools.own_folder import own_folder

HOLDS = """
import sys
from pathlib import Path
from gossipmab.engines.pools.own_folder import own_folder
with own_folder("mine-", Path(sys.argv[1])) as folder:
    (folder / "data").write_text("x")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_folders_of_dead_processes_are_swept_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    """SIGKILL leaves a folder; the next of the same prefix removes it, and nothing else."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    alive, killed = (subprocess.Popen(command, **pipes) for _ in range(2))  # type: ignore[call-overload]
    kept, left = (Path(process.stdout.readline().strip()) for process in (alive, killed))
    killed.kill()
    killed.communicate(timeout=60)
    other, strange = tmp_path / "mine-without-lock", tmp_path / "theirs-1"
    for folder in (other, strange):
        folder.mkdir()
    assert (left / "data").exists()
    with own_folder("mine-", tmp_path) as here:
        assert {path.name for path in tmp_path.iterdir()} == {kept.name, here.name, other.name, strange.name}
        assert here.stat().st_mode & 0o777 == 0o700
    alive.communicate("", timeout=60)
    assert {path.name for path in tmp_path.iterdir()} == {other.name, strange.name}
