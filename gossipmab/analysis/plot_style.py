"""The style of figures: the look of algorithms, the panels of sweep points, means with their bands."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np

from gossipmab.experiments.spec.sweep import columns
from gossipmab.metrics.columns import about
from gossipmab.metrics.statistics import spread
from gossipmab.utils.atomic_write import whole_file
from gossipmab.utils.errors import unknown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from gossipmab.experiments.results import Results

# The colours of Okabe and Ito, which the colour-blind can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
MARKERS = "os^Dv<>"
BANDS = {"quarter-sd": "a quarter of the standard deviation", "sd": "one standard deviation", "ci": "95 % bootstrap interval"}
FORMATS = ("png", "svg", "pdf")
STYLE: Any = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "svg.hashsalt": "gossipmab",
    "figure.dpi": 200,
    "savefig.dpi": 200,
    "axes.formatter.use_mathtext": True,
}
# Tried in this order for letters that matplotlib's own font lacks: Chinese, Japanese and Korean on Linux, Windows and macOS.
FONTS = (
    *(f"Noto Sans CJK {place}" for place in ("SC", "JP", "TC", "KR", "HK")), "Source Han Sans SC", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "Microsoft YaHei", "SimHei", "Yu Gothic", "MS Gothic", "Malgun Gothic",
    "PingFang SC", "Hiragino Sans", "Hiragino Sans GB", "Apple SD Gothic Neo", "NanumGothic", "Arial Unicode MS",
)  # fmt: skip
NO_GLYPH, IN_FORMULAS = re.compile(r"Glyph (\d+) .*missing from"), logging.getLogger("matplotlib.mathtext")
log = logging.getLogger("gossipmab").warning
_noted: set[str] = set()  # letters without a font, each noted once
MOST_PANELS = 16
BRIEF = 34  # characters of a value beside a figure


@contextmanager
def own_style(**more: Any) -> Iterator[None]:
    """Matplotlib's defaults with STYLE and `more`, and no setting of the user; the user's are restored at the end.

    Letters that no font here has are noted in one line.
    """
    from matplotlib.font_manager import get_font_names

    letters: set[str] = set()

    def heard(record: logging.LogRecord) -> bool:
        found = re.search(r"does not have a glyph .*\[U\+([0-9a-f]+)\]", record.getMessage())
        letters.update([chr(int(found[1], 16))] if found else [])
        return found is None

    with ExitStack() as stack, mpl.rc_context(), warnings.catch_warnings(record=True) as caught:
        IN_FORMULAS.addFilter(heard)
        stack.callback(IN_FORMULAS.removeFilter, heard)
        warnings.filterwarnings("always", NO_GLYPH.pattern)
        mpl.rcdefaults()
        installed = set(get_font_names())
        mpl.rcParams.update(STYLE | {"font.family": ["sans-serif", *(font for font in FONTS if font in installed)]} | more)
        yield
    for warning in caught:
        if found := NO_GLYPH.match(str(warning.message)):
            letters.add(chr(int(found[1])))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if letters - _noted:
        text = "".join(sorted(letters - _noted)[:20])
        log(f"figures: no font on this machine has {text}; install one that has, such as Noto Sans CJK")
    _noted.update(letters)


class Look(NamedTuple):
    """Colour, line style and marker of an algorithm, the same in every panel and figure."""

    color: str
    linestyle: Any
    marker: str


def looks(labels: Sequence[str]) -> dict[str, Look]:
    """Label -> look, in the experiment's order."""
    return {label: Look(*look) for label, look in zip(labels, zip(cycle(COLOURS), cycle(LINES), cycle(MARKERS)), strict=False)}


def metrics_of(results: Results, metric: str | None) -> dict[str, str]:
    """Column -> title of what to plot: the metric named, "both" (all), or those that the run's algorithms are about."""
    known = {short(column): column for column in results.kind.METRICS}
    if metric is not None and metric not in (*known, "both"):
        raise unknown("metric", metric, (*known, "both"))
    shown = set(known)
    if results.spec.experiment.protocol == "gossip":
        shown = {about(choice.name) for choice in results.spec.algorithms}
    wanted = [name for name in known if metric in (name, "both") or (metric is None and name in shown)]
    return {known[name]: results.kind.METRICS[known[name]] for name in wanted}


def short(column: str) -> str:
    """A metric's short name, on the command line and in file names: "nsw" for "nsw_regret"."""
    return column.removesuffix("_regret").removeprefix("regret_")


def others_of(results: Results, key: str) -> list[str]:
    """The sweep columns that have panels of their own in the figure of regret against the column `key`.

    All others; but of listed points, whose keys change together, one key tells them apart if no value of it comes twice.
    """
    names = columns(list(results.spec.sweep))
    listed = results.spec.listed
    together = {names[full]: [str(point[full]) for point in listed] for full in (listed[0] if listed else {})}
    if len(set(together.get(key, []))) == len(listed) > 0:
        return [name for name in results.keys if name not in together]
    return [name for name in results.keys if name != key]


def in_brief(text: str) -> str:
    """A swept value in a legend: tables as "message_loss 0.3, symmetric_loss true", and no more than that has room."""
    if text.startswith("{"):
        text = text.strip("{}").replace('"', "").replace(": ", " ")
    return text if len(text) <= BRIEF else text[: BRIEF - 3] + "..."


def by_point(table: pd.DataFrame, keys: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """(caption, rows) of every sweep point, as many as fit."""
    if not keys:
        return [("", table)]
    groups = [
        (", ".join(f"{key} = {in_brief(str(value))}" for key, value in zip(keys, point, strict=True)), rows)
        for point, rows in table.groupby(list(keys), sort=False)
    ]
    return groups[:MOST_PANELS]


def by_algorithm(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """(label, rows) of every algorithm, in the experiment's order."""
    return [(str(label), rows) for label, rows in table.groupby("algorithm", sort=False)]


def matrix(rows: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Rounds (R,) and the curves (trials, R) of one algorithm at one sweep point."""
    wide = rows.pivot(index="trial", columns="round", values=column)
    return wide.columns.to_numpy(), wide.to_numpy()


def final(rows: pd.DataFrame, column: str, band: str) -> tuple[float, float, float]:
    """Mean over trials at the last round, and the band's edges."""
    values = matrix(rows, column)[1][:, -1:]
    low, high = spread(values, band)
    return float(values.mean()), float(low[0]), float(high[0])


def logarithmic(values: Sequence[Any]) -> bool:
    """Whether numbers span enough to be read on a logarithmic axis, and do not crowd there."""
    return len(values) > 2 and min(values) > 0 and max(values) / min(values) >= 20


def save(figure: Figure, stem: Path, formats: Sequence[str]) -> list[Path]:
    """Write the figure in every format, without dates."""
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    paths = []
    for name in formats:
        path = stem.with_name(f"{stem.name}.{name}")
        with whole_file(path) as file:
            figure.savefig(file, format=name, metadata=undated.get(name))
        paths.append(path)
    return paths


def legible(text: str) -> str:
    """The text as matplotlib will show it: formulas between dollars if they parse, else the dollars themselves."""
    from matplotlib.mathtext import MathTextParser

    try:
        if "$" in text:
            MathTextParser("path").parse(text)
    except ValueError:
        text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text  # it hides what begins with an underscore
