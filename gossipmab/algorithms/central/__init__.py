"""Learners with a centre that plays one distribution for all agents; base.py says what they have to be.

A file is one learner, which serves every objective. Start reading in hossain_ucb.py.
"""
