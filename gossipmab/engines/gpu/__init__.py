"""The GPU engine: the same `step`, algorithms, reward models and tally, compiled for CUDA by numba-cuda, with the same bits.

A `kind` is what one kernel is compiled for (kinds.py), a `batch` is trials of one kind side by side (batch.py), whose rounds
`playing.py` launches. compiling.py and pool.py alone import numba.cuda. Start reading in rounds.py, then in kernels.py.
"""
