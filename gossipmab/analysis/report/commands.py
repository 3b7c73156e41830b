"""The commands that run an experiment again, from the folder that holds the run folder."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

from gossipmab.experiments.spec.loading import load_spec
from gossipmab.utils.errors import InputError

if TYPE_CHECKING:
    from gossipmab.experiments.results import Results


class Command(NamedTuple):
    """A command and what it does."""

    text: str
    does: str


def commands(results: Results) -> list[Command]:
    """The command that runs it again, and those that look at it."""
    folder, name = results.path.resolve().name, results.spec.experiment.name
    again = ["run", name] if same_as_shipped(results) else ["run", folder, "--out", f"{folder}-again"]
    lines = {
        shlex.join(again): "runs it again, to the same bits on the same versions and kind of machine",
        shlex.join(["verify", folder]): "checks this run's files, and plays one cell again",
        shlex.join(["summary", folder]): "prints the tables",
    }
    return [Command(f"gossipmab {line}", does) for line, does in lines.items()]


def same_as_shipped(results: Results) -> bool:
    """Whether the shipped experiment of this name is this very experiment."""
    try:
        return load_spec(results.spec.experiment.name).hash == results.spec.hash
    except InputError:
        return False
