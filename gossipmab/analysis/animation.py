"""A trial as a film: of gossip, the network with the links of each round and the growing regret; of learners, an episode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gossipmab.analysis.films import checked, saved
from gossipmab.analysis.game_plots import episode
from gossipmab.analysis.graph_plots import check_size, layout
from gossipmab.analysis.plot_style import COLOURS, in_brief, own_style
from gossipmab.analysis.selection import matching
from gossipmab.engines.gossip.rounds import Round, play
from gossipmab.environments.environment import Environment
from gossipmab.experiments.cell_runner import CellRunner
from gossipmab.experiments.results import Results
from gossipmab.experiments.spec.games import game
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.experiments.spec.spec import Cell, Point, Spec
from gossipmab.experiments.spec.sweep import columns, scalar
from gossipmab.metrics.columns import about
from gossipmab.metrics.trace import GossipTrace
from gossipmab.networks.network import Network
from gossipmab.objectives.pareto import gaps
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.safe_read import is_file
from gossipmab.utils.types import Floats, Integers
from gossipmab.utils.validation import whole_number

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation

COLOURED_BY = ("regret", "disagreement")


class Frame(NamedTuple):
    """What is drawn of a round. coloured: (N,) what agents are coloured by. regret: (N,) so far. arms: (N,). pulls: (K,) so far."""

    round: int
    links: Any
    coloured: Floats
    regret: Floats
    arms: Integers
    pulls: Integers


def animate(
    source: Any, out: str | Path | None = None, *, label: str | None = None, trial: int = 0,
    where: Mapping[str, Any] | None = None, rounds: int | None = None, frames: int = 100, colour: str = "regret", fps: int = 10,
) -> Any:  # fmt: skip
    """Draw a trial of a gossip experiment as a film, or the episode that a trained cell of learners has kept.

    >>> gm.animate("runs/first", "film.gif", rounds=4, frames=2).name
    'film.gif'

    Args:
        source: an experiment as `gm.run` takes it, a run folder, or its results; of learners, one of the last two.
        out: the file: .gif, .html (self-contained, with buttons), or .mp4 (needs ffmpeg). None returns matplotlib's animation,
            which a notebook shows by its `to_jshtml()`.
        label: of the algorithm; the first by default. trial: which. where: swept key -> value; the first sweep point by default.
        rounds: play so many rounds, 200 at most by default; of learners, the steps of the episode.
        frames: at most so many, evenly spaced. fps: frames a second.
        colour: "regret" of each agent so far, in the algorithm's metric, or "disagreement", the largest distance of its
            estimates from the mean of all agents' estimates.

    Returns:
        The path of the file, or a `matplotlib.animation.FuncAnimation`.

    Raises:
        InputError: another protocol, a network too large to be drawn, an argument that is not allowed.
    """
    path, frames, fps = checked(out, frames, fps)
    if colour not in COLOURED_BY:
        raise unknown("colour", colour, COLOURED_BY)
    source, spec, label, point = _opened(source, label, trial, where or {})
    if spec.experiment.protocol == "marl":
        return _episode(source, spec, label, trial, point, path, frames, fps, rounds)
    title, metric, environment, network, played, last = _trial(spec, label, trial, point, rounds)
    chosen = {round(last * m / frames) for m in range(1, frames + 1)}
    film = [_frame(now, metric, colour) for now in played if now.round in chosen]
    with own_style(**{"savefig.dpi": 100}):
        drawn = _draw(film, title, metric, colour, environment, network, 1000 / fps)
        return drawn if path is None else saved(drawn, path, fps)


def _opened(source: Any, label: str | None, trial: int, where: Mapping[str, Any]) -> tuple[Any, Spec, str, Point]:
    """Results if there are some, the experiment, the label and the sweep point."""
    if isinstance(source, str | Path) and is_file(Path(source) / "manifest.json"):
        source = Results.open(source)
    spec = source.spec if isinstance(source, Results) else load_spec(source)
    if spec.experiment.protocol not in ("gossip", "marl"):
        raise InputError(f'animate: the experiment has protocol = "{spec.experiment.protocol}", allowed are "gossip" and "marl"')
    labels = [choice.label for choice in spec.algorithms]
    label = labels[0] if label is None else label
    if label not in labels:
        raise unknown("algorithm", label, labels)
    if whole_number("trial", trial, 0) >= spec.experiment.trials:
        raise InputError(f"trial: got {trial}, allowed are 0 to {spec.experiment.trials - 1}")
    return source, spec, label, _point(spec, where)


def _title(spec: Spec, label: str, point: Point) -> str:
    swept = ", ".join(f"{key.rpartition('.')[2]} = {value}" for key, value in point.values.items())
    return ": ".join(filter(None, (f"{spec.experiment.name}, {label}", swept)))


def _cell(spec: Spec, label: str, trial: int, point: Point) -> Cell:
    return next(one for one in spec.cells() if (one.label, one.trial) == (label, trial) and one.point is point)


def _episode(
    source: Any, spec: Spec, label: str, trial: int, point: Point, path: Path | None, frames: int, fps: int, rounds: int | None
) -> Any:
    """The film of the episode that a finished cell of learners has kept."""
    if not isinstance(source, Results):
        raise InputError("animate: learners of a game are drawn after their training, allowed is a run folder")
    cell = _cell(spec, label, trial, point)
    if cell.id not in source.traces:
        raise InputError(f"animate: the cell {cell.id} is not finished; allowed is one that is")
    assert point.game is not None
    return episode(
        source.traces[cell.id], game(point.game), path, title=_title(spec, label, point), steps=rounds, frames=frames, fps=fps
    )


def _trial(
    spec: Spec, label: str, trial: int, point: Point, rounds: int | None
) -> tuple[str, str, Environment, Network, Iterator[Round], int]:
    """Title, metric, environment, network, rounds and number of rounds of the cell."""
    cell = _cell(spec, label, trial, point)
    horizon = cell.point.experiment.horizon
    last = min(horizon, 200) if rounds is None else whole_number("rounds", rounds)
    if last > horizon:
        raise InputError(f"rounds: got {last}, allowed are 1 to {horizon}, the horizon")
    parts: list[Any] = []

    def opened(algorithm: Any, environment: Environment, network: Network, **settings: Any) -> Any:
        check_size(network)
        parts.extend([environment, network, play(algorithm, environment, network, **settings)])

    runner = CellRunner(spec)
    runner(cell, simulate=opened)
    environment, network, played = parts
    found = (now for _, now in zip(range(last), played, strict=False))
    return _title(spec, label, point), about(cell.name), environment, network, found, last


def _point(spec: Spec, where: Mapping[str, Any]) -> Point:
    """The first sweep point with these values."""
    names = {column: key for key, column in columns(list(spec.sweep)).items()}
    points = list(spec.points)
    for name, wanted in where.items():
        key = names.get(name, name)
        if key not in spec.sweep:
            raise unknown("where: key", name, names or ("none",))
        known = {in_brief(value): value for value in (scalar(point.values[key]) for point in points)}
        if not (chosen := matching(wanted, known)):
            raise unknown(f"where: {name}", str(wanted), known)
        points = [point for point in points if scalar(point.values[key]) in chosen]
    return points[0]


def _frame(now: Round, metric: str, colour: str) -> Frame:
    regret = (now.pareto_regret if metric == "pareto" else now.nsw_regret).copy()
    coloured = regret
    if colour == "disagreement":
        flat = now.estimates.reshape(len(now.estimates), -1)
        coloured = np.abs(flat - flat.mean(axis=0)).max(axis=1)
    return Frame(now.round, now.links, coloured, regret, now.arms, now.pulls.sum(axis=0))


def _draw(
    film: list[Frame], title: str, metric: str, colour: str, environment: Environment, network: Network, interval: float
) -> FuncAnimation:
    from matplotlib.animation import FuncAnimation
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.ticker import MaxNLocator

    N, places, edges = network.agents, layout(network), network.edges
    figure = Figure(figsize=(8, 4.4), dpi=100, layout=ConstrainedLayoutEngine(w_pad=0.1))  # for the last tick
    axes = figure.subplot_mosaic([["network", "curve"], ["network", "arms"]], width_ratios=[1.5, 1])
    heading = figure.suptitle(title, fontsize=9)
    ax = axes["network"]
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.margins(0.1)
    ax.add_collection(LineCollection(list(places[edges]), colors="#cccccc", linewidths=0.5))
    up = LineCollection([], colors="#333333", linewidths=1.4)
    ax.add_collection(up)
    size = float(np.clip(6_000 / N, 12, 260))
    agents = ax.scatter(places[:, 0], places[:, 1], s=size, c=film[0].coloured, cmap="viridis_r", zorder=2)
    agents.set_edgecolor("#333333")
    named = GossipTrace.METRICS[f"{metric}_regret"]
    figure.colorbar(agents, ax=ax, shrink=0.7, label=f"{named} of the agent" if colour == "regret" else "disagreement of the agent")
    numbers = [ax.text(x, y, "", ha="center", va="center", fontsize=7, zorder=3) for x, y in places] if N <= 40 else []
    rounds = [frame.round for frame in film]
    curve = axes["curve"]
    totals = [float(frame.regret.sum()) for frame in film]
    curve.set(xlim=(0, rounds[-1]), ylim=(0, 1.05 * max(totals) or 1), xlabel="round", ylabel=f"{named}, all agents")
    (line,) = curve.plot([], [], color=COLOURS[0])
    shades = [COLOURS[2] if gap == 0 else "#999999" for gap in gaps(environment.centred_means)]
    bars = axes["arms"].bar(np.arange(environment.arms), 0.0, color=shades)
    most = max(frame.pulls.max() / max(1, frame.pulls.sum()) for frame in film[len(film) // 4 :])
    axes["arms"].set(ylim=(0, min(1, 1.2 * most)), xlabel="arm (green: on the Pareto front)", ylabel="share of pulls")

    def show(k: int) -> list[Any]:
        frame = film[k]
        heading.set_text(f"{title}, round {frame.round:,}")
        up.set_segments(list(places[edges[frame.links]]))
        agents.set_array(frame.coloured)
        agents.set_clim(frame.coloured.min(), max(frame.coloured.max(), frame.coloured.min() + 1e-9))
        shades = agents.to_rgba(frame.coloured)[:, :3]
        for text, arm, shade in zip(numbers, frame.arms.tolist(), shades, strict=False):
            text.set(text="-" if arm < 0 else str(arm), color="white" if float(np.mean(shade)) < 0.5 else "black")
        line.set_data(rounds[: k + 1], totals[: k + 1])
        for bar, share in zip(bars, frame.pulls / max(1, frame.pulls.sum()), strict=True):
            bar.set_height(share)
        return []

    axes["arms"].xaxis.set_major_locator(MaxNLocator(integer=True))
    show(len(film) - 1)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # else every frame is laid out anew
    return FuncAnimation(figure, show, frames=len(film), interval=interval, repeat=False)
