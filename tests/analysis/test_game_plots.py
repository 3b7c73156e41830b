"""Pictures of games and films of episodes."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.analysis.game_plots import GameFigure, animate_episode

PATH = np.array([[[1.0, 1.0], [3.0, 3.0]], [[2.0, 1.0], [3.0, 3.0]], [[2.0, 2.0], [3.0, 2.0]]])
GOALS = np.full((3, 1, 2), 2.0)
REWARDS = np.array([[0.0, 0.0], [1.0, 0.0]])


def test_a_picture_has_agents_in_their_places_and_a_film_evenly_spaced_steps() -> None:
    drawn = GameFigure("Test", 2, 1, (1, 1), (3, 3), grid=True)
    drawn.show(2, PATH[2], GOALS[2], None, REWARDS[1], [0.5, 0.0])
    board, bars = drawn.figure.axes
    discs = [patch for patch in board.patches if hasattr(patch, "center")]
    assert np.array_equal([disc.center for disc in discs], PATH[2])
    assert [text.get_text() for text in board.texts] == ["0", "1"]
    assert discs[0].get_edgecolor()[3] > 0 and discs[1].get_edgecolor()[3] == 0  # who is paid
    assert [bar.get_width() for bar in bars.patches] == [0.5, 0.0]  # type: ignore[attr-defined]
    assert board.get_xlim() == (0.5, 3.5) and drawn.figure.texts[0].get_text() == "Test, step 2"
    drawn.show(0, PATH[0], GOALS[0], np.array([0.1, 0.2]))
    assert [disc.radius for disc in discs] == [0.1, 0.2]  # type: ignore[attr-defined]
    film = animate_episode(PATH, GOALS, rewards=REWARDS, frames=2, title="Two")
    film._init_draw()  # the first frame
    film._func(1)
    assert film._fig.texts[0].get_text() == "Two, step 2"
    assert [bar.get_width() for bar in film._fig.axes[1].patches] == [0.5, 0.0]


def test_a_page_is_whole(tmp_path: Path) -> None:
    """With radii of its own; a .gif is read in test_outcome_plots.py."""
    file = animate_episode(PATH, GOALS, np.full((3, 2), 0.2), REWARDS, tmp_path / "film.html")
    page = file.read_text()
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
    assert page.count("data:image/png") == 3 and "http" not in page


@pytest.mark.parametrize(("options", "words"), [
    ({"path": PATH[0]}, "path: has shape (2, 2), allowed is (T + 1, N, 2)"),
    ({"goals": GOALS[1:]}, "goals: has shape (2, 1, 2), allowed with this path is (3, G, 2)"),
    ({"radii": np.ones((2, 2))}, "radii: has shape (2, 2), allowed with this path is (3, 2)"),
    ({"rewards": np.ones((3, 2))}, "rewards: has shape (3, 2), allowed with this path is (2, 2)"),
    ({"frames": 0}, "frames: got 0"),
    ({"out": "film.avi"}, "--out: got 'film.avi', allowed is a file that ends in"),
])  # fmt: skip
def test_what_is_wrong_is_one_line(options: dict[str, Any], words: str) -> None:
    with pytest.raises(gm.InputError, match=f"^{re.escape(words)}"):
        animate_episode(**{"path": PATH, "goals": GOALS, **options})
