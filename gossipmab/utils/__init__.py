"""Tools of every room that know nothing of bandits: random streams, compilation, parameters, errors, files.

Change them with care, since all rooms depend on them. Start with `parameters.py` and `rng.py`.
"""
