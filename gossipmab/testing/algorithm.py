"""`check_algorithm`: whether a gossip algorithm from anywhere keeps what all engines rely on."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gossipmab.algorithms.gossip.base import exchanged
from gossipmab.analysis.verify import same_bits
from gossipmab.engines.conformance.call_inspector import Inspector
from gossipmab.engines.conformance.errors import ConformanceError, fault_if
from gossipmab.engines.conformance.reference_trial import ROUNDS, Stage, copied, same, spoil_scratch, world
from gossipmab.engines.conformance.state_layout import check_hyperparameters, check_state
from gossipmab.engines.gossip.simulate import simulate_gossip
from gossipmab.engines.gossip.trial import problem_info
from gossipmab.experiments import runner
from gossipmab.experiments.callbacks import Callback
from gossipmab.experiments.cell_runner import CellRunner
from gossipmab.testing.compiled_calls import Compiled
from gossipmab.utils.errors import unknown

INSPECTED = 15  # rounds in which every call is looked at
EXPERIMENT: dict[str, Any] = {
    "experiment": {"name": "conformance", "horizon": 60, "trials": 2, "seed": 3, "recorded_rounds": 6},
    "environment": {"agents": 5, "arms": 4, "objectives": 3},
    "network": {"base": "complete", "link_probability": 0.5},
}


def check_algorithm(algorithm: Any, *, engines: Sequence[str] = ("threads",)) -> None:
    """Raise a `ConformanceError`, an AssertionError with one sentence, at the first fault.

    Checked, in this order: hyperparameters, methods and state; every call of a small trial, interpreted (writes a distribution, and
    its own row only; does the same again; reads nothing that the agent has not received); the order of agents within a round, and
    earlier contents of scratch fields, do not matter; an agent goes on from its own rows; methods compile without allocating, to
    the same bits; all engines give the same bits.

    Args:
        algorithm: a class whose hyperparameters all have defaults, or an object.
        engines: of `gossipmab.run`, whose bits are compared with those of the interpreted methods. "ray" and "actors" start a Ray.
    """
    for engine in engines:
        if engine not in runner.ENGINES:
            raise unknown("engines", engine, runner.ENGINES)
    if isinstance(algorithm, type):
        try:
            algorithm = algorithm()
        except TypeError as error:
            raise ConformanceError("shape", f"{algorithm.__name__}() cannot be made ({error}); pass an object instead") from error
    check_hyperparameters(algorithm)
    environment, network = world()
    check_state(algorithm, problem_info(environment, network, ROUNDS))
    stage = Stage(algorithm, environment, network)
    inspector = Inspector(algorithm, stage.fields)
    for _ in range(INSPECTED):
        stage.round(inspector)
    check_order(algorithm)
    check_restart(algorithm)
    stage = Stage(algorithm, environment, network)
    for _ in range(ROUNDS):
        stage.round(Compiled(algorithm))
    plain, fast = (
        simulate_gossip(algorithm, environment, network, horizon=ROUNDS, seed=1, recorded_rounds=7, interpreted=interpreted)
        for interpreted in (True, False)
    )
    if different := same_bits(plain, fast):
        what = f"the compiled loop gives another {different[0]} than the plain one"
        raise ConformanceError("engines", f"{type(algorithm).__name__}: {what}")
    check_engines(algorithm, engines)


def check_order(algorithm: Any) -> None:
    """Agents in ascending and in descending order; then with scratch fields spoilt before every round."""
    name = type(algorithm).__name__
    up, down, spoilt = (Stage(algorithm, *world()) for _ in range(3))
    for t in range(1, ROUNDS + 1):
        played = up.round(algorithm)
        backwards = down.round(algorithm, reversed(range(len(played))))
        alike = same(played, backwards) and all(map(same, up.rows().values(), down.rows().values()))
        what = f"depends on the order in which agents play: round {t} has another outcome from the last agent to the first"
        fault_if(not alike, "order", f"{name} {what}; agents of a round know nothing of each other but mailboxes")
        spoil_scratch(spoilt.now, spoilt.fields, t % 2)
        what = f"depends on what a scratch field held before round {t}; what carries over belongs into the agent's row"
        fault_if(not same(played, spoilt.round(algorithm)), "order", f"{name} {what}")


def check_restart(algorithm: Any) -> None:
    """In the middle of the trial, all agents are made anew from their own rows, as after the death of an actor."""
    whole, broken = Stage(algorithm, *world()), Stage(algorithm, *world())
    what = "goes on in another way when its agents are made anew from their rows of the state"
    for t in range(1, ROUNDS + 1):
        alike = same(whole.round(algorithm), broken.round(algorithm))
        fault_if(not alike, "restart", f"{type(algorithm).__name__} {what}: round {t} differs")
        if t == ROUNDS // 2 + 1:
            fresh = algorithm.init(broken.info)
            for name in broken.fields.rows:
                getattr(fresh, name)[...] = copied(getattr(broken.now, name))
            broken.now, broken.after = fresh, exchanged(fresh)


class Mute(Callback):
    """No notes either: how long a Ray takes to start is no fault of an algorithm."""

    def on_note(self, text: str) -> bool:
        """Nothing."""
        return True


def check_engines(algorithm: Any, engines: Sequence[str]) -> None:
    """Run a small experiment with each engine, and compare every cell with the interpreted methods."""
    name = type(algorithm).__name__
    with tempfile.TemporaryDirectory(prefix="gossipmab-") as folder:
        for engine in engines:
            results = runner.run({**EXPERIMENT, "algorithms": [algorithm]}, Path(folder) / engine, engine, callbacks=[Mute()])
            player = CellRunner(results.spec)
            for cell in results.spec.cells():
                plain = player(cell, simulate=partial(simulate_gossip, interpreted=True)).trace
                if different := same_bits(results.traces[cell.id], plain):
                    what = f"engine {engine} gives another {different[0]} than the interpreted methods"
                    raise ConformanceError("engines", f"{name}: {what}")
