"""Logged rewards as environments: tables whose rows are numbered, and logs of pulls whose agents and arms have names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.environments import reward_models as models
from gossipmab.utils.array_files import from_zero, load_columns, numbered, whole
from gossipmab.utils.errors import InputError, shown
from gossipmab.utils.frames import read_columns, series, unnamed
from gossipmab.utils.safe_read import is_file
from gossipmab.utils.types import Floats, Integers

SHOWN = 10  # arms that a note names
Column = Annotated[str, Field(min_length=1)]


class Labels(NamedTuple):
    """The names (N,) of agents and (K,) of arms, () where they are numbers; note: what was left out of the data, "" if nothing."""

    agents: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    note: str = ""


class Logged(NamedTuple):
    """Rewards from data, and the names in it."""

    model: models.Table | models.Rounds
    labels: Labels = Labels()


class Log(NamedTuple):
    """A log of pulls, a row each, with the names of its columns."""

    file: Annotated[str, Field(min_length=1, max_length=100, description="a .csv or .parquet file, a row for every pull")]
    agent: Annotated[Column, Field(description="the column of the agents' names")] = "agent"
    arm: Annotated[Column, Field(description="the column of the arms' names")] = "arm"
    rewards: Annotated[
        Column | Annotated[Sequence[Column], Field(min_length=1)] | None,
        Field(description="the columns of rewards in [0, 1], one an objective; reward_1, reward_2, ... by default"),
    ] = None
    least: Annotated[int, Field(ge=1, description="an arm is left out if some agent has fewer rows of it")] = 20

    def logged(self, source: Any, key: str = "environment.log") -> Logged:
        """The rewards of the log, read from `source` in the place of its file.

        Raises:
            InputError: a column is missing or is there twice, a label is missing, a reward is missing or outside [0, 1], or no arm
                has enough rows of every agent.
        """
        chosen = [self.rewards] if isinstance(self.rewards, str) else self.rewards
        names: list[str] = []

        def choose(there: Sequence[str]) -> tuple[list[str], list[str]]:
            names[:] = list(chosen) if chosen else series(there, "reward")
            return [self.agent, self.arm], names

        [(agent, agents), (arm, arms)], columns = read_columns(source, key, choose)
        for name, values in zip(names, columns, strict=True):
            check_unit(values, name, key)
        counts = np.bincount(agent * len(arms) + arm, minlength=len(agents) * len(arms)).reshape(len(agents), len(arms))
        kept = np.asarray((counts >= self.least).all(axis=0))
        if not kept.any():
            nearest = int(np.argmax(counts.min(axis=0)))
            fewest = int(np.argmin(counts[:, nearest]))
            where = (
                f"the nearest is arm {shown(arms[nearest])}, of which agent {shown(agents[fewest])} has {counts[fewest, nearest]}"
            )
            advice = "leave agents out, or choose a smaller `least`"
            raise InputError(f"{key}: no arm has {self.least} rows of every agent; {where}; {advice}")
        rows = kept[arm]
        played = tuple(name for name, here in zip(arms, kept, strict=True) if here)
        place = np.cumsum(kept) - 1
        table = table_of(agent[rows], place[arm[rows]], np.column_stack([x[rows] for x in columns]), len(agents), len(played))
        note = left_out([name for name, here in zip(arms, kept, strict=True) if not here], len(arms), self.least)
        return Logged(table, Labels(() if unnamed(agents) else agents, () if unnamed(played) else played, note))


def left_out(arms: Sequence[str], of: int, least: int) -> str:
    """The note on arms that are left out; "" if none is."""
    if not arms:
        return ""
    more = f" and {len(arms) - SHOWN} more" if len(arms) > SHOWN else ""
    return f"log: {len(arms)} of {of} arms left out, with fewer than {least} rows of some agent: {', '.join(arms[:SHOWN])}{more}"


def check_unit(values: Floats, name: str, key: str) -> None:
    """Raise InputError unless all values of the column are numbers in [0, 1]."""
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values))) + 1
        raise InputError(f"{key}: column {name!r} has no number in row {row}, allowed are numbers in [0, 1]")
    low, high = values.min(), values.max()
    if low < 0 or high > 1:
        row = int(np.argmax((values < 0) | (values > 1)))
        shifted = f"(x - {low:g})" if low < 0 else "x"
        to_unit = f"{shifted} / {high - min(low, 0.0):g}"
        what = f"has {values[row]:g} in row {row + 1}, allowed are numbers in [0, 1], such as {to_unit}"
        raise InputError(f"{key}: column {name!r} {what}")


def table_of(agent: Integers, arm: Integers, rewards: Floats, agents: int, arms: int) -> models.Table:
    """The reward model of logged rewards (M, D) of pulls, every pair of agent and arm among them."""
    pair = agent * arms + arm
    counts = np.bincount(pair, minlength=agents * arms)
    rows = np.ascontiguousarray(rewards[np.argsort(pair, kind="stable")])
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    means = np.add.reduceat(rows, first[:-1], axis=0) / counts[:, None]
    return models.Table(means.reshape(agents, arms, -1), rows, first)


def read_logged_rewards(path: str | Path) -> models.Table:
    """The reward model of a table of numbers. Raises InputError if an (agent, arm) pair has no row."""
    key = "environment.logged_rewards"
    file = Path(path)
    if file.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"{key}: {str(path)!r} has suffix {file.suffix!r}, allowed are .csv, .parquet")
    if not is_file(file):
        raise InputError(f"{key}: there is no file {str(path)!r}")
    columns = load_columns(file, key)
    agent, arm, logged = whole(columns, "agent", key), whole(columns, "arm", key), numbered(columns, "reward", key)
    if not agent.size:
        raise InputError(f"{key}: {file.name!r} has no rows")
    N, K = int(agent.max()) + 1, int(arm.max()) + 1
    if N * K > agent.size:
        raise InputError(
            f"{key}: {N} agents and {K} arms need at least {N * K} rows, one a pair; got {agent.size}{from_zero(agent, arm)}"
        )
    counts = np.bincount(agent * K + arm, minlength=N * K)
    if (counts == 0).any():
        missing = int(np.argmin(counts))
        what = f"has no row for arm {missing % K}, each pair needs at least one{from_zero(agent, arm)}"
        raise InputError(f"{key}: agent {missing // K} {what}")
    return table_of(agent, arm, logged, N, K)


def means_of(frame: Any, agent: str, arm: str, means: Sequence[str] | None) -> tuple[Floats, Labels]:
    """The means (N, K, D) of a table with a row for every agent and arm, and the names in it; see `Environment.from_dataframe`."""
    key, names = "environment.means", list(means or ())

    def choose(there: Sequence[str]) -> tuple[list[str], list[str]]:
        names[:] = names or [name for name in there if name not in (agent, arm)]
        return [agent, arm], names

    [(i, agents), (k, arms)], columns = read_columns(frame, key, choose)
    counts = np.bincount(i * len(arms) + k, minlength=len(agents) * len(arms))
    if not names or (counts != 1).any():
        place = int(np.argmax(counts != 1))
        pair = f"agent {shown(agents[place // len(arms)])} and arm {shown(arms[place % len(arms)])} have {counts[place]} rows"
        raise InputError(f"{key}: {pair if names else 'the table has no column of means'}, allowed is one for every agent and arm")
    array = np.empty((len(agents), len(arms), len(names)))
    array[i, k] = np.column_stack(columns)
    if not np.isfinite(array).all():
        at, arm_at, d = (int(index) for index in np.argwhere(~np.isfinite(array))[0])
        where = f"agent {shown(agents[at])} and arm {shown(arms[arm_at])}"
        raise InputError(f"{key}: column {names[d]!r} has no number for {where}")
    return array, Labels(() if unnamed(agents) else agents, () if unnamed(arms) else arms)
