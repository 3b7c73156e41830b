"""`check_algorithm`: whether a gossip algorithm from anywhere keeps what all engines rely on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gossipmab.algorithms.gossip.base import exchanged
from gossipmab.analysis.verify import same_bits
from gossipmab.engines.gossip.simulate import problem_info, simulate_gossip
from gossipmab.experiments import runner
from gossipmab.testing.call_inspector import Inspector
from gossipmab.testing.compiled_calls import Compiled
from gossipmab.testing.engines import check_engines
from gossipmab.testing.errors import ConformanceError
from gossipmab.testing.reference_trial import ROUNDS, Stage, copied, same, spoil_scratch, world
from gossipmab.testing.state_layout import check_hyperparameters, check_state
from gossipmab.utils.errors import unknown

INSPECTED = 15  # rounds in which every call is looked at


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
    check_calls(algorithm)
    check_order(algorithm)
    check_restart(algorithm)
    stage = Stage(algorithm, environment, network)
    for _ in range(ROUNDS):
        stage.round(Compiled(algorithm))
    once = simulate_gossip(algorithm, environment, network, horizon=ROUNDS, seed=1, recorded_rounds=7, interpreted=True)
    again = simulate_gossip(algorithm, environment, network, horizon=ROUNDS, seed=1, recorded_rounds=7)
    if different := same_bits(once, again):
        raise ConformanceError(
            "engines", f"{type(algorithm).__name__}: the compiled loop gives another {different[0]} than the plain one"
        )
    check_engines(algorithm, engines)


def check_calls(algorithm: Any) -> None:
    """Every call of some rounds."""
    stage = Stage(algorithm, *world())
    caller = Inspector(algorithm, stage.fields)
    for _ in range(INSPECTED):
        stage.round(caller)


def check_order(algorithm: Any) -> None:
    """Agents in ascending and in descending order; then with scratch fields spoilt before every round."""
    name = type(algorithm).__name__
    up, down, spoilt = (Stage(algorithm, *world()) for _ in range(3))
    for t in range(1, ROUNDS + 1):
        played = up.round(algorithm)
        backwards = down.round(algorithm, reversed(range(len(played))))
        if not same(played, backwards) or not all(map(same, up.rows().values(), down.rows().values())):
            raise ConformanceError(
                "order",
                f"{name} depends on the order in which agents play: round {t} has another outcome from the last agent to the "
                "first; agents of a round know nothing of each other but mailboxes",
            )
        spoil_scratch(spoilt.now, spoilt.fields, t % 2)
        if not same(played, spoilt.round(algorithm)):
            raise ConformanceError(
                "order",
                f"{name} depends on what a scratch field held before round {t}; what carries over belongs into the agent's row",
            )


def check_restart(algorithm: Any) -> None:
    """In the middle of the trial, all agents are made anew from their own rows, as after the death of an actor."""
    whole, broken = Stage(algorithm, *world()), Stage(algorithm, *world())
    for t in range(1, ROUNDS + 1):
        played = whole.round(algorithm)
        if not same(played, broken.round(algorithm)):
            raise ConformanceError(
                "restart",
                f"{type(algorithm).__name__} goes on in another way when its agents are made anew from their rows of the state: "
                f"round {t} differs",
            )
        if t == ROUNDS // 2 + 1:
            fresh = algorithm.init(broken.info)
            for name in broken.fields.rows:
                getattr(fresh, name)[...] = copied(getattr(broken.now, name))
            broken.now, broken.after = fresh, exchanged(fresh)
