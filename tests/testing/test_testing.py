"""The conformance suite: shipped algorithms pass it, and each broken one is found, with a sentence of its own."""

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import broken
import numpy as np
import outside
import pytest

import gossipmab as gm
from gossipmab import testing
from gossipmab.algorithms import ALGORITHMS
from gossipmab.environments import reward_models as rewards
from gossipmab.testing import check_algorithm, check_link_process, check_reward_model
from tests.tiny import everyday, refuses, tiny

# What is wrong -> the class, the kind of error, its sentence. The first of each kind are the seven that the suite is for.
BROKEN: dict[str, tuple[Any, str, str]] = {
    "peeks at a stranger's row": (
        broken.Peeking, "peek",
        r"^Peeking.select, in round 5 of agent \d, reads rows of state.global_mean that the agent has not received; it may read "
        r"rows \[\d\]$",
    ),
    "writes a neighbour's row": (
        broken.Trespassing, "trespass",
        r"^Trespassing.update, in round 1 of agent \d, writes row \d of state.local_mean, which is another agent's; row \d is all "
        "that it may write$",
    ),
    "keeps hidden state": (
        broken.Remembering, "hidden state",
        r"^Remembering.select, in round \d of agent \d, gives another outcome when called again with equal arguments: it keeps "
        "hidden state, where what carries over belongs into the agent's row of the state$",
    ),
    "allocates": (
        broken.Allocating, "allocation",
        "^Allocating.select allocates: it compiles only if it may make arrays or other objects; take room for them in fields "
        "scratch_... of the state$",
    ),
    "sums to more than one": (
        broken.Excessive, "distribution",
        r"^Excessive.select, in round 1 of agent 0, writes \[0.3, 0.3, 0.3, 0.3\], which sums to 1.2; allowed are probabilities "
        ">= 0 that sum to 1$",
    ),
    "depends on order": (
        broken.Following, "order",
        r"^Following depends on the order in which agents play: round \d+ has another outcome from the last agent to the first; "
        "agents of a round know nothing of each other but mailboxes$",
    ),
    "draws its own random numbers": (broken.Gambling, "hidden state", "^Gambling.select, .* gives another outcome when called"),
    "draws from NumPy's global generator": (broken.GamblingGlobally, "randomness", "draws from a global generator"),
    "draws from Python's generator": (broken.GamblingPlainly, "randomness", "draws from a global generator"),
    "reads a stranger's message": (
        broken.PeekingMail, "peek", r"update, .* reads rows of state.sent_global_mean that .*; it may read rows \[\d"
    ),
    "writes its mailbox": (
        broken.Posting, "trespass", r"writes row \d of the mailbox .*; .* belongs into state.global_mean\[i\]$"
    ),
    "writes negative probabilities": (broken.Negative, "distribution", "sums to 1; allowed are probabilities >= 0"),
}  # fmt: skip


def finds(error: str, sentence: str, check: Any, /, *given: Any, **named: Any) -> None:
    """Assert that the check finds an error of this kind and says this sentence."""
    with pytest.raises(testing.ConformanceError, match=sentence) as caught:
        check(*given, **named)
    assert caught.value.kind == error and "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", BROKEN)
def test_what_is_broken_is_found_and_said_in_a_sentence(wrong: str) -> None:
    kind, error, sentence = BROKEN[wrong]
    finds(error, sentence, check_algorithm, kind)


@pytest.mark.slow
def test_what_is_sound_passes() -> None:
    """Or else the broken ones might be refused for what they share with it."""
    check_algorithm(broken.Sound)
    check_algorithm(broken.Sound(0.3), engines=())


@pytest.mark.parametrize("name", everyday(ALGORITHMS, *(name for name in ALGORITHMS if "nsw" not in name)))
def test_shipped_algorithms_pass(name: str) -> None:
    check_algorithm(ALGORITHMS[name], engines=())  # the engines are compared in tests/engines


class Listed(NamedTuple):
    weights: tuple[float, ...] = (0.5, 0.5)


class Needy(NamedTuple):
    share: float


# A state with a field of no agent, which changes.
Shifting: Any = NamedTuple("Shifting", [(name, Any) for name in (*broken.State._fields[:4], "total")])  # type: ignore[misc]


ONE = np.zeros((6, 4, 3))


def started(name: str, **arrays: Any) -> Any:
    """A class like `Sound` whose first state has other arrays, each a function of the sound one."""

    def init(self: Any, shape: Any) -> Any:
        state = broken.Sound().init(shape)
        return state._replace(**{key: made(state) for key, made in arrays.items()})

    return broken.broken(name, init=init)


FORMS: dict[str, tuple[Any, str]] = {
    "no NamedTuple": (object(), "^object is no typing.NamedTuple"),
    "a hyperparameter that is a tuple": (Listed(), "^Listed.weights is a tuple; a hyperparameter is a bool, int, float or str$"),
    "methods that are missing": (Needy(0.5), "^Needy has no communicates; an algorithm has communicates, init"),
    "a class without defaults": (Needy, r"^Needy\(\) cannot be made .*; pass an object instead$"),
    "arrays shared between states": (started("Shared", local_mean=lambda state: ONE), "local_mean is the same array in two states"),
    "a mailbox of another type": (
        started("Small", sent_global_mean=lambda state: ONE.astype(np.float32)),
        r"state.sent_global_mean is float32 of shape \(6, 4, 3\); allowed is float64"
    ),
    "a mailbox that is what it is the mailbox of": (
        started("Twins", sent_global_mean=lambda state: state.global_mean), "share memory"
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", FORMS)
def test_forms(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, sentence = FORMS[wrong]
    if isinstance(kind, type) and kind.__module__ == "broken":
        monkeypatch.setattr(broken, kind.__name__, kind, raising=False)  # so that it can be pickled
    finds("shape", sentence, check_algorithm, kind)


def test_what_belongs_to_no_agent_must_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    def learn(self: Any, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
        broken.Sound.update(self, state, i, t, arm, x, neighbours)
        state.total[0] += 1.0

    kind = broken.broken("Adding", init=lambda self, shape: Shifting(*broken.Sound().init(shape)[:4], np.zeros(1)), update=learn)
    monkeypatch.setattr(broken, "Adding", kind, raising=False)
    finds("trespass", "writes state.total, which has no row for every agent", check_algorithm, kind)
    refuses("^engines: 'thread' is not known; did you mean 'threads'", check_algorithm, gm.ParetoUCB, engines=("thread",))


class Continuing(outside.EveryOther):
    """Every sampler goes on where the last one stopped."""

    kept: ClassVar[list[Any]] = []

    def sampler(self, graph: Any, generator: np.random.Generator) -> Any:
        if not self.kept:
            self.kept.append(outside.EveryOther.sampler(self, graph, generator))
        return self.kept[0]


def links(name: str, **methods: Any) -> Any:
    """A process like `outside.EveryOther`, with other methods."""
    return type(name, (outside.EveryOther,), methods)(2)


def wild(self: Any, graph: Any, generator: np.random.Generator) -> Any:
    np.random.random()  # noqa: NPY002
    return outside.EveryOther.sampler(self, graph, generator)


SHARE = outside.EveryOther.link_statistics
BOASTING = links("Boasting", link_statistics=lambda *given: SHARE(*given)._replace(frequencies=0.9 + 0 * SHARE(*given).frequencies))
WIDE = links("Wide", sampler=lambda self, graph, generator: lambda count: np.ones((count, len(graph.edges))))
FORGETFUL = links(  # begins its period anew with every block
    "Forgetful", sampler=lambda *given: lambda count: outside.EveryOther.sampler(*given)(count)
)
PROCESSES = [
    outside.EveryOther(3), gm.Static(), gm.ErdosRenyi(0.3), gm.GilbertElliott(0.1, 0.4), gm.RandomMatching(), gm.RandomizedGossip(),
    gm.OnePeerExponential(), gm.StochasticBlock(0.8, 0.2, 2),
]  # fmt: skip


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: type(process).__name__)
def test_sound_links_pass(process: Any) -> None:
    check_link_process(process)


@pytest.mark.parametrize(("process", "error", "sentence"), [
    (FORGETFUL, "hidden state", "gives other links in blocks of"),
    (Continuing(3), "hidden state", "begins in another way from an equal generator"),
    (BOASTING, "distribution", r"is present in a share 0.900 of the rounds; in 20000 rounds it was 0.500$"),
    (WIDE, "shape", "a block is no uint8 array of 0 and 1"),
    (links("Wild", sampler=wild), "randomness", "draws from a global generator"),
    ("static", "shape", "is no frozen dataclass"),
])  # fmt: skip
def test_broken_links_are_found(process: Any, error: str, sentence: str) -> None:
    finds(error, sentence, check_link_process, process)


def model(draw: Any, prepare: Any = outside.Triangular.prepare) -> Any:
    """A reward model like `outside.Triangular`, with other methods."""
    kind = NamedTuple("Model", [("means", np.ndarray), ("width", float)])  # type: ignore[misc]  # noqa: UP014
    kind.__module__ = __name__
    kind.draw, kind.prepare = draw, prepare
    return kind


def draw_others(self: Any, i: int, arm: int, u: Any, x: Any) -> None:
    for d in range(x.shape[0]):
        x[d] = self.means[0, arm, d]


def draw_shifted(self: Any, i: int, arm: int, u: Any, x: Any) -> None:
    for d in range(x.shape[0]):
        x[d] = self.means[i, arm, d] + self.width * u[d]


def draw_half(self: Any, i: int, arm: int, u: Any, x: Any) -> None:
    x[0] = self.means[i, arm, 0]


def draw_allocating(self: Any, i: int, arm: int, u: Any, x: Any) -> None:
    x[:] = self.means[i, arm] + self.width * (u - 0.5)


def prepare_block(self: Any, u: Any) -> Any:
    return u - u.mean() + 0.5


@pytest.mark.parametrize("kind", [outside.Triangular, rewards.Bernoulli])
def test_sound_rewards_pass(kind: Any) -> None:
    check_reward_model(kind, **({"width": 0.3} if kind is outside.Triangular else {}))


@pytest.mark.parametrize(("kind", "error", "sentence"), [
    (model(draw_others), "peek", "reads means that are not those of its agent"),
    (model(draw_shifted), "distribution", "the mean of 40000 vectors is"),
    (model(draw_half), "hidden state", "leaves some of it unwritten"),
    (model(draw_allocating), "allocation", "does not compile without allocating"),
    (model(outside.Triangular.draw, prepare_block), "hidden state", "allowed is number by number"),
    (Needy, "shape", "is no reward model: .* has no prepare and no draw"),
])  # fmt: skip
def test_broken_rewards_are_found(kind: Any, error: str, sentence: str) -> None:
    finds(error, sentence, check_reward_model, kind, **({} if kind is Needy else {"width": 0.3}))


SMALL = tiny(40, 2, environment={"agents": 5, "arms": 4, "objectives": 2}, algorithms=[])
ENVIRONMENT = gm.Environment.sample(5, 4, 2, seed=0)
NETWORK = gm.Network("ring", agents=5)


def test_what_is_no_distribution_is_refused_in_every_engine(tmp_path: Path) -> None:
    line = r"^Excessive.select, in round 1 of agent 0, writes \[0.3, 0.3, 0.3, 0.3\], which sums to 1.2; allowed are prob.* to 1$"
    for simulate in (gm.simulate, gm.simulate_actors):
        refuses(line, simulate, broken.Excessive(), ENVIRONMENT, NETWORK, horizon=40, seed=0)
    for engine in ("threads", "ray", "actors"):
        refuses(line, gm.run, SMALL, out=tmp_path / engine, engine=engine, algorithms=[broken.Excessive()])
        assert not (tmp_path / engine).exists()
    # The first rounds are sound, and the loop refuses the others; interpreted as compiled, but for the time to compile.
    line = r"^Later.select, in round 20 of agent 0, writes \[0.5, 0.5, 0.5, 0.5\], which sums to 2"
    refuses(line, gm.simulate, broken.Later(), ENVIRONMENT, NETWORK, horizon=40, seed=0, recorded_rounds=4, interpreted=True)


def test_an_error_of_a_method_names_the_line_of_its_file(tmp_path: Path) -> None:
    for kind, line in (
        (broken.Undefined,
         r"^Undefined.select, in round 1 of agent 0, raises NameError: name 'wieght' .* \(broken.py, line \d+\)$"),
        (broken.Uncompiled,
         r"^Uncompiled.select does not compile: numba has no code for nanpercentile\(.*\) \(broken.py, line \d+\)$"),
    ):  # fmt: skip
        refuses(line, gm.simulate, kind(), ENVIRONMENT, NETWORK, horizon=40, seed=0)
        refuses(line, gm.run, SMALL, out=tmp_path / "run", workers=1, algorithms=[kind()])
        assert not (tmp_path / "run").exists()


class Halving(NamedTuple):
    """A learner with a centre that plays no distribution."""

    objective: str = "nsw"
    init, update = gm.HossainUCB.init, gm.HossainUCB.update

    def select(self, state: Any, t: int, p: Any) -> None:
        p[:] = 0.5


class Unwritten(outside.Triangular):
    """A reward model that leaves the vector as it was."""

    __slots__ = ()

    def draw(self, i: int, arm: int, u: Any, x: Any) -> None:
        pass


class Nowhere(outside.First):
    """An objective without a best policy."""

    __slots__ = ()

    def maximise(self, utilities: Any, workspace: Any, p: Any) -> tuple[float, float]:
        return 0.0, 0.0


def test_other_classes_from_outside_are_checked_too() -> None:
    unwritten = gm.Environment(ENVIRONMENT.means, ENVIRONMENT.preferences, Unwritten(ENVIRONMENT.means))
    for played, world, line in (
        (Halving(), (ENVIRONMENT,), r"^Halving.select, in round 1, writes \[0.5, 0.5, 0.5, 0.5\], which sums to 2"),
        (gm.HossainUCB(objective=Nowhere()), (ENVIRONMENT,), r"^Nowhere.maximise writes \[nan, nan, nan\]"),  # type: ignore[arg-type]
        (gm.ParetoUCB(), (unwritten, NETWORK), r"^Unwritten.draw, of agent 0 and arm 0, writes \[nan, nan\]; allowed are finite"),
        (gm.ParetoUCB(), (ENVIRONMENT, gm.Network("ring", 5, links=WIDE)), r"^Wide.sampler in rounds 1 to 7 gives no uint8"),
    ):
        refuses(line, gm.simulate, played, *world, horizon=40, seed=0, interpreted=True)
