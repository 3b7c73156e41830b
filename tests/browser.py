"""A real headless Chromium for the tests of HTML: found by name, a new profile every time, every wait bounded."""

import html
import json
import re
import shutil
import subprocess
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

VOID = {"meta", "link", "br", "img"}
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
SCHEMES = {"dark": "--blink-settings=preferredColorScheme=0", "light": "--blink-settings=preferredColorScheme=1"}
# What a frame of the page looks like, as JSON. The luminances are those of WCAG 2.
MEASURE = """
const lum = c => { const v = c.match(/[\\d.]+/g).map(Number).slice(0, 3).map(x => x / 255)
  .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
const contrast = (a, b) => { const [x, y] = [lum(a), lum(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
onload = () => {
  const found = [...document.querySelectorAll('iframe')].map(frame => {
    const w = frame.contentWindow, d = w.document, root = d.documentElement;
    const paper = w.getComputedStyle(d.body).backgroundColor;
    const colours = (query, property) => [...d.querySelectorAll(query)].map(e => w.getComputedStyle(e)[property]);
    const wide = [...d.body.querySelectorAll('*')].filter(e => !e.closest('.scroll, pre') &&
      e.getBoundingClientRect().right > root.clientWidth + 1).map(e => e.tagName + '.' + e.className);
    return {
      width: root.clientWidth, scrolls: root.scrollWidth, wide,
      dark: w.matchMedia('(prefers-color-scheme: dark)').matches, paper: lum(paper),
      text: Math.min(...colours('p, h1, h2, h3, dt, dd, td, th, li, figcaption', 'color').map(c => contrast(c, paper))),
      loaded: w.performance.getEntriesByType('resource').length,
      heights: colours('.figures .panel', 'height').map(parseFloat),
    };
  });
  document.body.textContent = JSON.stringify(found);
};
"""


class Page(HTMLParser):
    """The elements of a page, which close in the order in which they opened, the texts in them, the lengths of its scripts."""

    def __init__(self, page: str, strict: bool = True) -> None:
        super().__init__()
        self.strict = strict  # whether elements must close in order
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.scripts: list[int] = []  # of those that are no data
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert not self.strict or not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.scripts += [0] if self.runs else []

    @property
    def runs(self) -> bool:
        """Whether the last element is a script that runs."""
        tag, attributes = self.elements[-1]
        return tag == "script" and attributes.get("type") != "application/json"

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and self.strict:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.append((self.open[-1], data))
        if self.open[-1:] == ["script"] and self.runs:
            self.scripts[-1] += len(data)

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Start the browser with these arguments, and wait for its end."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        call = [program, *FLAGS, f"--user-data-dir={profile}", *arguments]
        return subprocess.run(call, capture_output=True, text=True, timeout=120, check=True)


def complaints(stderr: str) -> list[str]:
    """What pages wrote to the console."""
    return [line for line in stderr.splitlines() if "CONSOLE" in line]


def acted(page: Path, script: str, *arguments: str) -> Any:
    """What a script in the page returns, which may await; fails if the console has a line or the page asks for anything.

    In the script, until(condition) waits for it, hover(element, x, y) moves the pointer to this part of it, and deep(query) finds
    elements inside others that are drawn by a library.
    """
    act = f"""<script>onload = async () => {{
      const pause = () => new Promise(go => setTimeout(go, 40));
      const until = async condition => {{ for (let i = 0; i < 250 && !condition(); i++) await pause(); }};
      const hover = (element, x, y) => {{ const box = element.getBoundingClientRect();
        const at = {{ clientX: box.left + x * box.width, clientY: box.top + y * box.height, isPrimary: true }};
        const event = kind => new PointerEvent(kind, {{ ...at, bubbles: true, composed: true }});
        for (const kind of ['pointerover', 'pointermove']) element.dispatchEvent(event(kind)); }};
      const deep = (query, root = document) => [...root.querySelectorAll(query), ...[...root.querySelectorAll('*')]
        .flatMap(one => one.shadowRoot ? deep(query, one.shadowRoot) : [])];
      let found;
      try {{ found = await (async () => {{ {script} }})(); }} catch (error) {{ console.error(error); }}
      const asked = performance.getEntriesByType('resource').map(one => one.name).filter(one => !one.startsWith('data:'));
      const text = JSON.stringify([found, asked]);
      document.body.replaceChildren(Object.assign(document.createElement('pre'), {{ textContent: text }}));
    }};</script></body>"""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "page.html"
        text = page.read_text(encoding="utf-8")
        copy.write_text(act.join(text.rsplit("</body>", 1)), encoding="utf-8")
        done = command(*arguments, "--dump-dom", "--virtual-time-budget=20000", "--window-size=1200,900", copy.as_uri())
    assert complaints(done.stderr) == []
    body = re.search(r"<body><pre>(.*?)</pre>", done.stdout, re.DOTALL)
    assert body is not None, done.stdout[-500:]
    found, asked = json.loads(html.unescape(body[1]))
    assert asked == []
    return found


def measured(page: Path, scheme: str, *widths: int) -> list[dict[str, Any]]:
    """What MEASURE finds in frames of these widths, in pixels; fails where a console has errors."""
    content = html.escape(page.read_text(encoding="utf-8"))
    frames = "".join(f'<iframe srcdoc="{content}" style="width: {w}px; height: 900px; border: 0"></iframe>' for w in widths)
    with tempfile.TemporaryDirectory() as folder:
        around = Path(folder) / "frames.html"
        around.write_text(f"<!DOCTYPE html><body>{frames}<script>{MEASURE}</script></body>", encoding="utf-8")
        done = command(SCHEMES[scheme], "--dump-dom", "--virtual-time-budget=5000", around.as_uri())
    assert complaints(done.stderr) == []
    body = re.search(r"<body[^>]*>(.*?)</body>", done.stdout, re.DOTALL)
    assert body is not None, done.stdout[:500]
    found: list[dict[str, Any]] = json.loads(html.unescape(body[1]))
    return found
