"""Checks of classes from outside the package, in the spirit of scikit-learn's `check_estimator`."""

from __future__ import annotations

from gossipmab.testing.algorithm import check_algorithm as check_algorithm
from gossipmab.testing.failures import AllocationError as AllocationError
from gossipmab.testing.failures import CompiledError as CompiledError
from gossipmab.testing.failures import ConformanceError as ConformanceError
from gossipmab.testing.failures import DistributionError as DistributionError
from gossipmab.testing.failures import EnginesError as EnginesError
from gossipmab.testing.failures import HiddenStateError as HiddenStateError
from gossipmab.testing.failures import OrderError as OrderError
from gossipmab.testing.failures import OwnRandomnessError as OwnRandomnessError
from gossipmab.testing.failures import PeekError as PeekError
from gossipmab.testing.failures import RestartError as RestartError
from gossipmab.testing.failures import ShapeError as ShapeError
from gossipmab.testing.failures import TrespassError as TrespassError
from gossipmab.testing.world import check_link_process as check_link_process
from gossipmab.testing.world import check_reward_model as check_reward_model
