"""Environments from public data sets; the files are yours."""

from gossipmab.environments.datasets import ridesharing as ridesharing

__all__ = ["ridesharing"]
