"""Classes of other distributions, by entry points, and classes that a caller passed: known by name beside the shipped ones.

A plug-in is found by name and loaded when the name is used, not before: one that is broken breaks nothing but its own use.
A shipped name always means the shipped class; `gossipmab list` reports plug-ins that claim one.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property, lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, NamedTuple

from gossipmab.utils.code_identity import code_hash
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.parameters import suggesting

ALGORITHMS, LINKS, REWARDS, OBJECTIVES = ("gossipmab.algorithms", "gossipmab.links", "gossipmab.rewards", "gossipmab.objectives")
GAMES = "gossipmab.marl.games"


class Origin(NamedTuple):
    """The origin of a class. object: "module:Class". distribution, version: "" for a class that the caller passed.

    sources: SHA-256 of its code and of the file that defines it, if there is one.
    """

    group: str
    name: str
    object: str
    distribution: str
    version: str
    sources: str

    @property
    def version_text(self) -> str:
        """Its version and the start of its sources' hash, for the provenance."""
        return f"{self.version} {self.sources[:16]}".strip() or "unknown"


class Registry(Mapping[str, type]):
    """Name -> class: the shipped ones, and plug-ins of one group of entry points. Iterating names loads nothing."""

    def __init__(self, group: str, shipped: Mapping[str, type] | str, methods: tuple[str, ...]) -> None:
        """Of an annex, `shipped` is "module:DICTIONARY", of classes as `suggesting` gives them.

        methods: attributes that a class of another distribution must have.
        """
        self.group, self.methods, self._given = group, methods, shipped
        if not isinstance(shipped, str):
            _ = self.shipped  # now: the classes themselves are changed
        self._registered: dict[str, type] = {}
        self._present: dict[str, type] = {}  # registered for the experiment that is being read
        self._loaded: dict[str, type] = {}

    def __hash__(self) -> int:
        return hash(self.group)

    @cached_property
    def shipped(self) -> dict[str, type]:
        """Name -> class of this package; the module of an annex is imported now."""
        if isinstance(self._given, str):
            module, _, name = self._given.partition(":")
            return dict(getattr(import_module(module), name))
        return {name: suggesting(kind) for name, kind in self._given.items()}

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
        """The class of this name. Raises InputError, which names `key`, if there is none or it cannot be loaded."""
        if not isinstance(name, str) or (name not in self and ":" not in name):
            raise unknown(key, name, self)
        if name not in self:
            raise InputError(f"{key}: {name!r} was passed to gossipmab.run as a class; pass it again, under the same name")
        return self[name]

    def is_shipped(self, name: str) -> bool:
        """Whether the name means a class of this package."""
        return name in self.shipped

    def name_of(self, kind: type) -> str:
        """The name of a class, that of the class itself if it has no other. Loads nothing."""
        known = [*self.shipped.items(), *self._registered.items(), *self._loaded.items()]
        return next((name for name, one in known if one is kind), kind.__name__)

    def begin_experiment(self) -> None:
        """Names that end in a number begin again: in another process, the same experiment has the same names."""
        self._present.clear()

    def register(self, kind: type) -> str:
        """Register a class for this process. Returns its name, "module:Class"; of the second one of that name "module:Class#2"."""
        shipped = next((known for known, one in self.shipped.items() if one is kind), None)
        if shipped is not None:
            return shipped
        name, number = f"{kind.__module__}:{kind.__qualname__}", 1
        self.checked(kind, name)
        while self._present.setdefault(name, kind) is not kind:
            number += 1
            name = f"{kind.__module__}:{kind.__qualname__}#{number}"
        self.restore(name, kind)
        return name

    def restore(self, name: str, kind: type) -> None:
        """Register a class under the name that `register` gave it in another process."""
        self._registered[name] = kind

    def registered(self) -> dict[str, type]:
        """The classes registered by `register`, to be registered again in another process."""
        return dict(self._registered)

    def origin(self, name: str) -> Origin:
        """The origin of a class that is not shipped. Raises InputError as `self[name]`."""
        kind = self[name]
        path = f"{kind.__module__}:{kind.__qualname__}"
        if name in self._registered:
            return Origin(self.group, name, path, "", "", sources_of(kind))
        distribution = self.found[name][0].dist
        release = (distribution.name, distribution.version) if distribution is not None else ("unknown", "unknown")
        return Origin(self.group, name, path, *release, sources_of(kind))

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
        return self.checked(kind, f"plug-in {name!r}: {where}")

    def checked(self, kind: Any, source: str) -> type:
        """The class. Raises InputError, which begins with `source`, if it is none for this registry."""
        if not isinstance(kind, type):
            raise InputError(f"{source} is {kind!r}, allowed for {self.group} is a class")
        missing = [name for name in self.methods if not hasattr(kind, name)]
        if missing:
            raise InputError(f"{source} is no class for {self.group}: it has no {' and no '.join(missing)}")
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
    release = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "an unknown distribution"
    return f"{release} (entry point {entry.name} = {entry.value})"


def sources_of(kind: type) -> str:
    """SHA-256 of the class's code, with the globals that it reads now, and of its file as it was at the first call."""
    return hashlib.sha256((_file_hash(kind) + code_hash(kind)).encode()).hexdigest()


@lru_cache(256)
def _file_hash(kind: type) -> str:
    try:
        return hashlib.sha256(Path(inspect.getfile(kind)).read_bytes()).hexdigest()
    except (OSError, TypeError):
        return ""


def call_plugin(key: str, make: Callable[[], Any]) -> Any:
    """Call `make` of a plug-in. Raises InputError, which names the key, if it raises any exception."""
    try:
        return make()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{key}: is refused ({type(error).__name__}: {error})") from error
