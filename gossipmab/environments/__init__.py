"""Environments: mean reward vectors, preferences and reward models.

New reward models are added here, or by plug-ins. Start with `environment.py`; `reward_models.py` holds the distributions,
`registry.py` their names.
"""
