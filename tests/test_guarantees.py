"""docs/guarantees.md names tests that are there."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "guarantees.md"


def test_every_promise_names_tests_that_are_there() -> None:
    promises = 0
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("| ") or line.startswith("| promise"):
            continue
        promises += 1
        where, named = None, 0
        for file, name in re.findall(r"([\w/]*test_\w+\.py)|`(test_\w+)`", line.rsplit("|", 2)[1]):
            if file:
                where = TESTS / file
                assert where.is_file(), f"{file}: {line}"
            else:
                assert where is not None and f"def {name}(" in where.read_text(encoding="utf-8"), f"{name}: {line}"
            named += 1
        assert named, line
    assert promises > 40
