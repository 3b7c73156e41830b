"""Write the golden run folders of the version that is checked out: `python tests/make_golden.py`.

They go to tests/golden/<version>/, are made once, with the release, and are never edited; see the README there. Time and
machine are left out, so that nothing but the software's version shows in them.
"""

import shutil
import sys
from pathlib import Path

import gossipmab
from gossipmab.utils import provenance

GOLDEN = Path(__file__).parent / "golden"
EXPERIMENTS = GOLDEN / "experiments"


def make(version: str = gossipmab.__version__) -> None:
    """Run every experiment of EXPERIMENTS into the folder of this version."""
    folder = GOLDEN / version
    if folder.exists():
        sys.exit(f"{folder} is there; golden folders are never made again")
    provenance.now = lambda: "2026-01-01T00:00:00+00:00"  # type: ignore[assignment]
    provenance.machine = lambda: {"system": "golden", "architecture": "golden", "cpu": "golden", "processors": 1}  # type: ignore[assignment]
    for experiment in sorted(EXPERIMENTS.glob("*.toml")):
        run = gossipmab.run(experiment, out=folder / experiment.stem, workers=1)
        (run.path / ".lock").unlink(missing_ok=True)
    shutil.copytree(EXPERIMENTS, folder / "experiments")


if __name__ == "__main__":
    make()
