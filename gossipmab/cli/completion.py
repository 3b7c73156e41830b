"""Values that the shell completes: names that the package ships, and the choices of options; else files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gossipmab.utils.resources import shipped_files

Suggest = Callable[[str], list[str]]
ENGINES = ("threads", "ray", "actors")
STUDIES = ("spectral-gap", "connectivity", "failures", "communication", "scaling")


def one_of(names: Sequence[str]) -> Suggest:
    """Completes to these names."""

    def suggest(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return suggest


def experiments(incomplete: str) -> list[str]:
    """Completes to shipped experiments."""
    return one_of(list(shipped_files("experiments", [".toml"])))(incomplete)


def topologies(incomplete: str) -> list[str]:
    """Completes to shipped base graphs."""
    return one_of(list(shipped_files("topologies", [".toml", ".edges", ".graphml"])))(incomplete)
