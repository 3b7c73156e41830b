"""The command line.

Exit codes: 0 done, 1 cells failed or a check did not hold, 2 bad input, 3 no space left, 130 interrupted.
"""

from __future__ import annotations

from gossipmab.cli.main import call as call
from gossipmab.cli.main import main as main
