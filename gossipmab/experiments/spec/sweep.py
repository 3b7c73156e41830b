"""The sweep of an experiment: dotted keys, the points of their cross product, and readable ids of cells.

A sweep is data: `"network.link_probability" = [0.1, 0.3]`, and a list of points beside or instead of the cross product, one
`[[sweep.points]]` each, with a value for every key of the list. Both together are the product of the list and the rest.

A key leads into a section, or into the hyperparameters of an algorithm: "algorithms.<label>.<parameter>", or
"algorithms.*.<parameter>" for every algorithm that has it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gossipmab.algorithms import PROTOCOLS
from gossipmab.experiments.spec.hyperparameters import defaults_of
from gossipmab.metrics.columns import is_reserved
from gossipmab.utils.errors import InputError, shown, unknown

RESERVED_FILE_NAMES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # Windows devices, whatever the suffix
LONGEST_ID = 120  # file names end at 255 bytes on common file systems; a suffix and a temporary name must fit
MOST_CELLS = 1_000_000
MOST_VALUES = 10 * MOST_CELLS  # of all points together
FIXED = (
    "experiment.name",
    "experiment.description",
    "experiment.trials",
    "experiment.recorded_rounds",
    "experiment.protocol",
    "experiment.extra_objectives",
)


def flattened(table: Mapping[str, Any], prefix: str = "") -> dict[str, list[Any]]:
    """Dotted key -> values, whether the keys were quoted or written as TOML's nested tables."""
    flat: dict[str, list[Any]] = {}
    for name, values in table.items():
        key = f"{prefix}{name}"
        inner = flattened(values, key + ".") if isinstance(values, dict) else {key: values}
        for full, given in inner.items():
            if full in flat:
                raise InputError(f"sweep: {full!r} is given twice")
            if not isinstance(given, list) or not given:
                raise InputError(f"sweep.{full}: got {shown(given)}, allowed is a list of one or more values")
            flat[full] = given
    return flat


def listed(tables: Any) -> list[dict[str, Any]]:
    """The points of [[sweep.points]]: dotted key -> value, whether the keys were quoted or not.

    Raises:
        InputError: not tables, or tables with different keys.
    """
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) and table for table in tables):
        raise InputError(f"sweep.points: got {shown(tables)}, allowed are tables [[sweep.points]] of dotted keys and values")
    found: list[dict[str, Any]] = []
    for table in tables:
        point: dict[str, Any] = {}
        for name, value in table.items():
            nested = isinstance(value, dict) and "." not in name
            inner = {f"{name}.{key}": one for key, one in value.items()} if nested else {name: value}
            for key, one in inner.items():
                if key in point:
                    raise InputError(f"sweep.points: {key!r} is given twice in point {len(found) + 1}")
                point[key] = one
        if found and set(point) != set(found[0]):
            odd = sorted(set(point) ^ set(found[0]))[0]
            raise InputError(f"sweep.points: point {len(found) + 1} and the first differ in {odd!r}; all need the same keys")
        found.append({key: point[key] for key in found[0]} if found else point)
    return found


def points(crossed: Mapping[str, Sequence[Any]], listed: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """The listed points, each with the cross product in file order, the last key fastest; one empty point without a sweep."""
    total = max(1, len(listed))
    for values in crossed.values():
        total *= len(values)
        if total > MOST_CELLS:
            raise InputError(f"sweep: more than {MOST_CELLS} points")
    if total * len(crossed) > MOST_VALUES:
        raise InputError(f"sweep: more than {MOST_VALUES} values at all points together")
    products = [dict(zip(crossed, values, strict=True)) for values in itertools.product(*crossed.values())]
    return [{**point, **product} for point in listed or [{}] for product in products]


def with_values(data: Mapping[str, Any], values: Mapping[str, Any], what: str = "sweep", trusted: bool = False) -> dict[str, Any]:
    """A copy of the experiment's data with the dotted keys set; tables that do not change are shared.

    Parameters' own names are not checked here. trusted: unknown algorithms have the hyperparameters that stand in the data.
    """
    changed = dict(data)
    if isinstance(changed.get("algorithms"), list):
        changed["algorithms"] = [dict(one) if isinstance(one, dict) else one for one in changed["algorithms"]]
    for key, value in values.items():
        section, _, rest = key.partition(".")
        if not rest:
            raise InputError(f"{what}: {key!r} is not a dotted key such as 'network.link_probability'")
        if section == "algorithms":
            for owner, parameter in _owners(changed, rest, f"{what} {key!r}", trusted):
                owner[parameter] = value
        else:
            _set(changed, section, rest, value, what)
    return changed


def _set(data: dict[str, Any], section: str, rest: str, value: Any, what: str) -> None:
    """Set "network.link_probability", or "network.base.k", a parameter of a generator, in copies of the tables on the way."""
    data.setdefault(section, {})
    table: Any = data
    *inner, last = rest.split(".")
    for step in (section, *inner):
        if not isinstance(table.get(step), dict):
            raise InputError(f"{what}: there is no table {'.'.join([section, *inner])!r} to hold {last!r}")
        table[step] = dict(table[step])
        table = table[step]
    table[last] = value


def _owners(data: Mapping[str, Any], rest: str, what: str, trusted: bool) -> Iterator[tuple[dict[str, Any], str]]:
    """The algorithm tables that "<label>.<parameter>" or "*.<parameter>" means. Labels may hold dots."""
    label, _, parameter = rest.rpartition(".")
    given = data.get("algorithms")
    tables = [t for t in given if isinstance(t, dict) and isinstance(t.get("name"), str)] if isinstance(given, list) else []
    labels = {str(table.get("label", table["name"])): table for table in tables}
    experiment = data.get("experiment")
    protocol = experiment.get("protocol", "gossip") if isinstance(experiment, dict) else "gossip"
    # a wrong one is found when the sections are checked
    protocol = protocol if protocol in list(PROTOCOLS) else "gossip"

    def parameters(table: dict[str, Any]) -> list[str]:
        if trusted and table["name"] not in PROTOCOLS[protocol]:
            return list(table)
        return list(defaults_of(protocol, table["name"]))

    if label == "*":
        owners = [table for table in tables if parameter in parameters(table)]
        if not owners:
            raise unknown(f"{what}: hyperparameter", parameter, {p for t in tables for p in parameters(t)})
    elif label in labels:
        owners = [labels[label]]
        if parameter not in parameters(owners[0]):
            raise unknown(f"{what}: hyperparameter", parameter, parameters(owners[0]))
    else:
        raise unknown(f"{what}: algorithm label", label, labels)
    for owner in owners:
        yield owner, parameter


def columns(keys: Sequence[str]) -> dict[str, str]:
    """Dotted key -> column name: the last part if that is unambiguous and no column of the tables, else the whole key."""
    last = Counter(key.rpartition(".")[2] for key in keys)
    return {k: k if last[s] > 1 or is_reserved(s) else s for k in keys for s in [k.rpartition(".")[2]]}


def scalar(value: Any) -> bool | int | float | str:
    """A sweep value as it stands in a column: a list or a table as compact JSON."""
    kind = next((key for key in ("generator", "process", "model") if isinstance(value, dict) and key in value), None)
    if kind is not None:
        inner = ", ".join(f"{k}={v}" for k, v in value.items() if k != kind)
        return f"{value[kind]}({inner})"
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True)
    return value  # type: ignore[no-any-return]


def safe(text: str) -> str:
    """The text with every character that a file name had better not hold replaced."""
    name = re.sub(r"[^A-Za-z0-9._=+-]+", "-", text).strip("-.") or "x"
    return f"x-{name}" if RESERVED_FILE_NAMES.match(name) else name


def kept_apart(text: str) -> str:
    """A file name of this text and no other: `safe`, and a hash if that replaces anything."""
    name, digest = safe(text), hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()
    return name if name == text else f"{name}-{digest[:8]}"


def cell_ids(described: Sequence[tuple[Mapping[str, Any], str, int]]) -> list[str]:
    """Readable ids such as `link_probability=0.3__pareto_ucb__trial003`, unique even where case does not count.

    An id that had to be shortened, or that another cell would share, ends in a hash of what it stands for.
    """
    names = columns(list(described[0][0])) if described else {}
    ids = []
    for point, label, trial in described:
        parts = [safe(f"{names[key]}={scalar(value)}") for key, value in point.items()]
        ids.append("__".join([*parts, safe(label), f"trial{trial:03d}"]))
    shared = Counter(name.lower() for name in ids)
    for index, (name, what) in enumerate(zip(ids, described, strict=True)):
        if len(name) > LONGEST_ID or shared[name.lower()] > 1:
            digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
            ids[index] = f"{name[: LONGEST_ID - 30]}__trial{what[2]:03d}__{digest}"
    return ids
