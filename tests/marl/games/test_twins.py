"""One game, three times: the kernels, plain Python and JAX, with the same numbers; and what sees shares."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossipmab.bridges.extras import MissingExtraError
from gossipmab.marl.games import GAMES, JobScheduling, MatthewEffect, job_scheduling, matthew_effect, traced
from gossipmab.marl.games.common import shares
from gossipmab.marl.xla import import_jax
from gossipmab.utils.code_cache import source_hash
from tests.marl.games.twins import PlainJobScheduling, PlainMatthewEffect
from tests.tiny import refuses, slow

VARIANTS = [
    JobScheduling(),
    JobScheduling(agents=7, side=3, order="random"),
    JobScheduling(agents=9, side=3),
    JobScheduling(agents=1, side=6),
    MatthewEffect(),
    MatthewEffect(nearest_agents=3),
    MatthewEffect(agents=6, resources=5, nearest_agents=5, ghost_speed=0.1, order="random"),
    MatthewEffect(agents=1, resources=1),
]
EFFORT = [(4, 150), slow((50, 1_000))]


def numbers(game: Any, episodes: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Uniforms of the resets (B, n), actions (T, B, N) and uniforms of the steps (T, B, n), all of them floats of 32 bits."""
    rng = np.random.default_rng(5)
    single = rng.random((episodes, game.reset_numbers), np.float32), rng.random((steps, episodes, game.step_numbers), np.float32)
    return single[0].astype(float), rng.integers(0, 5, (steps, episodes, game.agents)), single[1].astype(float)


def by_kernels(game: Any, first: np.ndarray, actions: np.ndarray, uniforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Observations (T + 1, B, N, F) and rewards (T, B, N)."""
    seen, paid = [], []
    for b, start in enumerate(first):
        state = game.reset(start)
        rows, rewards = [game.observe(state)], []
        for moves, now in zip(actions[:, b], uniforms[:, b], strict=True):
            state, reward = game.step(state, moves, now)
            rows.append(game.observe(state))
            rewards.append(reward)
        seen.append(rows)
        paid.append(rewards)
    return np.swapaxes(seen, 0, 1), np.swapaxes(paid, 0, 1)


def by_jax(game: Any, *given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same by the twin in JAX, in its float type."""
    import jax
    import jax.numpy as jnp

    twin = traced(game)

    @jax.jit
    def play(first: Any, actions: Any, uniforms: Any) -> Any:
        def step(state: Any, now: Any) -> Any:
            state, rewards = twin.step(state, *now)
            return state, (twin.observe(state), rewards)

        state = twin.reset(first)
        _, (seen, rewards) = jax.lax.scan(step, state, (actions, uniforms))
        return jnp.concatenate([twin.observe(state)[None], seen]), rewards

    seen, rewards = play(*(jnp.asarray(one, float if one.dtype == float else int) for one in given))
    return np.asarray(seen), np.asarray(rewards)


@pytest.fixture(params=EFFORT, ids=lambda effort: f"{effort[0]}x{effort[1]}")
def effort(request: pytest.FixtureRequest) -> tuple[int, int]:
    found: tuple[int, int] = request.param
    return found


@pytest.mark.parametrize("game", VARIANTS, ids=str)
def test_plain_python_plays_the_same(game: Any, effort: tuple[int, int]) -> None:
    given = numbers(game, *effort)
    seen, paid = by_kernels(game, *given)
    plain: Callable[..., Any] = PlainJobScheduling if isinstance(game, JobScheduling) else PlainMatthewEffect
    for b, start in enumerate(given[0]):
        twin = plain(game, start)
        assert twin.observe() == seen[0, b].tolist()
        for t, (actions, now) in enumerate(zip(given[1][:, b], given[2][:, b], strict=True)):
            assert twin.step(actions, now) == paid[t, b].tolist() and twin.observe() == seen[t + 1, b].tolist()


@pytest.mark.parametrize("game", VARIANTS, ids=str)
def test_jax_plays_the_same_bits_in_64_bits(game: Any, effort: tuple[int, int]) -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    given = numbers(game, *effort)
    with jax.enable_x64(True):
        seen, paid = by_jax(game, *given)
    assert seen.dtype == paid.dtype == np.float64
    for found, expected in zip((seen, paid), by_kernels(game, *given), strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("game", VARIANTS, ids=str)
def test_jax_plays_the_same_in_32_bits(game: Any) -> None:
    """Job Scheduling bit for bit; Matthew Effect to 1e-6 until a distance within rounding of a size decides otherwise."""
    pytest.importorskip("jax", reason="jax is not installed")
    given = numbers(game, 3, 100)
    seen, paid = by_jax(game, *given)
    assert seen.dtype == paid.dtype == np.float32
    expected = by_kernels(game, *given)
    assert np.array_equal(paid, expected[1])
    np.testing.assert_allclose(seen, expected[0], atol=0 if isinstance(game, JobScheduling) else 2e-6)


def test_shares_by_hand() -> None:
    found = shares(np.array([[3.0, 1.0, 0.0, 0.0], [0.0] * 4]), 10, 0.25, np)
    assert np.allclose(found[0], [[2, 0.4], [0, 0.4], [-1, 0.4], [-1, 0.4]])  # u = .3 .1 0 0, mean .1
    assert (found[1] == 0).all() and (shares(np.zeros(3), 0, 0.15, np) == 0).all()
    assert shares(np.array([9.0, 9.0]), 10, 0.25, np)[:, 1].tolist() == [1, 1]


def test_games_are_found_by_name_and_count_their_numbers() -> None:
    assert list(GAMES)[:2] == ["job_scheduling", "matthew_effect"]
    for kind in (JobScheduling, MatthewEffect):
        for sees in (False, True):
            game = kind(sees_shares=sees)
            low, high = game.bounds
            assert low.shape == high.shape == (game.observation_size,) and (low < high).all()
            assert game.observation_size == kind().observation_size + 2 * sees
    refuses("JobScheduling: parameter: 'agent' is not known; did you mean 'agents'", JobScheduling, agent=3)


def test_what_jax_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax.numpy", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'gossipmab[marl]'")):
        import_jax("jax.numpy")
    refuses(re.escape("game: SimpleGame has no method `traced`"), traced, type("SimpleGame", (), {})())


def test_kernels_are_compiled_anew_when_a_file_of_their_folder_changes() -> None:
    """The caches' folder stays as it is when a room above the engines changes: here the name of the file says it."""
    kept: Any = [one._cache._function for one in (job_scheduling.move, matthew_effect.eat)]
    assert all(name.endswith(source_hash(Path(job_scheduling.__file__).parent)) for name in kept)
