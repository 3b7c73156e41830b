"""The documentation: every page is reached, every link leads somewhere, formulas point at code, all code and examples run."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import matplotlib as mpl
import numpy as np
import pytest
from browser import Page

import gossipmab as gm
from gossipmab.metrics.trace import TrialRecord

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
READ_ON_THEIR_OWN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "experiments" / "README.md"]
FENCED = re.compile(r"^(`{3,}|:{3,}).*?^\1`*\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)")
ELSEWHERE = ("canonical", "index", "search", "next", "prev")  # links that fetch nothing
LINE = re.compile(r"\{line\}`([^`]+)`")


def prose(page: Path) -> str:
    """The page without fenced code, and without code in a line."""
    return re.sub(r"(?<!\})`[^`\n]*`", "", FENCED.sub("", page.read_text()))


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def entries(page: Path) -> Iterator[str]:
    """The entries of the page's toctrees, as names of pages or patterns, relative to docs/."""
    for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), re.DOTALL):
        for entry in (line.strip() for line in block.splitlines()):
            if entry and not entry.startswith(":"):
                above = page.parent.relative_to(DOCS)
                yield entry.lstrip("/") if entry.startswith("/") else (above / entry).as_posix()


def test_every_page_is_in_a_table_of_contents() -> None:
    wanted = [entry for page in PAGES for entry in entries(page)]
    names = {page.relative_to(DOCS).with_suffix("").as_posix() for page in PAGES}
    assert [entry for entry in wanted if not re.search(r"[*\[]", entry) and entry not in names] == []
    named = {name for name in names for entry in wanted if fnmatchcase(name, entry) and name.count("/") == entry.count("/")}
    assert names - named == {"index"}


@pytest.mark.parametrize("page", [*PAGES, *READ_ON_THEIR_OWN], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_lead_to_files_and_headings(page: Path) -> None:
    broken = []
    for target in LINK.findall(prose(page)):
        parts = urlsplit(target)
        if parts.scheme:
            continue
        file = page if not parts.path else (page.parent / unquote(parts.path)).resolve()
        if not file.exists():
            broken.append(target)
        elif parts.fragment and file.suffix == ".md":
            headings = map(slug, re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE))
            broken += [target] if parts.fragment not in headings else []
    assert broken == []


def test_every_formula_is_linked_to_a_line_that_exists() -> None:
    line_of = runpy.run_path(str(DOCS / "_ext" / "lines.py"))["line_of"]
    targets = [target for page in PAGES for target in LINE.findall(page.read_text())]
    assert len(targets) > 80
    for target in targets:
        found = line_of(target)  # LookupError where nothing is found
        shown = (ROOT / found.path).read_text().splitlines()[found.number - 1]
        assert target.partition("@")[2] in shown
    found = line_of("gossipmab.objectives.pareto:gaps@values[")  # in code and not in docstrings
    assert "np.asarray" in (ROOT / found.path).read_text().splitlines()[found.number - 1]
    with pytest.raises(LookupError):
        line_of("gossipmab.objectives.pareto:gaps@max_l")


def test_every_shipped_experiment_is_in_the_gallerys_table_with_a_picture() -> None:
    table = (ROOT / "experiments" / "README.md").read_text()
    shipped = {file.stem for file in (ROOT / "experiments").glob("*.toml")}
    assert set(re.findall(r"^\| \[(\w+)\.toml\]", table, re.MULTILINE)) == shipped
    pictures = {file.stem: file.stat().st_size for file in (DOCS / "figures" / "gallery").glob("*.png")}
    assert set(pictures) == shipped - {"scaling"} and max(pictures.values()) < 60_000


def test_code_on_executed_pages_parses_and_examples_of_the_centre_are_true() -> None:
    executed = [page for page in PAGES if page.read_text().startswith("---\nfile_format: mystnb")]
    assert len(executed) >= 10
    for page in executed:
        cells = re.findall(r"```\{code-cell\} python\n(.*?)```", page.read_text(), re.DOTALL)
        assert cells, page
        for cell in cells:
            if "%%bash" not in cell:
                ast.parse(re.sub(r"^:\w+:.*$", "", cell, flags=re.MULTILINE))
    failed, tried = doctest.testfile(str(DOCS / "central.md"), module_relative=False)
    assert tried >= 4 and not failed


@pytest.mark.slow
@pytest.mark.parametrize("name", ["failures", "links", "probing"])
def test_python_on_pages_that_are_not_executed_runs(name: str) -> None:
    """Those of bridges, ratings and central have tests of their own."""
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / f"{name}.md").read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, {"gm": gm})  # noqa: S102


def test_every_promise_names_tests_that_are_there() -> None:
    promises = 0
    for line in (DOCS / "guarantees.md").read_text(encoding="utf-8").splitlines():
        if not line.startswith("| ") or line.startswith("| promise"):
            continue
        promises += 1
        where, named = None, 0
        for file, name in re.findall(r"([\w/]*test_\w+\.py)|`(test_\w+)`", line.rsplit("|", 2)[1]):
            if file:
                where = ROOT / "tests" / file
                assert where.is_file(), f"{file}: {line}"
            else:
                assert where is not None and f"def {name}(" in where.read_text(encoding="utf-8"), f"{name}: {line}"
            named += 1
        assert named, line
    assert promises > 40


# Classes whose methods users call; those of algorithms, callbacks and actors are called by engines.
CALLED = (gm.CommunicationBudget, gm.Environment, gm.LinkProcess, gm.Network, gm.Results, TrialRecord)
INSIDE = {"Environment.from_data", "Results.load", "Results.summarise_written"}  # called by the package
ONE_AFTER_THE_OTHER = ["gossipmab.run", "gossipmab.Results"]  # the others use their run folder


def documented() -> Iterator[tuple[str, Any]]:
    for name in gm.__all__:
        if name not in ("__version__", "datasets", "marl"):
            yield f"gossipmab.{name}", getattr(gm, name)
    for name in gm.marl.__all__:
        yield f"gossipmab.marl.{name}", getattr(gm.marl, name)
    yield "gossipmab.datasets.ridesharing", gm.datasets.ridesharing
    for kind in CALLED:
        for name, value in vars(kind).items():
            method = getattr(value, "__func__", value)
            if inspect.isfunction(method) and not name.startswith("_") and f"{kind.__name__}.{name}" not in INSIDE:
                yield f"{kind.__name__}.{name}", method


def test_every_public_name_has_an_example_that_gives_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = set(re.findall(r"auto\w+:: gossipmab\.(\w+)", (DOCS / "api" / "index.md").read_text(), re.MULTILINE))
    assert set(gm.__all__) - {"__version__"} <= said  # it is in the reference
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    environment, network = gm.Environment.sample(4, 3, 2, seed=0), gm.Network("ring", agents=4)
    trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=30, seed=0)
    names = {"gm": gm, "np": np, "environment": environment, "network": network, "trace": trace}
    runner, finder = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE), doctest.DocTestFinder(recurse=False)
    found, wrong = dict(documented()), []
    for name in [*ONE_AFTER_THE_OTHER, *(name for name in found if name not in ONE_AFTER_THE_OTHER)]:
        if name == "Results.open":
            names["results"] = gm.open_run("runs/first")
        (test,) = finder.find(inspect.unwrap(found[name]), name, extraglobs=names)
        assert test.examples, f"{name} has no example"
        wrong += [name] if runner.run(test).failed else []
    from matplotlib import pyplot

    pyplot.close("all")
    assert wrong == []


@cache
def read(file: Path) -> SimpleNamespace:
    """What a page of the site links to, what it fetches, and what can be linked to in it."""
    page = Page(file.read_text(), strict=False)
    fetched = [one for one in page.all("script", "img", "link") if one.get("rel") not in ELSEWHERE]
    return SimpleNamespace(
        links=[one["href"] for one in page.all("a") if one.get("href")],
        fetched=[value for one in fetched for name in ("src", "href") if (value := one.get(name))],
        anchors={value for _, one in page.elements for name in ("id", "name") if (value := one.get(name))},
    )


def broken_links(site: Path) -> list[str]:
    """Links, anchors and files that are not there; and what would be fetched from another host."""
    broken = []
    for file in sorted(site.rglob("*.html")):
        page = read(file)
        for target in [*page.links, *page.fetched]:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                if target in page.fetched and parts.scheme != "data":
                    broken.append(f"{file.relative_to(site)} fetches {target}")
                continue
            led = file if not parts.path else (file.parent / unquote(parts.path)).resolve()
            missing = not led.is_file()
            if missing or (parts.fragment and led.suffix == ".html" and unquote(parts.fragment) not in read(led).anchors):
                broken.append(f"{file.relative_to(site)}: {target}")
    return broken


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html#there">x</a><a href="b.html#gone">x</a><a href="c.html">x</a>')
    (tmp_path / "b.html").write_text('<p id="there">x</p><script src="https://elsewhere.example/x.js"></script>')
    assert broken_links(tmp_path) == ["a.html: b.html#gone", "a.html: c.html", "b.html fetches https://elsewhere.example/x.js"]


@pytest.mark.slow
@pytest.mark.timeout(3_000)
def test_the_whole_site_builds_without_warnings_and_all_code_runs(tmp_path: Path) -> None:
    pytest.importorskip("myst_nb", reason="pip install 'gossipmab[docs]'")
    site = tmp_path / "html"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-d", str(tmp_path / "doctrees")]
    done = subprocess.run([*command, str(DOCS), str(site)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5_000:]
    assert broken_links(site) == []
    for page in site.rglob("*.html"):
        assert 'class="output traceback' not in page.read_text()
    formulas = (site / "guide" / "mathematics.html").read_text()
    assert formulas.count("<math") > 60 and "source/gossipmab/engines/agent_round.py.html#line-" in formulas
    assert "arrays that differ: []" in (site / "tutorials" / "actors_on_ray.html").read_text()
    cards = (site / "guide" / "gallery.html").read_text().count('class="card')
    assert cards == len(list((ROOT / "experiments").glob("*.toml")))
