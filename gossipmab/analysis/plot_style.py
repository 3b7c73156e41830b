"""The style of figures: matplotlib's settings, the looks and names of algorithms, words for swept values, files."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl

from gossipmab.algorithms import PROTOCOLS
from gossipmab.experiments.spec.sweep import columns
from gossipmab.metrics.columns import about
from gossipmab.utils.atomic_write import whole_file
from gossipmab.utils.errors import InputError, unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gossipmab.experiments.results import Results
    from gossipmab.experiments.spec.spec import Spec

# The colours of Okabe and Ito, which the colour-blind can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
MARKERS = "os^Dv<>"
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
    "axes.formatter.limits": (-4, 9),
}
# Tried in this order for letters that matplotlib's own font lacks: Chinese, Japanese and Korean on Linux, Windows and macOS.
FONTS = (
    *(f"Noto Sans CJK {place}" for place in ("SC", "JP", "TC", "KR", "HK")), "Source Han Sans SC", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "Microsoft YaHei", "SimHei", "Yu Gothic", "MS Gothic", "Malgun Gothic",
    "PingFang SC", "Hiragino Sans", "Hiragino Sans GB", "Apple SD Gothic Neo", "NanumGothic", "Arial Unicode MS",
)  # fmt: skip
NOT_STYLE = ("backend", "toolbar", "webagg", "tk.", "interactive", "figure.figsize")
NO_GLYPH, IN_FORMULAS = re.compile(r"Glyph (\d+) .*missing from"), logging.getLogger("matplotlib.mathtext")
log = logging.getLogger("gossipmab").warning
_noted: set[str] = set()  # letters without a font, each noted once
BRIEF = 80  # characters of a value beside a figure


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


def read_style(file: str | Path) -> dict[str, Any]:
    """The settings of a matplotlib style file, or of one of matplotlib's own styles.

    Raises:
        InputError: no such file, an unknown key, a value that does not fit.
    """
    from matplotlib.style import available, library

    if str(file) in available:
        return {str(key): value for key, value in library[str(file)].items()}
    try:
        lines = [line.partition("#")[0].strip() for line in Path(file).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"style: {str(file)!r} cannot be read ({error}), allowed is a file in matplotlib's style format") from None
    for line in filter(None, lines):
        key, colon, _ = line.partition(":")
        if not colon:
            raise InputError(f"style {file}: got the line {line!r}, allowed is KEY: VALUE")
        if key.strip() not in mpl.rcParams:
            near = get_close_matches(key.strip(), mpl.rcParams, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"style {file}: {key.strip()!r} is no key of matplotlib's{hint}")
    try:
        found = {str(key): value for key, value in mpl.rc_params_from_file(file, True, False).items()}
    except ValueError as error:
        raise InputError(f"style {file}: {error}") from None
    return {key: value for key, value in found.items() if not key.startswith(NOT_STYLE)}


class Look(NamedTuple):
    """Colour, line style, marker and name of an algorithm, the same in every panel and figure."""

    color: str
    linestyle: Any
    marker: str
    name: str


def looks(labels: Sequence[str], names: Mapping[str, str] | None = None, colours: Sequence[str] = ()) -> dict[str, Look]:
    """Label -> look, in the experiment's order; colour and line style together are different up to 49 labels.

    names: label -> name in legends, the label itself by default. colours: COLOURS by default.
    """
    colours, found = colours or COLOURS, {}
    for i, label in enumerate(labels):
        turn = i + i // len(colours)
        line, marker = LINES[turn % len(LINES)], MARKERS[turn % len(MARKERS)]
        found[label] = Look(colours[i % len(colours)], line, marker, (names or {}).get(label, label))
    return found


def names_of(spec: Spec) -> dict[str, str]:
    """Label -> the algorithm's name in legends: a label if one was given, else the title of its class.

    A label that tells an algorithm from one of the same class without a label stands in brackets: "Pareto UCB1 Gossip (no gossip)".
    """
    classes = PROTOCOLS[spec.experiment.protocol].shipped
    titles = {one.name: getattr(classes.get(one.name), "title", "") or one.name for one in spec.algorithms}
    unlabelled = {one.name for one in spec.algorithms if one.label == one.name}
    found = {}
    for one in spec.algorithms:
        beside = one.name in unlabelled and one.label != one.name
        found[one.label] = f"{titles[one.name]} ({one.label.replace('_', ' ')})" if beside else one.label
        found[one.label] = titles[one.name] if one.label == one.name else found[one.label]
    return found


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


def in_brief(value: Any) -> str:
    """A swept value beside a figure: tables as "message loss 0.3, symmetric loss", truth as in TOML."""
    text = str(value).lower() if str(value) in ("True", "False") else str(value)
    if text.startswith("{"):
        with suppress(ValueError):
            text = ", ".join(in_words(key, value) for key, value in json.loads(text).items())
    return text if len(text) <= BRIEF else text[: BRIEF - 3] + "..."


def in_words(key: str, entry: Any) -> str:
    """One parameter: "message loss 0.3"; "symmetric loss" for true; the bare key for lists of tables, such as partitions."""
    if key == "keep_state":
        return "state kept" if entry else "state lost"
    name = key.replace("_", " ")
    if isinstance(entry, bool):
        return name if entry else f"no {name}"
    return name if isinstance(entry, list) else f"{name} {entry:g}" if isinstance(entry, int | float) else f"{name} {entry}"


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
