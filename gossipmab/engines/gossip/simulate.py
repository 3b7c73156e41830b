"""A gossip trial in this process: serial, by several threads, or interpreted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from gossipmab.algorithms.gossip.base import Algorithm, estimates, message_size
from gossipmab.engines.common import TrialSettings
from gossipmab.engines.conformance.compile_errors import explained
from gossipmab.engines.conformance.first_rounds import check_outside
from gossipmab.engines.gossip.loop import play, play_compiled, play_foreign
from gossipmab.engines.gossip.shared import SharedTrial, divisible, share_compiled, share_foreign
from gossipmab.engines.gossip.tally import Accumulators, Tally, check_played, trace_of
from gossipmab.engines.gossip.trial import DirectTrial, UnreliableTrial, problem_info
from gossipmab.engines.limits import SHARED_AGENTS
from gossipmab.environments.environment import Environment
from gossipmab.metrics.regret import estimand, regret_reference, welfare_cache
from gossipmab.metrics.trace import GossipTrace
from gossipmab.networks.communication_budget import UNLIMITED
from gossipmab.networks.network import Network
from gossipmab.utils.distinct import distinct
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import is_builtin
from gossipmab.utils.parameters import check
from gossipmab.utils.provenance import available_processors
from gossipmab.utils.validation import whole_number

LARGE_CURVES = 2_000_000  # numbers: above, curves are kept as sums over the agents
BLOCK_NUMBERS = 4_000_000  # random numbers drawn at a time: 32 MB
BLOCK_ROWS = 40_000  # bound on rounds x numbers in a row: if rows are long, rounds are slow, and progress should show


def simulate_gossip(
    algorithm: Algorithm, environment: Environment, network: Network, *, threads: int | None = None,
    per_agent_curves: bool | None = None, **settings: Any,
) -> GossipTrace:  # fmt: skip
    """Play one trial of a gossip algorithm in this process; the arguments are those of `gossipmab.simulate`."""
    trial = TrialSettings.checked(settings)
    wanted = None if threads is None else whole_number("threads", threads)
    if wanted is None:
        wanted = available_processors() if environment.agents >= SHARED_AGENTS else 1
    played, shared = begun(algorithm, environment, network, trial, wanted, per_agent_curves)
    with ThreadPoolExecutor(shared, thread_name_prefix="agents") as pool:
        if isinstance(played, SharedTrial):
            played.share(pool, shared)
        numbers_per_round = played.source.numbers_per_round + (0 if played.listed else len(network.edges))
        row = max(1, played.now.local_mean[0].size)
        block = max(1, min(1024, BLOCK_NUMBERS // numbers_per_round, BLOCK_ROWS // row))
        for t0 in range(0, trial.horizon, block):
            rounds = min(block, trial.horizon - t0)
            with explained(played.algorithm, played.rewards):
                played.play(t0, rounds)
            check_played(played.tally, played.algorithm)
            trial.progress(environment.agents * rounds)
    budget = network.communication or UNLIMITED
    return trace_of(played.tally, environment, budget, *message_size(algorithm, played.now))


def begun(
    algorithm: Algorithm, environment: Environment, network: Network, trial: TrialSettings, threads: int = 1,
    per_agent_curves: bool | None = None,
) -> tuple[DirectTrial, int]:  # fmt: skip
    """A checked trial before its first round, and how many threads share its agents: 1 where they cannot."""
    check_problem(algorithm, environment, network)
    N = environment.agents
    state = algorithm.init(problem_info(environment, network, trial.horizon))
    tally = tally_of(algorithm, environment, state, trial, per_agent_curves)
    failing = network.failures is not None or network.communication is not None
    serial = trial.interpreted or failing or not divisible(state, N, environment.preferences)
    shared = 1 if serial else min(threads, N)
    rewards = environment.rewards
    loops: tuple[Any, Any] = (share_compiled, share_foreign) if shared > 1 else (play_compiled, play_foreign)
    loop = play if trial.interpreted else loops[not is_builtin(algorithm, rewards)]
    if not trial.interpreted:
        algorithm, rewards, state = distinct((algorithm, rewards, state))
    trial_type = UnreliableTrial if failing else SharedTrial if shared > 1 else DirectTrial
    return trial_type(algorithm, rewards, environment, network, state, tally, loop, trial.key), shared


def check_problem(algorithm: Algorithm, environment: Environment, network: Network) -> None:
    """Raise InputError unless environment, network and hyperparameters fit, and classes from outside pass their first rounds."""
    if environment.agents != network.agents:
        raise InputError(f"network.base: has {network.agents} agents, the environment has {environment.agents}")
    check(algorithm)
    check_outside(algorithm, environment, network)


def tally_of(
    algorithm: Algorithm, environment: Environment, state: Any, trial: TrialSettings, per_agent: bool | None = None
) -> Tally:
    """The tally of a trial before its first round."""
    N, K, _ = environment.means.shape
    rounds = trial.rounds
    if per_agent is None:
        per_agent = N * len(rounds) <= LARGE_CURVES
    reference = regret_reference(environment, trial.welfare, estimand(environment, estimates(algorithm), state.local_mean))
    members = getattr(state, "known_members", np.zeros((0, 0), np.int64))
    R, curves = len(rounds), np.zeros((2, len(rounds), N if per_agent else 1))
    kept = Accumulators(
        np.zeros((N, K), np.int64), np.zeros((N, K)), np.zeros(N), np.zeros(N), np.zeros(N, np.int64), np.zeros(N),
        np.zeros(1, np.int64), rounds, curves[0], curves[1], np.zeros(R), np.zeros(R, np.int64), np.zeros(R), np.zeros(R),
        np.zeros((R, K), np.int64), np.zeros(2 + K),
    )  # fmt: skip
    means = np.zeros((2, state.local_mean[0].size))
    return Tally(reference._replace(members=members), kept, welfare_cache(N, K), np.zeros(N), means)
