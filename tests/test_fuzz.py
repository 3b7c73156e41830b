"""Every parser under a coverage-guided fuzzer for a while; and the files that the fuzzing begins from, taken or refused."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.parsers import PARSERS, tried

HERE = Path(__file__).parent
SECONDS = 15


@pytest.mark.parametrize("name", PARSERS)
def test_what_fuzzing_begins_from_is_taken_or_refused(name: str) -> None:
    seeds = list(PARSERS[name].seeds())
    refusals = [tried(name, content) for content in seeds]
    assert "" in refusals, refusals  # at least one is valid, so that what lies behind the first checks is reached
    for content in seeds[:3]:  # cut and turned over, without any fuzzer
        for changed in (content[: len(content) // 2], content[::-1], content + content, b"\xff" + content, b"\0" * 100):
            tried(name, changed)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this Python or system")
@pytest.mark.parametrize("name", PARSERS)
def test_the_fuzzer_finds_nothing(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(SECONDS), "--seed", "1", "--found", str(tmp_path)]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, f"{sorted(tmp_path.iterdir())}\n{done.stderr[-3_000:]}"
