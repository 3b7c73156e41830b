"""Slow plain NumPy twins of every algorithm and ablation, written from the page of mathematics and not from the package.

A twin holds ALL agents: `local`, `world` (the global averages), `pulls`. `select(t)` gives the distributions (N,K) of round t,
`learn(t, arms, rewards, weights)` takes the pulled arms (N,), the reward vectors (N,D) and the round's mixing matrix (N,N), whose
off-diagonal zeros say which links are absent. Sections in the comments are those of the page ("algorithms.md").
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize


def dominates(v: np.ndarray, u: np.ndarray) -> bool:
    return bool(np.all(v >= u) and np.any(v > u))


def front(vectors: np.ndarray) -> np.ndarray:
    """(K,) bool: rows that no row dominates."""
    return np.array([not any(dominates(v, u) for v in vectors) for u in vectors])


def gaps(centred: np.ndarray) -> np.ndarray:
    """(K,): max(0, max_l min_d (centred[l,d] - centred[k,d]))."""
    return np.array([max(0.0, max(float(np.min(v - u)) for v in centred)) for u in centred])


def nash(p: np.ndarray, utilities: np.ndarray) -> float:
    """The product over the agents of their expected utilities under p."""
    return float(np.prod(utilities @ p))


def climbed(goal: Callable[[np.ndarray], float], start: np.ndarray, **options: Any) -> np.ndarray:
    """Where SLSQP comes to from the start, on the simplex, exactly feasible."""
    whole = {"type": "eq", "fun": lambda q: q.sum() - 1.0, "jac": np.ones_like}
    bounds = [(0.0, 1.0)] * len(start)
    p = minimize(lambda q: -goal(q), start, bounds=bounds, constraints=[whole], method="SLSQP", **options).x.clip(0.0)
    return np.asarray(p / p.sum())


def best_nash(utilities: np.ndarray) -> np.ndarray:
    """argmax over the simplex of sum_j ln(utilities[j] @ p), with its certificate checked.

    Cover's fixed point first, then SLSQP. By concavity ln NSW(p*) - ln NSW(p) <= max_k sum_j U[j,k]/(U[j]@p) - N.
    """
    agents, arms = utilities.shape
    p = np.full(arms, 1.0 / arms)
    for _ in range(400):
        p = p * (utilities / (utilities @ p)[:, None]).mean(axis=0)
    solved = climbed(
        lambda q: float(np.sum(np.log(np.maximum(utilities @ q, 1e-300)))), p,
        jac=lambda q: -(utilities / np.maximum(utilities @ q, 1e-300)[:, None]).sum(axis=0),
        options={"ftol": 1e-15, "maxiter": 500},
    )  # fmt: skip
    for _ in range(20_000):  # a monotone climb from there, until the certificate is met
        slope = (utilities / (utilities @ solved)[:, None]).sum(axis=0)
        if slope.max() - agents < 1e-10:
            break
        solved = solved * slope / agents
    return solved


def mixing_matrix(agents: int, present: Iterable[tuple[int, int]], base: Iterable[tuple[int, int]], weights: str) -> np.ndarray:
    """W_t of the present edges; `base` gives the largest degree that `max_degree` needs."""
    present, base = list(present), list(base)
    degree, base_degree, matrix = np.zeros(agents), np.zeros(agents), np.zeros((agents, agents))
    for i, j in present:
        degree[[i, j]] += 1
    for i, j in base:
        base_degree[[i, j]] += 1
    for i, j in present:
        metropolis = 1.0 / (1.0 + max(degree[i], degree[j]))
        rules = {"laplacian": 1.0 / agents, "metropolis": metropolis, "lazy_metropolis": metropolis / 2.0}
        matrix[i, j] = matrix[j, i] = rules.get(weights, 1.0 / (1.0 + base_degree.max()))  # else max_degree
    return matrix + np.diag(1.0 - matrix.sum(axis=1))


def algebraic_connectivity(agents: int, base: Iterable[tuple[int, int]]) -> float:
    laplacian = np.zeros((agents, agents))
    for i, j in base:
        laplacian[np.ix_([i, j], [i, j])] += [[1, -1], [-1, 1]]
    return float(np.sort(np.linalg.eigvalsh(laplacian))[1])


def gossip(world: np.ndarray, weights: np.ndarray, change: np.ndarray) -> np.ndarray:
    """World_i + sum over j ascending of w_ij (World_j - World_i) + change_i: all from the last round's messages."""
    mixed = world.copy()
    for i in range(len(world)):
        for j in range(len(world)):
            if j != i and weights[i, j] > 0:
                mixed[i] = mixed[i] + weights[i, j] * (world[j] - world[i])
        mixed[i] = mixed[i] + change[i]
    return mixed


def start_round(agents: int, arms: int, t: int) -> np.ndarray:
    distribution = np.zeros((agents, arms))
    distribution[:, t - 1] = 1.0
    return distribution


@dataclass
class ParetoTwin:
    """Pareto UCB1 Gossip (section 6); with `gossiping=False` independent Pareto UCB1, which sends nothing."""

    agents: int
    arms: int
    objectives: int
    pooled: bool = False
    consensus: float = 0.0
    gossiping: bool = True

    def __post_init__(self) -> None:
        self.local, self.world = np.zeros((2, self.agents, self.arms, self.objectives))
        self.pulls = np.zeros((self.agents, self.arms), dtype=int)

    def radius(self, i: int, t: int) -> np.ndarray:
        """sqrt(2 ln(t (D K)^(1/4)) / m) + C, to the last bit as anybody would write it with math.sqrt and math.log.

        That matters: with 0/1 rewards and equal counts, means that are equal on paper differ by a rounding, and whether the
        sums with the radius are a tie then hangs on the radius' last bit.
        """
        samples = self.pulls[i] * (self.agents if self.pooled else 1)
        logarithm = 2.0 * math.log(t * math.sqrt(math.sqrt(self.objectives * self.arms)))
        return np.sqrt(logarithm / samples) + self.consensus

    def select(self, t: int) -> np.ndarray:
        if t <= self.arms:
            return start_round(self.agents, self.arms, t)
        chosen = np.zeros((self.agents, self.arms))
        for i in range(self.agents):
            estimate = self.world[i] if self.gossiping else self.local[i]
            best = front(estimate + self.radius(i, t)[:, None])
            chosen[i, best] = 1.0 / best.sum()
        return chosen

    def update(self, t: int, arms: np.ndarray, rewards: np.ndarray, weights: np.ndarray) -> None:
        before = self.local.copy()
        for i, k in enumerate(arms):
            self.pulls[i, k] += 1
            self.local[i, k] += (rewards[i] - self.local[i, k]) / self.pulls[i, k]
        if self.gossiping:
            self.world = gossip(self.world, weights, self.local - before)

    def message_numbers(self) -> int:
        """Numbers in one message."""
        return self.arms * self.objectives if self.gossiping else 0


@dataclass
class EliminationTwin(ParetoTwin):
    """Successive elimination by gossip (`pareto_gossip`, section 6). It knows the horizon, p and the base graph.

    With the package's departures: no arm is dropped before round K, and an active set that runs empty counts as full.
    """

    horizon: int = 0
    link_probability: float = 1.0
    connectivity: float = 1.0
    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)  # of the sampling term, of S, of tau + sqrt(N)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.active = np.ones((self.agents, self.arms), dtype=bool)

    def select(self, t: int) -> np.ndarray:
        chosen = np.zeros((self.agents, self.arms))
        for i in range(self.agents):
            active = self.active[i] if self.active[i].any() else np.ones(self.arms, dtype=bool)  # the package's Departure
            candidates = np.flatnonzero(active)
            chosen[i, candidates[np.argmin(self.pulls[i, candidates])]] = 1.0
        return chosen

    def confidence(self, i: int) -> np.ndarray:
        log_horizon = np.log(self.horizon)
        sampling, burn_in, mixed = self.factors
        silent = burn_in * self.arms * log_horizon / self.link_probability
        mixing = self.agents * log_horizon / (self.link_probability * self.connectivity)
        samples = self.agents * np.maximum(self.pulls[i] - silent, 1)
        return sampling * np.sqrt(log_horizon / samples) + mixed * (mixing + np.sqrt(self.agents)) / samples

    def update(self, t: int, arms: np.ndarray, rewards: np.ndarray, weights: np.ndarray) -> None:
        super().update(t, arms, rewards, weights)
        told = self.active.copy()
        if t < self.arms:
            return
        for i in range(self.agents):
            width = self.confidence(i)[:, None]
            lower, upper = self.world[i] - width, self.world[i] + width
            for k in range(self.arms):
                if any(dominates(lower[other], upper[k]) for other in range(self.arms) if other != k):
                    self.active[i, k] = False
            for j in range(self.agents):
                if j != i and weights[i, j] > 0:
                    self.active[i] &= told[j]

    def message_numbers(self) -> int:
        return self.arms * self.objectives + self.arms


def fair_objective(p: np.ndarray, estimate: np.ndarray, bonus: np.ndarray, root: float = 1.0) -> np.ndarray:
    """prod_j (clip(estimate)[j] @ p)**root + bonus @ p, for one p (K,) or many (M,K)."""
    return np.prod(p @ np.clip(estimate, 1e-12, 1.0).T, axis=-1) ** root + p @ bonus


def maximise_two_arms(estimate: np.ndarray, bonus: np.ndarray, root: float = 1.0) -> np.ndarray:
    """Global over two arms: a grid on the segment, then ever finer grids around its best point."""
    low, high = 0.0, 1.0
    for _ in range(4):
        x = np.linspace(low, high, 201)
        best = int(np.argmax(fair_objective(np.stack([x, 1 - x], axis=1), estimate, bonus, root)))
        low, high = x[max(best - 1, 0)], x[min(best + 1, 200)]
    return np.array([x[best], 1.0 - x[best]])


def maximise_multi_start(estimate: np.ndarray, bonus: np.ndarray, root: float = 1.0, starts: int = 20, seed: int = 0) -> np.ndarray:
    """Many starts of SLSQP: corners, the centre and random points. The best of them, exactly feasible."""
    arms = len(bonus)
    generator = np.random.default_rng(seed)
    cloud = np.vstack([np.eye(arms), np.full((1, arms), 1 / arms), generator.dirichlet(np.full(arms, 0.5), 2000)])
    first = cloud[np.argsort(-fair_objective(cloud, estimate, bonus, root))[:starts]]
    candidates, value = [cloud[0]], lambda q: float(fair_objective(q, estimate, bonus, root))
    for point in [*first, *np.eye(arms)]:
        candidates += [climbed(value, point, options={"ftol": 1e-14, "maxiter": 300}), point]
    return max(candidates, key=value)


@dataclass
class FairTwin:
    """Simulated NSW UCB Gossip (section 7) with its ablations; row j of an estimate: the arms' value to agent j."""

    agents: int
    arms: int
    preferences: np.ndarray
    alpha: float = 0.5
    no_gossip: bool = False
    no_sim: bool = False
    rescale: bool = False
    root: float = 1.0
    maximise: Callable[..., np.ndarray] = field(default=maximise_multi_start)

    def __post_init__(self) -> None:
        shape = (self.agents, self.agents, self.arms)
        self.local, self.world = np.zeros(shape), np.zeros(shape)
        self.counts = np.zeros(shape, dtype=int)
        self.pulls = np.zeros((self.agents, self.arms), dtype=int)

    def estimate(self, i: int) -> np.ndarray:
        if self.no_gossip:
            return self.local[i]
        return self.world[i] * (self.agents if self.rescale else 1)

    def bonus(self, i: int, t: int) -> np.ndarray:
        return self.alpha * np.sqrt(np.log(self.agents * self.arms * t) / self.counts[i, i])

    def select(self, t: int) -> np.ndarray:
        if t <= self.arms:
            return start_round(self.agents, self.arms, t)
        return np.array([self.maximise(self.estimate(i), self.bonus(i, t), self.root) for i in range(self.agents)])

    def update(self, t: int, arms: np.ndarray, rewards: np.ndarray, weights: np.ndarray) -> None:
        before = self.local.copy()
        for i, k in enumerate(arms):
            self.pulls[i, k] += 1
            for j in range(self.agents):
                if j == i or (weights[i, j] > 0 and not self.no_sim):
                    self.counts[i, j, k] += 1
                    simulated = self.preferences[j] @ rewards[i]
                    self.local[i, j, k] += (simulated - self.local[i, j, k]) / self.counts[i, j, k]
        if not self.no_gossip:
            self.world = gossip(self.world, weights, self.local - before)

    def message_numbers(self) -> int:
        return 0 if self.no_gossip else self.agents * self.arms


@dataclass
class NeighbourhoodTwin(FairTwin):
    """The same where agent i tracks those within `hops` of it only: NaN stands in all rows that it does not track."""

    edges: list[tuple[int, int]] = field(default_factory=list)
    hops: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        near = np.eye(self.agents, dtype=bool)
        for i, j in self.edges:
            near[i, j] = near[j, i] = True
        self.tracks = np.linalg.matrix_power(near.astype(float), self.hops) > 0
        for rows in (self.local, self.world):
            rows[~self.tracks] = np.nan
        self.errors: list[list[float]] = []

    def estimate(self, i: int) -> np.ndarray:
        return (self.local if self.no_gossip else self.world)[i][self.tracks[i]]

    def update(self, t: int, arms: np.ndarray, rewards: np.ndarray, weights: np.ndarray) -> None:
        before, world = self.local.copy(), self.world.copy()
        for i, k in enumerate(arms):
            self.pulls[i, k] += 1
            for j in range(self.agents):
                if j == i or weights[i, j] > 0:
                    self.counts[i, j, k] += 1
                    self.local[i, j, k] += (self.preferences[j] @ rewards[i] - self.local[i, j, k]) / self.counts[i, j, k]
        for i in range(self.agents):
            for j in range(self.agents):
                if j != i and weights[i, j] > 0:
                    both = self.tracks[i] & self.tracks[j]
                    self.world[i, both] += weights[i, j] * (world[j, both] - world[i, both])
            self.world[i] += self.local[i] - before[i]
        held, truth = self.local if self.no_gossip else self.world, np.nanmean(self.local, axis=0)
        gap = np.nanmean(held, axis=0) - truth
        self.errors.append([np.nanmax(np.abs(held - truth)), np.abs(gap).max(), *np.ravel(truth)])

    def message_numbers(self) -> int:
        return 0 if self.no_gossip else int(self.tracks.sum(axis=1).max()) * self.arms


@dataclass
class Game:
    """What is played: means (N,K,D), preferences (N,D), base edges, p, the name of the weights, and how a reward is drawn."""

    means: np.ndarray
    preferences: np.ndarray
    edges: list[tuple[int, int]]
    link_probability: float
    weights: str
    reward: Callable[[int, int, np.ndarray], np.ndarray]  # (agent, arm, numbers) -> x (D,)

    def __post_init__(self) -> None:
        centred = self.means.mean(axis=0)
        self.utilities = self.preferences @ centred.T
        self.gaps = gaps(centred)
        self.best = nash(best_nash(self.utilities), self.utilities)


@dataclass
class Numbers:
    """The uniform numbers of a cell: links (T,E), arms (T,N), and whatever the reward model eats, rewards (T,N,...)."""

    links: np.ndarray
    arms: np.ndarray
    rewards: np.ndarray


def arm_of(p: np.ndarray, number: float) -> int:
    """The arm that one uniform number draws from p: the first whose cumulated mass exceeds it."""
    return int(min(np.searchsorted(np.cumsum(p), number, side="right"), np.flatnonzero(p)[-1]))


def play(
    twin: Any, game: Game, numbers: Numbers, horizon: int, follow: Callable[[int], np.ndarray] | None = None
) -> dict[str, Any]:
    """All rounds. `follow(t)` replaces the twin's distributions by given ones. Everything is kept, per round."""
    agents = len(game.means)
    kept: dict[str, list[Any]] = {name: [] for name in KEPT}
    messages = 0
    sent = np.zeros(agents, dtype=int)
    pareto, fair, utility = np.zeros(agents), np.zeros(agents), np.zeros(agents)
    for t in range(1, horizon + 1):
        present = [e for e, u in zip(game.edges, numbers.links[t - 1], strict=True) if u < game.link_probability]
        weights = mixing_matrix(agents, present, game.edges, game.weights)
        distribution = twin.select(t) if follow is None else follow(t)
        arms = np.array([arm_of(distribution[i], numbers.arms[t - 1, i]) for i in range(agents)])
        rewards = np.array([game.reward(i, int(arms[i]), numbers.rewards[t - 1, i]) for i in range(agents)])
        twin.update(t, arms, rewards, weights)
        if twin.message_numbers():
            messages += 2 * len(present)
            for i, j in present:
                sent[[i, j]] += 1
        pareto = pareto + game.gaps[arms]
        fair = fair + np.array([game.best - nash(distribution[i], game.utilities) for i in range(agents)])
        utility = utility + np.array([game.preferences[i] @ game.means[i, arms[i]] for i in range(agents)])
        truth = twin.local.mean(axis=0)
        held = getattr(twin, "world" if twin.message_numbers() else "local")
        kept["disagreement"].append(np.abs(held - truth).max())
        wanted = game.utilities if isinstance(twin, FairTwin) else game.means.mean(axis=0)
        kept["sampling_error"].append(np.abs(truth - wanted).max())
        kept["mean_gap"].append(np.abs(twin.world.mean(axis=0) - truth).max() if twin.message_numbers() else 0.0)
        now = {"distribution": distribution, "arms": arms, "pareto_regret": pareto, "nsw_regret": fair, "messages": messages}
        for name, value in (now | {"bytes": 8 * twin.message_numbers() * messages}).items():
            kept[name].append(value)
    ends = {"pulls": twin.pulls, "utility": utility, "messages_sent": sent}
    return {name: np.array(value) for name, value in kept.items()} | ends


KEPT = ("distribution", "arms", "pareto_regret", "nsw_regret", "disagreement", "sampling_error", "mean_gap", "messages", "bytes")
