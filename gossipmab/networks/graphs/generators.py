"""Graphs by the name of their generator: five at every size, those of networkx up to a size, two of our own above it."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipmab.networks.graphs import deterministic as fixed
from gossipmab.networks.graphs import random_graphs as chance
from gossipmab.networks.graphs.edge_array import KEY, LARGEST_NUMBER, EdgeArray, edges_of, refuse_giant, short, wrong
from gossipmab.utils.errors import InputError, unknown

if TYPE_CHECKING:
    import networkx as nx

STRAIGHT: dict[str, Callable[..., fixed.Recipe | None]] = {make.__name__: make for make in fixed.MADE}
OWN: dict[str, Callable[..., fixed.Recipe]] = {make.__name__: make for make in chance.MADE}
BY_NETWORKX = 200_000  # agents of a graph that networkx makes; ten times as many edges, or steps of its loops
# Modules of networkx whose functions make graphs from numbers. Its atlas is left out: it reads a file.
GENERATORS = ("networkx.generators.", "networkx.algorithms.bipartite.generators")
NOT_PARAMETERS = {"create_using", "backend", "backend_kwargs"}
AGENTS = re.compile(r"agents(?:\s*([-/])\s*(\d{1,9}))?")
# What networkx raises at wrong parameters or files, beside its own NetworkXException.
WRONG_VALUES = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
REFUSALS = (*WRONG_VALUES, MemoryError, RuntimeError)
# (agents, links) of graphs that grow faster than their parameters, where networkx makes them.
GROWTH: dict[str, Callable[..., tuple[float, float]]] = {
    "gnp_random_graph": lambda n, **_: (n, n * n / 20),  # it draws a number for each pair
    "fast_gnp_random_graph": lambda n, p, **_: (n, n * n * p / 2),
    "gnm_random_graph": lambda n, m, **_: (n, m),
    "random_regular_graph": lambda d, n, **_: (n, n * d / 2),
    "watts_strogatz_graph": lambda n, k, **_: (n, n * k / 2),
    "connected_watts_strogatz_graph": lambda n, k, **_: (n, n * k / 2),
    "newman_watts_strogatz_graph": lambda n, k, p, **_: (n, n * k / 2 * (1 + p)),
    "barabasi_albert_graph": lambda n, m, **_: (n, n * m),
    "ladder_graph": lambda n: (2 * n, 3 * n),
    "circular_ladder_graph": lambda n: (2 * n, 3 * n),
    "circulant_graph": lambda n, offsets: (n, n * len(offsets)),
    "hypercube_graph": lambda n: (2.0 ** min(n, 100), n * 2.0 ** min(n, 100) / 2),
    "full_rary_tree": lambda r, n: (n, n),
    "balanced_tree": lambda r, h: (float(max(r, 1)) ** min(h, 600), 0) if r > 1 else (h, h),
    "complete_bipartite_graph": lambda n1, n2: (n1 + n2, n1 * n2),
    "ring_of_cliques": lambda num_cliques, clique_size: _cliques(num_cliques, clique_size),
    "caveman_graph": lambda **v: _cliques(v["l"], v["k"]),
    "connected_caveman_graph": lambda **v: _cliques(v["l"], v["k"]),
    "barbell_graph": lambda m1, m2: (2 * m1 + m2, m1 * m1 + m2),
    "lollipop_graph": lambda m, n: (m + n, m * m / 2 + n),
    "grid_graph": lambda dim, **_: (math.prod(dim), len(dim) * math.prod(dim)),
    "hexagonal_lattice_graph": lambda m, n, **_: (2 * m * n, 3 * m * n),
    "triangular_lattice_graph": lambda m, n, **_: (m * n, 3 * m * n),
    "complete_multipartite_graph": lambda subset_sizes: (sum(subset_sizes), sum(subset_sizes) ** 2 / 2),
    "turan_graph": lambda n, r: (n, n * n * (1 - 1 / r) / 2),
    "windmill_graph": lambda n, k: _cliques(n, k),
    "relaxed_caveman_graph": lambda k, **v: _cliques(v["l"], k),
    "planted_partition_graph": lambda k, **v: _cliques(v["l"], k),
    "powerlaw_cluster_graph": lambda n, m, **_: (n, n * m),
    "dual_barabasi_albert_graph": lambda n, m1, m2, **_: (n, n * max(m1, m2)),
    "hkn_harary_graph": lambda k, n, **_: (n, n * k / 2),
    "margulis_gabber_galil_graph": lambda n, **_: (n * n, 4 * n * n),
    "navigable_small_world_graph": lambda n, dim=2, **_: (float(n) ** dim, float(n) ** (2 * dim)),
    "paley_graph": lambda p, **_: (p, p * p / 2),
    "binomial_tree": lambda n, **_: (2.0 ** min(n, 100), 0),
    "dorogovtsev_goltsev_mendes_graph": lambda n, **_: (3.0 ** min(n, 100), 0),
    "mycielski_graph": lambda n: (2.0 ** min(n, 100), 3.0 ** min(n, 100)),
    "sudoku_graph": lambda n=3: (n**4, n**6),
    "kneser_graph": lambda n, k: (_choose(n, k), _choose(n, k) ** 2 / 4),
}


def generate(generator: Any, parameters: Mapping[str, Any], agents: int | None, name: str = "") -> EdgeArray | nx.Graph:
    """The graph of a generator of networkx or of our own, not yet checked.

    Values may be "agents", "agents-INT" or "agents/INT". A required parameter `n` that is missing is the number of
    agents; a `seed` that is missing is 0.
    """
    make = _generator(generator)
    name = name or generator
    known = {key: value for key, value in inspect.signature(make).parameters.items() if key not in NOT_PARAMETERS}
    signature = f"the signature is {generator}({', '.join(map(str, known.values()))})"
    for key in parameters:
        if key not in known:
            raise InputError(f"{unknown(f'{KEY}: parameter of {generator}', key, known)}; {signature}")
    values = {key: _value(key, value, agents, name) for key, value in parameters.items()}
    if "n" in known and known["n"].default is inspect.Parameter.empty and "n" not in values:
        values["n"] = _value("n", "agents", agents, name)
    if "seed" in known:
        values.setdefault("seed", 0)
    said = ", ".join(f"{key} = {short(value)}" for key, value in values.items()) or "no parameters"
    recipe = _recipe(generator, values)
    try:
        if recipe is not None:
            return _made(recipe, name, seeded="seed" in known)
        _refuse_more(generator, values, name)
        graph = make(*_positional(known, values), **values)
    except InputError:
        raise
    except (*REFUSALS, _networkx().NetworkXException) as error:
        reason = str(error)[:300] or type(error).__name__
        raise wrong(f"{name!r} cannot be made with {said}: {reason}; {signature}") from None
    if not hasattr(graph, "is_directed"):
        raise wrong(f"generator = {generator!r} does not make one graph")
    graph.graph["seeded"] = "seed" in known
    return graph


def _made(recipe: fixed.Recipe, name: str, seeded: bool) -> EdgeArray:
    refuse_giant(recipe.agents, recipe.edges, name)
    agents = int(recipe.agents)
    names = (
        tuple(map(str, np.ndindex(recipe.shape))) if recipe.shape else None
    )  # as networkx calls the places of a grid
    return EdgeArray(agents, edges_of(recipe.make(), agents), names, seeded)


def _recipe(generator: str, values: Mapping[str, Any]) -> fixed.Recipe | None:
    """How to make it straight into arrays; None where networkx must, or must say what is wrong."""
    straight = STRAIGHT.get(generator) or OWN.get(generator)
    if straight is None or type(values.get("seed", 0)) is not int:
        return None
    try:
        inspect.signature(straight).bind(**values)
    except TypeError:
        return None
    return straight(**values)


def _refuse_more(generator: str, values: Mapping[str, Any], name: str) -> None:
    """Refuse what networkx would take too long for: it needs 500 bytes an edge and some microseconds of Python."""
    advice = f" that networkx's {generator} may have here; for more, take {' or '.join(OWN)}, or give an .edges file"
    numbers = [value for key, value in values.items() if key not in ("seed", "m") and type(value) is int]
    refuse_giant(max(numbers, default=0), 0, name, BY_NETWORKX, advice)
    try:
        size: tuple[float, float] = GROWTH[generator](**values) if generator in GROWTH else (0, 0)
    except OverflowError:
        size = math.inf, math.inf
    except WRONG_VALUES:
        return  # networkx will say what is wrong with them
    refuse_giant(size[0], size[1], name, BY_NETWORKX, advice)


def _positional(known: Mapping[str, inspect.Parameter], values: dict[str, Any]) -> list[Any]:
    """The values of a parameter *args, taken out of `values`."""
    spread = [key for key, value in known.items() if value.kind is inspect.Parameter.VAR_POSITIONAL]
    lists = [values.pop(key, []) for key in spread]
    return list(lists[0]) if lists else []


def _cliques(count: int, size: int) -> tuple[float, float]:
    """Agents and edges of so many cliques."""
    return count * size, count * size * size / 2


def _choose(n: int, k: int) -> float:
    """n over k, or e^300 where that is less."""
    return math.exp(min(300.0, math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)))


def _networkx() -> Any:
    import networkx

    return networkx


def _generator(name: Any) -> Callable[..., nx.Graph]:
    if not isinstance(name, str) or not name:
        raise wrong(f"generator = {short(name)} must be the name of a networkx generator, such as 'cycle_graph'")
    if name in OWN:
        return OWN[name]
    found = {key: value for key, value in vars(_networkx()).items() if _makes_graphs(value) and key[0] != "_"}
    if name not in found:
        near = str(unknown(f"{KEY}: generator", name[:100], found)).partition(" (allowed:")[0]
        raise InputError(
            f"{near} (allowed: {', '.join(OWN)}, "
            "and the functions of networkx.generators, such as 'watts_strogatz_graph')"
        )
    make: Callable[..., nx.Graph] = found[name]
    return make


def _makes_graphs(value: Any) -> bool:
    module = str(getattr(value, "__module__", ""))
    pure = module.startswith(GENERATORS) and not module.endswith(".atlas")
    return pure and callable(value) and not inspect.isclass(value)


def _value(key: str, value: Any, agents: int | None, name: str) -> Any:
    """A parameter's value: a number, a list of values, or "agents" with a subtraction or an exact division."""
    if isinstance(value, (list, tuple)):
        return [_value(key, item, agents, name) for item in value]
    value = value.item() if isinstance(value, np.generic) else value
    said = f"{key} = {short(value)} of {name!r}"
    if isinstance(value, int) and key != "seed" and abs(value) > LARGEST_NUMBER:
        raise wrong(f"{said} is more than {LARGEST_NUMBER}")
    if isinstance(value, (bool, int, float)):
        return value
    match = AGENTS.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise wrong(f"{said} is not a number, a list, 'agents', 'agents-INT' or 'agents/INT'")
    if agents is None:
        raise wrong(f"{name!r} is made for any number of agents, so give agents")
    sign, number = match[1], int(match[2] or 0)
    if sign == "-":
        return agents - number
    if sign == "/":
        if number == 0 or agents % number:
            raise wrong(f"{said} does not come out even for agents = {agents}")
        return agents // number
    return agents
