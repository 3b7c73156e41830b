"""Agents as Ray actors: coordinator.py samples graphs and measures, actor.py plays its own agents by the loop of engines/gossip.

Actors load neither numba nor Ray's heavy parts: nothing on the way to actor.py may import them. Start reading in coordinator.py.
"""
