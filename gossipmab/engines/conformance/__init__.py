"""What classes from outside the package are checked for: before their first round (`first_rounds`), and by `gossipmab.testing`.

All of it runs interpreted, on a small trial. Start reading in first_rounds.py.
"""
