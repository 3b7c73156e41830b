"""Classes of other distributions, by entry points, and classes that a caller passed: known by name beside the shipped ones.

A plug-in is found by name and loaded when the name is used, not before: one that is broken breaks nothing but its own use.
A shipped name always means what is shipped; a plug-in that claims one is refused, and `gossipmab list` says so.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from gossipmab.utils.errors import InputError, unknown

ALGORITHMS, LINKS, REWARDS, OBJECTIVES = (
    "gossipmab.algorithms", "gossipmab.links", "gossipmab.rewards", "gossipmab.objectives",
)  # fmt: skip
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


class Origin(NamedTuple):
    """Where a class is from. object: "module:Class". distribution, version: "" where it was passed by the caller.

    sources: SHA-256 of the file that defines it, "" where there is none, as in an interactive session.
    """

    group: str
    name: str
    object: str
    distribution: str
    version: str
    sources: str

    @property
    def said(self) -> str:
        """Its version, as provenance says it."""
        return f"{self.version} {self.sources[:16]}".strip() or "unknown"


class Registry(Mapping[str, type]):
    """Name -> class: the shipped ones, and plug-ins of one group of entry points. Iterating names loads nothing."""

    def __init__(self, group: str, shipped: Mapping[str, type], methods: tuple[str, ...]) -> None:
        """`methods`: what a class of another distribution must have."""
        self.group, self.shipped, self.methods = group, dict(shipped), methods
        self._registered: dict[str, type] = {}
        self._loaded: dict[str, type] = {}

    def __hash__(self) -> int:
        return hash(self.group)

    @property
    def found(self) -> dict[str, list[EntryPoint]]:
        """Name -> the entry points that claim it, shipped names among them."""
        return _entry_points(self.group)

    def __iter__(self) -> Iterator[str]:
        yield from self.shipped
        yield from (name for name in self.found if name not in self.shipped)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in self.shipped or name in self._registered or name in self.found

    def __getitem__(self, name: str) -> type:
        if name in self.shipped:
            return self.shipped[name]
        if name in self._registered:
            return self._registered[name]
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def get_named(self, key: str, name: object) -> type:
        """The class of this name. Raises InputError, naming `key`, where there is none or it cannot be loaded."""
        if not isinstance(name, str) or (name not in self and ":" not in name):
            raise unknown(key, name, self)
        if name not in self:
            raise InputError(
                f"{key}: {name!r} was passed to gossipmab.run as a class; pass it again, under the same name"
            )
        return self[name]

    def is_shipped(self, name: str) -> bool:
        """Whether the name means a class of this package."""
        return name in self.shipped

    def name_of(self, kind: type) -> str:
        """The name of a class, that of the class itself where it has no other. Loads nothing."""
        known = [*self.shipped.items(), *self._registered.items(), *self._loaded.items()]
        return next((name for name, one in known if one is kind), kind.__name__)

    def register(self, kind: type) -> str:
        """Make a class known for this process; its name, "module:Class"."""
        name = f"{kind.__module__}:{kind.__qualname__}"
        shipped = next((known for known, one in self.shipped.items() if one is kind), None)
        if shipped is not None:
            return shipped
        self._checked(kind, name)
        self._registered[name] = kind
        return name

    def registered(self) -> dict[str, type]:
        """What was lent, to be lent again in another process."""
        return dict(self._registered)

    def origin(self, name: str) -> Origin:
        """Where a class that is not shipped is from. Raises InputError as `self[name]`."""
        kind = self[name]
        path = f"{kind.__module__}:{kind.__qualname__}"
        if name in self._registered:
            return Origin(self.group, name, path, "", "", sources_of(kind))
        distribution = self.found[name][0].dist
        said = (distribution.name, distribution.version) if distribution is not None else ("unknown", "unknown")
        return Origin(self.group, name, path, *said, sources_of(kind))

    def _load(self, name: str) -> type:
        claims = self.found.get(name, [])
        if not claims:
            raise KeyError(name)
        where = " and ".join(map(described, claims))
        if len(claims) > 1:
            raise InputError(f"plug-in {name!r}: is claimed by {where}; uninstall one of them")
        try:
            kind = claims[0].load()
        except Exception as error:
            raise InputError(f"plug-in {name!r}: {where} does not load ({type(error).__name__}: {error})") from error
        return self._checked(kind, f"plug-in {name!r}: {where}")

    def _checked(self, kind: Any, who: str) -> type:
        if not isinstance(kind, type):
            raise InputError(f"{who} is {kind!r}, allowed for {self.group} is a class")
        missing = [name for name in self.methods if not hasattr(kind, name)]
        if missing:
            raise InputError(f"{who} is no class for {self.group}: it has no {' and no '.join(missing)}")
        return kind


@cache
def _entry_points(group: str) -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for one in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
        same = found.setdefault(one.name, [])
        if described(one) not in map(described, same):  # a distribution may be found twice on the path
            same.append(one)
    return found


def described(entry: EntryPoint) -> str:
    """The entry point with its distribution."""
    said = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "an unknown distribution"
    return f"{said} (entry point {entry.name} = {entry.value})"


@lru_cache(256)
def sources_of(kind: type) -> str:
    """SHA-256 of the file that defines the class as it was when first asked for, "" where there is none."""
    try:
        return hashlib.sha256(Path(inspect.getfile(kind)).read_bytes()).hexdigest()
    except (OSError, TypeError):
        return ""


def hints_of(kind: type, key: str) -> dict[str, Any]:
    """Field -> type of a class. Raises InputError where its hints cannot be read."""
    try:
        return _hints(kind)
    except Exception as error:
        raise InputError(f"{key}: the type hints of {kind.__name__} cannot be read ({error})") from error


_hints = lru_cache(256)(get_type_hints)


def arguments(
    key: str, kind: Any, given: Mapping[str, Any], skip: int = 0, what: str = "parameter", shown: Callable[[Any], str] = repr
) -> dict[str, Any]:  # fmt: skip
    """All fields of a NamedTuple but the first `skip`: those given, checked, and the defaults.

    Raises:
        InputError: an unknown parameter, one that is missing, or of another type than its hint says.
    """
    hints, known = hints_of(kind, key), kind._fields[skip:]
    for name in given:
        if name not in known:
            raise unknown(f"{key}: {what}", name, known)
    values = {}
    for name in known:
        value = given.get(name, kind._field_defaults.get(name))
        if value is None:
            raise InputError(f"{key}.{name} is required and not given")
        values[name] = coerce(f"{key}.{name}", hints[name], value, shown)
    return values


def coerce(key: str, kind: Any, value: Any, shown: Callable[[Any], str] = repr) -> Any:
    """The value as a parameter of this type (bool, int, float, str), an int as a float where that is asked for.

    Raises:
        InputError: another type of value, a number that is not finite, or a type that no parameter may have.
    """
    if kind not in WORDS:
        raise InputError(f"{key}: its type is {kind}, allowed for a parameter are bool, int, float, str")
    fits = type(value) is kind or (kind is float and type(value) is int)
    if not fits or (kind is float and not math.isfinite(value)):
        raise InputError(f"{key}: got {shown(value)}, allowed is {WORDS[kind]}")
    return kind(value)


def call_plugin(key: str, make: Callable[[], Any]) -> Any:
    """What `make` gives. Where foreign code refuses what it was given by another exception, InputError names the key."""
    try:
        return make()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{key}: is refused ({type(error).__name__}: {error})") from error
