"""`check_link_process` and `check_reward_model`: the conformance of link processes and reward models."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any

import numpy as np
from numba import njit
from numba.core.errors import NumbaError

from gossipmab.engines.conformance.call_inspector import global_generators
from gossipmab.engines.conformance.errors import ConformanceError, fault_if
from gossipmab.engines.conformance.reference_trial import AGENTS, ARMS, OBJECTIVES, same
from gossipmab.environments.registry import MODELS, resolve_reward_model
from gossipmab.environments.reward_models import draw
from gossipmab.networks.links import LinkProcess, LinkStatistics
from gossipmab.networks.network import Network
from gossipmab.utils.distinct import distinct
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import SETTINGS

ROUNDS, DRAWS = 20_000, 40_000
NEAR = 0.05  # of a link's share of ROUNDS rounds, which may come in bursts; of a mean, 6 standard errors
SPLITS = (1, 2, 30, 7)


def check_link_process(process: LinkProcess, agents: int = AGENTS) -> None:
    """Raise a `ConformanceError` at the first fault.

    Checked: a frozen dataclass; links (rounds, E) of 0 and 1, uint8; the same for any split into blocks and from every new
    sampler; nothing drawn but from the generator handed in; frequencies as in `link_statistics`, to 0.05 over 20,000 rounds.

    Args:
        process: an object. agents: of the complete graph over which it is tried, or of its own base graph.
    """
    name = type(process).__name__
    if not isinstance(process, LinkProcess) or not is_dataclass(process):
        raise ConformanceError("shape", f"{name} is no frozen dataclass that extends gossipmab.networks.links.LinkProcess")
    own = process.default_base(agents)
    network = Network("complete" if own is None else own, agents, links=process)
    link_statistics = network.link_statistics
    E, rounds = len(network.edges), sum(SPLITS)
    if not isinstance(link_statistics, LinkStatistics) or link_statistics.frequencies.shape != (E,):
        what = f"{link_statistics}; allowed is a LinkStatistics with a frequency for each of the {E} links"
        raise ConformanceError("shape", f"{name}.link_statistics is {what}")
    generators = global_generators()
    whole = network.link_sampler(np.random.default_rng(1))(rounds)
    if not isinstance(whole, np.ndarray) or whole.shape != (rounds, E) or whole.dtype != np.uint8 or whole.max(initial=0) > 1:
        raise ConformanceError("shape", f"{name}.sampler: a block is no uint8 array of 0 and 1 of shape {(rounds, E)}")
    again = same(whole, network.link_sampler(np.random.default_rng(1))(rounds))
    what = "begins in another way from an equal generator; what it remembers lives in the sampler"
    fault_if(not again, "hidden state", f"{name}.sampler {what}")
    block = network.link_sampler(np.random.default_rng(1))
    split = same(whole, np.concatenate([block(size) for size in SPLITS]))
    what = f"gives other links in blocks of {SPLITS} rounds than in one; each round takes as many numbers"
    fault_if(not split, "hidden state", f"{name}.sampler {what}")
    drawn = global_generators() != generators
    fault_if(drawn, "randomness", f"{name}.sampler draws from a global generator; its own is handed in")
    shares = network.link_sampler(np.random.default_rng(2))(ROUNDS).mean(axis=0)
    away = np.abs(shares - link_statistics.frequencies)
    worst = int(away.argmax())
    what = (
        f"that link {worst} is present in a share {link_statistics.frequencies[worst]:.3f} of the rounds; in {ROUNDS} rounds it was"
    )
    fault_if(not away.max() <= NEAR, "distribution", f"{name}.link_statistics promises {what} {shares[worst]:.3f}")


def check_reward_model(kind: type, **parameters: Any) -> None:
    """Raise a `ConformanceError` at the first fault.

    Checked: a NamedTuple with the means first; `prepare` does the same to any split of a block; `draw` fills the vector,
    compiled and interpreted alike, without allocating, and from agent i's means only; what is drawn has these means, to six
    standard errors of 40,000 draws.

    Args:
        kind: the class. parameters: beside the means.
    """
    name = kind.__name__
    low, high = getattr(kind, "RANGE", (0.0, 1.0))
    generator = np.random.default_rng(3)
    means = generator.uniform(max(low, -10.0), min(high, 10.0), (AGENTS, ARMS, OBJECTIVES))
    try:
        model: Any = (
            kind(means, **parameters)
            if kind in MODELS.shipped.values()
            else resolve_reward_model({"model": kind, **parameters}).of(means)
        )
    except InputError as error:
        raise ConformanceError("shape", f"{name} is no reward model: {error}") from error
    u = generator.random((2, DRAWS, OBJECTIVES))
    given = u.copy()
    whole = np.asarray(model.prepare(given))
    parts = [np.asarray(model.prepare(u[:, a:z].copy())) for a, z in ((0, 1), (1, 500), (500, DRAWS))]
    split = whole.shape == u.shape and same(whole, np.concatenate(parts, axis=1))
    what = "does not do the same to every number whatever the block; allowed is number by number"
    fault_if(not split, "hidden state", f"{name}.prepare {what}")
    i, arm = AGENTS - 1, 1
    alone = np.full_like(means, np.nan)
    alone[i] = means[i]
    taken = distinct(model)
    compiled = njit(**SETTINGS)(lambda model, i, arm, u, x: draw(model, i, arm, u, x))
    x, drawn = np.full((3, OBJECTIVES), np.nan), np.zeros((DRAWS, OBJECTIVES))
    for n in range(DRAWS):
        model.draw(i, arm, whole[1, n], drawn[n])
        if n < 500:
            model.draw(i, arm, whole[1, n], x[0])
            model._replace(means=alone).draw(i, arm, whole[1, n], x[1])
            try:
                compiled(taken, i, arm, whole[1, n], x[2])
            except NumbaError as error:
                what = f"does not compile without allocating: {str(error).split(chr(10))[0]}"
                raise ConformanceError("allocation", f"{name}.draw {what}") from error
            for other, kind_of_fault, what in (
                (drawn[n], "hidden state", "gives another vector when called again, or leaves some of it unwritten"),
                (x[1], "peek", "reads means that are not those of its agent; every agent has its own"),
                (x[2], "compilation", "gives other bits compiled than interpreted"),
            ):
                fault_if(not same(x[0], other), kind_of_fault, f"{name}.draw {what}")
    away = np.abs(drawn.mean(axis=0) - model.means[i, arm])
    far = not (away <= 6.0 * drawn.std(axis=0) / np.sqrt(DRAWS) + 1e-12).all()
    seen, promised = (values.round(4).tolist() for values in (drawn.mean(axis=0), model.means[i, arm]))
    fault_if(far, "distribution", f"{name}.draw: the mean of {DRAWS} vectors is {seen}, its means are {promised}")
