"""The time of a sweep outside of playing: 2,000 tiny cells, from the command to the first round, and from the last round on.

The command runs in a process of its own, so that another version of the package can be measured by PYTHONPATH. A tracer within that
process notes when the first cell begins and when the last one ends.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXPERIMENT = """
[experiment]
name = "sweep"
horizon = 10
trials = 5
seed = 1

[environment]
agents = 4
arms = 3
objectives = 2

[network]
base = "ring"

[[algorithms]]
name = "pareto_ucb_gossip"

[[algorithms]]
name = "pareto_ucb"

[sweep]
"network.link_probability" = [{probabilities}]
"environment.heterogeneity" = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45]
"""
PROGRAM = """
import sys, threading, time
begin = time.perf_counter()
import gossipmab as gm
moments = []
class Moments(gm.Callback):
    def on_begin(self, *_): moments.append(time.perf_counter())
    def on_cell(self, *_): moments.append(time.perf_counter())
gm.run(sys.argv[1], out=sys.argv[2], workers=1, callbacks=[Moments()]).summary()
end = time.perf_counter()
print(moments[0] - begin, moments[-1] - moments[0], end - moments[-1], len(moments) - 1)
"""


def timed(points: int) -> list[float]:
    """Seconds before, while, and after the cells are played, and how many were."""
    with tempfile.TemporaryDirectory(prefix="gossipmab-") as folder:
        file = Path(folder) / "sweep.toml"
        probabilities = ", ".join(str(round((i + 1) / points, 4)) for i in range(points))
        file.write_text(EXPERIMENT.format(probabilities=probabilities), encoding="utf-8")
        command = [sys.executable, "-c", PROGRAM, str(file), str(Path(folder) / "run")]
        found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
        return [float(word) for word in found.stdout.split()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=2_000, help="a multiple of 100")
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a hundred cells once: does it run at all")
    given = parser.parse_args()
    if given.quick:
        given.cells, given.times = 100, 1
    for _ in range(given.times):
        begin = time.perf_counter()
        before, playing, after, cells = timed(given.cells // 100)
        whole = time.perf_counter() - begin
        print(
            f"{cells:,.0f} cells: {before:.2f} s before, {playing:.2f} s playing and writing, {after:.2f} s after; "
            f"outside of playing {before + after:.2f} s, whole command {whole:.2f} s, load {os.getloadavg()[0]:.1f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
