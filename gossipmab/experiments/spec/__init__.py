"""The experiment file: its keys, its sweep, its points and cells.

A key is declared in sections.py, with its type, its bounds and description, from which errors and the JSON schema come.
A renamed key stands in renamed.py. Start reading in loading.py, which turns a file into the frozen data of spec.py.
"""
