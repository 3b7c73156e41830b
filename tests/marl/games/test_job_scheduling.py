"""Job Scheduling: hand-played moves, the rules one by one, and the row of random play that is published."""

import numpy as np
import pytest

from gossipmab.marl.games.job_scheduling import JobScheduling, JobState
from gossipmab.metrics.equity import equity
from gossipmab.utils.parameters import check
from tests.tiny import refuses, slow


def state_of(game: JobScheduling, cells: list[tuple[int, int]], server: tuple[int, int] = (3, 3)) -> JobState:
    marked = np.zeros((game.side + 2,) * 2, np.uint8)
    for cell in cells:
        marked[cell] = 1
    return JobState(np.array(cells), np.array(server), marked)


def played(
    game: JobScheduling, state: JobState, *actions: int, uniforms: np.ndarray | None = None
) -> tuple[list[list[int]], list[float]]:
    state, rewards = game.step(state, np.array(actions), np.zeros(0) if uniforms is None else uniforms)
    return state.cells.tolist(), rewards.tolist()


def test_the_hand_played_table_move_for_move() -> None:
    game = JobScheduling()
    state = state_of(game, [(2, 3), (3, 2), (1, 1), (5, 5)])
    table = [
        ((2, 4, 1, 2), [[3, 3], [3, 2], [1, 1], [5, 5]], [1, 0, 0, 0]),
        ((1, 4, 0, 4), [[2, 3], [3, 2], [1, 1], [5, 5]], [0, 0, 0, 0]),  # the vacated cell is still marked
        ((0, 4, 0, 1), [[2, 3], [3, 3], [1, 1], [4, 5]], [0, 1, 0, 0]),
        ((2, 0, 0, 0), [[2, 3], [3, 3], [1, 1], [4, 5]], [0, 1, 0, 0]),  # occupied
        ((0, 2, 0, 0), [[2, 3], [4, 3], [1, 1], [4, 5]], [0, 0, 0, 0]),  # the idle step of a handover
        ((2, 0, 0, 0), [[3, 3], [4, 3], [1, 1], [4, 5]], [1, 0, 0, 0]),
    ]
    for k, (actions, cells, rewards) in enumerate(table):
        assert played(game, state, *actions) == (cells, rewards)
        if k == 0:
            assert game.observe(state)[0].tolist() == [3, 3, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("cell", "stays"), [((1, 1), (1, 3)), ((1, 5), (1, 4)), ((5, 1), (2, 3)), ((5, 5), (2, 4)), ((1, 3), (1,))]
)
def test_nobody_leaves_the_grid(cell: tuple[int, int], stays: tuple[int, ...]) -> None:
    game = JobScheduling(agents=1)
    for action in range(5):
        moved, _ = played(game, state_of(game, [cell]), action)
        assert (moved == [list(cell)]) == (action in (0, *stays))


def test_ties_go_to_the_first_in_the_order_and_nobody_swaps() -> None:
    cells = [(2, 3), (4, 3), (3, 2)]
    game = JobScheduling(agents=3)
    assert played(game, state_of(game, cells), 2, 1, 4) == ([[3, 3], [4, 3], [3, 2]], [1, 0, 0])
    game = JobScheduling(agents=3, order="random")
    assert played(game, state_of(game, cells), 2, 1, 4, uniforms=np.array([0.5, 0.9, 0.1])) == ([[2, 3], [4, 3], [3, 3]], [0, 0, 1])
    # nobody swaps nor enters a cell vacated in the same step
    game = JobScheduling(agents=2)
    assert played(game, state_of(game, [(2, 2), (3, 2)]), 2, 1)[0] == [[2, 2], [3, 2]]
    for row in ([(2, 2), (3, 2)], [(3, 2), (2, 2)]):  # a column of two: the head moves, who follows does not, whoever is first
        moved, _ = played(game, state_of(game, row), 2, 2)
        assert sorted(moved) == [[2, 2], [4, 2]]


def test_an_observation_is_a_window_of_the_grid() -> None:
    rng, game = np.random.default_rng(0), JobScheduling(agents=7)
    for _ in range(20):
        state, grid = game.reset(rng.random(game.reset_numbers)), np.zeros((7, 7))
        grid[tuple(state.cells.T)] = 1
        for (x, y), seen in zip(state.cells.tolist(), game.observe(state), strict=True):
            assert seen[:4].tolist() == [x, y, *(state.server - (x, y))]
            assert np.array_equal(seen[4:], grid[x - 1 : x + 2, y - 1 : y + 2].ravel())


@pytest.mark.parametrize("order", ["index", "random"])
def test_one_agent_at_most_is_paid_and_cells_stay_distinct(order: str) -> None:
    rng, game = np.random.default_rng(1), JobScheduling(agents=6, side=3, order=order)
    low, high = game.bounds
    for _ in range(20):
        state = game.reset(rng.random(game.reset_numbers))
        assert (state.server == 2).all()
        for _ in range(50):
            state, rewards = game.step(state, rng.integers(0, 5, 6), rng.random(game.step_numbers))
            assert rewards.sum() <= 1 and len({tuple(cell) for cell in state.cells.tolist()}) == 6
            assert state.marked.sum() == 6
            seen = game.observe(state)
            assert (low <= seen).all() and (seen <= high).all()


def random_play(episodes: int) -> np.ndarray:
    """(episodes, N) mean rewards a step of agents that act at random."""
    rng, game = np.random.default_rng(3), JobScheduling()
    found = np.zeros((episodes, game.agents))
    for row in found:
        state = game.reset(rng.random(game.reset_numbers))
        for actions in rng.integers(0, 5, (game.steps, game.agents)):
            row += game.step(state, actions, rng.random(0))[1] / game.steps
    return found


@pytest.mark.parametrize(("episodes", "tolerance"), [(100, 0.04), slow(2_000, 0.01)])
def test_random_play_is_the_published_row(episodes: int, tolerance: float) -> None:
    """Table 2's Random row, as measured with FEN's public code: se of the utilisation .0004, of the CV .002 in 2,000 episodes."""
    utilities = random_play(episodes)
    cv = utilities.std(axis=1) / utilities.mean(axis=1)
    assert np.isclose(utilities.sum(axis=1).mean(), 0.159, atol=tolerance / 4)
    assert np.isclose(utilities.min(axis=1).mean(), 0.027, atol=tolerance / 4)
    assert np.isclose(utilities.max(axis=1).mean(), 0.053, atol=tolerance / 4)
    assert np.isclose(cv.mean(), 0.257, atol=tolerance) and np.isclose(cv[0], equity(utilities[0]).cv)


@pytest.mark.parametrize(("game", "words"), [
    (JobScheduling(agents=10, side=3), "agents: got 10, allowed with side = 3 is at most 9, the cells"),
    (JobScheduling(side=2), "side: got 2, allowed is a whole number >= 3 and <= 100"),
    (JobScheduling(order="least"), "order: 'least' is not known"),
    (JobScheduling(steps=0), "steps: got 0"),
    (JobScheduling(sees_shares=1), "sees_shares: got 1, allowed is true or false"),  # type: ignore[arg-type]
])  # fmt: skip
def test_bad_settings_are_refused(game: JobScheduling, words: str) -> None:
    refuses(f"^{words}", check, game)
