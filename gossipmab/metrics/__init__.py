"""What is measured and recorded: regret, consensus errors, equity of outcomes, policy measures, traces, statistics.

A trace class defines the columns of its results. NSW regret is computed in regret.py. Start reading in trace.py.
"""
