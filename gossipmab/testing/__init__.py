"""Checks of classes from outside the package, in the spirit of scikit-learn's `check_estimator`."""

from __future__ import annotations

from gossipmab.testing.algorithm import check_algorithm as check_algorithm
from gossipmab.testing.environment_checks import check_link_process as check_link_process
from gossipmab.testing.environment_checks import check_reward_model as check_reward_model
from gossipmab.testing.errors import AllocationError as AllocationError
from gossipmab.testing.errors import CompiledError as CompiledError
from gossipmab.testing.errors import ConformanceError as ConformanceError
from gossipmab.testing.errors import DistributionError as DistributionError
from gossipmab.testing.errors import EnginesError as EnginesError
from gossipmab.testing.errors import HiddenStateError as HiddenStateError
from gossipmab.testing.errors import OrderError as OrderError
from gossipmab.testing.errors import OwnRandomnessError as OwnRandomnessError
from gossipmab.testing.errors import PeekError as PeekError
from gossipmab.testing.errors import RestartError as RestartError
from gossipmab.testing.errors import ShapeError as ShapeError
from gossipmab.testing.errors import TrespassError as TrespassError
