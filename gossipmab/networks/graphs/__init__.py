"""Base graphs as arrays: from generators, from files, from networkx.

Limits are checked before anything is built. New generators and file formats go here. Start with `base_graph.py`.
"""
