"""A page on this machine that follows a run: cells done, failures, time left, the curves so far.

It is served on the loopback address alone, to those who know the token in its address, and changes nothing.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from gossipmab.analysis.charts import charts
from gossipmab.analysis.plot_style import own_style
from gossipmab.analysis.plots import draw_chart
from gossipmab.analysis.report.page import templates
from gossipmab.analysis.report.parts import IN_PAGES, Picture, picture
from gossipmab.analysis.selection import view
from gossipmab.experiments.results import Results, open_run
from gossipmab.experiments.storage.lock import held_since
from gossipmab.utils.errors import InputError

HOST = "127.0.0.1"
THREADS = 8  # requests at a time; more are turned away
PATIENCE = 10.0  # seconds for a request to come in
REST = 4.0  # the share of time that goes into drawing is one part in 1 + REST
HEADERS = {
    "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}  # fmt: skip


class State(NamedTuple):
    """A run at this moment. status: (class, words) of the badge. left: in words; "" if nothing can be said."""

    status: tuple[str, str]
    done: int
    total: int
    left: str
    failures: list[tuple[str, str]]
    curves: Picture | None
    trouble: str


class Follower:
    """What the page shows of a run folder; the curves are drawn again when more cells are finished."""

    def __init__(self, folder: str | Path) -> None:
        """Raises InputError if it is not a run folder."""
        self.results = open_run(folder)
        self._lock = threading.Lock()
        self._drawn: tuple[int, Picture | None, str] = (0, None, "")
        self._next = 0.0

    def state(self) -> State:
        """The run as its folder shows it now."""
        now = Results(self.results.folder, self.results.spec)
        trouble, failures, total = "", [], len(now.spec.cells())
        traces = now.traces
        since = held_since(now.path)
        done = len(traces)
        try:
            failures = now.failures
        except InputError as error:
            trouble = str(error)
        running = since is not None and done + len(failures) < total
        status = ("bad", f"{len(failures)} cells failed") if failures else ("good", "finished")
        if done + len(failures) < total:
            status = ("open", "running") if running else ("bad" if failures else "open", "not finished, and not running")
        left = time_left(now, since, total - done - len(failures)) if running and since is not None else ""
        curves, problem = self._curves(now, done)
        return State(status, done, total, left, failures, curves, trouble or problem)

    def _curves(self, now: Results, done: int) -> tuple[Picture | None, str]:
        """The regret curves of the finished cells, perhaps of a moment ago."""
        if done and done != self._drawn[0] and time.monotonic() >= self._next and self._lock.acquire(blocking=False):
            try:
                began = time.monotonic()
                self._drawn = (done, *curves_of(now))
                self._next = time.monotonic() + REST * (time.monotonic() - began)
            finally:
                self._lock.release()
        return self._drawn[1:]


def curves_of(results: Results) -> tuple[Picture | None, str]:
    """The first chart of the cells that are there; or why there is none."""
    try:
        chart = next(charts(view(results, band="sd")), None)
        if chart is None:
            return None, ""
        with own_style(**IN_PAGES):
            return picture(chart.heading, chart.note, draw_chart(chart)), ""
    except (InputError, OSError) as error:
        return None, str(error)


def time_left(results: Results, since: float, missing: int) -> str:
    """The time left in words, at the pace of the cells finished since this moment (seconds since 1970)."""
    files = results.folder.cells.glob("*.parquet")
    new = sum(file.stat().st_mtime >= since for file in files)
    if not new:
        return ""
    seconds = missing * max(time.time() - since, 0.0) / new
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {max(seconds, 1):.0f} seconds"


class _Handler(BaseHTTPRequestHandler):
    """GET of the page and of its contents; nothing else."""

    timeout = PATIENCE
    server: Server

    def do_GET(self) -> None:
        port = self.server.server_address[1]
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self.send_error(403, "another host")
            return
        token, _, name = self.path.removeprefix("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self.send_error(403, "without the token")
        elif name in ("", "now"):
            self._send(self.server.page(whole=not name))
        else:
            self.send_error(404)

    def _send(self, text: str) -> None:
        content = text.encode()
        self.send_response(200)
        for key, value in {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(content)), **HEADERS}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the console is the run's."""


class Server(ThreadingHTTPServer):
    """Serves the page of a run on the loopback address. url: with its token."""

    daemon_threads = True

    def __init__(self, folder: str | Path, port: int = 0) -> None:
        """Raises InputError for a folder that holds no run, or a port that cannot be had; port 0: any that is free."""
        self.follower, self.token = Follower(folder), secrets.token_urlsafe(16)
        self._slots = threading.BoundedSemaphore(THREADS)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise InputError(f"--port: got {port}, allowed is a free one ({error.strerror})") from None
        self.url = f"http://{HOST}:{self.server_address[1]}/{self.token}/"

    def page(self, whole: bool) -> str:
        """The page, or its contents alone."""
        state, name = self.follower.state(), self.follower.results.spec.experiment.name
        return (
            templates().get_template("watch.html").render(whole=whole, name=name, path=str(self.follower.results.path), now=state)
        )

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, if there is one left."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and free the thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a browser that goes away is no error."""


@contextmanager
def served(folder: str | Path, port: int = 0) -> Iterator[Server]:
    """The server of a run's page, closed at the end; `serve_forever` answers."""
    server = Server(folder, port)
    try:
        yield server
    finally:
        server.server_close()
