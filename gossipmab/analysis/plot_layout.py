"""The layout of figures: panels, ticks, legends and labels that are whole and do not overlap, whatever their number and length."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

WIDTH, HEIGHT = 3.5, 2.6  # inches: a column of a two-column page
PAGE = 7.2  # inches: the width of a page
OF_MANY = 0.72  # the size of one of several panels beside that of one alone
LEAST = 1.5  # inches: the width of a panel


def panels(count: int, width: float | None = None) -> tuple[Figure, list[Axes], Axes | None]:
    """A figure with so many panels that share their axes, and an empty one for the legend where panels leave a hole.

    width: of the figure, in inches; as many as the panels need by default.
    """
    most = min(count, 4, max(1, int(width / LEAST)) if width else 4)
    across = 2 if count == 4 and most > 1 else min(range(min(3, most), most + 1), key=lambda k: (-count % k, k))
    down = math.ceil(count / across)
    wide = (width or WIDTH * across * (OF_MANY if count > 1 else 1.0)) / across
    high = min(max(wide * HEIGHT / WIDTH, 1.3), 4.5)
    figure = Figure(figsize=(wide * across, high * down), layout="constrained")
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
    spare: Axes | None = None, corner: str = "", title: str = "",
) -> None:  # fmt: skip
    """Label the axes, place one legend in the hole or above the panels, and let the figure grow until all has its place."""
    high = figure.get_figheight() / axes[0].get_gridspec().nrows  # type: ignore[union-attr]
    if len(axes) > 1:
        figure.supxlabel(wrapped(figure, xlabel, 8, figure.get_figwidth()), fontsize=8)
        figure.supylabel(wrapped(figure, ylabel, 8, figure.get_figheight()), fontsize=8)
    else:
        axes[0].set_xlabel(wrapped(figure, xlabel, 8, figure.get_figwidth() - 0.5), fontsize=8)
        axes[0].set_ylabel(wrapped(figure, ylabel, 8, high - 0.5), fontsize=8)
    figure.draw_without_rendering()
    heights = [_title_panels(figure, axes)]
    if title:
        figure.suptitle(wrapped(figure, title, 9, figure.get_figwidth() - 0.2), fontsize=9)
        heights.append(0.16 * (1 + figure.get_suptitle().count("\n")))
    if corner:
        below = figure.legend([], [], title=corner, loc="outside lower right", title_fontsize=6, borderpad=0.0, borderaxespad=0.2)
        below.get_title().set_color("#444444")
        heights.append(0.12)
    if spare is None or not _legend_within(figure, spare, handles, names):
        if spare is not None:
            spare.remove()
        legend = legend_above(figure, handles, names)
        heights.append(legend.get_window_extent().height / figure.dpi if legend is not None else 0.0)
    heights.append(_slant(figure, axes))
    figure.set_figheight(figure.get_figheight() + sum(heights))
    figure.draw_without_rendering()
    for ax in axes:
        _thin(ax)


def legend_above(figure: Figure, handles: Sequence[Any], names: Sequence[str]) -> Legend | None:
    """A legend above the axes, of as many columns as fit into the figure; names that do not fit into one are wrapped."""
    room = figure.bbox.width - 0.05 * figure.dpi
    shown = list(names)
    for columns in [*range(min(len(names), 6), 0, -1), *([1] * 12)]:
        legend = figure.legend(handles, shown, loc="outside upper center", ncols=columns, columnspacing=1.2)
        if legend.get_window_extent().width <= room:
            return legend
        legend.remove()
        if columns == 1:
            longest = max(len(line) for name in shown for line in name.split("\n"))
            shown = ["\n".join(textwrap.wrap(name, max(8, int(0.85 * longest)))) for name in names]
    return figure.legend(handles, shown, loc="outside upper center", ncols=1) if names else None


def _legend_within(figure: Figure, spare: Axes, handles: Sequence[Any], names: Sequence[str]) -> bool:
    """Whether the legend fits into the hole between panels, where it is then."""
    legend = spare.legend(handles, names, loc="center", borderaxespad=0.0)
    legend.set_in_layout(False)
    box, hole = legend.get_window_extent(), spare.get_window_extent()
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
    chars = len(text)
    while text and chars > 4 and probe.get_window_extent().width / figure.dpi > width:
        chars = min(chars - 1, int(0.97 * chars))
        if text.count("$") < 2 or "$" in text.split()[-1]:
            probe.set_text("\n".join(textwrap.wrap(text, chars)))
        else:
            break
    found = probe.get_text()
    probe.remove()
    return found


def name_ticks(ax: Axes, names: Sequence[str]) -> None:
    """Name x = 0, 1, ...; `finish` turns the names if they have no room."""
    ax.set_xticks(range(len(names)), [str(name) for name in names])
    ax.set_xlim(-0.5, len(names) - 0.5)


def _slant(figure: Figure, axes: Sequence[Axes]) -> float:
    """Wrap and turn names of ticks that would overlap; the height that they need beyond one line, in inches."""
    names = [label.get_text() for label in axes[0].get_xticklabels()]
    if not isinstance(axes[0].xaxis.get_major_locator(), FixedLocator) or axes[0].get_xlim() != (-0.5, len(names) - 0.5):
        return 0.0
    step = axes[0].get_window_extent().width / figure.dpi / len(names)
    size, line = 7.0, 7.0 * 1.25 / 72
    level = [wrapped(figure, name, size, 0.92 * step) for name in names]
    whole = all(set(text.split()) == set(name.split()) for text, name in zip(level, names, strict=True))
    angle = (
        0.0 if whole and max(text.count("\n") for text in level) < 3 else 35.0 if step * math.sin(math.radians(35)) > line else 90.0
    )
    lines = max(1, int(step * math.sin(math.radians(angle)) / line)) if angle else 9
    texts = level if not angle else [_in_lines(name, lines) for name in names]
    for ax in axes:
        side = (
            {"ha": "center"} if not angle else {"ha": "right", "va": "center" if angle == 90 else "top", "rotation_mode": "anchor"}
        )
        ax.set_xticks(range(len(names)), texts, rotation=angle, fontsize=size, **side)
    figure.draw_without_rendering()
    tall = max(label.get_window_extent().height for ax in axes for label in ax.get_xticklabels()) / figure.dpi
    return max(0.0, tall - line) * (2 if len(axes) % axes[0].get_gridspec().ncols else 1)  # type: ignore[union-attr]


def _in_lines(text: str, lines: int) -> str:
    """The text in about so many lines of the same length, none shorter than 16 letters."""
    return "\n".join(textwrap.wrap(text, max(16, math.ceil(1.1 * len(text) / min(lines, 3)))))


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
    if x < 1000:
        return f"{x:g}"
    power = math.floor(math.log10(x) + 1e-12)
    factor = f"{x / 10**power:.3g}"
    return rf"$10^{{{power}}}$" if factor == "1" else rf"${factor}\times10^{{{power}}}$"


def value_ticks(ax: Axes, values: Sequence[float]) -> None:
    """Ticks at the values that were swept, if they are few; the last has a label."""
    log = ax.get_xscale() == "log"
    if len(values) <= 12 or log:
        ax.set_xticks(values, [f"{value:g}" for value in values])
    if log:
        ax.xaxis.set_minor_locator(NullLocator())


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
