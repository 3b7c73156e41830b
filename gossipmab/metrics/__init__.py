"""What is measured and recorded: regret, consensus errors, equity of outcomes, policy measures, traces, statistics.

A trace class defines the columns of its results. Start reading in trace.py, then in regret.py, which computes NSW regret.
"""
