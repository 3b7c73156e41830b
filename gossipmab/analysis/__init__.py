"""What is made from results: figures, comparisons, studies, verification and the report.

Nothing here plays a round or writes into a cell. A new study is an entry of `STUDIES` in studies.py. Start reading in charts.py.
"""
