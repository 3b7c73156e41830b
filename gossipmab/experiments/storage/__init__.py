"""The run folder: one file a cell, the tables made from them, the manifest and the lock.

None of its files is trusted: each is checked before it is read. Copies of Python files, in data/, run to play or verify only.
Start reading in run_folder.py.
"""
