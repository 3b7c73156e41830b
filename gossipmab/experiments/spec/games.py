"""The game of an experiment with protocol = "marl": its settings, and whether its learners can play it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gossipmab.environments.registry import GAMES
from gossipmab.experiments.spec.hyperparameters import algorithm
from gossipmab.experiments.spec.sections import GameSection
from gossipmab.experiments.spec.spec import Point
from gossipmab.networks.network import Network
from gossipmab.utils import parameters
from gossipmab.utils.errors import InputError
from gossipmab.utils.registry import call_plugin


def completed(section: GameSection) -> GameSection:
    """The section with all settings of its game: those given, checked, and the defaults.

    Raises:
        InputError: unknown game or setting, a value of the wrong type or out of range.
    """
    kind = GAMES.get_named("game.name", section.name)
    if taken := {"name", "tau"} & set(parameters.parameters_of(kind)):
        raise InputError(f"game: {section.name} has a setting {min(taken)!r}, a name that [game] has for itself")
    values = parameters.coerce(kind, section.settings, "game", "setting")
    found = GameSection(name=section.name, tau=section.tau, **values)
    made = game(found)
    try:
        call_plugin(section.name, lambda: parameters.check(made))
    except InputError as error:
        raise InputError(f"game.{error}") from None
    return found


def game(section: GameSection) -> Any:
    """The game with these settings, as `completed` checked them."""
    kind: Any = GAMES.get_named("game.name", section.name)
    return call_plugin("game", lambda: kind(**section.settings))


def check(point: Point, played: Any, network: Network | None) -> None:
    """Check what no single key says of the game that is played.

    Raises:
        InputError: a welfare, which means nothing in a game; a horizon that is not made of whole batches of every learner; a
            network that no learner uses, or that does more than mix; episodes too large to be held.
    """
    experiment, checks = point.experiment, import_module("gossipmab.marl.limits")
    if experiment.welfare != "product":
        raise InputError(f"experiment.welfare: got {experiment.welfare!r}, allowed in a game is 'product', or nothing")
    learners = {one.label: algorithm(experiment.protocol, one.name, one.params) for one in point.algorithms}
    if point.network is not None and not any(map(communicates, learners.values())):
        raise InputError("network: is for learners that communicate, such as fen, and there is none")
    for label, learner in learners.items():
        batch = getattr(learner, "environments", 1) * played.steps
        near = sorted({max(1, experiment.horizon // batch) * batch, -(-experiment.horizon // batch) * batch})
        if experiment.horizon not in near:
            what = f"a multiple of environments of {label} x game.steps = {batch}"
            raise InputError(
                f"experiment.horizon: got {experiment.horizon}, allowed is {what}, such as {' or '.join(map(str, near))}"
            )
        checks.check_size(learner, played)
    if network is not None:
        checks.check_network(network, played.agents)


def communicates(learner: Any) -> bool:
    """Whether a learner uses a network."""
    return bool(getattr(learner, "communicates", False)) and bool(getattr(learner, "fully_decentralised", True))
