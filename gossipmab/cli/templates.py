"""The commented starters of `gossipmab new`: an experiment, a base graph, an algorithm in a package of its own."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path
from string import Template

from gossipmab.utils.errors import InputError, unknown

FOLDER = Path(__file__).parent / "starters"
SCHEMA = "experiment.schema.json"
STARTERS = {"gossip": "experiment.toml", "marl": "game.toml"}  # protocol -> the template
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
MODULE = re.compile(r"[a-z][a-z0-9_]{0,99}")


def write_experiment(name: str, folder: Path, schema: str, protocol: str = "gossip") -> list[str]:
    """Write NAME.toml, and the schema beside it unless one is there; what was written, and what to do next.

    protocol: one of STARTERS.

    Raises:
        InputError: the name is none for a file; the file is there; another protocol.
    """
    if protocol not in STARTERS:
        raise unknown("--protocol", protocol, STARTERS)
    name = _plain(name.removesuffix(".toml"))
    lines = [_write(folder / f"{name}.toml", _filled(STARTERS[protocol], name=name))]
    if not (folder / SCHEMA).exists():
        lines.append(_write(folder / SCHEMA, schema))
    return [*lines, f"next: gossipmab run {folder / name}.toml"]


def write_topology(name: str, folder: Path) -> list[str]:
    """Write NAME.toml, or NAME.edges if the name ends so. Returns the lines to print: the file, and the next command.

    Raises:
        InputError: the name is none for a file; the file is there.
    """
    suffix = ".edges" if name.endswith(".edges") else ".toml"
    name = _plain(name.removesuffix(suffix))
    file = folder / (name + suffix)
    agents = "" if suffix == ".edges" else " --agents 12"
    return [_write(file, _filled(f"topology{suffix}", name=name)), f"next: gossipmab topology {file}{agents}"]


def write_algorithm(name: str, folder: Path) -> list[str]:
    """Write NAME/, a package with the algorithm NAME; what was written, and what to do next.

    Raises:
        InputError: the name is none for a module, or one that is taken; the folder is there.
    """
    if not MODULE.fullmatch(name) or keyword.iskeyword(name):
        raise InputError(f"NAME: got {name!r}, allowed is a module's name: a to z, digits and _, a letter first")
    package = folder / name
    if package.exists():
        raise InputError(f"{package} is there already and stays as it is: choose another NAME or --out")
    if importlib.util.find_spec(name) is not None:
        raise InputError(f"NAME: got {name!r}, which is the name of a module already; choose another one")
    from gossipmab.algorithms import PROTOCOLS

    if any(name in algorithms for algorithms in PROTOCOLS.values()):
        raise InputError(f"NAME: got {name!r}, which is the name of an algorithm already; choose another one")
    package.mkdir(parents=True)
    kind = "".join(word.capitalize() for word in name.split("_"))
    lines = []
    for template in sorted((FOLDER / "algorithm").iterdir()):
        file = package / template.name.removesuffix(".txt").replace("NAME", name)
        lines.append(_write(file, _filled(f"algorithm/{template.name}", name=name, kind=kind)))
    return [*lines, f"next: pip install -e {package} && gossipmab run {package / name}.toml"]


def _plain(name: str) -> str:
    if not PLAIN.fullmatch(name):
        raise InputError(f"NAME: got {name!r}, allowed are letters, digits, - and _, at most 100 (--out takes a folder)")
    return name


def _filled(template: str, **values: str) -> str:
    return Template((FOLDER / template).read_text(encoding="utf-8")).substitute(values)


def _write(file: Path, text: str) -> str:
    """Write a file that must not be there; its path."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise InputError(f"{file} is there already and stays as it is: choose another NAME or --out") from None
    return str(file)
