"""Environments from public data sets, by name: `gm.datasets.ridesharing`, and `dataset = { name = "ridesharing", ... }` in a file.

Ridesharing is the case study of Xu, Liu, Mattei, Zheng, "Fair Algorithms with Probing for Multi-Agent Multi-Armed Bandits", AAAI
2026: vehicles, at fixed places, are the agents; zones of pick-ups, cells of a grid of 0.01 degrees, the arms; a reward is the
closeness of a pick-up to the vehicle by the normalised Manhattan distance.

Departure: the paper does not say what pick-up makes the reward of a round. Here a round has one pick-up in every zone, drawn from
the zone's, which all vehicles see; so rewards of different vehicles are correlated.
Departure: "within city bounds" is the box that leaves out 1 % of the pick-ups on every side. Degrees of longitude are scaled by the
cosine of the latitude, and distances normalised by the largest of a vehicle to a pick-up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.environments.environment import Environment
from gossipmab.environments.logs import Labels, Logged
from gossipmab.environments.reward_models import Rounds
from gossipmab.utils.errors import InputError
from gossipmab.utils.frames import read_columns
from gossipmab.utils.parameters import coerce, suggesting_arguments
from gossipmab.utils.rng import Purpose, stream
from gossipmab.utils.types import Floats, Integers

BEFORE = ("pickup", "pickupcentroid", "start", "startstation", "origin", "")  # of the words below, in the names of columns
LONGITUDE, LATITUDE = ("longitude", "lon", "lng"), ("latitude", "lat")
FAR = 0.5  # degrees from the median: another city, or a mistake
FEWEST = 20  # pick-ups of a zone
KEY = "environment.dataset"


class Ridesharing(NamedTuple):
    """Vehicles that are assigned to zones of pick-ups; a reward is the closeness of the zone's pick-up of the round."""

    file: Annotated[str, Field(min_length=1, max_length=100, description="a .csv or .parquet file, a row for every pick-up")]
    vehicles: Annotated[int, Field(ge=1, le=100_000, description="N, placed at random within the city's bounds")] = 12
    zones: Annotated[int, Field(ge=1, le=10_000, description="K: the cells of the grid with the most pick-ups")] = 8
    cell: Annotated[float, Field(gt=0, le=1, description="side of a cell of the grid, degrees")] = 0.01
    rounds: Annotated[int, Field(ge=1, le=100_000, description="the most rounds that are made of the pick-ups")] = 500

    def logged(self, source: Any, seed: int, trial: int) -> Logged:
        """The rewards of rounds made of the pick-ups of `source`, with vehicles placed by the stream of seed and trial.

        r[j,k] = 1 - ( abs(x_j - x_k) + abs(y_j - y_k) ) / largest

        Raises:
            InputError: no columns of longitude and latitude, or fewer zones with 20 pick-ups than are wanted.
        """
        (lon, lat), dropped = pickups_of(source)
        chosen, cells = self._busiest(lon, lat)
        generator = stream(seed, trial=trial, purpose=Purpose.ENVIRONMENT)
        shrink = np.cos(np.radians(np.median(lat)))
        (west, east), (south, north) = np.quantile(lon, [0.01, 0.99]), np.quantile(lat, [0.01, 0.99])
        x = generator.uniform(west, east, self.vehicles)[:, None, None] * shrink
        y = generator.uniform(south, north, self.vehicles)[:, None, None]
        M = min(self.rounds, *(len(rows) for rows in chosen))
        seen = np.stack([generator.permutation(rows)[:M] for rows in chosen], axis=1)
        distance = np.abs(x - lon[seen] * shrink) + np.abs(y - lat[seen])
        rewards = (1.0 - distance / distance.max())[..., np.newaxis]
        digits = max(0, int(np.ceil(-np.log10(self.cell) - 1e-9)))
        zones = tuple(f"{b * self.cell:.{digits}f}, {a * self.cell:.{digits}f}" for a, b in cells)  # latitude first, as maps do
        note = f"ridesharing: {dropped} of {dropped + len(lon)} pick-ups left out, without coordinates or far from all others"
        labels = Labels(tuple(f"vehicle {j + 1}" for j in range(self.vehicles)), zones, note if dropped else "")
        return Logged(Rounds(rewards.mean(axis=1), rewards), labels)

    def _busiest(self, lon: Floats, lat: Floats) -> tuple[list[Integers], list[tuple[int, int]]]:
        """Of the cells with the most pick-ups, of equals the south-western first: the pick-ups, and the cells' indices."""
        grid = np.stack([np.floor(lat / self.cell + 1e-9), np.floor(lon / self.cell + 1e-9)], axis=1).astype(np.int64)
        cells, place, counts = np.unique(grid, axis=0, return_inverse=True, return_counts=True)
        best = np.argsort(-counts, kind="stable")[: self.zones]
        if len(best) < self.zones or counts[best[-1]] < FEWEST:
            enough = int((counts >= FEWEST).sum())
            raise InputError(
                f"{KEY}.zones: got {self.zones}, but {enough} cells of {self.cell:g} degrees have {FEWEST} pick-ups or more"
            )
        rows = [np.flatnonzero(place.ravel() == index) for index in best]
        return rows, [(int(cells[index, 1]), int(cells[index, 0])) for index in best]


DATASETS = {"ridesharing": Ridesharing}


def pickups_of(source: Any) -> tuple[tuple[Floats, Floats], int]:
    """(M,) longitudes and latitudes of the pick-ups within a city, and how many others were dropped.

    Columns are found by their names, as public trip files have them: pickup_longitude, Start_Lon, "Pickup Centroid Longitude", lng.
    Dropped are rows with a coordinate that is missing, 0 or impossible, or half a degree from the median.
    """

    def choose(names: Sequence[str]) -> tuple[list[str], list[str]]:
        return [], [column_of(names, LONGITUDE), column_of(names, LATITUDE)]

    _, (lon, lat) = read_columns(source, KEY, choose)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(lon) & np.isfinite(lat) & (lon != 0) & (lat != 0) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
        if good.any():
            good &= (np.abs(lon - np.median(lon[good])) <= FAR) & (np.abs(lat - np.median(lat[good])) <= FAR)
    if not good.any():
        raise InputError(f"{KEY}: no row has a longitude and a latitude other than 0")
    return (lon[good], lat[good]), int((~good).sum())


def column_of(names: Sequence[str], words: Sequence[str]) -> str:
    """The column of this coordinate of pick-ups. Raises InputError if none is called so."""
    plain = {re.sub("[^a-z]", "", str(name).lower()): name for name in reversed(names)}
    for before, word in product(BEFORE, words):
        if before + word in plain:
            return plain[before + word]
    raise InputError(f"{KEY}: no column of the {words[0]} of pick-ups, such as pickup_{words[0]}; got {', '.join(map(str, names))}")


@suggesting_arguments
def ridesharing(
    pickups: Any, vehicles: int = 12, zones: int = 8, cell: float = 0.01, seed: int = 0, *, rounds: int = 500, trial: int = 0
) -> Environment:
    """The ridesharing case study: vehicles (agents) that are assigned to zones (arms) of pick-ups.

    In a round every zone has one pick-up, the same for all vehicles. For `gm.simulate` with the algorithms of the protocol
    assignment, such as `gm.OFMUP()`; other protocols play it, too.

    >>> place = {"lon": [-74.005, -73.985] * 30, "lat": [40.705, 40.755] * 30}
    >>> environment = ridesharing(place, vehicles=3, zones=2)
    >>> environment.means.shape, environment.labels.arms
    ((3, 2, 1), ('40.70, -74.01', '40.75, -73.99'))

    Args:
        pickups: a DataFrame, a mapping of columns, or a .csv or .parquet file, with columns of longitude and latitude called as
            public trip files do, see `pickups_of`.
        vehicles: N, placed at random within the city's bounds, fixed in a trial.
        zones: K, the cells with the most pick-ups; their names are latitude and longitude of the south-western corner.
        cell: side of a cell of the grid, degrees.
        seed, trial: of the stream that places the vehicles and makes the rounds.
        rounds: the most rounds that are made of the pick-ups; each has one of every zone.

    Raises:
        InputError: no such columns, too few pick-ups, a value out of range.
    """
    given = {"vehicles": vehicles, "zones": zones, "cell": cell, "rounds": rounds}
    chosen = Ridesharing("", **coerce(Ridesharing, given, "ridesharing", without=("file",)))
    return Environment.from_data(chosen.logged(pickups, seed, trial), seed=seed, trial=trial)
