"""Names of the files that come with the package: topologies and experiments, installed or in a checkout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.safe_read import is_file

PACKAGE_ROOT = Path(__file__).resolve().parents[1]


def shipped_folder(kind: str) -> Path:
    """The folder of shipped "topologies" or "experiments": inside the wheel, or beside the package in a checkout."""
    installed = PACKAGE_ROOT / "_shipped" / kind
    return installed if installed.is_dir() else PACKAGE_ROOT.parent / kind


def shipped_files(kind: str, suffixes: Sequence[str]) -> dict[str, Path]:
    """Name (file name without suffix) -> path of every shipped file of this kind, sorted by name."""
    folder = shipped_folder(kind)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {file.stem: file for file in files if file.suffix.lower() in suffixes and file.is_file()}


def resolve(name: str | Path, kind: str, suffixes: Sequence[str], key: str = "") -> Path:
    """The file that `name` means: the user's own path first, then the shipped file of that name.

    Args:
        name: a path that ends in one of `suffixes`, or the name of a shipped file with or without its suffix.
        kind: "topologies" or "experiments".
        suffixes: what a file of this kind may end in, such as (".toml", ".edges").
        key: what error messages call the input; `kind` by default.

    Raises:
        InputError: no such file (with the nearest spelling and the shipped names), or another suffix.
    """
    key, text, files = key or kind, str(name), shipped_files(kind, suffixes)
    found = is_file(Path(text))
    known = Path(text).suffix.lower() in suffixes
    if found and known:
        return Path(text)
    plain = Path(text).name == text
    if plain and text in files:
        return files[text]
    if plain and any(file.name == text for file in files.values()):
        return files[Path(text).stem]
    if found:
        raise InputError(f"{key}: file {text!r} must end in {' or '.join(suffixes)}")
    if not plain or known:
        raise InputError(f"{key}: there is no file {text!r} (shipped: {', '.join(files)})")
    raise unknown(key, text, files)
