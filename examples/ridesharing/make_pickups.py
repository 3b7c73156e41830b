"""Make experiments/pickups.csv: pick-ups of a city that is not real, in the columns of public trip files.

    python examples/ridesharing/make_pickups.py experiments/pickups.csv

Two rows in three lie around twelve places along an island of 0.06 by 0.15 degrees, normally distributed with a standard
deviation of 0.01 degrees; the others anywhere on it. One in 150 has no place, as in real files, where it is 0, 0.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROWS, PLACES, SPREAD = 4_500, 12, 0.01


def main(file: Path) -> None:
    """Write the file."""
    generator = np.random.default_rng(2016)
    along, across = generator.uniform(0.0, 1.0, PLACES), generator.uniform(-1.0, 1.0, PLACES)
    weights = 1.0 / np.arange(1, PLACES + 1)
    place = generator.choice(PLACES, ROWS, p=weights / weights.sum())
    background = generator.random(ROWS) < 1 / 3
    u = np.where(background, generator.uniform(0.0, 1.0, ROWS), along[place])
    v = np.where(background, generator.uniform(-1.0, 1.0, ROWS), across[place])
    noise = np.where(background[:, None], 0.0, generator.normal(0.0, SPREAD, (ROWS, 2)))
    longitude = -74.01 + 0.06 * u + 0.012 * v + noise[:, 0]
    latitude = 40.70 + 0.15 * u - 0.005 * v + noise[:, 1]
    lost = generator.random(ROWS) < 1 / 150
    lines = [f"{0 if gone else x:.4f},{0 if gone else y:.4f}" for gone, x, y in zip(lost, longitude, latitude, strict=True)]
    file.write_text("\n".join(["pickup_longitude,pickup_latitude", *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
