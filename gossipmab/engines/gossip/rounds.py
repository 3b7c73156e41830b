"""`gossipmab.play`: a gossip trial round by round, to look inside: the rounds of `simulate`, by the same compiled loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.algorithms import instance_of, protocol_of
from gossipmab.engines.common import TrialSettings, check_objects
from gossipmab.engines.conformance.compile_errors import explained
from gossipmab.engines.gossip.simulate import begun
from gossipmab.engines.gossip.tally import check_played
from gossipmab.environments.environment import Environment
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats, Integers


class Round(NamedTuple):
    """What a round left behind. Arrays but `links` and `arms` are views of the trial's own: read them before the next round.

    round: t, from 1 on. links: (E,) which of `network.edges` were up. arms: (N,) pulled, -1 for an agent that is away.
    distributions: (N, K) that the arms were drawn from. estimates: (N, ...) the averages from which the agents select next:
    `global_mean` of the state, or `local_mean` where nothing is sent. pareto_regret, nsw_regret: (N,) so far.
    pulls: (N, K) so far. state: all arrays of the algorithm.
    """

    round: int
    links: NDArray[np.bool_]
    arms: Integers
    distributions: Floats
    estimates: Floats
    pareto_regret: Floats
    nsw_regret: Floats
    pulls: Integers
    state: Any


def play(
    algorithm: Any, environment: Environment, network: Network, *, horizon: int = 10_000, seed: int = 0, **settings: Any
) -> Iterator[Round]:
    """Play one trial of a gossip algorithm, and yield each of its rounds.

        >>> import gossipmab as gm
        >>> environment, network = gm.Environment.sample(3, 4, 2, seed=0), gm.Network("ring", agents=3)
        >>> for now in gm.play(gm.ParetoUCBGossip(), environment, network, horizon=5):
        ...     print(now.round, now.links.sum(), now.arms.tolist())
        1 3 [0, 0, 0]
        2 3 [1, 1, 1]
        3 3 [2, 2, 2]
        4 3 [3, 3, 3]
        5 3 [2, 2, 1]

    Args:
        algorithm, environment, network: as for `gossipmab.simulate`.
        horizon: T, the most rounds. seed: as there.
        settings: trial, stream_label, welfare, interpreted, as there. Interpreted, a debugger stops in the algorithm's methods.

    Raises:
        InputError: at once, an argument that is out of range or no gossip algorithm; later, an agent that plays no distribution.
    """
    algorithm = instance_of(algorithm)
    check_objects(environment, network)
    if protocol_of(algorithm) != "gossip" or network is None:
        raise InputError(f"algorithm: {type(algorithm).__name__} does not gossip; allowed is a gossip algorithm and a network")
    trial = TrialSettings.checked({**settings, "horizon": horizon, "seed": seed, "recorded_rounds": 1})
    return _rounds(algorithm, environment, network, trial)


def _rounds(algorithm: Any, environment: Environment, network: Network, trial: TrialSettings) -> Iterator[Round]:
    played, _ = begun(algorithm, environment, network, trial)
    drawn, sample = np.zeros((1, len(network.edges)), np.uint8), played.links

    def kept_links(rounds: int) -> Any:
        nonlocal drawn
        drawn = sample(rounds)
        return drawn

    played.links, kept = kept_links, played.tally.kept
    gaps, before = played.tally.reference.gaps, kept.pulls.copy()
    for t in range(1, trial.horizon + 1):
        with explained(played.algorithm, played.rewards):
            played.play(t - 1, 1)
        check_played(played.tally, played.algorithm)
        links = drawn[0] > 0
        if played.listed is not None:
            links = np.zeros(len(network.edges), dtype=bool)
            links[played.channel.listed[played.channel.first[0] : played.channel.first[1]]] = True
        new = kept.pulls - before
        before += new
        arms = np.where(new.any(axis=1), new.argmax(axis=1), -1)
        state = played.now
        estimates = state.global_mean if played.algorithm.communicates else state.local_mean
        regret = (kept.pulls * gaps).cumsum(axis=1)[:, -1]
        yield Round(t, links, arms, kept.played, estimates, regret, kept.nsw_regret, kept.pulls, state)
