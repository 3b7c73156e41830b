"""What several tests share.

`alone`: an engine in which every agent has nothing but its own row and its received messages.
`root`: a short temporary directory in which Ray's sessions put their folders.
"""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

import gossipmab as gm
from gossipmab.algorithms.base import fill_uniforms, uniforms_of
from gossipmab.engines.common import sample_arm
from gossipmab.engines.gossip.channel import gossip
from gossipmab.engines.gossip.simulate import problem_info
from gossipmab.engines.gossip.trial import blends
from gossipmab.engines.pools.ray_session import PREFIX, session
from gossipmab.networks.mixing import weight_of_edge
from gossipmab.networks.network import Network
from gossipmab.utils.rng import Purpose, RandomSource, stream

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background: processes we start would be deaf to Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.pop("COLUMNS", None)  # of pytest-xdist: tables are to be as wide as in a pipe

# Files that take long, begun first, so that the workers end at about the same time; those that compile the same apart from each
# other, so that the second finds it compiled.
LONG = ("test_algorithms", "test_actors", "test_faults", "test_plugins", "test_assignment", "test_actor_failures", "test_central")
LONG += (
    "test_report", "test_actor_faults", "test_failures", "test_golden", "test_hostile", "test_engines", "test_objectives",
    "test_solvers",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; the order within a file stays."""
    place = {name: rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONG)))


settings.register_profile("fixed", deadline=None, derandomize=True, database=None)
settings.load_profile("fixed")

# Fields of a state that are not per agent, although their first axis may be N long: known to all, or scratch.
SHARED = {"preferences", "bonus", "upper"}


@dataclass
class Agent:
    """One agent: a private copy of the arrays, poisoned wherever it has no business."""

    algorithm: Any
    i: int
    state: Any

    @property
    def boxes(self) -> list[str]:
        return [name.removeprefix("sent_") for name in self.state._fields if name.startswith("sent_")]

    def poison_strangers(self) -> None:
        """All rows but its own of every per-agent array."""
        for name, array in self.state._asdict().items():
            known = name in SHARED or name.startswith("known_")
            if isinstance(array, np.ndarray) and not known and len(array) == self.agents:
                keep = array[self.i].copy()
                array[:] = np.nan if array.dtype.kind == "f" else -(10**6)
                array[self.i] = keep

    @property
    def agents(self) -> int:
        return len(self.state.local_mean)

    def outbox(self) -> dict[str, np.ndarray]:
        return {name: getattr(self.state, name)[self.i].copy() for name in self.boxes}

    def receive(self, messages: dict[int, dict[str, np.ndarray]]) -> None:
        """Own row and those of the present neighbours; NaN in all others."""
        for name in self.boxes:
            box = getattr(self.state, "sent_" + name)
            box[:] = np.nan
            for j, message in messages.items():
                box[j] = message[name]


def neighbours_and_weights(network: Network, present: np.ndarray, i: int) -> tuple[np.ndarray, np.ndarray]:
    """Agent i's present neighbours, ascending, and their weights."""
    edges = network.edges[present.astype(bool)]
    degrees = np.bincount(edges.ravel(), minlength=network.agents)
    found = np.sort(np.concatenate([edges[edges[:, 0] == i, 1], edges[edges[:, 1] == i, 0]]))
    weights = [weight_of_edge(network.weight_rule, network.constant_weight, degrees[i], degrees[j]) for j in found]
    return found.astype(np.int64), np.array(weights, dtype=float)


def numbers_of(environment: Any, network: Any, horizon: int, seed: int, trial: int = 0, uniforms: int = 0) -> SimpleNamespace:
    """The random numbers of a gossip trial: arms (T, N), rewards (T, N, D) prepared, links (T, E), own (T, N, M)."""
    N, _, D = environment.means.shape
    key: dict[str, Any] = {"seed": seed, "trial": trial, "label": ""}
    shapes = {Purpose.ARMS: (N,), Purpose.REWARDS: (N, D), Purpose.POLICY: (N, uniforms)}
    drawn = RandomSource(key, shapes).block(horizon)
    return SimpleNamespace(
        arms=drawn[Purpose.ARMS],
        rewards=environment.rewards.prepare(drawn[Purpose.REWARDS]),
        own=drawn[Purpose.POLICY],
        links=network.link_sampler(stream(**key, purpose=Purpose.LINKS))(horizon),
    )


def play_alone(
    algorithm: Any, environment: Any, network: Any, *, horizon: int, seed: int, trial: int = 0,
    away: Callable[[int], set[int]] = lambda t: set(),
) -> SimpleNamespace:  # fmt: skip
    """Play agent by agent with the public methods; everything is kept: p, arms, x, local, world, links per round.

    away: the agents that are away in round t; arm -1. An agent's t counts the rounds that it plays.
    """
    N, K, D = environment.means.shape
    info = problem_info(environment, network, horizon)
    numbers = numbers_of(environment, network, horizon, seed, trial, uniforms_of(algorithm.init(info)))
    agents = [Agent(algorithm, i, algorithm.init(info)) for i in range(N)]
    for agent in agents:
        agent.poison_strangers()
    kept: dict[str, list[Any]] = {name: [] for name in ("p", "arms", "x", "local", "world", "links")}
    clocks = [0] * N
    for t in range(1, horizon + 1):
        up = np.array([i not in away(t) for i in range(N)])
        present = numbers.links[t - 1] * up[network.edges].all(axis=1)
        out = [agent.outbox() for agent in agents]
        ps, xs, arms = np.zeros((N, K)), np.zeros((N, D)), np.full(N, -1)
        for agent in (agent for agent in agents if up[agent.i]):
            i, state = agent.i, agent.state
            clocks[i] += 1
            near, weights = neighbours_and_weights(network, present, i)
            for name in agent.boxes:  # what select reads of others, it must not: its own row alone is whole
                getattr(state, "sent_" + name)[:] = np.nan
            fill_uniforms(state, numbers.own[t - 1, i])
            algorithm.select(state, i, clocks[i], ps[i])
            arms[i] = sample_arm(ps[i], numbers.arms[t - 1, i])
            environment.rewards.draw(i, arms[i], numbers.rewards[t - 1, i], xs[i])
            if algorithm.communicates:
                agent.receive({i: out[i]} | {int(j): out[j] for j in near})
                for name in agent.boxes:  # learn fills these anew, or the gossip does
                    getattr(state, name)[i] = np.nan
                flat = [a.reshape(N, -1) for a in (state.global_mean, state.sent_global_mean)]
                gossip(algorithm, blends(algorithm), state, *flat, i, near, weights)
            algorithm.update(state, i, clocks[i], int(arms[i]), xs[i], near)
        kept["p"].append(ps)
        kept["arms"].append(arms)
        kept["x"].append(xs)
        kept["links"].append(numbers.links[t - 1])
        kept["local"].append(np.stack([a.state.local_mean[a.i] for a in agents]))
        world = "global_mean" if algorithm.communicates else "local_mean"
        kept["world"].append(np.stack([getattr(a.state, world)[a.i] for a in agents]))
    return SimpleNamespace(states=[agent.state for agent in agents], **{name: np.array(rows) for name, rows in kept.items()})


def by_actors(
    *world: Any, crew: Any = None, transport: str = "direct", agents_per_actor: int = 1, window: int | None = None,
    poison: bool = False, **options: Any,
) -> Any:  # fmt: skip
    """A trial by actors: those of `crew`, with these settings, or new ones in a session that ends with the trial."""
    new = gm.ActorPool(crew.transport if crew else transport, agents_per_actor, window, poison=poison)
    with ExitStack() as stack:
        if crew is None:
            import ray

            if not ray.is_initialized():
                stack.enter_context(session())
            crew = stack.enter_context(new)
        crew.agents_per_actor, crew.window, crew.poison = agents_per_actor, window, poison
        return gm.simulate_actors(*world, pool=crew, **options)


def as_compiled(crew: Any, *world: Any, block: int, window: int, poison: bool = True, **options: Any) -> Any:
    """The trace by actors that have NaN for what they have not received, asserted to be that of the compiled engine."""
    common = {"horizon": 53, "seed": 3, "recorded_rounds": 17, **options}
    setting = {"agents_per_actor": block, "window": window, "poison": poison}
    got = by_actors(*world, crew=crew, note=crew.note, **setting, **common)
    assert gm.same_bits(gm.simulate(*world, **common), got) == [], (world, setting)
    assert not np.isnan(got.pareto_regret).any() and not np.isnan(got.disagreement).any()
    return got


@pytest.fixture(scope="module")
def crew_of(ray_here: None) -> Iterator[Callable[[str], Any]]:
    """Actors of a transport, the same ones for all tests of a module; nothing may befall them."""
    notes: list[str] = []
    with ExitStack() as stack:
        yield cache(lambda transport: stack.enter_context(gm.ActorPool(transport, note=notes.append, patience=30.0)))
    assert not [line for line in notes if not line.endswith(("are ready", "to start"))]


@pytest.fixture(scope="session")
def alone() -> Callable[..., SimpleNamespace]:
    return play_alone


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    with session(cpus=2):
        yield


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short temporary directory, for Ray's sockets do not fit into pytest's; nothing of ours may stay.

    pytest makes its own before (`tmp_path`), or would make it in here.
    """
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as short:
        monkeypatch.setenv("TMPDIR", short)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(short)
        assert [p.name for p in Path(short).iterdir() if p.name.startswith(PREFIX)] == []
    monkeypatch.setattr(tempfile, "tempdir", None)
