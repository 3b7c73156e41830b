"""Ray for the length of a `with`: started on this machine, or a cluster joined, and nothing left behind.

A local Ray listens on loopback only, without dashboard, and lets in only who holds its token. Token, sockets and logs lie
in one private temporary folder, which goes when the session ends: by its end, by an error, by Ctrl-C or SIGTERM. After
SIGKILL the kernel ends Ray's processes, and the next session removes the folder.

A cluster is joined only where the caller gives an address: neither RAY_ADDRESS nor a Ray that happens to run here will do.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from gossipmab.engines.pools.ray_signals import our_handlers, terminated_gently, uninterrupted
from gossipmab.engines.pools.ray_tempdir import end_processes_of, private_folder, processes_of
from gossipmab.utils.errors import InputError
from gossipmab.utils.provenance import available_processors

OBJECT_STORE = 256 * 2**20  # bytes; what does not fit is spilled to the folder
# What engines report, and advice on how many actors we start.
UNTOLD = ("A worker died or was killed", "Task ", "WARNING: ")
LONGEST_LINE = 300
ANSWER = 10.0  # seconds for a cluster to answer
GRACE = 3.0  # seconds for Ray's processes to end by themselves
LOCAL = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": None,  # would go before the file
    "RAY_ADDRESS": None,
    "RAY_JOB_CONFIG_JSON_ENV_VAR": None,  # what `ray job submit` gives is meant for the cluster
    "RAY_RUNTIME_ENV_HOOK": None,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # Ray's own 15 gives way to everything else on the machine
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's only switch for loopback, on any system
}
ALWAYS = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run`, Ray would upload the working folder
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or Ray warns of a future default
}
RESTORED = ("RAY_", "PYTHONBREAKPOINT", "PYTHONPATH")


class Session(NamedTuple):
    """What is running. address: "host:port". folder: ours, of a local Ray; None where a cluster was joined."""

    address: str
    folder: Path | None

    @property
    def local(self) -> bool:
        """Whether Ray was started here."""
        return self.folder is not None


@contextmanager
def session(
    address: str | None = None,
    cpus: int | None = None,
    *,
    object_store: int = OBJECT_STORE,
    runtime_env: Mapping[str, Any] | None = None,
    **options: Any,
) -> Iterator[Session]:
    """Start Ray here, or join the cluster at `address`; end all of it on the way out.

    Enter it from a thread that lives as long as the session does: Ray's processes die with the thread that started them.

    Args:
        address: "auto" (RAY_ADDRESS, or the Ray that runs on this machine) or "host:port" of a cluster of which this
            machine is a node; None starts a Ray of our own.
        cpus: CPUs of a local Ray; by default as many as this process may use.
        object_store: bytes of a local Ray's object store.
        runtime_env: what a cluster's workers need; a local Ray needs nothing.
        options: more for `ray.init`.

    Raises:
        InputError: the address is not allowed, nobody answers there, or this process has a Ray already.
    """
    if address is not None and (address == "local" or "://" in address or not address.strip()):
        raise InputError(f"address: got {address!r}, allowed are 'auto' and HOST:PORT, on a node of that cluster")
    if "ray" in sys.modules and import_module("ray").is_initialized():
        raise InputError("engine: this process uses Ray already; call ray.shutdown() first")
    with ExitStack() as stack:
        stack.enter_context(_environment())
        folder = stack.enter_context(private_folder()) if address is None else None
        os.environ.update(ALWAYS)
        if folder is not None:
            token = folder / "token"
            with open(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)  # workers import what we can
            _set(LOCAL | {"RAY_AUTH_TOKEN_PATH": str(token), "PYTHONPATH": path})
        stack.enter_context(terminated_gently())
        stack.callback(_end, folder)
        with uninterrupted():
            _refreshed()
            with our_handlers():
                found = _init(address, cpus, folder, object_store, dict(runtime_env or {}), options)
            stack.callback(_errors_on_stderr())
        if folder is not None:
            _check_private(found)
        yield Session(found, folder)


def _init(
    address: str | None, cpus: int | None, folder: Path | None, object_store: int, runtime_env: dict[str, Any],
    options: dict[str, Any],
) -> str:  # fmt: skip
    """Call ray.init; the address at which Ray is."""
    import ray

    context: Any
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "_skip_env_hook": True, **options}
    if folder is not None:
        context = ray.init(
            "local",
            num_cpus=cpus or available_processors(),
            include_dashboard=False,
            object_store_memory=object_store,
            _node_ip_address="127.0.0.1",
            _temp_dir=str(folder / "r"),  # Ray opens it to everybody; ours around it stays closed
            **quiet,
        )
    else:
        context = ray.init(_answering(address or ""), runtime_env=runtime_env or None, **quiet)
    return str(context.address_info["gcs_address"])


def _answering(address: str) -> str:
    """The "host:port" of a cluster that answers, and lets us in. Ray itself would try for minutes to get in."""
    from ray._private.services import canonicalize_bootstrap_address
    from ray.exceptions import RayError

    refused = f"address: got {address!r}, and"
    try:
        found = str(canonicalize_bootstrap_address(address))
        host, _, port = found.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER).close()
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{refused} no Ray cluster answers there: {' '.join(str(error).split())}") from None
    tokens = _raylet().AuthenticationTokenLoader.instance()
    if address == "auto" and "RAY_AUTH_MODE" not in os.environ and tokens.has_token(ignore_auth_mode=True):
        os.environ["RAY_AUTH_MODE"] = "token"  # as Ray itself does
        _refreshed()
    try:
        _raylet().GcsClient(address=found)
    except RayError as error:
        raise InputError(f"{refused} the cluster refuses: {' '.join(str(error).split())}") from None
    return found


def _refreshed() -> None:
    """Make the part of Ray that reads the environment only once read it again."""
    from ray._private import ray_constants

    loopback = os.environ.get("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER") == "0"
    ray_constants.ENABLE_RAY_CLUSTER = not loopback
    ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV = os.environ.get("RAY_ENABLE_UV_RUN_RUNTIME_ENV") != "0"
    _raylet().Config.initialize("")
    _raylet().AuthenticationTokenLoader.instance().reset_cache()


def _raylet() -> Any:
    """Ray's compiled part, of which type checkers know nothing."""
    return import_module("ray._raylet")


def _errors_on_stderr() -> Callable[[], None]:
    """Have what Ray reports printed as one line on stderr, instead of long and on stdout; returns what undoes it.

    That a worker died is left to the engines: they see it, and say what they did about it.
    """
    from ray._private import worker

    before = worker.print_to_stdstream

    def told(data: Mapping[str, Any], ignore_prefix: bool = False) -> None:
        line = " ".join(" ".join(str(part) for part in data.get("lines", ())).split())
        if line and not line.startswith(UNTOLD):
            print(f"ray: {line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + '...'}", file=sys.stderr)

    worker.print_to_stdstream = told
    return lambda: setattr(worker, "print_to_stdstream", before)


def _check_private(address: str) -> None:
    """Raise RuntimeError if this version of Ray does not behave as this file relies on."""
    raylet = _raylet()
    if raylet.get_authentication_mode() != raylet.AuthenticationMode.TOKEN:
        raise RuntimeError("Ray started without token authentication")
    if not address.startswith("127.0.0.1:"):
        raise RuntimeError(f"Ray started at {address}, which others can reach, instead of on loopback")


def _end(folder: Path | None) -> None:
    """Disconnect, and end a local Ray's processes."""
    import ray

    with uninterrupted():
        until = time.monotonic()
        try:
            ray.shutdown(wait_for_processes=True)
            until += GRACE
        finally:  # also where a second Ctrl-C cut Ray short: then without grace
            while folder is not None and processes_of(folder):
                if time.monotonic() > until:
                    end_processes_of(folder)
                time.sleep(0.05)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _environment() -> Iterator[None]:
    """Put back the variables that we or Ray change, and have Ray see them."""
    before = {name: value for name, value in os.environ.items() if name.startswith(RESTORED)}
    try:
        yield
    finally:
        changed = [name for name in os.environ if name.startswith(RESTORED) and name not in before]
        _set(dict.fromkeys(changed) | before)
        if "ray" in sys.modules:
            _refreshed()
