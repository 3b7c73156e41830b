"""Experiments: what a run is made of, how it is run and resumed, and its results.

The experiment file is in spec/, the run folder in storage/; runner.py runs, results.py reads. A new engine is a
line of `ENGINES` in runner.py. Start reading in runner.py, then in spec/loading.py.
"""
