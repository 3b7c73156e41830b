"""The report: opened in a real browser, light and dark, wide and narrow and printed; what it says, and what it escapes."""

import csv
import html
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote
from urllib.request import Request, urlopen

import browser
import numpy as np
import pytest
from browser import Page, acted, measured

import gossipmab as gm
from gossipmab.analysis.report import tables, write_report
from gossipmab.analysis.report.networks import facts
from gossipmab.analysis.report.page import render
from gossipmab.analysis.report.watch import served
from gossipmab.experiments.cell_runner import CellRunner
from gossipmab.experiments.runner import CellsFailedError
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.experiments.storage.run_folder import RunFolder
from gossipmab.utils import provenance
from tests.tiny import FOUR, PAIR, Capsys, Patch, central, error_of, module_run, printed, refuses, tiny

SPEC = tiny(60, 3, environment=FOUR, network={"base": "star", "link_probability": 0.5}, algorithms=PAIR)
SPEC["experiment"]["description"] = "Two & a half"
SWEEP = {"network.link_probability": [0.1, 1.0], "network.base": ["complete", "path"]}
single = module_run(SPEC, "single")
swept = module_run({**SPEC, "sweep": SWEEP}, "swept")


page = pytest.fixture(scope="module")(lambda swept: render(swept))
# The first figure, drawn.
DRAWN = "const one = document.querySelector('[data-chart]'); await until(() => one.dataset.drawn);"
SORT = """
const table = document.querySelector('table'), place = [...table.tHead.rows[0].cells].findIndex(x => x.textContent === 'at T');
const column = () => [...table.tBodies[0].rows].map(row => row.cells[place].textContent);
const button = table.tHead.rows[0].cells[place].querySelector('button'), sorted = [];
for (const turn of [1, 2]) { button.click(); sorted.push(button.parentElement.ariaSort, column()); }
"""


def words(page: str) -> str:
    """The text of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<(style|script)[ >].*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL))


@pytest.mark.slow
def test_the_browser_opens_it_without_complaint(swept: gm.Results, tmp_path: Path) -> None:
    page = write_report(swept)
    seen = browser.command(f"--screenshot={tmp_path / 'page.png'}", "--window-size=1200,2000", page.as_uri())
    assert page == swept.path / "report.html" and browser.complaints(seen.stderr) == []
    assert (tmp_path / "page.png").stat().st_size > 20_000


def test_figures_and_tables_answer(swept: gm.Results, tmp_path: Path) -> None:
    """A click on the legend hides a curve in every panel, the axis and the band change, the pointer shows values, tables sort."""
    found = acted(write_report(swept, tmp_path / "page.html"), f"""{DRAWN}{SORT}
      const state = () => {{
        const figures = one.querySelector('.panels').figures, glyphs = figures.map(figure => figure.renderers);
        const bands = glyphs.flat().filter(x => x.glyph.type === 'VArea');
        return {{ axis: figures[0].y_scale.type, lines: glyphs.map(some => some.filter(x => x.glyph.line_alpha?.value).length),
          bands: bands.length, high: bands[0]?.data_source.data.high.at(-1) }}; }};
      const change = async act => {{
        const before = one.dataset.drawn;
        act();
        await until(() => one.dataset.drawn !== before);
        return state(); }};
      const select = one.querySelector('.band'), curve = one.querySelector('.curve'), found = {{ sorted }};
      const choose = name => change(() => {{ select.value = name; select.dispatchEvent(new Event('change')); }});
      found.ci = await choose('ci');
      found.hidden = await change(() => curve.click());
      found.pressed = curve.ariaPressed;
      await change(() => curve.click());
      const events = deep('.bk-events')[0], tips = () => deep('.bk-Tooltip').map(x => x.shadowRoot.textContent).join();
      for (let y = 0.05; y < 1 && !tips().includes(' to '); y += 0.03) {{ hover(events, 0.6, y); await pause(); }}
      found.tip = tips();
      found.sd = await choose('sd');
      found.note = one.querySelector('.note').textContent;
      found.none = await choose('none');
      found.log = await change(() => one.querySelector('.log').click());
      return found;
    """)  # fmt: skip
    ci, hidden, none = found["ci"], found["hidden"], found["none"]
    assert (ci["bands"], hidden["bands"], none["bands"]) == (8, 4, 0) and found["pressed"] == "false"
    assert [a - b for a, b in zip(ci["lines"], hidden["lines"], strict=True)] == [1] * 4
    assert found["sd"]["high"] > ci["high"] and "one standard deviation" in found["note"]
    assert {ci["axis"], found["log"]["axis"]} == {"LinearScale", "LogScale"}
    assert "round t" in found["tip"] and "mean" in found["tip"] and " to " in found["tip"]
    up, rows, down, turned = found["sorted"]
    numbers = [float(text.replace(",", "")) for text in rows]
    assert (up, down) == ("ascending", "descending") and numbers == sorted(numbers) and turned == rows[::-1]


@pytest.mark.slow
def test_the_network_shows_outcomes_and_finds_agents(swept: gm.Results, tmp_path: Path) -> None:
    found = acted(write_report(swept, tmp_path / "page.html"), """
      const one = document.querySelector('[data-network]'), search = one.querySelector('.search');
      one.scrollIntoView({ behavior: 'instant' });
      await until(() => one.dataset.drawn);
      search.value = '2';
      search.dispatchEvent(new Event('input'));
      await until(() => one.dataset.drawn > 1);
      const agents = one.querySelector('.panels').figures[0].renderers.at(-1).data_source.data;
      return { said: one.querySelector('.found').textContent, thick: [...agents.thick], value: agents.value[2],
        outcomes: [...one.querySelectorAll('.outcome option')].map(x => x.textContent) };
    """)  # fmt: skip
    agents = swept.agents()
    first = agents[(agents["link_probability"] == 0.1) & (agents["base"] == "complete") & (agents["algorithm"] == "gossip")]
    assert found["value"] == pytest.approx(first[first["agent"] == 2]["pareto_regret"].mean(), rel=1e-5)
    assert found["said"].startswith("agent 2: ") and found["thick"] == [1, 1, 4, 1]
    assert found["outcomes"] == ["Pareto regret, gossip", "Pareto regret, alone", "utility, gossip", "utility, alone"]


def test_the_files_behind_a_table_hold_it(single: gm.Results) -> None:
    table = tables.final_table(single, "pareto_regret", "Pareto regret")
    (name, csv_file), (tex, latex) = table.files.values()
    rows = list(csv.reader(io.StringIO(unquote(csv_file.partition(",")[2]))))
    assert rows == [list(table.headings), *map(list, table.rows)] and name.endswith(".csv")
    assert r"\toprule" in unquote(latex) and tex.endswith(".tex")


def fetched(url: str, **headers: str) -> tuple[int, str]:
    """Status and contents of an address."""
    try:
        with urlopen(Request(url, headers=headers), timeout=60) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert answer.headers["Cache-Control"] == "no-store" and "default-src 'none'" in policy
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, ""


def test_a_page_follows_a_run_in_progress(single: gm.Results, tmp_path: Path) -> None:
    """It waits for the first cell, then shows curves; nobody without the token, or of another host, sees it."""
    folder = shutil.copytree(single.path, tmp_path / "run", ignore=shutil.ignore_patterns("cells", "*.parquet"))
    said = json.loads((folder / "manifest.json").read_text())
    said |= {"end": None, "sha256": {}}
    said["sessions"][-1]["failed"] = [["alone-2", "ValueError: it <broke>"]]
    (folder / "manifest.json").write_text(json.dumps(said))
    (folder / "cells").mkdir()
    with served(folder) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            status, page = fetched(server.url)
            assert status == 200 and "0 of 6" in page and "waits for the first" in page and "it &lt;broke&gt;" in page
            Page(page)
            for file in sorted((single.path / "cells").glob("*"))[:3]:
                shutil.copy(file, folder / "cells")
            page = fetched(f"{server.url}now")[1]
            assert "3 of 6" in page and "Pareto regret over time, so far" in page and "data:image/svg+xml" in page
            assert server.url.startswith("http://127.0.0.1:") and fetched(f"{server.url}x")[0] == 404
            assert fetched(server.url.replace(server.token, "x"))[0] == fetched(server.url, Host="evil.example")[0] == 403
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow
def test_watch_is_one_line_until_ctrl_c(single: gm.Results) -> None:
    command = [sys.executable, "-m", "gossipmab", "report", str(single.path), "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and fetched(process.stdout.readline().strip())[0] == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "") and "Traceback" not in err


SEEN = """<script>onload = () => {
  const d = document.querySelector('iframe').contentDocument;
  const seen = query => [...d.querySelectorAll(query)].filter(x => x.offsetHeight > 100).length;
  document.body.textContent = JSON.stringify([seen('.static img'), seen('.interactive')]);
};</script>"""


@pytest.mark.slow
@pytest.mark.parametrize("scripts", ["", "allow-scripts"])
def test_where_scripts_are_off_the_figures_are_pictures(scripts: str, page: str, tmp_path: Path) -> None:
    frame = f'<iframe sandbox="allow-same-origin {scripts}" srcdoc="{html.escape(page)}" style="width: 900px"></iframe>'
    (tmp_path / "frame.html").write_text(f"<body>{frame}{SEEN}</body>", encoding="utf-8")
    done = browser.command("--dump-dom", "--virtual-time-budget=5000", (tmp_path / "frame.html").as_uri())
    figures = page.count('class="static"')
    assert f"<body>[{figures},0]</body>" in done.stdout or (scripts and f"<body>[0,{figures}]</body>" in done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_reads_at_any_width_and_in_both_schemes(scheme: str, swept: gm.Results, tmp_path: Path) -> None:
    narrow, wide = measured(write_report(swept, tmp_path / "page.html"), scheme, 340, 1280)
    for found in (narrow, wide):
        assert found["dark"] == (scheme == "dark")
        assert found["paper"] < 0.1 if found["dark"] else found["paper"] > 0.9
        assert found["text"] >= 4.5  # of WCAG 2, level AA
        assert found["loaded"] == 0 and found["scrolls"] <= found["width"] and found["wide"] == []
        assert min(found["heights"]) > 100
    assert narrow["width"] == 340


@pytest.mark.slow
def test_it_prints(single: gm.Results, tmp_path: Path) -> None:
    """The static figures, as where there are no scripts."""
    page, bare = write_report(single), tmp_path / "bare.html"
    bare.write_text(re.sub(r"<script>.*?</script>", "", page.read_text("utf-8"), flags=re.DOTALL), "utf-8")
    for file, pdf in ((page, tmp_path / "page.pdf"), (bare, tmp_path / "bare.pdf")):
        browser.command(f"--print-to-pdf={pdf}", "--no-pdf-header-footer", file.as_uri())
    content, without = (tmp_path / "page.pdf").read_bytes(), (tmp_path / "bare.pdf").read_bytes()
    assert content.startswith(b"%PDF") and len(without) > 20_000 and abs(len(content) / len(without) - 1) < 0.03


def test_it_needs_nothing_else_and_is_accessible(page: str) -> None:
    outline = Page(page)
    assert not outline.all("iframe", "object", "embed") and not any("src" in one for one in outline.all("script"))
    assert page.count("Copyright (c) Anaconda, Inc., and Bokeh Contributors") == 2  # once of each of its two files
    policy = next(one["content"] or "" for one in outline.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'") and "http" not in policy
    for attributes in (attributes for _, attributes in outline.elements):
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    style = re.search(r"<style>.*?</style>", page, re.DOTALL)
    assert style and not re.search(r"@import|url\((?!#)", style[0])
    assert len(page) < 3_000_000
    # it is accessible
    ids = Counter(attributes["id"] for _, attributes in outline.elements if attributes.get("id"))
    assert ids and set(ids.values()) == {1}
    for _, attributes in outline.elements:
        for target in (attributes.get("aria-labelledby"), (attributes.get("href") or "").removeprefix("#")):
            assert not target or target.startswith("data:") or target in ids
    assert outline.all("html") == [{"lang": "en"}] and "<title>tiny: report" in page
    assert all(attributes.get("scope") in ("col", "row") for attributes in outline.all("th"))
    assert len(outline.all("table")) == len(outline.all("caption"))
    images = outline.all("img")  # over time, against keys, against bytes, errors, coverage, parade, network, base graphs
    assert len(images) == 1 + 2 + 1 + 1 + 1 + 1 + 1 + 2
    assert all((attributes.get("alt") or "").strip() for attributes in images)
    assert [tag for tag, _ in outline.elements].count("h1") == 1
    # equity never shows H alone
    headings = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', page)
    beside = "E/N, incidence, H, H above, H below, TV who, TV how much, CV, Gini, Jain, Theil, Atkinson, base graph"
    assert f", {beside}, " in f", {', '.join(headings)}, "


def test_it_says_what_the_run_says(single: gm.Results) -> None:
    text = words(render(single))
    summary = single.summary().set_index("algorithm")
    alone, gossip = summary.loc["alone", "pareto_regret"], summary.loc["gossip", "pareto_regret"]
    change = 100 * (alone / gossip - 1)
    assert f"alone: {abs(change):.1f} % {'more' if change > 0 else 'less'} Pareto regret than gossip" in text
    for label in ("gossip", "alone"):
        assert f"{summary.loc[label, 'pareto_regret']:.2f}"[:5] in text
    agents = single.agents()
    for column in ("equity_mre", "equity_excess"):
        value = agents.groupby(["algorithm", "trial"])[column].first().groupby("algorithm").mean()["alone"]
        assert f"{value:.3g}"[:4] in text
    assert "Two &amp; a half" in text and "pooled = false" in text and provenance.versions()["numba"] in text
    assert "star: 4 agents, 3 links" in text and "With fewer than 6 trials" in text


@pytest.mark.slow
def test_the_command_in_it_runs_it_again(tmp_path: Path) -> None:
    np.save(tmp_path / "my means.npy", np.random.default_rng(0).uniform(0, 1, (3, 3, 2)))
    (tmp_path / "chain.edges").write_text("0 1\n1 2\n")
    (tmp_path / "full.edges").write_text("0 1\n1 2\n0 2\n")
    network = {"links": {"process": "switching", "graphs": [str(tmp_path / "chain.edges"), "complete"]}}
    points = [{"network.base": base, "experiment.horizon": horizon}
              for base, horizon in (("complete", 20), (str(tmp_path / "full.edges"), 30))]  # fmt: skip
    data = {**SPEC, "environment": {"means": str(tmp_path / "my means.npy")}, "network": network, "sweep": {"points": points}}
    results = gm.run(data, out=tmp_path / "a run", workers=1)
    for name in ("my means.npy", "chain.edges", "full.edges"):
        (tmp_path / name).unlink()
    again, check, _ = tables.commands(results)
    for command in (again.text, check.text):
        words = command.replace("gossipmab ", f"{sys.executable} -m gossipmab ", 1)
        done = subprocess.run(words, shell=True, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    before, after = results.table(), gm.open_run(tmp_path / "a run-again").table()
    assert (before.drop(columns=results.keys) == after.drop(columns=results.keys)).all(axis=None)


def test_a_shipped_experiment_is_run_again_by_name(tmp_path: Path) -> None:
    for changes, first in (((), "gossipmab run quickstart"), (["experiment.seed=1"], "gossipmab run run --out run-again")):
        folder = RunFolder(tmp_path / "run")
        with folder.locked():
            spec = load_spec("quickstart", changes)
            folder.prepare(spec, fresh=True)
        assert tables.commands(gm.Results(folder, spec))[0].text.startswith(first)


def test_links_and_failures_stand_beside_the_base_graph() -> None:
    plain = gm.Network("star", 4, 0.5)
    bursts = {"process": "gilbert_elliott", "failure": 0.1, "recovery": 0.4}
    bursty = gm.Network("star", 4, links=bursts, failures={"message_loss": 0.1}, communication={"period": 2})
    assert list(facts("star", plain).values())[:4] == ["star", "erdos renyi", "0.5", "laplacian"]
    assert list(facts("star", bursty).values())[1:3] == ["gilbert elliott, failures, rules for what is sent", "0.8"]
    squared = plain.facts().second_eigenvalue_squared
    assert float(facts("star", plain)["halved in"]) == pytest.approx(np.log(2) / -np.log(squared**0.5), rel=0.01)


@pytest.mark.slow
def test_a_run_with_a_centre_has_a_report_without_a_network(tmp_path: Path) -> None:
    page = render(gm.run(central(SPEC), out=tmp_path / "run", workers=1))
    assert 'id="network"' not in page and 'id="agents"' in page and "nothing is compared" in page


def test_what_the_user_wrote_is_escaped(tmp_path: Path) -> None:
    nasty = "<script>alert('1')</script>"
    data = {
        **SPEC,
        "experiment": {**SPEC["experiment"], "name": f"{nasty} & co", "description": f'"{nasty}"'},
        "algorithms": [{"name": "pareto_ucb", "label": nasty}, {"name": "pareto_ucb_gossip", "label": "--> $$x$$ <b>"}],
    }
    page = render(gm.run(data, out=tmp_path / "run", workers=1))
    outline = Page(page)
    assert len(outline.all("script")) == len(outline.all("img")) + 1 and not outline.all("b")
    assert "&lt;script&gt;alert(&#39;1&#39;)" in page
    script = f"{DRAWN} return [...one.querySelectorAll('.curve')].map(x => x.textContent);"
    drawn = acted(write_report(gm.open_run(tmp_path / "run")), script)
    assert drawn[:2] == [nasty, "--> $$x$$ <b>"]


@pytest.mark.slow
def test_what_is_wrong_stands_at_its_head(tmp_path: Path, monkeypatch: Patch, caplog: pytest.LogCaptureFixture) -> None:
    play = CellRunner.__call__

    def failing(self: CellRunner, cell: Any, *rest: Any) -> Any:
        if cell.label == "alone" and cell.trial == 2:
            raise ValueError("it <broke>")
        return play(self, cell, *rest)

    class Follower(gm.Callback):
        def on_cell(self, cell: Any, trace: Any, error: Exception | None) -> None:
            if error is not None:
                meanwhile.extend(gm.open_run(tmp_path / "run").failures)

    meanwhile: list[tuple[str, str]] = []
    monkeypatch.setattr(CellRunner, "__call__", failing)
    with pytest.raises(CellsFailedError):
        gm.run(SPEC, out=tmp_path / "run", workers=1, callbacks=[Follower()])
    assert [line for _, line in meanwhile] == ["ValueError: it <broke>"]
    text = words(render(gm.open_run(tmp_path / "run")))
    assert "1 cells failed" in text and "it &lt;broke&gt;" in text and "5 of 6 cells are finished" in text
    monkeypatch.undo()
    mine = {**provenance.versions(), "numba": "0.0.1"}
    monkeypatch.setattr(provenance, "versions", lambda: mine)
    gm.run(SPEC, out=tmp_path / "run", workers=1)
    assert "other versions" in caplog.text
    text = words(render(gm.open_run(tmp_path / "run")))
    assert "2 sets of versions, different in numba" in text and "failed: " not in text
    cell = next((tmp_path / "run" / "cells").glob("gossip*"))
    cell.write_bytes(cell.read_bytes()[:-20])
    said = json.loads((tmp_path / "run" / "manifest.json").read_text())
    (tmp_path / "run" / "manifest.json").write_text(json.dumps({**said, "end": None}))
    refuses("torn or altered", lambda: render(gm.open_run(tmp_path / "run")))


def test_an_unfinished_run_has_a_report(single: gm.Results, tmp_path: Path) -> None:
    folder = shutil.copytree(single.path, tmp_path / "run")
    for file in (folder / "cells").glob("alone*"):
        file.unlink()
    said = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**said, "end": None}))
    text = words(render(gm.open_run(folder)))
    assert "not finished" in text and "3 of 6 cells are finished" in text


@pytest.mark.slow
def test_the_command_line_writes_it(single: gm.Results, tmp_path: Path, capsys: Capsys) -> None:
    places = [tmp_path / f"{name}.html" for name in ("one", "other")]
    for place in places:
        assert printed(capsys, ["report", str(single.path), "--out", str(place)]) == f"{place}\n"
    assert places[0].read_text().startswith("<!DOCTYPE html>") and places[0].read_bytes() == places[1].read_bytes()


@pytest.mark.parametrize(("folder", "out", "line"), [
    ("nowhere", "", "there is no run"), ("empty", "", "no cell is finished yet"), ("single", "page.txt", "ends in .html"),
    ("single", "nowhere/page.html", "a folder that exists"), ("single", "page.html --watch", "--watch"),
])  # fmt: skip
def test_bad_places_are_one_line(folder: str, out: str, line: str, single: gm.Results, tmp_path: Path, capsys: Capsys) -> None:
    place = shutil.copytree(single.path, tmp_path / "empty") if folder == "empty" else tmp_path / folder
    if folder == "empty":
        shutil.rmtree(place / "cells")
        (place / "results.parquet").unlink()
    arguments = ["report", str(single.path if folder == "single" else place)]
    assert line in error_of(capsys, arguments + (["--out", *str(tmp_path / out).split(" ")] if out else []))
