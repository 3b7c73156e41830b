"""Ray for the length of a `with`: started on this machine, or a cluster joined; only public interfaces of Ray are used.

A local Ray listens on loopback (if Ray was imported before, a note says where), without dashboard, to holders of its token. Token,
sockets and logs lie in a private temporary folder, which every end of the session but SIGKILL removes.

A cluster is joined only if the caller gives an address: neither RAY_ADDRESS nor a Ray that happens to run here is used.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, TypeVar

from gossipmab.engines.pools.head_watch import watched
from gossipmab.engines.pools.own_folder import own_folder
from gossipmab.utils.errors import InputError
from gossipmab.utils.provenance import available_processors

T = TypeVar("T")

OBJECT_STORE = 256 * 2**20  # bytes; what does not fit is spilled to the folder
ANSWER = 10.0  # seconds for a cluster to answer
START = 22.0  # seconds for a local Ray to start, on a machine with a processor for every process that wants one
FRAME = re.compile(r"@\s+0x")  # of a stack, in Ray's logs
PREFIX = "gossipmab-ray-"
LONGEST_FOLDER = 38  # bytes: Ray adds 66 to name its sockets, and the kernel takes 107
TOKEN = secrets.token_hex(32)  # one a process: Ray reads it once
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # Ray's only switch for it, on any system; read when Ray is imported
LOCAL = {
    "RAY_AUTH_MODE": None,  # Ray then makes it "token", also if it was imported before
    "RAY_AUTH_TOKEN": None,  # would go before the file
    "RAY_ADDRESS": None,
    "RAY_JOB_CONFIG_JSON_ENV_VAR": None,  # what `ray job submit` gives is meant for the cluster
    "RAY_RUNTIME_ENV_HOOK": None,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USE_TLS": None,
    "RAY_grpc_enable_http_proxy": "0",  # a proxy does not reach this machine's loopback
    "RAY_worker_niceness": "0",  # Ray's own 15 gives way to everything else on the machine
    LOOPBACK: "0",
}
ALWAYS = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run`, Ray would upload the working folder
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or Ray warns of a future default
    "RAY_DEDUP_LOGS_SKIP_REGEX": "^",  # Ray's own lines, with stacks, about a node or worker that died: ours say it
}
PARTITION = {  # milliseconds until a connection whose other end is silent ends, in place of seven minutes
    "RAY_grpc_client_keepalive_time_ms": "70000",  # more than a minute: if less, Ray's servers end a call that lasts, and its task
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
}
BUILT_IN = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}  # resources that Ray takes by options of their own
PROXIES = ("no_proxy", "NO_PROXY")  # hosts that are reached without a proxy
RESTORED = ("RAY_", "PYTHONBREAKPOINT", "PYTHONPATH", *PROXIES)


class Session(NamedTuple):
    """What is running. address: "host:port". folder: ours, of a local Ray; None where a cluster was joined."""

    address: str
    folder: Path | None


@contextmanager
def session(
    address: str | None = None,
    cpus: int | None = None,
    *,
    object_store: int = OBJECT_STORE,
    runtime_env: Mapping[str, Any] | None = None,
    meanwhile: Callable[[], object] = lambda: None,
    **options: Any,
) -> Iterator[Session]:
    """Start Ray here, or join the cluster at `address`; end all of it on the way out.

    Ray starts and ends in a thread of its own, where no signal interrupts it: a Ctrl-C or SIGTERM meanwhile is obeyed once
    Ray has started, or ended, as a whole. The thread lives as long as the session: Ray's processes die with it. Of a Ray that
    does not start, thread and processes live on until it gives up, or this process ends.

    Args:
        address: "auto" (RAY_ADDRESS, or the Ray that runs on this machine) or "host:port" of a cluster of which this
            machine is a node; None starts a Ray of our own.
        cpus: CPUs of a local Ray; by default as many as this process may use.
        object_store: bytes of a local Ray's object store.
        runtime_env: what a cluster's workers need; a local Ray needs nothing.
        meanwhile: called in this thread while Ray starts.
        options: more for `ray.init`.

    Raises:
        InputError: the address is not allowed, nobody answers there, no Ray starts here, or this process has one already.
        ClusterLostError: the head has gone.
    """
    if address is not None and (address == "local" or "://" in address or not address.strip()):
        raise InputError(f"address: got {address!r}, allowed are 'auto' and HOST:PORT, on a node of that cluster")
    if "ray" in sys.modules and import_module("ray").is_initialized():
        raise InputError("engine: this process uses Ray already; call ray.shutdown() first")
    with ExitStack() as stack:
        stack.enter_context(_environment())
        folder = stack.enter_context(own_folder(PREFIX, _short_root())) if address is None else None
        _set(ALWAYS | {name: os.environ.get(name, value) for name, value in PARTITION.items()})
        if folder is not None:
            token = folder / "token"
            with open(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(TOKEN)
            path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)  # workers import what we can
            direct = {name: ",".join(filter(None, [os.environ.get(name), "127.0.0.1,localhost"])) for name in PROXIES}
            _set(LOCAL | direct | {"RAY_AUTH_TOKEN_PATH": str(token), "PYTHONPATH": path})
        lost = threading.Event()
        stack.enter_context(_terminated_gently(lost))
        started, ended, leave = Future[str](), Future[None](), threading.Event()

        def live() -> None:
            _settle(started, lambda: _init(address, cpus, folder, object_store, dict(runtime_env or {}), options))
            leave.wait()
            _settle(ended, lambda: import_module("ray").shutdown(wait_for_processes=True))

        def end() -> None:
            leave.set()
            if started.done():
                _whole(ended)

        threading.Thread(target=live, name="ray", daemon=True).start()
        stack.callback(end)
        try:
            meanwhile()
        finally:
            limit = START * max(1.0, os.getloadavg()[0] / available_processors())
            found = _whole(started, limit if folder else None)
        if found is None:
            raise InputError(f"engine: no Ray starts within {limit:.3g} s{_last_lines(folder)}")
        stack.enter_context(_terminated_gently(lost))  # again: Ray has put a handler of its own in its place
        stack.enter_context(watched(found, lost))
        yield Session(found, folder)


def ray_options(resources: Mapping[str, float]) -> dict[str, Any]:
    """What a task or actor takes, as options of `ray.remote`."""
    custom = {name: value for name, value in resources.items() if name not in BUILT_IN}
    known: dict[str, Any] = {BUILT_IN[name]: value for name, value in resources.items() if name in BUILT_IN}
    return known | ({"resources": custom} if custom else {})


def _init(
    address: str | None, cpus: int | None, folder: Path | None, object_store: int, runtime_env: dict[str, Any],
    options: dict[str, Any],
) -> str:  # fmt: skip
    """Call ray.init; the address at which Ray is."""
    import ray

    where = f"address: got {address!r}, and no Ray cluster answers there" if folder is None else "engine: no Ray starts"
    if folder is not None:
        try:
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(server.getsockname(), timeout=ANSWER).close()
        except OSError as error:
            raise InputError(f"{where}: it needs this machine's loopback, 127.0.0.1, which does not work ({error})") from None
    start: dict[str, Any] = {"address": address, "runtime_env": runtime_env or None}
    if folder is not None:
        start = {
            "address": "local",
            "num_cpus": cpus or available_processors(),
            "include_dashboard": False,
            "object_store_memory": object_store,
            "_node_ip_address": "127.0.0.1",
            "_temp_dir": str(folder / "r"),  # Ray opens it to everybody; ours around it stays closed
        }
    try:
        known = os.environ.get("RAY_ADDRESS") if address == "auto" else address
        if known:  # Ray itself would try for minutes
            host, _, port = known.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER).close()
        context: Any = ray.init(**start, **{"log_to_driver": False, "logging_level": logging.ERROR, **options})
    except Exception as error:  # Ray raises all kinds
        raise InputError(f"{where}: {' '.join(str(error).split())[:300]}{_last_lines(folder)}") from None
    found = str(context.address_info["gcs_address"])
    if folder is not None and not found.startswith("127.0.0.1:"):
        logging.getLogger("gossipmab").warning(
            f"Ray was imported before it was started here, and so it listens at {found}, to holders of its token, instead of on "
            f"loopback; to change this, set {LOOPBACK}=0 before `import ray`"
        )
    return found


def _last_lines(folder: Path | None) -> str:
    """The last errors in the logs of a local Ray, or the last lines if there are none, to be added to a message."""
    found: dict[str, None] = {}  # in order, each once: Ray writes some lines into two files
    for file in sorted(folder.glob("r/session_2*/logs/*")) if folder else ():
        if file.name.startswith(("gcs_server", "raylet")):
            lines = [s for s in file.read_text(encoding="utf-8", errors="replace").splitlines() if s and not FRAME.search(s)]
            found |= dict.fromkeys([s[:300] for s in lines if " E " in s or " C " in s][-2:] or lines[-1:])
    return "; Ray's log ends with " + " | ".join(found) if found else ""


def _settle(future: Future[T], call: Callable[[], T]) -> None:
    """Give the future what the call returns or raises."""
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)


def in_thread(call: Callable[[], T]) -> Future[T]:
    """What the call gives, in a thread of its own, so that whoever waits for it can be interrupted."""
    future = Future[T]()
    threading.Thread(target=_settle, args=(future, call), daemon=True).start()
    return future


def _whole(future: Future[T], seconds: float | None = None) -> T | None:
    """The future's result, awaited also if this thread is interrupted meanwhile; None after so many seconds without one."""
    try:
        return future.result() if future in wait([future], seconds).done else None
    except BaseException:
        wait([future], seconds)
        raise


@contextmanager
def _terminated_gently(lost: threading.Event) -> Iterator[None]:
    """SIGTERM ends the process by SystemExit, so that everything is cleaned up; with `lost`, `watched` has sent it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt if lost.is_set() else SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _short_root() -> Path:
    """The directory of temporary files, or /tmp where its name is too long for Ray."""
    root = Path(tempfile.gettempdir())
    return root if len(os.fsencode(root)) + len(PREFIX) + 9 <= LONGEST_FOLDER else Path("/tmp")


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _environment() -> Iterator[None]:
    """Restore the variables that we or Ray change."""
    before = {name: value for name, value in os.environ.items() if name.startswith(RESTORED)}
    try:
        yield
    finally:
        changed = [name for name in os.environ if name.startswith(RESTORED) and name not in before]
        _set(dict.fromkeys(changed) | before)
