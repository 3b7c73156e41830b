"""From an experiment to its results: missing cells go to an engine, and their traces to the run folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from gossipmab.algorithms import ORACLES
from gossipmab.engines.actors.listening import Listen
from gossipmab.engines.limits import TRANSPORTS, shared_out
from gossipmab.experiments.callbacks import Bar, Callback, Callbacks
from gossipmab.experiments.cell_runner import CellRunner
from gossipmab.experiments.results import Results
from gossipmab.experiments.spec import plugins
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.experiments.spec.spec import Spec
from gossipmab.experiments.spec.sweep import kept_apart
from gossipmab.experiments.storage import tables
from gossipmab.experiments.storage.run_folder import RunFolder
from gossipmab.utils import provenance
from gossipmab.utils.atomic_write import NO_SPACE, write_whole
from gossipmab.utils.errors import ClusterLostError, InputError, one_line, unknown
from gossipmab.utils.safe_read import is_file
from gossipmab.utils.validation import whole_number

# Engine -> its module with run_cells(cells, play, *, workers, steps), a generator of (cell, what play gave or raised).
# Those with options also take note, a function called with a line about each failure.
ENGINES = {
    "threads": "gossipmab.engines.pools.threads",
    "ray": "gossipmab.engines.pools.ray_tasks",
    "actors": "gossipmab.engines.actors.simulate",
    "gpu": "gossipmab.engines.gpu.pool",
}
PROCESSES = "gossipmab.engines.pools.processes"  # in the place of threads for learners in games
OPTIONS = {  # option of `run` -> the engines that take it
    "workers": ("threads", "ray", "actors"),
    "address": ("ray", "actors"),
    "resources": ("ray", "actors"),
    "transport": ("actors",),
    "agents_per_actor": ("actors",),
    "window": ("actors",),
    "listen": ("actors",),
}
LONGEST = 1_000  # characters of an error in manifest.json
FIRST_FAILURES = 20  # that are written while the run goes on


class CellsFailedError(RuntimeError):
    """Some cells failed; the others are in the run folder. failures: (cell id, one line) of each; results: the rest."""

    def __init__(self, failures: Sequence[tuple[str, str]], results: Results | None) -> None:
        self.failures, self.results = list(failures), results
        super().__init__(f"{len(self.failures)} cells failed; the first, {failures[0][0]}: {failures[0][1]}")


def run(
    spec: str | Path | Mapping[str, Any] | Spec,
    out: str | Path | None = None,
    engine: str = "threads",
    workers: int | None = None,
    fresh: bool = False,
    overrides: Sequence[str] = (),
    address: str | None = None,
    resources: Mapping[str, float] | None = None,
    quiet: bool = True,
    callbacks: Sequence[Callback] = (),
    algorithms: Sequence[Any] | Mapping[str, Any] = (),
    **actors: Any,
) -> Results:
    """Run an experiment, or continue one: cells that the folder already holds are not computed again.

    >>> spec = {
    ...     "experiment": {"name": "first", "horizon": 100, "trials": 2, "seed": 0},
    ...     "environment": {"agents": 4, "arms": 3, "objectives": 2},
    ...     "network": {"base": "ring"},
    ...     "algorithms": [{"name": "pareto_ucb_gossip"}],
    ...     "sweep": {"network.link_probability": [0.5, 1.0]},
    ... }
    >>> gm.run(spec, out="runs/first", workers=1)
    Results('runs/first', first: 4 of 4 cells, 100 rounds)

    Args:
        spec: a file, the name of a shipped experiment, a run folder (whose experiment is run again), a dictionary, or a Spec.
        out: the run folder; runs/<name> by default.
        engine: one of ENGINES.
        workers: processors to use, by default all that this process may: cells side by side, as many as fit into the memory; what
            is left over shares the agents of large cells. With actors, cells side by side; see docs/actors.md. Not with gpu.
        fresh: drop what an earlier run left in the folder.
        overrides: "dotted.key=value", as --set.
        address: the Ray cluster to join, "auto" or HOST:PORT; by default a Ray of our own on this machine.
        resources: what a Ray task or actor takes: "CPU" (1 by default, 0 for an actor), "GPU", "memory" in bytes, or any
            that the cluster has. With a "GPU", tasks of gossip play as the engine gpu does.
        quiet: no progress bar.
        callbacks: objects whose methods are called as cells are finished, see `gm.Callback`.
        algorithms: objects to be played beside those of the experiment, a list or label -> object; see `spec.plugins` for
            classes and objects within a dictionary.
        actors: transport, agents_per_actor, window, listen of the engine actors, see `engines.actors.supervisor.ActorPool`.

    Raises:
        InputError: the experiment or the folder cannot be used; nothing has been computed.
        CellsFailedError: some cells failed; all others are finished and in the folder.
        ClusterLostError: the Ray cluster has gone; finished cells are in the folder.
    """
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    options = {"workers": workers, "address": address, "resources": resources or None, **actors}
    options = {name: value for name, value in options.items() if value is not None}
    for name, value in options.items():
        if name not in OPTIONS:
            raise unknown("option", name, {*OPTIONS, *signature(run).parameters} - {"actors"})
        if engine not in OPTIONS[name]:
            raise InputError(f"{name}: got {value!r}, allowed with --engine {' or '.join(OPTIONS[name])}, not {engine}")
        if name in ("workers", "agents_per_actor", "window"):
            options[name] = whole_number(name, value)
    if options.get("transport", "direct") not in TRANSPORTS:
        raise unknown("transport", options["transport"], TRANSPORTS)
    if "listen" in options:
        Listen.parsed(options["listen"])
    if isinstance(spec, str | Path) and is_file(Path(spec) / "manifest.json"):
        spec = Results.open(spec).spec
    experiment = load_spec(spec, overrides, algorithms)
    if engine in ("actors", "gpu") and experiment.experiment.protocol != "gossip":
        raise InputError(f'engine: got {engine}, allowed with protocol = "{experiment.experiment.protocol}" is threads or ray')
    if engine == "actors" and (ideal := [c.name for c in experiment.algorithms if c.name in ORACLES]):
        raise InputError(f"engine: got actors, allowed with {ideal[0]} is threads or ray; it knows what no message carries")
    if experiment.game is not None:
        import_module("gossipmab.marl.xla").import_jax()  # now, if it is missing: before there is a folder
    player = CellRunner(experiment)
    folder = RunFolder(Path("runs") / kept_apart(experiment.experiment.name) if out is None else out)
    if plugins.names_of(experiment):
        begun = is_file(folder.path / "manifest.json") and not fresh  # there may be nothing left to play
        player.check(experiment.cells(), compiled=engine == "threads" and not begun)
    room = player.room(experiment.cells()) if engine in ("threads", "gpu") else (0, 0)
    device = import_module(ENGINES["gpu"]).check_cells(experiment.cells(), player) if engine == "gpu" else {}
    if engine == "ray" and (resources or {}).get("GPU") and experiment.experiment.protocol == "gossip":
        on_gpu = import_module(ENGINES["gpu"])
        if address is None:
            on_gpu.check_device()
        on_gpu.check_playable(experiment.cells(), player)
        player.on_gpu = True
    watcher = Callbacks(callbacks if quiet else [*callbacks, Bar()])
    results: Results | None = None
    with _explained(folder), folder.locked(), ExitStack() as end:
        end.callback(lambda: watcher.call("on_end", results))
        player.files, manifest = folder.prepare(experiment, fresh, watcher.note)
        experiment = experiment.with_files(player.files)
        if engine in ("threads", "ray") and address is None:
            options.setdefault("workers", provenance.available_processors())
        session = {"start": provenance.now(), "end": None, "engine": engine, **options, **device}
        failures = _compute(experiment, folder, manifest, session, watcher, options, player, room)
        results = _finish(experiment, folder, manifest, session, failures)
    if failures:
        raise CellsFailedError(failures, results)
    return results


@contextmanager
def _explained(folder: RunFolder) -> Iterator[None]:
    """Add to the message of a full file system, whose number stays, or of a lost cluster what is kept, and how to go on."""
    try:
        yield
    except (OSError, ClusterLostError) as error:
        kept = f"run folder {folder.path} keeps its {len(list(folder.cells.glob('*.parquet')))} finished cells"
        if isinstance(error, ClusterLostError):
            raise ClusterLostError(f"{error}; {kept}: give the same command again once the cluster is back") from None
        if error.errno not in NO_SPACE:
            raise
        where = f" ({error.filename})" if error.filename else ""
        line = f"{os.strerror(error.errno)}{where}; {kept}: free some space and give the same command again"
        raise OSError(error.errno, line) from error


def _compute(
    spec: Spec,
    folder: RunFolder,
    manifest: dict[str, Any],
    session: dict[str, Any],
    watcher: Callbacks,
    options: dict[str, Any],
    player: CellRunner,
    room: tuple[int, int],
) -> list[tuple[str, str]]:
    """Compute the missing cells; (cell id, error in one line) of those that failed. room: as `CellRunner.room` gives it."""
    cells = spec.cells()
    finished = folder.finished(cells, spec, watcher.note)
    now = plugins.versions(spec)
    others = [one for one in finished.values() if one["versions"] != now]
    if others:
        changed = [k for k, v in now.items() if others[0]["versions"].get(k) != v]
        what = f"{len(others)} finished cells were computed with other versions ({', '.join(changed)})"
        watcher.note(f"{what}; --fresh computes all anew")
    missing = [cell for cell in cells if cell.id not in finished]
    session["computed"] = len(missing)
    if missing and manifest["end"]:  # what it vouches for is about to change
        manifest |= {"end": None, "sha256": {}}
        folder.write_manifest(manifest)
    failures: list[tuple[str, str]] = []
    agent_steps = sum(cell.point.agents * cell.point.experiment.horizon for cell in missing)
    watcher.call("on_begin", spec, folder.path, len(finished), agent_steps)
    of_learners = session["engine"] == "threads" and spec.game is not None
    run_cells = import_module(PROCESSES if of_learners else ENGINES[session["engine"]]).run_cells
    if session["engine"] == "threads":
        at_once, player.threads = shared_out(options["workers"], len(missing), *room)
        options = options | {"workers": at_once}
    notes = {} if session["engine"] == "threads" else {"note": watcher.note}
    steps = partial(watcher.call, "on_progress")
    with closing(run_cells(missing, player, steps=steps, **notes, **options)) as outcomes:
        for cell, outcome in outcomes:
            error = outcome if isinstance(outcome, Exception) else None
            if not isinstance(outcome, Exception):
                try:
                    folder.write(cell, outcome.trace, spec, outcome.seconds, now)
                except MemoryError as full:
                    error = full
            if error is not None:
                failures.append((cell.id, f"{type(error).__name__}: {one_line(str(error), LONGEST)}"))
                if len(failures) <= FIRST_FAILURES:  # for those who follow the run
                    so_far = session | {"failed": [list(one) for one in failures]}
                    folder.write_manifest(manifest | {"sessions": [*manifest["sessions"], so_far]})
            watcher.call("on_cell", cell, None if error is not None else outcome.trace, error)
    return failures


def _finish(
    spec: Spec, folder: RunFolder, manifest: dict[str, Any], session: dict[str, Any], failures: list[tuple[str, str]]
) -> Results:
    """Assemble the tables, every cell's file being read once, and complete the manifest."""
    results = Results(folder, spec)
    stored = tables.write_tables(folder.path, spec.cells(), spec.sweep, results.load)
    if stored:
        summary = results.summarise_written({cell: one.provenance for cell, one in stored.items()})
        write_whole(folder.path / "summary.csv", summary.to_csv(index=False).encode())
    session |= {"end": provenance.now(), "versions": plugins.versions(spec), "failed": [list(f) for f in failures]}
    manifest["sessions"].append(session)
    checksums = folder.checksums({cell: one.sha256 for cell, one in stored.items()})
    manifest |= {"end": session["end"] if len(stored) == len(spec.cells()) else None, "sha256": checksums}
    folder.write_manifest(manifest)
    return results
