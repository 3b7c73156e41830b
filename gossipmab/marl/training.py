"""Training: whole episodes are played, priced and learnt from, a batch at a time, in programs that XLA compiles once.

A batch is B environments side by side, B whole episodes: the price on unequal outcomes needs them whole. The order: play with
the policies at hand; price the outcomes by the multiplier at hand; learn; then the dual step. Evaluations play the same
program on random numbers of their own, the same ones for every learner of a trial that has as many environments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.engines.common import TrialSettings
from gossipmab.marl.games import check_game
from gossipmab.marl.learners.eld import under_price
from gossipmab.marl.limits import check_network, check_size
from gossipmab.marl.mixing import mixing_rounds, steps_of
from gossipmab.marl.price import EquityPrice, PriceTerms, cost_advantages, signals
from gossipmab.marl.rollouts import Charges, Episodes, World, play
from gossipmab.marl.xla import import_jax, jax, jnp
from gossipmab.metrics.equity import dual_step
from gossipmab.metrics.marl_trace import MarlTrace, measures
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError, shown
from gossipmab.utils.parameters import check, fit
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.types import Floats

NO_PRICE = PriceTerms(step=0.0, cap=0.0)
EVALUATION = 2**31  # batches of training are numbered below it, evaluations from it on


class Dual(NamedTuple):
    """multiplier: lambda. violations: their sum since the last dual step, over `batches` batches."""

    multiplier: Any
    violations: Any
    batches: Any


class Programs(NamedTuple):
    """The compiled functions of a learner in a game."""

    world: World
    init: Callable[..., Any]
    play: Callable[..., Any]
    learn: Callable[..., Any]


@lru_cache(64)
def programs(kinds: tuple[type, ...], learner: Any, game: Any, credit: str, measure: str) -> Programs:
    """Compile for a learner without a price, a game, and the words of a price. kinds: the types, which tuples alike hide."""
    world = World(game, learner.environments)

    def learn(state: Any, dual: Dual, episodes: Episodes, terms: dict[str, Any], key: Any, progress: Any) -> tuple[Any, Dual]:
        found = signals(episodes.outcomes, terms["tau"], measure, jnp)
        cost = cost_advantages(
            found.cost(credit, jnp), world.steps, learner.gamma, terms["alpha"], terms["equity_discount"], jnp  # type: ignore[arg-type]
        )  # fmt: skip
        charges = Charges(dual.multiplier * cost, dual.multiplier, found.uneven)
        after = learner.update(world, state, episodes, charges, key, progress)
        violations, batches = dual.violations + jnp.mean(found.uneven) - terms["budget"], dual.batches + 1
        raised = dual_step(dual.multiplier, violations / batches, terms["step"], terms["cap"], jnp)
        due = batches >= terms["period"]
        return after, Dual(jnp.where(due, raised, dual.multiplier), jnp.where(due, 0.0, violations), jnp.where(due, 0, batches))

    return Programs(
        world,
        jax.jit(lambda key: learner.init(world, key)),
        jax.jit(lambda *args: play(world, learner, *args)),
        jax.jit(learn, donate_argnums=(0,)),
    )


def train(
    learner: Any,
    game: Any,
    network: Network | None = None,
    *,
    horizon: int,
    seed: int,
    trial: int = 0,
    recorded_rounds: int = 20,
    stream_label: str = "",
    welfare: str = "product",
    interpreted: bool = False,
    progress: Callable[[int], None] | None = None,
    tau: float = 0.5,
    price: EquityPrice | None = None,
) -> MarlTrace:
    """Train the agents of a game in this process.

    >>> trace = gm.marl.train(gm.marl.IPPO(environments=2), gm.marl.JobScheduling(steps=100), horizon=400, seed=0)
    >>> trace.rounds.tolist()
    [200, 400]

    Args:
        learner: such as `IPPO()`, or `ELDIPPO()`, the same under a price. game: such as `JobScheduling()`.
        network: over which the agents average their estimates; of learners that communicate (FEN) alone.
        horizon: environment steps, a multiple of a batch, learner.environments * game.steps.
        seed, trial, stream_label: of the random streams; label "" gives all learners of a trial the same numbers.
        recorded_rounds: how many evaluations to record, evenly spaced, each after a whole batch; the last is always among them.
        welfare, interpreted: of other protocols; as they are, or left out.
        progress: called with the agent-steps just played, after each batch; may raise to stop.
        tau: half width of the band of the recorded measures, in units of the mean outcome.
        price: on unequal outcomes; its terms are used, and its multiplier is left as it is.

    Returns:
        A MarlTrace.

    Raises:
        InputError: an argument or a hyperparameter out of range, a game without a twin in JAX, or no JAX.
    """
    import_jax()
    for name, given, allowed in (("welfare", welfare, "product"), ("interpreted", interpreted, False)):
        if given != allowed:
            raise InputError(f"{name}: got {given!r}, allowed in a game is {allowed!r}, or nothing")
    settings = TrialSettings.checked({
        "horizon": horizon, "seed": seed, "trial": trial, "recorded_rounds": recorded_rounds, "stream_label": stream_label,
    })  # fmt: skip
    backbone, terms = _learner(learner, price)
    check_game(game)
    if price is not None and price.agents not in (None, game.agents):
        raise InputError(f"price.agents: got {price.agents}, allowed are {game.agents}, as the game has")
    check_size(backbone, game)
    batches = whole_batches(horizon, backbone.environments * game.steps)
    record = Record(fit("tau", Annotated[float, Field(ge=0)], tau), terms is not None)
    recorded = set((-(-settings.rounds * batches // horizon)).tolist())  # the first whole batch at or after each
    numbers = Numbers(backbone, network, game, settings.key)
    words = terms or NO_PRICE._replace(credit=backbone.default_credit)
    amounts = {name: value for name, value in words._asdict().items() if not isinstance(value, str)}
    with jax.enable_x64(False):  # whatever the caller's own programs have: the bits are those of 32-bit floats
        compiled = programs((type(backbone), type(game)), backbone, game, words.credit, words.measure)
        net_key = key_of(settings.key, Purpose.NETWORKS)
        state, dual = compiled.init(jax.random.fold_in(net_key, 0)), Dual(jnp.zeros(()), jnp.zeros(()), jnp.zeros((), int))
        for b in range(1, batches + 1):
            done = jnp.asarray((b - 1) / batches)
            episodes, _ = compiled.play(state, done, True, *numbers.training(b))
            state, dual = compiled.learn(state, dual, episodes, amounts, jax.random.fold_in(net_key, b), done)
            if b in recorded:
                played, pictures = compiled.play(state, jnp.asarray(b / batches), False, *numbers.evaluation(b))
                record.keep(b * (horizon // batches), played, pictures, float(dual.multiplier))
            else:
                dual.multiplier.block_until_ready()
            if progress is not None:
                progress(game.agents * (horizon // batches))
    trace = record.trace()

    def player(episodes: int, seed: int) -> Floats:
        others = Numbers(backbone, network, game, {"seed": seed, "label": "play"})
        with jax.enable_x64(False):
            batches = range(-(-episodes // backbone.environments))
            played = [compiled.play(state, jnp.ones(()), False, *others.training(b))[0].outcomes for b in batches]
        return np.concatenate([np.asarray(one, np.float64) for one in played])[:episodes]

    object.__setattr__(trace, "player", player)  # of a frozen dataclass; no array, and no part of the trace's file
    return trace


class Numbers:
    """The random numbers of a trial's episodes, batch by batch: keys of the game and of the actions, and mixing matrices."""

    def __init__(self, learner: Any, network: Network | None, game: Any, key: dict[str, Any]) -> None:
        """Raises InputError for a network that the learner does not use."""
        self.keys = [key_of(key, purpose) for purpose in (Purpose.GAME, Purpose.EXPLORATION)]
        self._of, self._key = partial(matrices, learner, network, game), key
        self._mixing = self._of(key)

    def training(self, batch: int) -> tuple[Any, ...]:
        """Of a batch of the training."""
        return (*(jax.random.fold_in(key, batch) for key in self.keys), self._mixing())

    def evaluation(self, batch: int) -> tuple[Any, ...]:
        """Of the evaluation after a batch, apart from those of the training."""
        apart = self._of(self._key | {"label": f"{self._key.get('label', '')} evaluation {batch}"})
        return (*(jax.random.fold_in(key, EVALUATION + batch) for key in self.keys), apart())


class Record:
    """What is kept of a trial."""

    def __init__(self, tau: float, priced: bool) -> None:
        self.tau, self.priced, self.rows = tau, priced, []  # type: tuple[float, bool, list[dict[str, float]]]
        self.rounds: list[int] = []

    def keep(self, step: int, episodes: Episodes, pictures: Any, multiplier: float) -> None:
        """Keep an evaluation after so many environment steps."""
        self.outcomes = np.asarray(episodes.outcomes, np.float64)
        self.pictures = [None if one is None else np.asarray(one, np.float64) for one in pictures]
        self.earned = np.asarray(episodes.rewards[:, 0], np.float64)
        found = measures(self.outcomes, self.tau)
        row = {name: float(values.mean()) for name, values in found.items()}
        row |= {f"{name}_sd": float(values.std()) for name, values in found.items() if name != "excess"}
        row |= {"team_return": row["utilisation"] * len(self.earned), "multiplier": multiplier if self.priced else float("nan")}
        self.rounds.append(step)
        self.rows.append(row)

    def trace(self) -> MarlTrace:
        """The trace."""
        path, goals, radii = self.pictures
        assert path is not None and goals is not None
        columns: dict[str, Floats] = {name: np.array([row[name] for row in self.rows]) for name in self.rows[0]}
        return MarlTrace(
            rounds=np.array(self.rounds, np.int64), **columns, utility=self.outcomes.mean(axis=0), outcomes=self.outcomes,
            path=path, goals=goals, radii=np.full(path.shape[:2], np.nan) if radii is None else radii, earned=self.earned,
        )  # fmt: skip


def whole_batches(horizon: int, size: int) -> int:
    """How many batches of `size` environment steps the horizon has. Raises InputError if it is no multiple."""
    if horizon % size:
        below = horizon // size * size
        near = f"{below} or {below + size}" if below else str(size)
        raise InputError(f"horizon: got {horizon}, allowed are multiples of a batch, environments x steps = {size}: such as {near}")
    return horizon // size


def _learner(learner: Any, price: EquityPrice | None) -> tuple[Any, PriceTerms | None]:
    """The learner without a price, and the terms if there is one. Raises InputError for what is out of range."""
    if isinstance(learner, type):
        learner = learner()
    if not all(hasattr(learner, name) for name in ("_fields", "begin", "select", "update")):
        raise InputError(f"learner: got {shown(learner)}, allowed is a learner, such as gm.marl.IPPO()")
    check(learner)
    terms = getattr(learner, "terms", None)
    if price is None:
        return getattr(learner, "backbone", learner), terms
    if not isinstance(price, EquityPrice):
        raise InputError(f"price: got {shown(price)}, allowed is an object, such as gm.marl.EquityPrice()")
    if terms is not None:
        raise InputError(f"price: given beside {type(learner).__name__}, which has its own; allowed is one of them")
    if price.gamma != learner.gamma:
        raise InputError(f"price.gamma: got {price.gamma}, allowed is that of the learner, {learner.gamma}")
    terms = price.terms._replace(credit=price.credit or learner.default_credit)
    kind: Any = type(learner)
    check(under_price(kind)(*learner, *terms))
    return learner, terms


def matrices(backbone: Any, network: Network | None, game: Any, key: dict[str, Any]) -> Callable[[], Any]:
    """The mixing matrices (T, B, N, N) of the next episodes, () for learners that do not communicate."""
    if not (getattr(backbone, "communicates", False) and backbone.fully_decentralised):
        if network is not None:
            raise InputError(f"network: not used by {type(backbone).__name__}, which does not communicate; leave it out")
        return lambda: ()
    if network is None:
        network = Network("complete", game.agents, links="random_matching", weights="metropolis")
    check_network(network, game.agents)
    block, B, G = mixing_rounds(network, key), backbone.environments, backbone.gossip_rounds

    def episodes() -> Any:
        return jnp.asarray(np.stack([steps_of(block, game.steps, G, game.agents) for _ in range(B)], axis=1), float)

    return episodes


def key_of(key: dict[str, Any], purpose: Purpose) -> Any:
    """A key of JAX from the stream of a purpose."""
    words = jnp.asarray(stream(**key, purpose=purpose).integers(0, 2**32, 2, np.uint32))
    return jax.random.wrap_key_data(words, impl="threefry2x32")
