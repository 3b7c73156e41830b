"""The run folder: one file a cell, the tables made from them, the manifest and the lock.

No file here holds code, and none is trusted: each is checked before it is read. Start reading in run_folder.py.
"""
