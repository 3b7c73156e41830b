"""Matthew Effect: the rules one by one, a worked example, and reference plays."""

import numpy as np
import pytest

from gossipmab.marl.games.matthew_effect import MatthewEffect, MatthewState
from gossipmab.utils.parameters import check
from tests.tiny import refuses, slow

FAR = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0)]


def state_of(places: list[tuple[float, float]], sizes: list[float], resources: list[tuple[float, float]]) -> MatthewState:
    return MatthewState(np.array(places), np.array(sizes), np.array(resources))


def played(state: MatthewState, *actions: int, new: list[float] | None = None, **settings: object) -> list[float]:
    """Play a step; the resources that are eaten appear at `new`, one after the other, else in the corner (0, 0)."""
    game = MatthewEffect(agents=len(state.sizes), resources=len(state.resources), **settings)  # type: ignore[arg-type]
    uniforms = np.zeros(game.step_numbers)
    uniforms[: len(new or [])] = new or []
    return game.step(state, np.array(actions), uniforms)[1].tolist()


def test_meals() -> None:
    """The worked example first; then a rule at a time."""
    state = state_of([(0.5, 0.5)], [0.04], [(0.55, 0.5), *FAR[:2]])
    assert played(state, 2, new=[0.25, 0.75]) == [1.0]
    assert state.places.tolist() == [[0.55, 0.5]] and state.sizes.tolist() == [0.045]
    assert state.resources.tolist() == [[0.25, 0.75], *map(list, FAR[:2])]
    # a meal needs a distance below the size
    assert played(state_of([(0.5, 0.5)], [0.125], [(0.625, 0.5)]), 0) == [0.0]
    assert played(state_of([(0.5, 0.5)], [0.125], [(0.624, 0.5)]), 0) == [1.0]
    # the first in the order eats, though another is nearer
    pair = [(0.5, 0.5), (0.51, 0.5)], [0.05, 0.05], [(0.52, 0.5)]
    assert played(state := state_of(*pair), 0, 0) == [1.0, 0.0] and state.sizes.tolist() == [0.055, 0.05]
    assert played(state_of(*pair), 0, 0, order="random", new=[0.0, 0.0, 0.9, 0.1]) == [0.0, 1.0]
    # two meals pay once and grow twice
    state = state_of([(0.5, 0.5), (0.0, 0.5)], [0.04, 0.04], [(0.5, 0.51), (0.49, 0.5)])
    assert played(state, 0, 0) == [1.0, 0.0] and state.sizes.tolist() == [0.04 + 0.005 + 0.005, 0.04]
    # resources are eaten in order, by agents that have grown since
    assert played(state := state_of([(0.5, 0.5)], [0.04], [(0.5, 0.51), (0.5, 0.542)]), 0) == [1.0]
    assert state.sizes.tolist() == [0.04 + 0.005 + 0.005]  # grown by the first, it reaches the second
    played(state := state_of([(0.5, 0.5)], [0.04], [(0.5, 0.542), (0.5, 0.51)]), 0)
    assert state.sizes.tolist() == [0.045]
    # what appears within reach is eaten in the next step
    state = state_of([(0.5, 0.5)], [0.04], [(0.5, 0.51)])
    assert played(state, 0, new=[0.5, 0.5]) == [1.0] and state.sizes.tolist() == [0.045] and played(state, 0) == [1.0]


def test_the_size_ends_at_its_cap() -> None:
    state, meals = state_of([(0.5, 0.5)], [0.03], [(0.5, 0.5)]), 0
    while state.sizes[0] < 0.15:
        meals += int(played(state, 0, new=[0.5, 0.5])[0])
    assert meals == 24 or (meals == 25 and np.isclose(state.sizes[0] - 0.15, 0, atol=1e-12))
    assert played(state, 0) == [1.0] and state.sizes.tolist() == [0.15]


@pytest.mark.parametrize(
    ("action", "place"), [(0, (0.01, 0.99)), (1, (0.0, 0.99)), (2, (0.06, 0.99)), (3, (0.01, 0.94)), (4, (0.01, 1.0))]
)
def test_steps_are_clipped(action: int, place: tuple[float, float]) -> None:
    state = state_of([(0.01, 0.99)], [0.04], [(0.5, 0.5)])
    assert played(state, action) == [0.0] and np.allclose(state.places, [place], atol=1e-15) and (state.places <= 1).all()


def test_ghosts_move_if_they_have_a_speed() -> None:
    ghosts = [(0.5, 0.5), (0.5, 0.5), (0.5, 0.95), (0.95, 0.5)]
    state = state_of([(0.0, 0.0)], [0.01], ghosts)
    played(state, 0, ghost_speed=0.25, new=[0.0] * 8 + [0.0, 0.5, 0.999, 0.25])
    assert state.resources.tolist() == [[0.25, 0.5], [0.5, 0.25], [0.5, 1.0], [1.0, 0.5]]
    played(state, 0)
    assert state.resources.tolist() == [[0.25, 0.5], [0.5, 0.25], [0.5, 1.0], [1.0, 0.5]]


def test_an_observation_names_the_nearest() -> None:
    places = [(0.5, 0.5), (0.5, 0.875), (0.625, 0.5), (0.375, 0.5), (0.5, 0.5)]
    state = state_of(places, [0.01, 0.02, 0.03, 0.04, 0.05], [(0.0, 0.0), (0.5, 0.25), (0.5, 0.25), (0.75, 0.5)])
    seen = MatthewEffect(agents=5, resources=4, nearest_agents=3).observe(state)
    rows = [[*places[i], state.sizes[i], 0.01 + state.sizes[i]] for i in range(5)]
    assert seen[0].tolist() == rows[0] + rows[4] + rows[2] + rows[3] + [0.5, 0.25]  # ties: the lower index
    assert seen[1].tolist() == rows[1] + rows[0] + rows[4] + rows[2] + [0.75, 0.5] and seen.shape == (5, 18)
    assert MatthewEffect(agents=5, resources=4).observe(state)[3].tolist() == [*rows[3], 0.5, 0.25]


def test_everything_stays_in_its_bounds() -> None:
    rng, game = np.random.default_rng(0), MatthewEffect(nearest_agents=2, ghost_speed=0.3)
    low, high = game.bounds
    for _ in range(5):
        state = game.reset(rng.random(game.reset_numbers))
        assert (state.sizes >= 0.01).all() and (state.sizes < 0.05).all()
        for _ in range(200):
            state, _ = game.step(state, rng.integers(0, 5, 10), rng.random(game.step_numbers))
            seen = game.observe(state)
            assert seen.shape == (10, game.observation_size) and (low <= seen).all() and (seen <= high).all()


def outcomes(episodes: int, greedy: bool) -> np.ndarray:
    """(episodes, N) sums of rewards of agents that act at random, or walk to the nearest resource."""
    rng, game = np.random.default_rng(1), MatthewEffect()
    found = np.zeros((episodes, game.agents))
    for row in found:
        state = game.reset(rng.random(game.reset_numbers))
        for actions, numbers in zip(rng.integers(0, 5, (1_000, 10)), rng.random((1_000, game.step_numbers)), strict=True):
            if greedy:
                seen = game.observe(state)
                dx, dy = seen[:, 4] - seen[:, 0], seen[:, 5] - seen[:, 1]
                actions = np.where(np.abs(dx) > np.abs(dy), 1 + (dx > 0), 3 + (dy > 0))
            row += game.step(state, actions, numbers)[1]
    return found


@pytest.mark.parametrize(("episodes", "errors"), [(20, 4), slow(300, 3)])
def test_reference_plays(episodes: int, errors: float) -> None:
    """Totals as measured once in 500 episodes, spreads as of single ones; within so many standard errors of both."""
    spread = errors * np.sqrt(1 / episodes + 1 / 500)
    assert abs(outcomes(episodes, greedy=False).sum(axis=1).mean() - 32.5) < 16.2 * spread
    assert abs(outcomes(episodes, greedy=True).sum(axis=1).mean() - 1_019) < 66 * spread


@pytest.mark.parametrize(("game", "words"), [
    (MatthewEffect(nearest_agents=10), "nearest_agents: got 10, allowed with agents = 10 is at most 9"),
    (MatthewEffect(ghost_speed=-0.1), "ghost_speed: got -0.1, allowed is a number >= 0 and <= 1"),
    (MatthewEffect(resources=0), "resources: got 0"),
])  # fmt: skip
def test_bad_settings_are_refused(game: MatthewEffect, words: str) -> None:
    refuses(f"^{words}", check, game)
