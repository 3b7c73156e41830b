"""Pools play the cells of an experiment side by side: threads, or Ray tasks on this machine or a cluster.

A pool knows nothing of bandits: it is given cells and a function that plays one. Start reading in threads.py, then ray_tasks.py.
"""
