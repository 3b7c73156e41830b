"""Algorithms that probe arms and assign an arm to every agent; base.py says what they have to be.

empirical.py holds the estimates that they share. Start reading in ofmup.py.
"""
