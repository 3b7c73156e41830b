"""`gossipmab.simulate`: one trial of one algorithm in this process, of whichever protocol the algorithm belongs to."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from gossipmab.algorithms import instance_of, protocol_of
from gossipmab.engines.common import TrialSettings, check_objects
from gossipmab.environments.environment import Environment
from gossipmab.metrics.trace import TrialRecord as TrialRecord
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError, unknown

# protocol -> the module and the function that play its trials, and the options that only this protocol has.
SIMULATORS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "gossip": ("gossipmab.engines.gossip.simulate", "simulate_gossip", ("threads", "per_agent_curves")),
    "central": ("gossipmab.engines.central", "simulate_central", ("extra_objectives",)),
    "assignment": ("gossipmab.engines.assignment", "simulate_assignment", ("budget", "overhead", "capacity", "samples")),
    "marl": ("gossipmab.marl.training", "train", ("price", "tau")),
}


def simulator(protocol: str) -> Callable[..., Any]:
    """The function that plays a trial of this protocol; its module is imported now."""
    module, name, _ = SIMULATORS[protocol]
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def simulate(
    algorithm: Any,
    environment: Environment | Any,
    network: Network | None = None,
    *,
    horizon: int,
    seed: int,
    trial: int = 0,
    recorded_rounds: int | None = None,
    stream_label: str = "",
    welfare: str = "product",
    interpreted: bool = False,
    progress: Callable[[int], None] | None = None,
    **options: Any,
) -> Any:
    """Play one trial of one algorithm in this process.

    >>> environment, network = gm.Environment.sample(4, 3, 2, seed=0), gm.Network("ring", agents=4)
    >>> trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=30, seed=0)
    >>> trace.agents, int(trace.rounds[-1])
    (4, 30)

    Args:
        algorithm: an object such as `ParetoUCBGossip()` (gossip), `HossainUCB()` (central), `OFMUP()` (assignment) or
            `gm.marl.IPPO()` (marl); a class or a registered name stands for its defaults.
        environment: what the agents face; for learners of marl a game, such as `gm.marl.JobScheduling()`. network: for gossip
            and for learners of games that communicate, with the same number of agents.
        horizon: T, rounds, or environment steps in a game, of all environments. recorded_rounds: how many rounds to record,
            evenly spaced, by default 200, or 20 evaluations in a game; the last is always among them.
        seed, trial, stream_label: of the random streams; label "" gives all algorithms of a trial the same numbers.
        welfare: "product" or "geometric", the Nash social welfare in which regret is measured. With many agents the product
            is less than the least number, and its regret 0.
        interpreted: run the very same methods in plain Python, to debug; same bits, a thousand times slower.
        progress: called with the agent-steps just played, about every block; may raise to stop.
        options: of gossip: threads (that share the agents of a round, with the same bits; by default as many as processors from
            8,192 agents on, else 1), per_agent_curves (keep the regrets of every agent in every recorded round, (R, N), else
            their sums, (R, 1); by default up to 2,000,000 numbers). Of central: extra_objectives (names of other objectives
            to measure regret in). Of assignment: budget (I, the most arms probed in a round), overhead (alpha, a
            name or the numbers alpha(0), ..., alpha(I)), capacity (the most agents an arm is given, in expectation), samples
            (draws over which the best value is averaged under a capacity). Of marl: price (a `gm.marl.EquityPrice`), tau (the
            band of the recorded measures).

    Returns:
        A GossipTrace, CentralTrace, AssignmentTrace or MarlTrace.

    Raises:
        InputError: an argument or a hyperparameter that is out of range or does not fit the protocol.
    """
    algorithm = instance_of(algorithm)
    protocol = protocol_of(algorithm)
    check_objects(environment, network, game=protocol == "marl")
    known = SIMULATORS[protocol][2]
    for name in options:
        if name not in known:
            raise unknown(f"option of the protocol {protocol}", name, (*known, *TrialSettings._fields))
    world: tuple[Any, ...] = (environment,)
    if protocol == "gossip":
        if network is None:
            raise InputError("network is required by the protocol gossip and not given")
        world = environment, network
    elif network is not None and protocol == "marl":
        world = environment, network
    elif network is not None:
        raise InputError(f"network: not used by the protocol {protocol} of {type(algorithm).__name__}; leave it out")
    if recorded_rounds is not None:
        options["recorded_rounds"] = recorded_rounds
    found: TrialRecord = simulator(protocol)(
        algorithm, *world, horizon=horizon, seed=seed, trial=trial, stream_label=stream_label, welfare=welfare,
        interpreted=interpreted, progress=progress, **options,
    )  # fmt: skip
    return found
