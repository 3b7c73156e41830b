"""The layout of figures: panels, ticks, legends and labels that are whole and do not overlap, whatever their number and length."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 3.5, 2.6  # inches: a column of a two-column page
PAGE = 7.2  # inches: the width of a page
OF_MANY = 0.72  # the size of one of several panels beside that of one alone
LEAST = 1.5  # inches: the width of a panel


def panels(count: int, width: float | None = None, make: Any = Figure) -> tuple[Figure, list[Axes], Axes | None]:
    """A figure with so many panels that share their axes, and an empty one for the legend where panels leave a hole.

    width: of the figure, in inches; as many as the panels need by default. make: what makes the figure.
    """
    most = min(count, 4, max(1, int(width / LEAST)) if width else 4)
    across = 2 if count == 4 and most > 1 else min(range(min(3, most), most + 1), key=lambda k: (-count % k, k))
    down = math.ceil(count / across)
    wide = (width or WIDTH * across * (OF_MANY if count > 1 else 1.0)) / across
    high = min(max(wide * HEIGHT / WIDTH, 1.3), 4.5)
    figure: Figure = make(figsize=(wide * across, high * down), layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for ax in grid[count:]:
        ax.remove()
    for ax in grid[max(0, count - across) : count]:  # with nothing below it
        ax.tick_params(labelbottom=True)
    spare = figure.add_subplot(grid[0].get_gridspec()[-1, count % across :]) if count % across else None
    if spare is not None:
        spare.set_axis_off()
    return figure, list(grid[:count]), spare


def finish(
    figure: Figure, axes: Sequence[Axes], xlabel: str, ylabel: str, handles: Sequence[Any], names: Sequence[str],
    spare: Axes | None = None, corner: str = "", title: str = "", ticks: Sequence[str] = (),
) -> None:  # fmt: skip
    """Label the axes, place one legend in the hole or above the panels, and let the figure grow until all has its place."""
    high = figure.get_figheight() - (0.15 if len(axes) > 1 else 0.5)
    if "\n" in wrapped(figure, ylabel, 8, high):
        ylabel = wrapped(figure, ylabel.replace(", ", ",\n", 1), 8, high)
    many = len(axes) > 1
    name_x, name_y = (figure.supxlabel, figure.supylabel) if many else (axes[0].set_xlabel, axes[0].set_ylabel)
    label_x = name_x(wrapped(figure, xlabel, 8, figure.get_figwidth() - 0.5), fontsize=8)
    label_y = name_y(ylabel, fontsize=8)
    figure.draw_without_rendering()
    heights = [_title_panels(figure, axes), note_corner(figure, corner)]
    title = wrapped(figure, title, 9, figure.get_figwidth() - 0.2)
    if spare is not None and _legend_within(figure, spare, handles, names):
        heights.append(0.18 * (1 + title.count("\n")) if title else 0.0)
        figure.suptitle(title, fontsize=9)
    else:
        if spare is not None:
            spare.remove()
        heights.append(legend_above(figure, handles, names, title))
    if ticks:
        heights.append(_name_ticks(figure, axes, ticks))
    figure.set_figheight(figure.get_figheight() + sum(heights))
    figure.draw_without_rendering()
    for ax in axes:
        _thin(ax)
    if many:  # in the middle of the panels, not of the figure
        box = Bbox.union([ax.get_window_extent() for ax in axes])
        label_x.set_x((box.x0 + box.x1) / 2 / figure.bbox.width)
        label_y.set_y((box.y0 + box.y1) / 2 / figure.bbox.height)


def legend_above(figure: Figure, handles: Sequence[Any], names: Sequence[str], title: str = "") -> float:
    """Place a legend above the axes, of as many columns as fit into the figure; the height that it needs, in inches.

    Names that do not fit into one column are wrapped. title: above the legend.
    """
    room, shown = figure.bbox.width - 0.05 * figure.dpi, list(names)
    for columns in [*range(min(len(names), 6), 0, -1), *([1] * 20)]:
        legend = figure.legend(
            handles, shown, loc="outside upper center", ncols=columns, columnspacing=1.2, title=title, title_fontsize=9
        )
        box = legend.get_window_extent()
        if box.width <= room:
            return float(box.height / figure.dpi)
        legend.remove()
        if columns == 1:
            longest = max(len(line) for name in shown for line in name.split("\n"))
            shown = ["\n".join(textwrap.wrap(name, max(6, int(0.85 * longest)))) for name in names]
    return 0.0


def note_corner(figure: Figure, text: str) -> float:
    """Note trials and band in the corner below the axes; the height that this needs, in inches."""
    if not text:
        return 0.0
    below = figure.legend([], [], title=text, loc="outside lower right", title_fontsize=6, borderpad=0.0, borderaxespad=0.2)
    below.get_title().set_color("#444444")
    return 0.12


def _legend_within(figure: Figure, spare: Axes, handles: Sequence[Any], names: Sequence[str]) -> bool:
    """Whether the legend fits into the hole between panels, where it is then."""
    hole = spare.get_window_extent()
    shown = [wrapped(figure, name, 8, hole.width / figure.dpi - 0.45) for name in names]
    legend = spare.legend(handles, shown, loc="center", borderaxespad=0.0)
    legend.set_in_layout(False)
    box = legend.get_window_extent()
    if box.width <= 0.98 * hole.width and box.height <= 0.9 * hole.height:
        return True
    legend.remove()
    return False


def _title_panels(figure: Figure, axes: Sequence[Axes]) -> float:
    """Wrap the panels' titles to their widths; the height that they need, in inches."""
    rows: dict[int, int] = {}
    for ax in axes:
        text = wrapped(figure, ax.get_title(), 7, ax.get_window_extent().width / figure.dpi)
        ax.set_title(text, fontsize=7)
        row = ax.get_subplotspec().rowspan.start  # type: ignore[union-attr]
        rows[row] = max(rows.get(row, 0), text.count("\n") + bool(text))
    return 0.12 * sum(rows.values())


def wrapped(figure: Figure, text: str, size: float, width: float) -> str:
    """The text in lines that are so many inches wide at most, as far as words and long words can be wrapped."""
    probe = figure.text(0, 0, text, fontsize=size)
    chars, whole = len(text), text.replace(" = ", "\xa0=\xa0")
    while text and chars > 4 and probe.get_window_extent().width / figure.dpi > width:
        chars = min(chars - 1, int(0.97 * chars))
        lines = [line for part in whole.split("\n") for line in textwrap.wrap(part, chars)]
        probe.set_text("\n".join(lines).replace("\xa0", " "))
    found: str = probe.get_text()
    probe.remove()
    return found


def width_for(names: Sequence[str], count: int) -> float | None:
    """A width for names of ticks that are long, in inches; None if the usual one will do."""
    long = count == 1 and max(map(len, names), default=0) > 16
    return min(PAGE, max(WIDTH, 0.85 * len(names) + 0.6)) if long else None


def _name_ticks(figure: Figure, axes: Sequence[Axes], names: Sequence[str]) -> float:
    """Name x = 0, 1, ..., in lines or turned where names are long; the height that they need beyond one line, in inches."""
    step = axes[0].get_window_extent().width / figure.dpi / len(names)
    size, line = 7.0, 7.0 * 1.25 / 72
    texts = [wrapped(figure, name, size, 0.92 * step) for name in names]
    whole = all(text.split() == name.split() for text, name in zip(texts, names, strict=True))
    angle, side = 0.0, dict[str, Any](ha="center")
    if not whole or max(text.count("\n") for text in texts) > 4:
        for turn, room in ((35.0, 0.57 * step), (90.0, step)):
            angle = turn
            lines = min(3, max(1, int(room / line)))
            texts = [
                "\n".join(textwrap.wrap(name, max(20, math.ceil(1.2 * len(name) / lines)), break_long_words=False))
                for name in names
            ]
            left = 0.05 * max(len(part) for text in texts for part in text.split("\n"))  # inches beside the axes
            if room > line and left < 0.5 * step * len(names):
                break
        side = {"ha": "right", "va": "center" if angle == 90.0 else "top", "rotation_mode": "anchor"}
    for ax in axes:
        ax.set_xticks(range(len(names)), texts, rotation=angle, fontsize=size, **side)
    high = figure.get_figheight()
    figure.set_figheight(high + 0.2 * max(map(len, names)))  # for the time being: room for any
    figure.draw_without_rendering()
    figure.set_figheight(high)
    tall = max(label.get_window_extent().height for ax in axes for label in ax.get_xticklabels()) / figure.dpi
    return max(0.0, tall - line) * (2 if len(axes) % axes[0].get_gridspec().ncols else 1)  # type: ignore[union-attr]


def end_ticks(ax: Axes, end: float, most: int) -> None:
    """Ticks of rounds up to the last, which has one: on equal steps if it can be divided, else instead of the nearest."""
    if ax.get_xscale() == "log":
        low = max(1.0, ax.get_xlim()[0])
        decades = [10.0**k for k in range(math.ceil(math.log10(low)), 16) if 10.0**k < end / 2.5]
        ax.xaxis.set_major_locator(FixedLocator([*decades, end]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _power(x)))
        ax.xaxis.set_minor_formatter(NullFormatter())
        return
    for steps in range(most, 1, -1):
        if end % steps == 0 and len(f"{end / steps:g}".rstrip("0")) <= 2:
            ax.set_xticks([end / steps * k for k in range(steps + 1)])
            return
    found = [tick for tick in MaxNLocator(most, integer=True, steps=[1, 2, 2.5, 5, 10]).tick_values(0, end) if 0 <= tick < end]
    step = found[1] - found[0] if len(found) > 1 else end
    ax.set_xticks([*(tick for tick in found if tick <= end - 0.6 * step), end])


def _power(x: float) -> str:
    """Powers of ten as such, others with a factor before the power."""
    power = math.floor(math.log10(x) + 1e-12)
    if power < 1 or (power < 3 and x != 10**power):
        return f"{x:g}"
    factor = f"{x / 10**power:.3g}"
    return rf"$10^{{{power}}}$" if factor == "1" else rf"${factor}\times10^{{{power}}}$"


def value_ticks(ax: Axes, values: Sequence[float]) -> None:
    """Ticks at the values that were swept, if they are few; the last has a label."""
    log = ax.get_xscale() == "log"
    if len(values) <= 12 or log:
        ax.set_xticks(values, [f"{value:g}" for value in values])
    if log:
        ax.xaxis.set_minor_locator(NullLocator())


def log_ticks(ax: Axes) -> None:
    """Ticks of a logarithmic axis of y: powers of ten, and 2 and 5 times them where there are few."""
    low, high = ax.get_ylim()
    if high < 300 * low:
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}" if 1e-3 <= y < 1e5 else _power(y)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def log_bytes(ax: Axes) -> None:
    """Ticks of bytes on a logarithmic axis."""
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _thin(ax: Axes) -> None:
    """Leave out labels of ticks that would touch the next, from the last one down."""
    labels = [label for label in ax.get_xticklabels() if label.get_text() and label.get_visible()]
    if not labels or labels[0].get_rotation():
        return
    low, high = sorted(ax.get_xlim())
    inside = [label for label in labels if low - 1e-9 * high <= label.get_position()[0] <= high * (1 + 1e-9)]
    texts, kept = {}, float("inf")
    for label in sorted(inside, key=lambda one: -one.get_position()[0]):
        box = label.get_window_extent()
        if box.x1 + 0.03 * ax.figure.dpi < kept:
            texts[label.get_position()[0]], kept = label.get_text(), box.x0
    if len(texts) < len(inside):
        at = sorted(label.get_position()[0] for label in inside)
        ax.set_xticks(at, [texts.get(x, "") for x in at])
