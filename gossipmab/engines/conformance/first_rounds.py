"""The first rounds of classes from outside the package, played interpreted on a small problem before the engine plays any.

Without it a `select` that writes 0.5 for each of four arms would give numbers, and sentences about them. Every class and version is
checked once a process, in the time that compiling it takes many times over; `gossipmab.testing` has the whole suite.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

from gossipmab.algorithms import protocol_of
from gossipmab.algorithms.base import ProblemInfo, fill_uniforms, uniforms_of
from gossipmab.engines.conformance.call_inspector import Inspector
from gossipmab.engines.conformance.errors import PLAYED, ConformanceError, check_distribution, class_name, described, fault_if
from gossipmab.engines.conformance.reference_trial import Stage, copied, same, world
from gossipmab.engines.conformance.state_layout import check_state
from gossipmab.engines.gossip.trial import problem_info
from gossipmab.environments.environment import Environment
from gossipmab.networks.network import Network
from gossipmab.objectives import objective, solver_workspace
from gossipmab.objectives.probing import terms
from gossipmab.utils.code_identity import code_hash
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import is_builtin

MORE = 4  # rounds after every arm has been played once
MOST_ARMS, MOST_AGENTS = 8, 50  # of the small problem; of one's own in its place
SECONDS = 0.4  # after the first round; no further call then
_passed: set[tuple[type, str]] = set()


def check_outside(
    algorithm: Any, environment: Environment, network: Network | None = None, costs: Any = None,
    extra_objectives: Sequence[str] = (),
) -> None:  # fmt: skip
    """Check the classes from outside the package among these and their parts, each version once.

    Raises:
        InputError: one is not what engines need, in one line that names class, method, round and agent.
    """
    _once(environment.rewards, lambda: _rewards(environment.rewards))
    if network is not None:
        _once(network.process, lambda: _links(network))
        _once(algorithm, lambda: _gossip(algorithm, environment, network))
    elif protocol_of(algorithm) == "assignment":
        known = costs or terms(environment.agents, environment.arms)
        _once(algorithm, lambda: _assignment(algorithm, environment, known))
    else:
        exponent = getattr(algorithm, "exponent", -1.0)
        wanted, *others = [objective(name, exponent) for name in (algorithm.objective, *extra_objectives)]
        for one in (wanted, *others):
            _once(one, lambda one=one: _objective(one))  # type: ignore[misc]
        _once(algorithm, lambda: _central(algorithm, environment, wanted))


def _once(thing: Any, play: Callable[[], None]) -> None:
    if is_builtin(thing):
        return
    version = type(thing), code_hash(type(thing))
    if version in _passed:
        return
    try:
        with redirect_stdout(StringIO()):  # for methods that print
            play()
    except ConformanceError as error:
        raise InputError(str(error)) from error
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{class_name(thing)}: its first rounds raise {described(error)}") from error
    _passed.add(version)


def _until(end: float, count: int) -> Iterator[int]:
    """0, 1, ... while there is time."""
    for one in range(count):
        if time.monotonic() > end:
            return
        yield one


def _gossip(algorithm: Any, environment: Environment, network: Network) -> None:
    """Every call of a few rounds, as `gossipmab.testing` looks at it: six agents, arms and objectives as they will be."""
    _, K, D = environment.means.shape
    K = min(K, MOST_ARMS)
    agents = next(n for n in (6, 7, 8) if n not in (K, D))  # sizes that differ, so that axes cannot be confused
    small, rounds = world(agents, K, D), K + MORE
    try:
        algorithm.init(problem_info(*small, rounds))
    except InputError:  # it is for larger problems
        if environment.agents > MOST_AGENTS:
            return
        small, agents = (environment, network), environment.agents
    check_state(algorithm, problem_info(*small, rounds))
    stage = Stage(algorithm, *small, rounds)
    inspector = Inspector(algorithm, stage.fields)
    stage.round(inspector)  # which may compile functions that methods call
    end = time.monotonic() + SECONDS
    for _ in _until(end, rounds - 1):
        stage.round(inspector, _until(end, agents))


def _call(where: str, call: Callable[..., Any], *args: Any) -> Any:
    """What the call gives, once more with equal arguments: its errors, and other outcomes, are ConformanceErrors."""
    again = copied(args)
    try:
        found = call(*args)
        repeated = call(*again)
    except Exception as error:
        raise ConformanceError("failure", f"{where} raises {described(error)}") from error
    alike = all(same(one, other) for one, other in zip(args, again, strict=True) if isinstance(one, tuple | np.ndarray))
    alike = alike and (not isinstance(found, float | int | tuple | np.ndarray) or same(found, repeated))
    fault_if(not alike, "hidden state", f"{where} gives another outcome when called again with equal arguments")
    return found


def _central(learner: Any, environment: Environment, wanted: Any) -> None:
    """Every call of a few rounds of a learner with a centre."""
    _, K, D = environment.means.shape
    K, generator, name = min(K, MOST_ARMS), np.random.default_rng(7), class_name(learner)
    N, rounds = min(environment.agents, 6), K + MORE
    state = learner.init(ProblemInfo(N, K, D, rounds, environment.preferences[:N].copy(), objective=wanted))
    plan, end = getattr(learner, "plan", None), time.monotonic() + SECONDS
    for t in range(1, rounds + 1):
        if time.monotonic() > end:
            return
        if plan is not None and (t - 1) % getattr(learner, "planned_every", rounds) == 0:
            plan(state, t)
        fill_uniforms(state, generator.random(uniforms_of(state)))
        p = np.full(K, np.nan)
        _call(f"{name}.select, in round {t},", learner.select, state, t, p)
        check_distribution(f"{name}.select, in round {t},", p, PLAYED)
        _call(f"{name}.update, in round {t},", learner.update, state, t, int(p.argmax()), generator.random(N))


def _assignment(algorithm: Any, environment: Environment, costs: Any) -> None:
    """Every call of a few rounds of an algorithm that probes and assigns, if the problem is small."""
    N, K, D = environment.means.shape
    if environment.agents > MOST_AGENTS or K > MOST_AGENTS:
        return
    generator, name, end = np.random.default_rng(7), class_name(algorithm), time.monotonic() + SECONDS
    state = algorithm.init(ProblemInfo(N, K, D, K + MORE, environment.preferences, costs=costs))
    for t in range(1, K + MORE + 1):
        for j in range(N) if t <= K else ():
            _call(f"{name}.update, in round {t} of agent {j},", algorithm.update, state, j, (j + t - 1) % K, generator.random())
        if t <= K:
            continue
        if time.monotonic() > end:
            return
        fill_uniforms(state, generator.random(uniforms_of(state)))
        probed, index = np.full(K, -1), np.full((N, K), np.nan)
        _call(f"{name}.select, in round {t},", algorithm.select, state, t, probed)
        what = f"writes {probed.tolist()}; allowed is 1 for an arm that is probed, else 0"
        fault_if(bool(((probed != 0) & (probed != 1)).any()), "shape", f"{name}.select, in round {t}, {what}")
        _call(f"{name}.ucb_index, in round {t},", algorithm.ucb_index, state, t, index)
        bad = np.argwhere(~(index >= 0.0))
        if len(bad) and not algorithm.assigns_at_random:
            j, k = bad[0].tolist()
            what = f"of agent {j} writes {index[j, k]:.6g} for arm {k}; allowed are numbers >= 0"
            raise ConformanceError("shape", f"{name}.ucb_index, in round {t} {what}")


def _rewards(model: Any) -> None:
    """A few vectors of a reward model."""
    name, (N, K, D) = class_name(model), model.means.shape
    u = np.random.default_rng(7).random((2, 4, D))
    prepared = _call(f"{name}.prepare", model.prepare, u.copy())
    parts = [np.asarray(model.prepare(u[:, a:z].copy())) for a, z in ((0, 1), (1, 4))]
    alike = getattr(prepared, "shape", ()) == u.shape and same(prepared, np.concatenate(parts, axis=1))
    fault_if(not alike, "hidden state", f"{name}.prepare does not do the same to every number whatever the block")
    for i, arm in dict.fromkeys([(0, 0), (N - 1, K - 1), (0, K - 1)]):
        for number in prepared.reshape(-1, D):
            x = np.full(D, np.nan)
            _call(f"{name}.draw, of agent {i} and arm {arm},", model.draw, i, arm, number, x)
            what = f"writes {x.tolist()}; allowed are finite numbers"
            fault_if(not np.isfinite(x).all(), "shape", f"{name}.draw, of agent {i} and arm {arm}, {what}")


def _links(network: Network) -> None:
    """A few rounds of links."""
    name, E = class_name(network.process), len(network.edges)
    block = network.link_sampler(np.random.default_rng(1))(7)
    good = isinstance(block, np.ndarray) and block.shape == (7, E) and block.dtype == np.uint8 and block.max(initial=0) <= 1
    what = f"in rounds 1 to 7 gives no uint8 array of 0 and 1 of shape {(7, E)}"
    fault_if(not good, "shape", f"{name}.sampler {what}")
    again = network.link_sampler(np.random.default_rng(1))
    what = "gives other links in blocks of 3 and 4 rounds than in one of 7; each round takes as many numbers"
    fault_if(not same(block, np.concatenate([again(3), again(4)])), "hidden state", f"{name}.sampler {what}")


def _objective(wanted: Any) -> None:
    """The value and both maximisers of an objective."""
    name, N, K = class_name(wanted), 4, 3
    U, bonus = np.random.default_rng(7).random((N, K)), np.array([0.1, 0.0, 0.2])
    for method, args in (("maximise", (U,)), ("maximise_with_bonus", (U, bonus))):
        p, work = np.full(K, np.nan), solver_workspace(N, K)
        found = _call(f"{name}.{method}", getattr(wanted, method), *args, work, p)
        check_distribution(f"{name}.{method}", p, PLAYED)
        good = isinstance(found, tuple) and len(found) == 2 and bool(np.isfinite(found).all())
        fault_if(not good, "shape", f"{name}.{method} returns {found}; allowed are two numbers, the value and its certificate")
        value = _call(f"{name}.value", wanted.value, U, p, work)
        fault_if(not np.isfinite(value), "shape", f"{name}.value returns {value}; allowed is a finite number")
