"""Learners with a centre that decides for all."""
