"""Checks of classes from outside the package, in the spirit of scikit-learn's `check_estimator`."""

from gossipmab.engines.conformance.errors import ConformanceError as ConformanceError
from gossipmab.testing.algorithm import check_algorithm as check_algorithm
from gossipmab.testing.environment_checks import check_link_process as check_link_process, check_reward_model as check_reward_model
