"""Drawings of games: one state, and an episode as a film, from plain arrays of places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gossipmab.analysis.films import checked, saved
from gossipmab.analysis.plot_style import COLOURS, own_style
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats
from gossipmab.utils.validation import whole_number

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation

CELL = 0.36  # radius of an agent that has none of its own, in cells of a grid
MOST_NAMES = 40  # agents with numbers
Ends = Sequence[float] | Floats


class GameFigure:
    """One state of a game: agents as numbered discs, goals as stars, and beside them what the agents have earned.

    Agents with radii are drawn to scale, others as tokens on a grid of cells. Whoever is paid has a thick edge.

    Attributes:
        figure: matplotlib's.
    """

    def __init__(self, title: str, agents: int, goals: int, low: Ends, high: Ends, grid: bool) -> None:
        """An empty figure.

        Args:
            title: stands above the picture, with the number of the step.
            agents, goals: N and G, how many.
            low, high: the least and the largest x, y of a place.
            grid: whether places are cells.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import Circle
        from matplotlib.ticker import MaxNLocator, MultipleLocator

        self.title, half = title, 0.5 if grid else 0.0
        with own_style():
            self.figure = Figure(figsize=(6.4, 3.8), dpi=100)
            self._canvas: Any = FigureCanvasAgg(self.figure)
            board, bars = self.figure.add_axes((0.02, 0.04, 0.56, 0.86)), self.figure.add_axes((0.68, 0.14, 0.30, 0.72))
            self._heading = self.figure.text(0.02, 0.93, title, fontsize=9)
            board.set(xlim=(low[0] - half, high[0] + half), ylim=(low[1] - half, high[1] + half), aspect="equal")
            board.spines[:].set_visible(True)
            if grid:
                for axis in (board.xaxis, board.yaxis):
                    axis.set_minor_locator(MultipleLocator(1.0, offset=0.5))
                board.grid(which="minor", color="#dddddd", linewidth=0.6)
            board.tick_params(which="both", length=0, labelbottom=False, labelleft=False)
            (self._goals,) = board.plot([0.0] * goals, [0.0] * goals, "*", color="#E69F00", markersize=22 if grid else 11, zorder=1)
            colours = [COLOURS[i % (len(COLOURS) - 1)] for i in range(agents)]  # but for black
            self._discs = [board.add_patch(Circle((0.0, 0.0), CELL, color=one, alpha=0.85, zorder=2)) for one in colours]
            numbered = range(agents if agents <= MOST_NAMES else 0)
            look: Any = {"color": "white" if grid else "black", "fontsize": 9 if grid else 7, "zorder": 3}
            self._names = [board.text(0.0, 0.0, str(i), ha="center", va="center", **look) for i in numbered]
            self._bars, self._earnings = bars.barh(range(agents), [0.0] * agents, color=colours), bars
            bars.set(ylim=(agents - 0.4, -0.6), xlabel="mean reward a step so far", ylabel="agent")
            bars.yaxis.set_major_locator(MaxNLocator(integer=True))

    def show(self, step: int, agents: Any, goals: Any, radii: Any = None, paid: Any = None, outcomes: Any = None) -> None:
        """Draw the state after `step` steps.

        Args:
            step: 0 .. T.
            agents, goals: (N, 2) and (G, 2) their places.
            radii: (N,) the reach of the agents.
            paid: (N,) the rewards of the last step.
            outcomes: (N,) the mean rewards a step so far.
        """
        N = len(self._discs)
        self._heading.set_text(f"{self.title}, step {step:,}")
        self._goals.set_data(*np.transpose(np.asarray(goals, float)))
        radii = np.full(N, CELL) if radii is None else radii
        edges = np.zeros(N) if paid is None else np.asarray(paid)
        for disc, place, radius, edge in zip(self._discs, np.asarray(agents, float), radii, edges, strict=True):
            disc.set(center=place, radius=float(radius), edgecolor="black" if edge > 0 else "none", linewidth=2.2)
        for name, place in zip(self._names, np.asarray(agents, float), strict=False):
            name.set_position(place)
        means = np.zeros(N) if outcomes is None else np.asarray(outcomes, float)
        for bar, mean in zip(self._bars, means, strict=True):
            bar.set_width(mean)
        self._earnings.set_xlim(0.0, 1.1 * max(float(means.max()), 0.01))

    def image(self) -> Any:
        """(height, width, 3) the picture in bytes of red, green and blue."""
        with own_style():
            self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[:, :, :3].copy()


def animate_episode(
    path: Any, goals: Any, radii: Any = None, rewards: Any = None, out: str | Path | None = None, *, title: str = "episode",
    low: Ends | None = None, high: Ends | None = None, frames: int = 200, fps: int = 10,
) -> Any:  # fmt: skip
    """Draw an episode of T steps as a film.

    Args:
        path: (T + 1, N, 2) the agents' places, before the first step and after each.
        goals: (T + 1, G, 2) the places of servers or resources.
        radii: (T + 1, N) the reach of the agents; None for tokens on a grid.
        rewards: (T, N); None leaves the earnings out of the picture.
        out: the file: .gif, .html (self-contained, with buttons), or .mp4 (needs ffmpeg). None returns matplotlib's animation.
        title: stands above the picture, with the number of the step.
        low, high: the least and the largest x, y of a place; by default those of the episode.
        frames: at most so many, evenly spaced over the steps. fps: frames a second.

    Returns:
        The path of the file, or a `matplotlib.animation.FuncAnimation`.

    Raises:
        InputError: arrays that do not fit each other, or an argument that is not allowed.
    """
    from matplotlib.animation import FuncAnimation

    file, frames, fps = checked(out, frames, fps)
    path, goals = np.asarray(path, float), np.asarray(goals, float)
    steps, N = _checked_shapes(path, goals, radii, rewards)
    places = np.concatenate([path.reshape(-1, 2), goals.reshape(-1, 2)])
    low, high = places.min(axis=0) if low is None else low, places.max(axis=0) if high is None else high
    earned: Floats = np.zeros((1, N)) if rewards is None else np.concatenate([np.zeros((1, N)), np.cumsum(rewards, axis=0)])
    chosen = np.unique(np.linspace(0, steps, min(frames, steps + 1)).round().astype(int)).tolist()
    drawn = GameFigure(title, N, goals.shape[1], low, high, grid=radii is None)

    def show(k: int) -> list[Any]:
        t = chosen[k]
        paid, outcomes = (None, None) if rewards is None or t == 0 else (rewards[t - 1], earned[t] / t)
        drawn.show(t, path[t], goals[t], None if radii is None else radii[t], paid, outcomes)
        return []

    with own_style(**{"savefig.dpi": 100}):
        film: FuncAnimation = FuncAnimation(drawn.figure, show, frames=len(chosen), interval=1000 / fps, repeat=False)
        return film if file is None else saved(film, file, fps)


def episode(trace: Any, game: Any, out: str | Path | None = None, *, title: str, steps: int | None, frames: int, fps: int) -> Any:
    """As `animate_episode`, of the episode in a `MarlTrace` of the game, or of its first steps."""
    last = len(trace.earned) if steps is None else whole_number("rounds", steps)
    if last > len(trace.earned):
        raise InputError(f"rounds: got {last}, allowed are 1 to {len(trace.earned)}, the steps of an episode")
    radii = None if np.isnan(trace.radii).all() else trace.radii[: last + 1]
    low, high = (bound[:2] for bound in game.bounds)  # observations begin with the agent's place
    return animate_episode(
        trace.path[: last + 1], trace.goals[: last + 1], radii, trace.earned[:last], out, title=title, low=low, high=high,
        frames=frames, fps=fps,
    )  # fmt: skip


def _checked_shapes(path: Any, goals: Any, radii: Any, rewards: Any) -> tuple[int, int]:
    """T and N."""
    if path.ndim != 3 or path.shape[2] != 2 or len(path) < 2:
        raise InputError(f"path: has shape {path.shape}, allowed is (T + 1, N, 2)")
    steps, N = len(path) - 1, path.shape[1]
    found = {"goals": goals.shape[::2], "radii": np.shape(radii), "rewards": np.shape(rewards)}
    wanted = {"goals": (steps + 1, 2), "radii": (steps + 1, N), "rewards": (steps, N)}
    for name, given in (("goals", goals), ("radii", radii), ("rewards", rewards)):
        if given is not None and found[name] != wanted[name]:
            allowed = (steps + 1, "G", 2) if name == "goals" else wanted[name]
            raise InputError(f"{name}: has shape {np.shape(given)}, allowed with this path is {allowed}".replace("'", ""))
    return steps, N
