"""Bridges to other libraries: PettingZoo, MOMAland, RLlib, Ray Tune, pandas, polars and DuckDB.

Each imports its library itself, so import the one needed, such as `gossipmab.bridges.pettingzoo`. New bridges go here; nothing
else depends on them.
"""
