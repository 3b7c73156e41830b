"""Films of trials and of episodes: frames, what they show, files."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import gossipmab as gm
from gossipmab.analysis.game_plots import GameFigure, animate_episode
from tests.tiny import refuses, tiny

SPEC = {**tiny(30, 2), "sweep": {"network.link_probability": [0.3, 1.0]}}


def test_a_film_shows_the_trial_of_simulate(tmp_path: Path) -> None:
    results = gm.run(SPEC, out=tmp_path / "run", workers=1)
    drawn = gm.animate(results, trial=1, where={"link_probability": "1.0"}, rounds=20, frames=5)
    figure = drawn._fig
    assert figure is not None
    drawn._init_draw()  # the first frame
    cell = next(one for one in results.spec.cells() if one.trial == 1 and one.point.values["network.link_probability"] == 1.0)
    trace = results.traces[cell.id]
    drawn._func(4)
    curve = next(ax for ax in figure.axes if ax.get_ylabel() == "Pareto regret, all agents")
    rounds, totals = curve.lines[0].get_data()
    assert list(rounds) == [4, 8, 12, 16, 20]
    wanted = [trace.pareto_regret[trace.rounds == t].sum() for t in (4, 8, 12, 16, 20) if t in trace.rounds]
    np.testing.assert_allclose([y for x, y in zip(rounds, totals, strict=True) if x in trace.rounds], wanted)
    assert wanted
    links = next(one for one in figure.axes[0].collections if one.get_linewidths()[0] == 1.4)
    assert len(links.get_segments()) == len(trace.utility) * (len(trace.utility) - 1) // 2  # all are up at p = 1


def test_files_are_whole(tmp_path: Path) -> None:
    """The .gif of an episode is read in test_outcome_plots.py."""
    options: dict[str, Any] = {"rounds": 9, "frames": 3}
    with Image.open(gm.animate(SPEC, tmp_path / "film.gif", **options)) as film:
        assert (film.n_frames, film.size) == (3, (800, 440))  # type: ignore[attr-defined]
    of_a_trial = gm.animate(SPEC, tmp_path / "film.html", colour="disagreement", **options)
    of_an_episode = animate_episode(PATH, GOALS, np.full((3, 2), 0.2), REWARDS, tmp_path / "game.html")
    for page in (of_a_trial.read_text(), of_an_episode.read_text()):
        assert page.count("data:image/png") == 3 and "http" not in page and 'class="fa' not in page
    assert {one.name for one in tmp_path.iterdir()} == {"film.gif", "film.html", "game.html"}


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
    # a film shows evenly spaced steps
    film = animate_episode(PATH, GOALS, rewards=REWARDS, frames=2, title="Two")
    film._init_draw()  # the first frame
    film._func(1)
    assert film._fig.texts[0].get_text() == "Two, step 2"
    assert [bar.get_width() for bar in film._fig.axes[1].patches] == [0.5, 0.0]


@pytest.mark.parametrize(("options", "words"), [
    ({"where": {"link_probability": 0.5}}, "where: link_probability: '0.5' is not known"),
    ({"where": {"base": "ring"}}, "where: key: 'base' is not known"),
    ({"trial": 2}, "trial: got 2, allowed are 0 to 1"),
    ({"rounds": 31}, "rounds: got 31, allowed are 1 to 30, the horizon"),
    ({"frames": 0}, "frames: got 0"), ({"colour": "red"}, "colour: 'red' is not known"),
    ({"label": "no"}, "algorithm: 'no' is not known"),
    ({"path": PATH[0]}, "path: has shape (2, 2), allowed is (T + 1, N, 2)"),
    ({"goals": GOALS[1:]}, "goals: has shape (2, 1, 2), allowed with this path is (3, G, 2)"),
    ({"radii": np.ones((2, 2))}, "radii: has shape (2, 2), allowed with this path is (3, 2)"),
    ({"rewards": np.ones((3, 2))}, "rewards: has shape (3, 2), allowed with this path is (2, 2)"),
    ({"goals": GOALS, "out": "film.avi"}, "--out: got 'film.avi', allowed is a file that ends in"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_one_line(options: dict[str, Any], words: str) -> None:
    """Of an experiment, or of the path of an episode."""
    if set(options) & {"path", "goals", "radii", "rewards"}:
        refuses(f"^{re.escape(words)}", animate_episode, **{"path": PATH, "goals": GOALS, **options})
    else:
        refuses(re.escape(words), gm.animate, SPEC, **options)
