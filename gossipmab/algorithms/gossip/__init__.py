"""Algorithms of agents that exchange messages over a random graph; base.py says what they have to be.

A file is one algorithm, in pseudocode order. Start reading in pareto_ucb_gossip.py.
"""
